import type { Duration } from '../model/duration.js';
import type { FutureStatus, OperationKind } from '../model/statuses.js';

/** Limits one's own waiting; the operation goes on. */
export interface WaitLimit {
  readonly timeout?: Duration;
}

/**
 * The handle on a started operation or run. Futures are eager: `.start()` has already begun the work. They are thenable, so `await future` is
 * `await future.result()`, and `Promise.all`, `any`, `race` and `allSettled` take them as they are. For the same reason an async function
 * cannot return a future: it would return the future's result.
 */
export interface DurableFuture<T> extends PromiseLike<T> {
  /** The id of the run, for flows; of the operation within its run, for everything else. */
  readonly id: string;
  readonly name: string;
  readonly kind: OperationKind;
  /** By what was delivered, never by what was only committed. */
  readonly status: FutureStatus;

  /**
   * The outcome's value.
   *
   * @throws The operation's own error when it failed.
   * @throws {CancelledError} when it was cancelled.
   * @throws {TimeoutError} with code `WAIT_TIMEOUT` when `timeout` ran out first.
   */
  result(options?: WaitLimit): Promise<T>;

  /**
   * The outcome's error, or `undefined` when it succeeded. A value that cannot be read back counts as failed, with the error of reading it.
   *
   * @throws {TimeoutError} with code `WAIT_TIMEOUT` when `timeout` ran out first.
   */
  exception(options?: WaitLimit): Promise<Error | undefined>;

  /** Whether the outcome has been delivered. */
  done(): boolean;

  /** Asks for the operation's cancellation; `false` when it is already done. */
  cancel(reason?: string): boolean;

  /** Lets the operation go on by itself: no code takes delivery of it. */
  detach(): void;

  /** Resolves when the start is durable. For runs, outside flows. */
  recorded(): Promise<void>;
}
