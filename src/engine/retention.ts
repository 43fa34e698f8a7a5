import type { Clock } from '../clock/clock.js';
import { UsageError } from '../errors/errors.js';
import { DURATION, type OptionTable, readOptions } from '../errors/options.js';
import { requireDuration } from '../futures/future.js';
import type { Duration } from '../model/duration.js';
import type { Store } from '../store/store.js';

/** Which runs that have ended are deleted: one condition is enough. Their children go with them; a run that has not ended is never deleted. */
export type Retention = RetentionConditions & ({ readonly age: Duration } | { readonly count: number });

interface RetentionConditions {
  /** Those that ended longer ago than this. */
  readonly age?: Duration;
  /** All but so many, those that were started last. */
  readonly count?: number;
}

const TABLE: OptionTable = {
  age: DURATION,
  count: [(value) => Number.isSafeInteger(value) && (value as number) >= 0, 'a whole number, 0 or more'],
};

/** How many runs are deleted in one transaction, children not counted. */
const CHUNK = 500;

/** @throws {UsageError} `INVALID_OPTION` or `INVALID_DURATION` */
export function readRetention(caller: string, retention: Retention): Retention {
  const given = readOptions(caller, retention, TABLE);
  const { age, count } = given;
  if (age === undefined && count === undefined) {
    throw new UsageError('INVALID_OPTION', `${caller}: say what to keep: { age: '30d' }, { count: 10_000 }, or both`);
  }
  if (age !== undefined) requireDuration(age, `${caller}: age`);
  return given as Retention;
}

/** Deletes what is not to be kept, in steps between which others have their turn. Returns how many runs are gone. */
export async function prune(store: Pick<Store, 'prune'>, retention: Retention, clock: Pick<Clock, 'now' | 'macrotask'>): Promise<number> {
  const nowMs = clock.now();
  let pruned = 0;
  for (;;) {
    const gone = await pruneChunk(store, retention, nowMs);
    pruned += gone;
    if (gone < CHUNK) return pruned;
    await new Promise<void>((resolve) => clock.macrotask(resolve));
  }
}

/** Deletes some of what is not to be kept. Returns whether more may be left. */
export async function pruneSome(store: Pick<Store, 'prune'>, retention: Retention, nowMs: number): Promise<boolean> {
  return (await pruneChunk(store, retention, nowMs)) >= CHUNK;
}

function pruneChunk(store: Pick<Store, 'prune'>, { age, count }: Retention, nowMs: number): Promise<number> {
  const endedBefore = age === undefined ? null : nowMs - requireDuration(age, 'retention: age');
  return store.prune({ endedBefore, keep: count ?? null, limit: CHUNK });
}
