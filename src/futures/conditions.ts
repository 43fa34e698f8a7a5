import { UsageError } from '../errors/errors.js';
import { assertNever } from '../model/assert-never.js';
import { Future } from './future.js';
import type { Abortable, FutureOwner, Standpoint, Waiter } from './future-owner.js';

/** When `wait` returns: as in Python's `concurrent.futures`. */
export type ReturnWhen = 'FIRST_COMPLETED' | 'FIRST_EXCEPTION' | 'ALL_COMPLETED';

/** `wait` returns when any future is done or cancelled. */
export const FIRST_COMPLETED = 'FIRST_COMPLETED';
/** `wait` returns when any future has failed; if none fails, when all are done. */
export const FIRST_EXCEPTION = 'FIRST_EXCEPTION';
/** `wait` returns when all futures are done or cancelled. */
export const ALL_COMPLETED = 'ALL_COMPLETED';

export const RETURN_WHEN: readonly ReturnWhen[] = [FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED];

/** What a wait needs of the place it stands in: a flow's scope, or the world outside. */
export interface WaitPlace extends Standpoint {
  readonly limit: FutureOwner['limit'];
  /**
   * Begins a wait, which is made to stop when the place is cancelled; throws if it is already. Returns what ends the wait; `undefined` if it is refused
   * later: then `wait` is made to stop.
   */
  enter(wait: Abortable): (() => void) | undefined;
  /** Code that stands here takes delivery of a future. */
  attend(future: Future<unknown>): void;
}

/** What `wait` returns: both sets iterate in input order. */
export interface WaitResult<F> {
  done: Set<F>;
  notDone: Set<F>;
}

/** Waits until the condition holds or the time is over; counts, and never looks at a future twice. */
export function waitFor<F>(
  futures: ReadonlySet<F & Future<unknown>>,
  returnWhen: ReturnWhen,
  limitMs: number | undefined,
  place: WaitPlace,
): Promise<WaitResult<F>> {
  return new Promise((resolve, reject) => {
    let pending = 0;
    let met = false;
    for (const future of futures) {
      if (!future.done()) pending += 1;
      else if (meets(future, returnWhen)) met = true;
    }
    const finish = (): boolean => {
      const result: WaitResult<F> = { done: new Set(), notDone: new Set() };
      for (const future of futures) {
        future.detachWaiter(waiter);
        if (future.done()) {
          future.observe();
          result.done.add(future);
        } else {
          result.notDone.add(future);
        }
      }
      leave?.();
      callOff?.();
      resolve(result);
      return true;
    };
    let callOff: (() => void) | undefined;
    const waiter: Waiter & Abortable = {
      scope: place.scope,
      onSettled(future: Future<unknown>) {
        pending -= 1;
        if (pending === 0 || meets(future, returnWhen)) return finish();
        // It goes on attending to what is done.
        future.attach(waiter);
        return false;
      },
      abort(error) {
        for (const future of futures) future.detachWaiter(waiter);
        callOff?.();
        reject(error);
        return true;
      },
    };
    const leave = place.enter(waiter);
    if (leave === undefined) return;
    for (const future of futures) future.waitedFor();
    if (met || pending === 0) {
      finish();
      return;
    }
    if (limitMs !== undefined) {
      try {
        callOff = place.limit(limitMs, (older) => {
          for (const future of futures) if (!future.done()) future.expire(waiter, older);
          return finish();
        });
      } catch (error) {
        leave();
        throw error;
      }
    }
    for (const future of futures) future.attach(waiter);
  });
}

function meets(future: Future<unknown>, returnWhen: ReturnWhen): boolean {
  switch (returnWhen) {
    case 'FIRST_COMPLETED':
      return true;
    case 'FIRST_EXCEPTION':
      return future.status === 'FAILED';
    case 'ALL_COMPLETED':
      return false;
    default:
      return assertNever(returnWhen);
  }
}

/** Yields futures in the order in which they are delivered; each step costs the same, however many there are. */
export function completionOrder<F>(futures: ReadonlySet<F & Future<unknown>>, currentPlace: () => WaitPlace): AsyncIterator<F, undefined> {
  const ready = [...futures].filter((future) => future.done()).sort((a, b) => a.settledOrder - b.settledOrder);
  let position = 0;
  let remaining = futures.size;
  let returned = false;
  let leave = (): void => {};
  /** The next step is refused, and hears of that later. */
  let refused = false;
  let next: { readonly place: WaitPlace; resolve(result: IteratorResult<F, undefined>): void; reject(error: Error): void } | undefined;

  const take = (place: WaitPlace): IteratorResult<F, undefined> => {
    const future = ready[position] as F & Future<unknown>;
    position += 1;
    remaining -= 1;
    place.attend(future);
    future.observe();
    return { done: false, value: future };
  };
  const waiter: Waiter & Abortable = {
    scope: currentPlace().scope,
    onSettled(future) {
      ready.push(future as F & Future<unknown>);
      if (next === undefined || refused) return false;
      const { resolve, place } = next;
      next = undefined;
      leave();
      resolve(take(place));
      return true;
    },
    abort(error) {
      const { reject } = next as { reject(error: Error): void };
      next = undefined;
      refused = false;
      reject(error);
      return true;
    },
  };
  for (const future of futures) {
    if (!future.done()) future.attach(waiter);
  }
  return {
    async next() {
      if (next !== undefined) {
        throw new UsageError('INVALID_ARGUMENT', 'asCompleted() gives one future at a time: await next() before calling it again');
      }
      if (returned) return { done: true, value: undefined };
      const place = currentPlace();
      const entered = place.enter(waiter);
      refused = entered === undefined;
      if (entered !== undefined) leave = entered;
      if (refused || (remaining > 0 && position === ready.length)) {
        return new Promise<IteratorResult<F, undefined>>((resolve, reject) => {
          next = { place, resolve, reject };
        });
      }
      leave();
      return remaining > 0 ? take(place) : { done: true, value: undefined };
    },
    async return() {
      returned = true;
      for (const future of futures) {
        if (!future.done()) future.detachWaiter(waiter);
      }
      if (next !== undefined) {
        const { resolve } = next;
        next = undefined;
        leave();
        resolve({ done: true, value: undefined });
      }
      return { done: true, value: undefined };
    },
  };
}

/** The futures of an iterable, each once. @throws {UsageError} when something else is in it. */
export function requireFutures<F>(futures: Iterable<F>, caller: string): Set<F & Future<unknown>> {
  if (futures === null || typeof futures !== 'object' || typeof futures[Symbol.iterator] !== 'function') {
    throw new UsageError('INVALID_ARGUMENT', `${caller} takes an array, set or other iterable of futures`);
  }
  const set = new Set<F & Future<unknown>>();
  let index = 0;
  for (const future of futures) {
    if (!(future instanceof Future)) {
      throw new UsageError(
        'INVALID_ARGUMENT',
        `${caller}: item ${index} is not a future; pass what .start() returned (a promise of a result is not a future)`,
      );
    }
    future.admit();
    set.add(future as F & Future<unknown>);
    index += 1;
  }
  return set;
}
