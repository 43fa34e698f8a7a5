import { inspect } from 'node:util';
import { TimeoutError } from '../errors/errors.js';
import { whatIs } from '../model/named.js';
import type { Outcome } from '../model/outcome.js';
import type { FutureStatus, OperationKind } from '../model/statuses.js';
import { givenDuration } from '../options/durations.js';
import { refuseMore } from '../options/extra-arguments.js';
import { DURATION, readOptions } from '../options/read-options.js';
import { shared } from '../realm/realm.js';
import { recognisable } from '../realm/recognisable.js';
import { requireReason } from './cancellation.js';
import type { DurableFuture, WaitLimit } from './durable-future.js';
import { type Abortable, type FutureOwner, readOutcome, type Settlement, type Standpoint, type Waiter } from './future-owner.js';

interface FutureInit {
  readonly id: string;
  readonly name: string;
  readonly kind: OperationKind;
  readonly startedAtMs: number;
  readonly owner: FutureOwner;
}

/** Futures of all copies are in one order. */
const settled = shared('settled futures', () => ({ count: 0 }));

/**
 * The one implementation of `DurableFuture`.
 *
 * Owns: what was delivered, and who waits for it. Does not own: the operation (its owner does), nor any order of delivery.
 *
 * States: STARTED → SUCCEEDED | FAILED | CANCELLED, once, by one of the `settle…`.
 *
 *   F1  Its owner settles it at most once; that resumes waiters in the order in which they came.
 *   F2  A promise is made only for code that asks for one, so a failure that no code listens to is no unhandled rejection.
 *   F3  The owner's `accountedFor` is called at most once: when the future is cancelled, detached, or both delivered and observed.
 *       Not when its scope has ended before it was done.
 *   F4  It is observed when code gets the outcome: code that has stopped waiting before takes delivery of nothing. A timer is observed when it is waited
 *       for, and only then: it has no outcome to lose.
 */
export class Future<T> implements DurableFuture<T> {
  readonly kind: OperationKind;
  readonly startedAtMs: number;
  readonly id: string;
  #name: string;
  readonly #owner: FutureOwner;
  #settlement: Settlement | undefined;
  #outcome: Outcome<T> | undefined;
  #settledOrder = 0;
  #waiters: Waiter[] | undefined;
  #promise: Promise<T> | undefined;
  #observed = false;
  #released = false;
  #leaked = false;

  constructor(init: FutureInit) {
    this.id = init.id;
    this.#name = init.name;
    this.kind = init.kind;
    this.startedAtMs = init.startedAtMs;
    this.#owner = init.owner;
  }

  get name(): string {
    return this.#name;
  }

  get status(): FutureStatus {
    return this.#settlement?.status ?? this.#outcome?.status ?? 'STARTED';
  }

  /** Its position in the order of deliveries, from 1; 0 before. */
  get settledOrder(): number {
    return this.#settledOrder;
  }

  done(): boolean {
    if (arguments.length > 0) refuseMore('done()', arguments);
    return this.#settledOrder !== 0;
  }

  result(options?: WaitLimit): Promise<T> {
    if (arguments.length > 1) refuseMore('result(options)', arguments);
    const result = this.promise(options);
    this.waitedFor();
    return result;
  }

  /** As `result()`, where it is not known whether the caller will wait for the promise. */
  promise(options?: WaitLimit): Promise<T> {
    const limitMs = readLimit(options);
    const place = this.#owner.admit();
    const later = this.#later(unwrap, place);
    if (later !== undefined) return later;
    // One promise for everybody, but for those who can be made to stop waiting.
    const shared = this.done() || (limitMs === undefined && this.#owner.settledWith(place));
    if (!shared) return this.#whenDelivered(unwrap, place, limitMs);
    this.#promise ??= this.#whenDelivered(unwrap, place);
    return this.#promise;
  }

  exception(options?: WaitLimit): Promise<Error | undefined> {
    refuseMore('exception(options)', arguments);
    const limitMs = readLimit(options);
    const place = this.#owner.admit();
    this.waitedFor();
    return this.#later(errorOf, place) ?? this.#whenDelivered(errorOf, place, limitMs);
  }

  // biome-ignore lint/suspicious/noThenProperty: a future is thenable by design
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result().then(onFulfilled, onRejected);
  }

