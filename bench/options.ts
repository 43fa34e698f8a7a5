import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Section } from './section.js';
import { GROWTH, WORKLOADS } from './sections.js';

export const HELP = `usage: npm run bench -- [options]

  --quick       a tenth of the time, without growth
  --growth      growth as well, also with --quick
  --only WORD   the sections whose name has the word
  --build FILE  the index.js of another build, for what runs in processes of its own
  --json FILE   where the figures are written, and not to bench/figures.json
  --help        these options`;

/** What `npm run build` makes. */
const BUILT = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** What is measured, and where the figures go. */
export interface Options {
  readonly quick: boolean;
  readonly sections: readonly Section[];
  readonly json: string;
  /** The URL of the module that processes of their own import. */
  readonly module: string;
}

/**
 * Reads the arguments of `npm run bench`. Returns `undefined` when they ask for help.
 *
 * @throws {Error} with a message for people when something is wrong with them
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      growth: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      build: { type: 'string', default: BUILT },
      json: { type: 'string', default: fileURLToPath(new URL('figures.json', import.meta.url)) },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, growth, only, build, json, help } = values;
  if (help) return undefined;
  const word = only.toLowerCase();
  const withGrowth = growth || !quick || word !== '';
  const sections = [...WORKLOADS, ...(withGrowth ? GROWTH : [])].filter(({ name }) => name.toLowerCase().includes(word));
  if (sections.length === 0) {
    throw new Error(`no section has ${only} in its name: ${[...WORKLOADS, ...GROWTH].map(({ name }) => name).join('; ')}`);
  }
  if (statSync(build, { throwIfNoEntry: false })?.isFile() !== true && build !== BUILT)
    throw new Error(`--build is ${build}: there is no such file`);
  if (!canBeFile(json)) throw new Error(`--json is ${json}: no file can be written there`);
  return { quick, sections, json, module: pathToFileURL(build).href };
}

/** Whether a file is there, or can be made. */
function canBeFile(path: string): boolean {
  if (path === '') return false;
  const there = statSync(path, { throwIfNoEntry: false });
  return there === undefined ? statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() === true : !there.isDirectory();
}
