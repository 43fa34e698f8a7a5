import { UsageError } from '../errors/errors.js';
import type { Duration } from '../model/duration.js';
import { requireDuration } from '../options/durations.js';
import { DURATION, type OptionTable, readOptions } from '../options/read-options.js';
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

/** Deletes what is not to be kept, until it is told to stop. Returns how many runs are gone. */
export function prune(store: Pick<Store, 'prune'>, { age, count }: Retention, nowMs: number, stopped: () => boolean): Promise<number> {
  const endedBefore = age === undefined ? null : nowMs - requireDuration(age, 'retention: age');
  return store.prune({ endedBefore, keep: count ?? null, limit: Number.MAX_SAFE_INTEGER, stopped });
}
