import { UsageError } from '../errors/errors.js';
import type { DurableFuture } from '../futures/durable-future.js';
import { requireDuration } from '../futures/future.js';
import type { EntryPoint } from '../futures/leak-ledger.js';
import type { Duration } from '../model/duration.js';
import type { TimerDue } from '../runtime/definitions.js';
import { requireFlowPlace } from './place.js';

/** Sleeps durably; `start` gives the timer as a future. */
export interface Sleep {
  (duration: Duration): Promise<void>;
  start(duration: Duration): DurableFuture<void>;
}

function startTimer(caller: string, due: TimerDue, entryPoint?: EntryPoint): DurableFuture<void> {
  const place = requireFlowPlace(caller);
  return place.run.start({ kind: 'timer', name: 'sleep', due }, place, entryPoint) as DurableFuture<void>;
}

const start = (duration: Duration): DurableFuture<void> =>
  startTimer('sleep.start()', { afterMs: requireDuration(duration, 'sleep(): the duration') }, start);

/**
 * Sleeps for a time, across crashes: the timer is due at the wall clock of its first start plus the duration.
 *
 * @throws {UsageError} `INVALID_DURATION`, or when called outside of a flow.
 * @throws {CancelledError} when the flow is cancelled.
 */
export const sleep: Sleep = Object.assign(
  async (duration: Duration): Promise<void> => {
    const afterMs = requireDuration(duration, 'sleep(): the duration');
    return startTimer('sleep()', { afterMs }).result();
  },
  { start },
);

/**
 * Sleeps until a point in time (a date, or milliseconds since the epoch); one that has passed is due at once.
 *
 * @throws {UsageError} `INVALID_ARGUMENT` when it is none, or when called outside of a flow.
 */
export async function sleepUntil(date: Date | number): Promise<void> {
  const atMs = date instanceof Date ? date.getTime() : date;
  if (typeof atMs !== 'number' || Number.isNaN(new Date(atMs).getTime())) {
    throw new UsageError('INVALID_ARGUMENT', 'sleepUntil(date) takes a valid Date, or milliseconds since the epoch');
  }
  return startTimer('sleepUntil()', { atMs }).result();
}
