import { beside } from './beside.js';
import type { Figure } from './measure.js';
import { bareStart, NodeProcess } from './node-process.js';
import { roundsOf, type Setting, type Size, SQLITE } from './section.js';

const COUNTS: Record<Size, readonly number[]> = { full: [1_000, 10_000], quick: [1_000], tiny: [10] };

/** W5: SIGKILL after so many finished actions; from process start until the run goes on. */
export async function* recovery(setting: Setting): AsyncGenerator<Figure> {
  const contenders = COUNTS[setting.size].map((count) => ({ measure: () => recover(setting, count) }));
  yield* await beside(bareStart, contenders, roundsOf(setting));
}

async function recover(setting: Setting, count: number): Promise<Figure> {
  const path = setting.file();
  const first = NodeProcess.program('recovery-child.js', [path, count, 'begin'], setting);
  await first.said();
  await first.kill();
  const second = NodeProcess.program('recovery-child.js', [path, count, 'recover'], setting);
  const { atMs, values } = await second.said();
  await second.ended();
  return {
    workload: `W5 recovery after ${count} actions`,
    subject: SQLITE.name,
    value: atMs,
    unit: 'ms',
    notes: `perdure loaded after ${values['loadedMs']?.toFixed(0)} ms`,
  };
}
