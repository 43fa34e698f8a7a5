/**
 * `npm run bench`: the workloads beside the limits of the machine, and how cost grows, in one run. See README.md.
 *
 * `--quick` takes a tenth of the time, without growth; `--growth` with it; `--only WORD` takes the sections whose name has the word;
 * the figures are written to `bench/figures.json` as well, or to the file that `--json` names.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Figure } from './measure.js';
import type { Setting } from './section.js';
import { GROWTH, WORKLOADS } from './sections.js';
import { lineOf, printTable } from './table.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    json: { type: 'string', default: fileURLToPath(new URL('figures.json', import.meta.url)) },
  },
});
const word = options.only.toLowerCase();
const withGrowth = options.growth || !options.quick || word !== '';
const sections = [...WORKLOADS, ...(withGrowth ? GROWTH : [])].filter(({ name }) => name.toLowerCase().includes(word));
if (sections.length === 0)
  throw new Error(`no section has ${options.only} in its name: ${[...WORKLOADS, ...GROWTH].map(({ name }) => name).join('; ')}`);

const directory = mkdtempSync(join(tmpdir(), 'perdure-bench-'));
let files = 0;
const setting: Setting = {
  size: options.quick ? 'quick' : 'full',
  file: () => {
    files += 1;
    return join(directory, `${files}.db`);
  },
  children: { module: new URL('../dist/index.js', import.meta.url).href, nodeArguments: [] },
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
  writeFileSync(options.json, `${JSON.stringify({ date: new Date().toISOString(), node: process.version, figures }, null, 2)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
