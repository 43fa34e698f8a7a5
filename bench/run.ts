/**
 * `npm run bench`: the workloads beside the limits of the machine, and how cost grows, in one run. See README.md.
 * `--help` prints the options.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure } from './measure.js';
import { HELP, type Options, readOptions } from './options.js';
import type { Setting } from './section.js';
import { lineOf, printTable } from './table.js';

const { quick, sections, json, module } = readOrExit();
const directory = mkdtempSync(join(tmpdir(), 'perdure-bench-'));
let files = 0;
const setting: Setting = {
  size: quick ? 'quick' : 'full',
  file: () => {
    files += 1;
    return join(directory, `${files}.db`);
  },
  children: { module, nodeArguments: [] },
};

const figures: Figure[] = [];
try {
  for (const { measure } of sections) {
    for await (const figure of measure(setting)) {
      figures.push(figure);
      console.error(lineOf(figure));
    }
  }
  console.log();
  printTable(figures);
  writeFileSync(json, `${JSON.stringify({ date: new Date().toISOString(), node: process.version, figures }, null, 2)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function readOrExit(): Options {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options !== undefined) return options;
    console.log(HELP);
    process.exit(0);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    // Node explains its own messages at length.
    console.error(`${code === undefined ? message : message.split(/\.\s/)[0]} (--help prints the options)`);
    process.exit(1);
  }
}
