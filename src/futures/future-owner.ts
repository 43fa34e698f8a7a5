import type { Codec } from '../codec/codec.js';
import type { Outcome } from '../model/outcome.js';
import type { EndStatus } from '../model/statuses.js';
import type { DurableFuture } from './durable-future.js';

/** An outcome as it is stored, and what reads it. */
export interface Settlement {
  readonly status: EndStatus;
  readonly text: string;
  readonly codec: OutcomeReader;
}

export type OutcomeReader = Pick<Codec, 'decode' | 'decodeError'>;

/** Decodes an outcome. @throws What reading the text throws. */
export function readOutcome(status: EndStatus, text: string, codec: OutcomeReader): Outcome {
  return status === 'SUCCEEDED' ? { status, value: codec.decode(text) } : { status, error: codec.decodeError(text) };
}

/** Something that waits and can be made to stop by its run. */
export interface Abortable {
  /** Rejects the wait. Returns whether that resumes code. */
  abort(error: Error): boolean;
}

/** Where the code stands that waits: futures only tell one scope from another. */
export interface Standpoint {
  readonly scope: object;
}

/** Code that waits for futures. */
export interface Waiter extends Standpoint {
  /** The future was delivered. Returns whether that resumes code. */
  onSettled(future: DurableFuture<unknown>): boolean;
}

/**
 * What is done when a limit runs out: it says whether that resumes code.
 *
 * @param older - The limit was set by a release in which the end of a wait changed nothing for an event.
 */
export type OnExpired = (older: boolean) => boolean;

/** What a future needs of the operation or run it stands for. Every future has an owner of its own. */
export interface FutureOwner {
  /** Throws when the caller may not wait for the future where it stands. Returns where that is. */
  admit(): Standpoint;
  /** Whether cancelling a place settles the future, which ends the waits there; if not, `enterWait` is for them. */
  settledWith(place: Standpoint): boolean;
  /** Calls `expire` when the time is over; returns what calls the limit off. */
  limit(limitMs: number, expire: OnExpired): () => void;
  /** A wait has run out of time before the future was done; the others go on. */
  waitExpired?(ended: Waiter, others: readonly Waiter[], older: boolean): void;
  /** Code has asked for the cancellation of the future, which is not done. */
  cancel(reason: string | undefined): void;
  /** Code lets the future go; throws when it may not where it stands. Asked of every future: on replay it may not be known which code took delivery. */
  detach(): void;
  recorded(): Promise<void>;
  /**
   * Begins a wait for the future, which may be made to stop; throws if waiting is refused already. Returns what ends the wait; `undefined` if it is refused
   * later: then `wait` is made to stop.
   */
  enterWait(wait: Abortable): (() => void) | undefined;
  /** Code asks for the outcome of the future, which was cancelled. Returns whether it is told at once; if not, `tell` is called later. */
  tellsAtOnce(tell: () => void): boolean;
  /** The future needs no more attention: it was delivered and observed, cancelled or detached. */
  accountedFor(): void;
}
