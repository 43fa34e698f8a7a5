import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { subjects } from './subjects.js';
import { workloads } from './workloads.js';

export const help = `usage: npm run bench:peers -- [options]

  --subjects a,b      of ${Object.keys(subjects).join(', ')}; default: all
  --workloads W1,W2   of ${Object.keys(workloads).join(', ')}; default: all, with --slow-disk W1, W2 and W3
  --rounds 3          how often; the table has medians
  --quick             a tenth of the sizes
  --node24            everybody on Node 24, not only those that need it
  --slow-disk         each sync takes a millisecond longer
  --absurd-sql FILE   the schema of Absurd, without which it is not measured
  --json FILE         writes every single measurement
  --help              these options`;

/**
 * @typedef {object} Options
 * @property {string[]} subjects names of subjects
 * @property {string[]} workloads names of workloads
 * @property {number} rounds
 * @property {boolean} quick
 * @property {boolean} node24
 * @property {boolean} slowDisk
 * @property {string | undefined} absurdSql a path
 * @property {string | undefined} json a path
 */

/**
 * Reads the arguments of `npm run bench:peers`. Throws an error with a message for people when something is wrong with them.
 *
 * @param {string[]} args
 * @returns {Options | undefined} `undefined` when they ask for help
 */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      subjects: { type: 'string', default: Object.keys(subjects).join() },
      workloads: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      quick: { type: 'boolean', default: false },
      node24: { type: 'boolean', default: false },
      'slow-disk': { type: 'boolean', default: false },
      'absurd-sql': { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, node24, json, 'slow-disk': slowDisk, 'absurd-sql': absurdSql } = values;
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds is ${values.rounds}: it is a whole number from 1`);
  if (absurdSql !== undefined && !statSync(absurdSql, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`--absurd-sql is ${absurdSql}: there is no such file`);
  }
  if (json !== undefined && !canBeFile(json)) throw new Error(`--json is ${json}: no file can be written there`);
  return {
    subjects: chosen('subject', values.subjects, subjects),
    workloads: chosen('workload', values.workloads ?? (slowDisk ? 'W1,W2,W3' : Object.keys(workloads).join()), workloads),
    rounds,
    quick,
    node24,
    slowDisk,
    absurdSql: absurdSql === undefined ? undefined : resolve(absurdSql),
    json,
  };
}

/** The chosen names, checked. */
function chosen(what, text, known) {
  const names = text.split(',');
  const unknown = names.find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw new Error(`no ${what} is called "${unknown}": there are ${Object.keys(known).join(', ')}`);
  return names;
}

/** Whether a file is there, or can be made. */
function canBeFile(path) {
  if (path === '') return false;
  const there = statSync(path, { throwIfNoEntry: false });
  return there === undefined ? statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() === true : !there.isDirectory();
}
