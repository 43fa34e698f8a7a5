import { UsageError } from '../../errors/errors.js';
import { promiseOf } from '../body-end.js';

/** An attempt of an action, as an interceptor sees it. */
export interface AttemptInfo {
  readonly runId: string;
  readonly flow: string;
  readonly operationId: string;
  /** What the operation is called: the name of the action, unless its call gave another. */
  readonly name: string;
  /** From 1. */
  readonly attempt: number;
  /** The same for every attempt of one operation, across crashes. */
  readonly idempotencyKey: string;
  /** When the attempt began, in milliseconds since the epoch. */
  readonly startedAt: number;
}

/** Code that runs around the bodies of actions: `open({ interceptors: [{ around(attempt, body) { return body(); } }] })`. */
export interface Interceptor {
  /**
   * Called for each attempt, in place of the body. `body()` runs what is inside, the other interceptors and the body itself, and can be called once.
   *
   * @returns What the attempt comes to: in most cases the promise that `body()` has returned. The attempt fails with what this throws.
   */
  around(attempt: AttemptInfo, body: () => Promise<unknown>): unknown;
}

/** Runs the body of an attempt inside of all interceptors. */
export type Around = (attempt: AttemptInfo, body: () => unknown) => unknown;

/** All interceptors as one, the first outermost; `undefined` where there are none. */
export function allAround(interceptors: readonly Interceptor[] = []): Around | undefined {
  if (interceptors.length === 0) return undefined;
  const layer = (index: number, attempt: AttemptInfo, body: () => unknown): unknown => {
    const interceptor = interceptors[index];
    if (interceptor === undefined) return body();
    let called = false;
    return interceptor.around(attempt, () => {
      if (called) return Promise.reject(calledTwice(attempt));
      called = true;
      return promiseOf(() => layer(index + 1, attempt, body));
    });
  };
  return (attempt, body) => layer(0, attempt, body);
}

function calledTwice({ name, attempt, operationId, runId }: AttemptInfo): UsageError {
  return new UsageError(
    'INVALID_ARGUMENT',
    `an interceptor called body() twice in attempt ${attempt} of action "${name}" (operation ${operationId} of run ${runId}): call it once and return what it returns; for another attempt, give the action a retry strategy`,
  );
}