  cancel(reason?: string): boolean {
    refuseMore('cancel(reason)', arguments);
    requireReason(reason, 'cancel(reason)');
    if (this.done()) return false;
    this.#owner.cancel(reason);
    this.#release();
    return true;
  }

  detach(): void {
    refuseMore('detach()', arguments);
    this.#owner.detach();
    this.#release();
  }

  recorded(): Promise<void> {
    refuseMore('recorded()', arguments);
    return this.#owner.recorded();
  }

  /** Gives a future that was found by its id alone the name of its flow. */
  rename(name: string): void {
    this.#name = name;
  }

  /** Delivers the outcome (F1). Returns whether that resumes anybody's code. */
  settle(outcome: Outcome<T>): boolean {
    this.#outcome = outcome;
    return this.#deliver();
  }

  /** As `settle`; it is decoded when code asks for it, and that code gets what the decoding throws. */
  settleUnread(settlement: Settlement): boolean {
    this.#settlement = settlement;
    return this.#deliver();
  }

  /** Delivers an error that was never encoded: a cancellation by the future's own side, or that nothing more can be heard. */
  settleError(status: 'FAILED' | 'CANCELLED', error: Error): boolean {
    this.#outcome = { status, error };
    if (status === 'CANCELLED') this.#release();
    return this.#deliver();
  }

  /** Throws when the caller may not wait for this future where it stands. */
  admit(): void {
    this.#owner.admit();
  }

  /** It is waited for (F4). */
  waitedFor(): void {
    if (this.kind === 'timer') this.observe();
  }

  /** Code takes delivery of the outcome. */
  observe(): void {
    this.#observed = true;
    this.#release();
  }

  /** Its scope has ended before it was done: it stays open, also if code gets an outcome from now on. */
  leak(): void {
    this.#leaked = true;
  }

  /** It needs no attention: what it stands for is refused. */
  disclaim(): void {
    this.#released = true;
  }

  /** Whether somebody has taken delivery of it, or waits for it. */
  get attended(): boolean {
    return this.#observed || this.awaited;
  }

  /** Whether code waits for it. */
  get awaited(): boolean {
    return this.#waiters !== undefined && this.#waiters.length > 0;
  }

  /** Whether it needs no more attention (F3). */
  get accountedFor(): boolean {
    return this.#released;
  }

  attach(waiter: Waiter): void {
    // Mostly there is one, and an array that is pushed to has room for many.
    if (this.#waiters === undefined) this.#waiters = [waiter];
    else this.#waiters.push(waiter);
  }

  detachWaiter(waiter: Waiter): void {
    const index = this.#waiters?.indexOf(waiter) ?? -1;
    if (index >= 0) this.#waiters?.splice(index, 1);
  }

  /** A wait has run out of time before the future was done. */
  expire(waiter: Waiter, older: boolean): void {
    this.detachWaiter(waiter);
    this.#owner.waitExpired?.(waiter, this.#waiters ?? [], older);
  }

  /**
   * The decoded outcome: one object for everybody who asks. Only when done.
   *
   * @throws {PerdureError} when what is stored cannot be read.
   */
  outcome(): Outcome<T> {
    if (this.#outcome === undefined) {
      const { status, text, codec } = this.#settlement as Settlement;
      this.#outcome = readOutcome(status, text, codec) as Outcome<T>;
      this.#settlement = undefined;
    }
    return this.#outcome;
  }

  #deliver(): boolean {
    settled.count += 1;
    this.#settledOrder = settled.count;
    const waiters = this.#waiters;
    if (waiters === undefined) return false;
    this.#waiters = undefined;
    let resumed = false;
    for (const waiter of waiters) {
      if (waiter.onSettled(this)) resumed = true;
    }
    return resumed;
  }

