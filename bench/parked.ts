import type { Figure } from './measure.js';
import { bareStart, NodeProcess } from './node-process.js';
import { type Setting, type Size, SQLITE } from './section.js';

/** As many as stay in memory by default, and many more. */
const COUNTS: Record<Size, readonly number[]> = { full: [1_000, 100_000], quick: [10_000], tiny: [100] };
const MIB = 1024 * 1024;

/** W6: so many runs that sleep for a month; what each costs, and what they cost the process that comes after a SIGKILL. */
export async function* parked(setting: Setting): AsyncGenerator<Figure> {
  for (const count of COUNTS[setting.size]) yield* park(setting, count);
}

async function* park(setting: Setting, count: number): AsyncGenerator<Figure> {
  const path = setting.file();
  const first = NodeProcess.program('parked-child.js', [path, count, 'park'], setting, ['--expose-gc']);
  const { heapBytes = Number.NaN, rssBytes = Number.NaN, startMs = Number.NaN, settleMs = Number.NaN } = (await first.said()).values;
  await first.kill();
  const figure = (what: string, value: number, unit: string): Figure => {
    return { workload: `W6 ${count} parked runs: ${what}`, subject: SQLITE.name, value, unit };
  };
  const notes = `parked after ${startMs.toFixed(0)} ms, settled ${settleMs.toFixed(0)} ms later`;
  yield { ...figure('heap of one', heapBytes / count, 'bytes'), notes };
  yield figure('RSS of one', rssBytes / count, 'bytes');

  const bare = await bareStart();
  const second = NodeProcess.program('parked-child.js', [path, count, 'wake'], setting, ['--expose-gc']);
  const opened = await second.said();
  const wentOn = await second.said();
  const { heapBytes: laterBytes = Number.NaN } = (await second.said()).values;
  await second.kill();
  const times = (ms: number): Pick<Figure, 'ratio'> => ({ ratio: { value: ms / bare.value, to: bare.workload } });
  yield bare;
  yield { ...figure('start until open() is back', opened.atMs, 'ms'), ...times(opened.atMs) };
  yield { ...figure('start until a run has gone on', wentOn.atMs, 'ms'), ...times(wentOn.atMs) };
  yield figure('heap of the next process', laterBytes / MIB, 'MiB');
}
