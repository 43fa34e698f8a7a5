/**
 * `npm run bench:peers`: perdure and other durable systems on the same workloads, interleaved. See README.md.
 * `--help` prints the options.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { measurements } from './measurement.js';
import { help, readOptions } from './options.js';
import { slowDisk, syncMicroseconds } from './slow-disk/slow-disk.js';
import { subjects } from './subjects.js';
import { median, of, printTable } from './table.js';
import { sizeOf, workloads } from './workloads.js';

const options = readOrExit();
const { rounds, slowDisk: slow, absurdSql } = options;

const directory = mkdtempSync(join(tmpdir(), 'perdure-peers-'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));

let environment = {};
if (slow) {
  const loaded = slowDisk(directory);
  if (loaded === undefined) {
    console.log('--slow-disk needs Linux and a C compiler (cc, gcc or clang): nothing was measured.');
    process.exit(0);
  }
  environment = loaded;
  const [usual, slowed] = [syncMicroseconds(directory, {}), syncMicroseconds(directory, environment)];
  console.log(`slow disk: an append and its fdatasync take ${slowed} µs, without it ${usual} µs`);
  if (slowed < usual + 500) throw new Error('the slow disk has no effect here: is Node linked statically?');
}

/** @type {import('./table.js').Measurement[]} */
const taken = [];
const bench = measurements({ directory, environment, node24: options.node24, given: { absurdSql } });
for (const workload of options.workloads) {
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of options.subjects) taken.push({ workload, subject: name, round, ...(await outcome(name, workload, round)) });
  }
}
await bench.stop();

printTable(taken, options.workloads);
if (slow) printBlocks();
if (options.json !== undefined) {
  const about = {
    date: new Date().toISOString(),
    node: process.version,
    node24: options.node24,
    quick: options.quick,
    slowDisk: slow,
    rounds,
  };
  writeFileSync(options.json, `${JSON.stringify({ about, measurements: taken }, null, 2)}\n`);
}
process.exit(0);

/** Figures, or why there are none. */
async function outcome(name, workload, round) {
  const subject = subjects[name];
  const count = sizeOf(subject, workload, options.quick);
  const missing = subject.needs !== undefined && options[subject.needs.name] === undefined ? subject.needs.why : undefined;
  const left = missing ?? subject.without?.[workload] ?? (slow ? subject.withoutSlowDisk : undefined);
  if (left !== undefined) return { count, left };
  try {
    const figures = await bench.take(subject, workload, { count, watchLoop: slow });
    console.error(`${workload}, round ${round}, ${subject.label}: ${figures.value.toPrecision(4)} ${workloads[workload].unit}`);
    return { count, figures };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    console.error(`${workload}, round ${round}, ${subject.label}: failed: ${failure}`);
    return { count, failure };
  }
}

/** How long perdure kept the event loop from going on: beside what one commit takes, and what blocks it where nothing is committed. */
function printBlocks() {
  const longest = (workload, subject) => median(of(taken, workload, subject), 'blockedMs');
  const beside = [
    ['one bare commit takes', median(of(taken, 'W1', 'bare'), 'p50')],
    ...options.workloads.map((workload) => [`${workload} in memory blocks it for`, longest(workload, 'perdure-memory')]),
  ];
  for (const workload of options.workloads) {
    const blocked = longest(workload, 'perdure');
    if (blocked !== undefined) console.log(`${workload}: perdure on SQLite blocked the event loop for ${blocked.toFixed(1)} ms at most`);
  }
  for (const [what, ms] of beside) if (ms !== undefined) console.log(`  ${what} ${ms.toFixed(1)} ms`);
}

/** @returns {import('./options.js').Options} */
function readOrExit() {
  try {
    const read = readOptions(process.argv.slice(2));
    if (read !== undefined) return read;
    console.log(help);
    process.exit(0);
  } catch (error) {
    const { message, code } = error;
    // Node explains its own messages at length.
    console.error(`${code === undefined ? message : message.split(/\.\s/)[0]} (--help prints the options)`);
    process.exit(1);
  }
}