  #release(): void {
    if (this.#released || this.#leaked) return;
    this.#released = true;
    this.#owner.accountedFor();
  }

  /** A promise, for code at `place`, of what `read` gives or throws of a cancellation, if that is told later. */
  #later<R>(read: (future: Future<T>) => R, place: Standpoint): Promise<R> | undefined {
    if (this.status !== 'CANCELLED') return undefined;
    let tell = (): void => {};
    const promise = new Promise<R>((resolve, reject) => {
      tell = () => void new Wait(this, place.scope, read, resolve, reject).onSettled();
    });
    return this.#owner.tellsAtOnce(() => tell()) ? undefined : promise;
  }

  /** A promise, for code at `place`, of what `read` gives or throws when there is an outcome. */
  #whenDelivered<R>(read: (future: Future<T>) => R, place: Standpoint, limitMs?: number): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const wait = new Wait(this, place.scope, read, resolve, reject);
      if (this.done()) {
        wait.onSettled();
        return;
      }
      if (!this.#owner.settledWith(place)) {
        wait.leave = this.#owner.enterWait(wait);
        if (wait.leave === undefined) return;
      }
      if (limitMs !== undefined) {
        // Made here, where its stack leads to the code that waits.
        const late = waitTimeout(whatIs(this), limitMs);
        wait.callOff = this.#owner.limit(limitMs, (older) => wait.expire(late, older));
      }
      this.attach(wait);
    });
  }
}

recognisable(Future, 'Future');

/** What `console.log` shows of a future. It only looks: nothing counts as waited for, or taken delivery of, by that. */
Object.defineProperty(Future.prototype, inspect.custom, {
  value(this: Future<unknown>): string {
    return `DurableFuture { ${whatIs(this)} ${this.status} }`;
  },
});

/** Somebody's wait for a future, as a promise: it comes to what `read` gives or throws, or is made to stop. */
class Wait<T, R> implements Waiter, Abortable {
  readonly scope: object;
  readonly #future: Future<T>;
  readonly #read: (future: Future<T>) => R;
  readonly #resolve: (value: R) => void;
  readonly #reject: (error: unknown) => void;
  /** Tells the place where the code stands that it waits no longer. */
  leave: (() => void) | undefined;
  /** Calls off the limit. */
  callOff: (() => void) | undefined;

  constructor(
    future: Future<T>,
    scope: object,
    read: (future: Future<T>) => R,
    resolve: (value: R) => void,
    reject: (error: unknown) => void,
  ) {
    this.#future = future;
    this.scope = scope;
    this.#read = read;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onSettled(): boolean {
    this.callOff?.();
    this.leave?.();
    if (this.#future.kind !== 'timer') this.#future.observe();
    try {
      this.#resolve(this.#read(this.#future));
    } catch (error) {
      this.#reject(error);
    }
    return true;
  }

  abort(error: Error): boolean {
    this.callOff?.();
    this.#future.detachWaiter(this);
    this.#reject(error);
    return true;
  }

  expire(late: TimeoutError, older: boolean): boolean {
    this.#future.expire(this, older);
    this.leave?.();
    this.#reject(late);
    return true;
  }
}

/** The error of one's own waiting that ran out of time. */
function waitTimeout(what: string, limitMs: number): TimeoutError {
  return new TimeoutError('WAIT_TIMEOUT', `${what} was not done within ${limitMs} ms; it goes on, and can be waited for again`);
}

function readLimit(options: WaitLimit | undefined): number | undefined {
  if (options === undefined) return undefined;
  return givenDuration(readOptions('waiting for a future', options, { timeout: DURATION }).timeout, 'timeout');
}

/** The error of an outcome, or of reading it. */
function errorOf(future: Future<unknown>): Error | undefined {
  try {
    const outcome = future.outcome();
    return outcome.status === 'SUCCEEDED' ? undefined : outcome.error;
  } catch (error) {
    return error as Error;
  }
}

function unwrap<T>(future: Future<T>): T {
  const outcome = future.outcome();
  if (outcome.status === 'SUCCEEDED') return outcome.value;
  throw outcome.error;
}
