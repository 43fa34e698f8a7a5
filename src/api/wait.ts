import { systemClock } from '../clock/system-clock.js';
import {
  ALL_COMPLETED,
  completionOrder,
  RETURN_WHEN,
  type ReturnWhen,
  requireFutures,
  type WaitPlace,
  type WaitResult,
  waitFor,
} from '../futures/conditions.js';
import type { DurableFuture } from '../futures/durable-future.js';
import type { Duration } from '../model/duration.js';
import { givenDuration } from '../options/durations.js';
import { refuseMore } from '../options/extra-arguments.js';
import { DURATION, type OptionTable, readOptions } from '../options/read-options.js';
import { flowPlace } from './place.js';

/**
 * A future as a loop over `asCompleted` gets it: the future itself, typed without `then`, since TypeScript takes a thenable in `for await` for its
 * result. `result()` and all the rest are there.
 */
export type CompletedFuture<F> = Omit<F, 'then'>;

/** Options of `wait`. */
export interface WaitOptions {
  /** Default `ALL_COMPLETED`. */
  readonly returnWhen?: ReturnWhen;
  /** When it runs out, `wait` returns with what is done by then. */
  readonly timeout?: Duration;
}

/**
 * Waits for futures, as `concurrent.futures.wait` does: it never throws a future's error, and both sets iterate in input order.
 *
 * In a flow, what the wait returns is the same on every replay. Outside of flows it waits for runs.
 *
 * @throws {UsageError} when something else than futures is given, or a bad option.
 * @throws {CancelledError} when the flow it is called in is cancelled.
 * @example
 * const { done, notDone } = await wait([primary, mirror], FIRST_COMPLETED);
 * for (const future of notDone) future.cancel();
 */
export async function wait<F extends CompletedFuture<DurableFuture<unknown>>>(
  futures: Iterable<F>,
  options: ReturnWhen | WaitOptions = ALL_COMPLETED,
): Promise<WaitResult<F>> {
  refuseMore('wait(futures, options)', arguments);
  const place = waitPlace('wait()');
  const { returnWhen = ALL_COMPLETED, timeout } = readWaitOptions(options);
  const limitMs = givenDuration(timeout, 'wait(): timeout');
  return waitFor(requireFutures(futures, 'wait()'), returnWhen, limitMs, place);
}

/**
 * The futures in the order in which they are done. It never throws a future's error.
 *
 * @throws {UsageError} when something else than futures is given.
 * @example
 * for await (const future of asCompleted(futures)) console.log(future.name, await future.exception());
 */
export function asCompleted<F extends CompletedFuture<DurableFuture<unknown>>>(futures: Iterable<F>): AsyncIterable<CompletedFuture<F>> {
  refuseMore('asCompleted(futures)', arguments);
  waitPlace('asCompleted()');
  const each = requireFutures(futures, 'asCompleted()');
  return { [Symbol.asyncIterator]: () => completionOrder(each, () => waitPlace('asCompleted()')) };
}

const OUTSIDE: WaitPlace = {
  scope: {},
  limit: (limitMs, expire) => systemClock.setTimer(limitMs, () => expire(false)),
  enter: () => () => {},
  attend: () => {},
};

function waitPlace(caller: string): WaitPlace {
  const place = flowPlace(caller);
  return place === undefined ? OUTSIDE : place.run.waitPlace(place);
}

const WAIT_OPTIONS: OptionTable = {
  returnWhen: [(value) => RETURN_WHEN.includes(value as ReturnWhen), `one of ${RETURN_WHEN.join(', ')}`],
  timeout: DURATION,
};

function readWaitOptions(options: ReturnWhen | WaitOptions): WaitOptions {
  return readOptions('wait()', typeof options === 'string' ? { returnWhen: options } : options, WAIT_OPTIONS);
}
