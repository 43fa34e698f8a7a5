import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Figure } from './measure.js';

const child = fileURLToPath(new URL('batch-child.js', import.meta.url));
const built = new URL('../dist/index.js', import.meta.url).href;

interface Measurement {
  readonly elapsedMs: number;
  readonly peakMiB: number;
}

async function measure(path: string, how: string, count: number): Promise<Measurement> {
  const { stdout } = await promisify(execFile)(process.execPath, [child, built, path, how, String(count)]);
  return JSON.parse(stdout) as Measurement;
}

/** What a batch costs, beside the same actions started as bare futures: the middle of three rounds, each of both in turn. */
export async function batch(subject: string, file: () => string, how: string, count: number): Promise<Figure[]> {
  const rounds: { readonly ours: Measurement; readonly bare: Measurement; readonly ratio: number }[] = [];
  for (let round = 0; round < 3; round += 1) {
    const bare = await measure(file(), 'futures', count);
    const ours = await measure(file(), how, count);
    rounds.push({ ours, bare, ratio: ours.elapsedMs / bare.elapsedMs });
  }
  const { ours, bare, ratio } = rounds.sort((a, b) => a.ratio - b.ratio)[1] as (typeof rounds)[number];
  const workload = `${how}: ${count} actions`;
  const cost = (of: Measurement): string => `${((of.elapsedMs * 1_000) / count).toFixed(1)} µs each`;
  return [
    {
      workload,
      subject,
      value: (count / ours.elapsedMs) * 1_000,
      unit: 'actions/s',
      notes: `${cost(ours)}, peak ${ours.peakMiB.toFixed(0)} MiB`,
    },
    {
      workload: `${workload}, times the cost of bare futures`,
      subject,
      value: ratio,
      unit: '',
      notes: `bare ${cost(bare)}, peak ${bare.peakMiB.toFixed(0)} MiB; each round: ${rounds.map((each) => each.ratio.toFixed(2)).join(', ')}`,
    },
  ];
}
