import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import { ledHere } from '../errors/call-site.js';
import { UsageError } from '../errors/errors.js';
import type { WaitLimit } from '../futures/durable-future.js';
import { Future } from '../futures/future.js';
import type { FutureOwner, OnExpired, Standpoint, Waiter } from '../futures/future-owner.js';
import type { EndOfRun } from '../runtime/run-ports.js';
import { currentPlace } from '../runtime/scopes/current-place.js';
import { runNotFound } from './queries/run-info.js';

/** What a root future needs of its engine. */
export interface RootFutureHost {
  readonly clock: Clock;
  /** Asks for the cancellation of a run. */
  requestCancel(runId: string, reason: string | undefined): void;
  /** Keeps the future, whether the program does or not. */
  hold(root: RootFuture): void;
  /** Only the program keeps it. */
  letGo(root: RootFuture): void;
}

interface RootFutureInit {
  readonly runId: string;
  readonly name: string;
  readonly codec: Codec;
  readonly host: RootFutureHost;
}

const OUTSIDE: Standpoint = { scope: {} };

/**
 * The future of a run, seen from outside of any flow.
 *
 * Owns: whether the run's start is recorded. Does not own: the run.
 *
 *   U1  It settles when the run's end is durable, or when it can no longer be heard of here (`abandon`).
 */
export class RootFuture implements FutureOwner {
  readonly runId: string;
  readonly future: Future<unknown>;
  readonly #host: RootFutureHost;
  /** It is held, whether anybody waits for it or not. */
  #pinned = true;
  /** What its run's values are read with. */
  codec: Codec;
  /** What waits for the start to be recorded; nothing once that is settled. */
  #onRecorded: (() => void)[] | undefined = [];
  #recordedError: Error | undefined;
  #recordedAsked = false;

  constructor({ runId, name, codec, host }: RootFutureInit) {
    this.runId = runId;
    this.codec = codec;
    this.#host = host;
    this.future = new AwaitedFuture({ id: runId, name, kind: 'flow', startedAtMs: host.clock.now(), owner: this });
  }

  /** What is known of the run by now. */
  known(name: string, codec: Codec): void {
    this.future.rename(name);
    this.codec = codec;
  }

  /** Whether a caller has asked, or waits, for what becomes of the start or the run. */
  get attended(): boolean {
    return this.#recordedAsked || this.future.attended;
  }

  /** Whether a caller waits for it, or for its start to be recorded. */
  get awaited(): boolean {
    return this.future.awaited || (this.#onRecorded !== undefined && this.#onRecorded.length > 0);
  }

  isRecorded(): void {
    this.#settleRecorded(undefined);
  }

  /** The end of the run is known; `undefined`: it has been deleted. Returns whether anybody waits for that. */
  hears(end: EndOfRun | undefined): boolean {
    const { attended } = this.future;
    if (end === undefined) this.abandon(runNotFound(this.runId));
    else this.ended(end);
    return attended;
  }

  ended({ status, outcome }: EndOfRun): void {
    this.isRecorded();
    if (this.future.done()) return;
    this.future.settleUnread({ status, text: outcome, codec: this.codec });
    this.#host.letGo(this);
  }

  /** Nothing more will be heard of the run here. */
  abandon(error: Error): void {
    this.#settleRecorded(error);
    if (this.future.done()) return;
    this.future.settleError('FAILED', error);
    this.#host.letGo(this);
  }

  /** From now on it is held only while anybody waits for it. */
  unpin(): void {
    this.#pinned = false;
    if (!this.future.awaited) this.#host.letGo(this);
  }

  /** Whether anybody waits for it has changed. */
  waitsChanged(): void {
    if (this.#pinned) return;
    if (this.future.awaited) this.#host.hold(this);
    else this.#host.letGo(this);
  }

  engineClosed(): void {
    const so =
      this.#onRecorded === undefined
        ? 'the engine was closed before the run ended; the run goes on with the next engine on its store'
        : `the engine was closed before it knew that run ${this.runId} is recorded; if you started it, start it again under this id`;
    this.abandon(new UsageError('ENGINE_CLOSED', so));
  }

  admit(): Standpoint {
    requireOutside(`a flow cannot wait for run ${this.runId}`);
    return OUTSIDE;
  }

  settledWith(): boolean {
    return true;
  }

  limit(limitMs: number, expire: OnExpired): () => void {
    return this.#host.clock.setTimer(limitMs, () => expire(false));
  }

  cancel(reason: string | undefined): void {
    requireOutside(`a flow cannot cancel run ${this.runId}`);
    this.#host.requestCancel(this.runId, reason);
  }

  enterWait(): () => void {
    return () => {};
  }

  tellsAtOnce(): boolean {
    return true;
  }

  detach(): void {
    requireOutside(`a flow cannot detach run ${this.runId}`);
  }

  async recorded(): Promise<void> {
    requireOutside(`a flow cannot ask whether run ${this.runId} is recorded`);
    this.#recordedAsked = true;
    if (this.#onRecorded !== undefined) await new Promise<void>((resolve) => this.#onRecorded?.push(resolve));
    if (this.#recordedError !== undefined) throw ledHere(this.#recordedError);
  }

  accountedFor(): void {}

  #settleRecorded(error: Error | undefined): void {
    const waiting = this.#onRecorded;
    if (waiting === undefined) return;
    this.#onRecorded = undefined;
    this.#recordedError = error;
    for (const resolve of waiting) resolve();
  }
}

/** A future that tells whether anybody waits for it. */
class AwaitedFuture extends Future<unknown> {
  readonly #root: RootFuture;

  constructor(init: ConstructorParameters<typeof Future>[0] & { readonly owner: RootFuture }) {
    super(init);
    this.#root = init.owner;
  }

  /** The stacks of errors of the engine go on to the code that waits. */
  override promise(options?: WaitLimit): Promise<unknown> {
    return this.#led(super.promise(options));
  }

  async #led(promise: Promise<unknown>): Promise<unknown> {
    try {
      return await promise;
    } catch (error) {
      throw ledHere(error);
    }
  }

  override attach(waiter: Waiter): void {
    super.attach(waiter);
    this.#root.waitsChanged();
  }

  override detachWaiter(waiter: Waiter): void {
    super.detachWaiter(waiter);
    this.#root.waitsChanged();
  }
}

/** @throws {UsageError} `ENGINE_IN_FLOW` when the code that runs is a flow's. */
function requireOutside(what: string): void {
  if (currentPlace()?.kind !== 'flow') return;
  throw new UsageError(
    'ENGINE_IN_FLOW',
    `${what}, which was started outside of it: a replay could not repeat that; start the flow inside, as a child`,
  );
}
