import { beside } from './beside.js';
import { commits, multiRowInserts, threeCommitsMs } from './limits.js';
import type { Figure } from './measure.js';
import { roundsOf, type Setting, SUBJECTS, type Subject, scaled } from './section.js';
import { fannedOut, idleLatencies, manyFlows, sequential } from './workloads.js';

/** What a flow of three actions writes: its run, changed once when it ends, and three rows of its journal. */
const ROWS_A_FLOW = 5;

type Workload = (subject: Subject, setting: Setting, count: number) => Promise<Figure>;

/** W1: every action waits for its own commit, so bare commits are its limit. */
export async function* sequenceBesideCommits(setting: Setting): AsyncGenerator<Figure> {
  yield* await onEverySubject(setting, commits, sequential, 5_000);
}

/** W2: actions share commits; an action is one row. */
export async function* fanOutBesideInserts(setting: Setting): AsyncGenerator<Figure> {
  yield* await onEverySubject(setting, multiRowInserts, fannedOut, 10_000);
}

/** W3, as rows. */
export async function* flowsBesideInserts(setting: Setting): AsyncGenerator<Figure> {
  yield* await onEverySubject(setting, multiRowInserts, manyFlows, 5_000, ROWS_A_FLOW);
  yield { workload: 'peak memory up to here', subject: 'this process', value: process.resourceUsage().maxRSS / 1024, unit: 'MiB' };
}

/** W4: p50 and p99. A run is created, its action has an outcome, and the run ends: each waits for a commit. */
export async function* latencyBesideCommits(setting: Setting): AsyncGenerator<Figure> {
  const contenders = SUBJECTS.map((subject) => ({
    measure: async () => {
      const { p50, p99 } = await idleLatencies(subject, setting, scaled(500, setting));
      return Object.entries({ p50, p99 }).map(([percentile, value]): Figure => {
        return { workload: `W4 latency of a one-action flow, ${percentile}`, subject: subject.name, value, unit: 'ms' };
      });
    },
  }));
  yield* await beside(() => threeCommitsMs(setting), contenders, roundsOf(setting));
}

function onEverySubject(
  setting: Setting,
  limit: (setting: Setting) => Promise<Figure>,
  workload: Workload,
  count: number,
  weight = 1,
): Promise<Figure[]> {
  const contenders = SUBJECTS.map((subject) => ({ measure: () => workload(subject, setting, scaled(count, setting)), weight }));
  return beside(() => limit(setting), contenders, roundsOf(setting));
}
