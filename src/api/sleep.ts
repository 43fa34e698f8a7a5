import type { EntryPoint } from '../errors/call-site.js';
import { UsageError } from '../errors/errors.js';
import type { DurableFuture } from '../futures/durable-future.js';
import type { Future } from '../futures/future.js';
import { tellingWait } from '../futures/telling-promise.js';
import type { Duration } from '../model/duration.js';
import { requireDuration } from '../options/durations.js';
import { refuseMore } from '../options/extra-arguments.js';
import type { TimerDue } from '../runtime/definitions.js';
import { requireFlowPlace } from './place.js';

/** Sleeps durably; `start` gives the timer as a future. */
export interface Sleep {
  (duration: Duration): Promise<void>;
  start(duration: Duration): DurableFuture<void>;
}

function startTimer(caller: string, due: TimerDue, entryPoint: EntryPoint, plain: boolean): Future<void> {
  const place = requireFlowPlace(caller);
  return place.run.start({ kind: 'timer', name: 'sleep', due }, place, entryPoint, plain) as Future<void>;
}

function start(duration: Duration): DurableFuture<void> {
  refuseMore('sleep.start(duration)', arguments);
  return startTimer('sleep.start()', { afterMs: requireDuration(duration, 'sleep(): the duration') }, start, false);
}

/** Starts a timer and gives its promise: the timer is no leak once that is waited for. */
function nap(caller: string, entryPoint: EntryPoint, due: () => TimerDue): Promise<void> {
  let timer: Future<void> | undefined;
  const promise = (async () => {
    timer = startTimer(caller, due(), entryPoint, true);
    return timer.promise();
  })();
  return tellingWait(promise, () => timer?.waitedFor());
}

/**
 * Sleeps for a time, across crashes: the timer is due at the wall clock of its first start plus the duration.
 *
 * @throws {UsageError} `INVALID_DURATION`, or when called outside of a flow.
 * @throws {CancelledError} when the flow is cancelled.
 */
export const sleep: Sleep = Object.assign(
  function (duration: Duration): Promise<void> {
    return nap('sleep()', sleep, () => {
      refuseMore('sleep(duration)', arguments);
      return { afterMs: requireDuration(duration, 'sleep(): the duration') };
    });
  },
  { start },
);

/**
 * Sleeps until a point in time (a date, or milliseconds since the epoch); one that has passed is due at once.
 *
 * @throws {UsageError} `INVALID_ARGUMENT` when it is none, or when called outside of a flow.
 */
export function sleepUntil(date: Date | number): Promise<void> {
  return nap('sleepUntil()', sleepUntil, () => {
    refuseMore('sleepUntil(date)', arguments);
    const atMs = date instanceof Date ? date.getTime() : date;
    if (typeof atMs !== 'number' || Number.isNaN(new Date(atMs).getTime())) {
      throw new UsageError('INVALID_ARGUMENT', 'sleepUntil(date) takes a valid Date, or milliseconds since the epoch');
    }
    return { atMs };
  });
}
