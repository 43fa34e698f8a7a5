/**
 * `npm run bench`: the workloads beside the limits of the machine, in one run. Compare ratios, not figures: machines are noisy.
 * `npm run bench -- --quick` takes a tenth of the time; `-- --json FILE` writes the figures as well.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { batch } from './batches.js';
import { bareCommits, bareSyncs } from './limits.js';
import { type Figure, printTable } from './measure.js';
import { recovery } from './recovery.js';
import { replay } from './replay.js';
import { fannedOut, idleLatency, manyFlows, sequential } from './workloads.js';

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } } });
const scale = options.quick ? 10 : 1;
const directory = mkdtempSync(join(tmpdir(), 'perdure-bench-'));
let files = 0;
const file = (): string => {
  files += 1;
  return join(directory, `${files}.db`);
};

const figures: Figure[] = [];
const show = (figure: Figure): Figure => {
  figures.push(figure);
  console.error(`${figure.workload}, ${figure.subject}: ${figure.value.toFixed(1)} ${figure.unit}`);
  return figure;
};
const sqlite = 'perdure, SQLite';
const memory = 'perdure, memory';

try {
  show(await bareSyncs(join(directory, 'syncs'), 10_000 / scale));
  const ratios: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const bare = show(await bareCommits(file(), 10_000 / scale));
    const ours = show(await sequential(sqlite, file(), 5_000 / scale));
    ratios.push(ours.value / bare.value);
  }
  const ratio = ratios.sort((a, b) => a - b)[1] as number;
  show({
    workload: 'W1 as a part of bare commits',
    subject: sqlite,
    value: ratio,
    unit: '',
    notes: `each round: ${ratios.map((each) => each.toFixed(2)).join(', ')}`,
  });
  show(await sequential(memory, ':memory:', 5_000 / scale));
  show(await fannedOut(sqlite, file(), 10_000 / scale));
  show(await fannedOut(memory, ':memory:', 10_000 / scale));
  show(await manyFlows(sqlite, file(), 5_000 / scale));
  show(await manyFlows(memory, ':memory:', 5_000 / scale));
  show({ workload: 'peak memory up to here', subject: 'this process', value: process.resourceUsage().maxRSS / 1024, unit: 'MiB' });
  show(await idleLatency(sqlite, file(), 500 / scale));
  show(await recovery(file(), 1_000));
  show(await replay(file(), 10_000 / scale));
  for (const [how, count] of [
    ['parallel', 10_000],
    ['map', 100_000],
    ['map, 100 at once', 100_000],
  ] as const) {
    for (const figure of await batch(sqlite, file, how, count / scale)) show(figure);
    for (const figure of await batch(memory, () => ':memory:', how, count / scale)) show(figure);
  }
  console.log();
  printTable(figures);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures, null, 2)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
