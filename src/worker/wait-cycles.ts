import { Slices } from '../clock/slices.js';
import { awaitedAmong, pendingRecords } from '../journal/pending-records.js';
import type { Logger } from '../model/logger.js';
import { isEnded } from '../model/statuses.js';
import { plainError } from '../runtime/notices/plain-value.js';
import { readableEntries } from '../runtime/outcomes/unreadable-journal.js';
import { journalOf } from '../store/journal-of.js';
import type { Store } from '../store/store.js';

/** How many runs a look goes through at most. */
const MOST_RUNS = 10_000;
/** Of how many of them it reads the journals. */
const MOST_JOURNALS = 1_000;
/** How many cycles are remembered that were told of. */
const MOST_TOLD = 1_000;

/** Where it is seen which runs wait for which. */
export interface WaitingRuns {
  readonly store: Pick<Store, 'getRuns' | 'loadJournals'>;
  /** The runs that a run waits for which is in the memory of this process; `undefined` for any other. */
  readonly awaitedBy: (runId: string) => readonly string[] | undefined;
}

/**
 * Whether a run waits for itself, by waiting for these runs: it has no end then.
 *
 * @returns The cycles, by the awaited run that each goes through: the ids of runs, beginning with this one, each of which waits for the next, and the last
 * for the first. What is too far away is not found.
 */
export async function waitCycles(
  runId: string,
  awaited: readonly string[],
  source: WaitingRuns,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const cycles = new Map<string, readonly string[]>();
  /** Who waits for a run, of those that were found. */
  const waiters = new Map<string, string>();
  let journals = MOST_JOURNALS;
  const slices = new Slices();
  let level: string[] = [];
  reach(runId, awaited);
  while (level.length > 0 && waiters.size < MOST_RUNS) {
    const runs = level;
    level = [];
    const elsewhere: string[] = [];
    for (const id of runs) {
      const here = source.awaitedBy(id);
      if (here === undefined) elsewhere.push(id);
      else reach(id, here);
    }
    const found = elsewhere.length === 0 || journals === 0 ? [] : await source.store.getRuns(elsewhere.slice(0, journals));
    for (const run of found) {
      if (isEnded(run.status)) continue;
      journals -= 1;
      const journal = await readableEntries(await journalOf(source.store, run.id), slices);
      reach(run.id, awaitedAmong(await pendingRecords(run, journal, slices)));
    }
  }
  return cycles;

  function reach(waiter: string, runs: readonly string[]): void {
    for (const id of runs) {
      if (id === runId) {
        const path = pathTo(waiter);
        cycles.set(path[1] ?? runId, path);
      } else if (!waiters.has(id)) {
        waiters.set(id, waiter);
        level.push(id);
      }
    }
  }

  function pathTo(last: string): readonly string[] {
    const path: string[] = [];
    for (let id: string | undefined = last; id !== undefined && id !== runId; id = waiters.get(id)) path.unshift(id);
    return [runId, ...path];
  }
}

/** Such as `a → b → a`. */
export function cycleText(cycle: readonly string[]): string {
  return [...cycle, cycle[0]].join(' → ');
}

/**
 * Says in the log that runs wait for each other: once a cycle. Only a run that attaches to another can close one, as a new run waits for nothing.
 *
 * @returns What is to be called when a run of this process waits for a run that it has not started.
 */
export function cycleNotices(source: WaitingRuns & { readonly logger: Logger }): (runId: string, to: string) => void {
  const told = new Set<string>();
  return (runId, to) => {
    waitCycles(runId, [to], source)
      .then((cycles) => {
        for (const cycle of cycles.values()) tell(cycle);
      })
      .catch((error: unknown) =>
        source.logger.debug(`it was not looked whether run ${runId} waits for itself: ${plainError(error).message}`),
      );
  };

  function tell(cycle: readonly string[]): void {
    const key = [...cycle].sort().join('\n');
    if (told.has(key) || told.size >= MOST_TOLD) return;
    told.add(key);
    const [runId] = cycle;
    const why = cycle.length === 1 ? 'its own end' : 'its own end, through other runs';
    source.logger.warn(
      `run ${runId} waits for ${why}: ${cycleText(cycle)}; nothing can end a cycle but a cancellation or a time limit of one of its runs: call engine.cancel("${runId}"), and let no run wait for the id of one that waits for it`,
      { runId, cycle },
    );
  }
}
