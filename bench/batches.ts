import { beside } from './beside.js';
import { type Figure, perSecond } from './measure.js';
import { NodeProcess } from './node-process.js';
import { roundsOf, type Setting, SUBJECTS, type Subject, scaled } from './section.js';

/** How many actions, and the ways to run them that are compared with bare futures. */
const BATCHES = [
  { full: 10_000, ways: ['parallel'] },
  { full: 100_000, ways: ['map', 'map, 100 at once'] },
] as const;

/** What a batch costs, beside the same actions started as bare futures. */
export async function* batches(setting: Setting): AsyncGenerator<Figure> {
  for (const { full, ways } of BATCHES) {
    const count = scaled(full, setting);
    for (const subject of SUBJECTS) {
      const contenders = ways.map((way) => ({ measure: () => batch(subject, setting, way, count) }));
      yield* await beside(() => batch(subject, setting, 'futures', count), contenders, roundsOf(setting));
    }
  }
}

async function batch(subject: Subject, setting: Setting, way: string, count: number): Promise<Figure> {
  const { elapsedMs, peakMiB } = await batchCost(subject, setting, way, count);
  return {
    workload: `${way}: ${count} actions`,
    subject: subject.name,
    value: perSecond(count, elapsedMs),
    unit: 'actions/s',
    notes: `${((elapsedMs * 1_000) / count).toFixed(1)} µs each, peak ${peakMiB.toFixed(0)} MiB`,
  };
}

/** What one flow over so many trivial actions costs, in a process of its own. */
export async function batchCost(
  subject: Subject,
  setting: Setting,
  way: string,
  count: number,
): Promise<{ readonly elapsedMs: number; readonly peakMiB: number }> {
  const child = NodeProcess.program('batch-child.js', [subject.store(setting), way, count], setting);
  const { elapsedMs = Number.NaN, peakMiB = Number.NaN } = (await child.said()).values;
  await child.ended();
  return { elapsedMs, peakMiB };
}
