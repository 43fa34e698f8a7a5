import type { Codec } from '../../codec/codec.js';
import { UsageError } from '../../errors/errors.js';
import { type Abortable, cancellation, Future, type FutureOwner } from '../../futures/future.js';
import { type Entry, newEntry } from '../../journal/group-commit.js';
import type { OperationRecord } from '../../model/records.js';
import type { EndStatus, OperationKind } from '../../model/statuses.js';
import type { FlowPlace } from '../current-scope.js';
import type { RunHost } from '../host.js';

/** What an operation asks of the run it belongs to. */
export interface OperationRun {
  readonly id: string;
  readonly flow: string;
  readonly host: RunHost;
  admit(future: Future<unknown>): void;
  limit(limitMs: number, expire: () => boolean): () => void;
  /** Somebody waits where the calling code stands, and is made to stop when the run is cancelled; throws if it is. */
  enterWait(wait: Abortable): void;
  leaveWait(wait: Abortable): void;
  cancel(operation: Operation, reason: string | undefined): void;
  /** The operation's outcome: it goes into the journal, and is delivered when its turn comes. */
  complete(operation: Operation, status: EndStatus, text: string): void;
  /** Does something when the whole journal has been delivered: at once if it has. */
  whenCurrent(step: () => void): void;
  /** What an action gives to the services it calls, so that they can tell a repetition. */
  idempotencyKey(operationId: string): string;
}

export interface OperationInit {
  readonly run: OperationRun;
  readonly place: FlowPlace;
  readonly codec: Codec;
  readonly id: string;
  readonly kind: OperationKind;
  readonly name: string;
  readonly digest: string;
  readonly input: string | null;
  /** What the future goes by. Default: the operation's id. */
  readonly futureId?: string;
}

/**
 * One durable thing a run has asked for. Each kind has a class of its own in this folder.
 *
 * Owns: its journal entry and its future's dealings with the run. Does not own: the order of outcomes, nor when it is dispatched (the run does).
 *
 * States: asked for → dispatched → completed (outcome in the journal) → delivered; or stopped, at any time before the delivery.
 *
 *   O1  `dispatch` is called at most once, when the whole journal has been delivered and none of it was this operation's outcome.
 *   O2  After `stop` or `leave`, no outcome of the operation reaches the journal.
 */
export abstract class Operation implements FutureOwner {
  readonly run: OperationRun;
  readonly place: FlowPlace;
  readonly codec: Codec;
  readonly entry: Entry;
  readonly future: Future<unknown>;
  #dispatched = false;
  #recovered = false;
  #stopped = false;
  #detached = false;

  constructor(init: OperationInit) {
    const { run, place, codec, id, kind, name, digest, input, futureId = id } = init;
    this.run = run;
    this.place = place;
    this.codec = codec;
    this.entry = newEntry({ runId: run.id, id, kind, name, digest, input, startedAt: run.host.clock.now() });
    this.future = new Future<unknown>({ id: futureId, name, kind, startedAtMs: this.entry.startedAt, owner: this });
  }

  /** What an earlier execution recorded of it. */
  adopt(recorded: OperationRecord): void {
    this.#recovered = true;
    const { status, seq, startedAt, dueAt } = recorded;
    Object.assign(this.entry, { status, seq, startedAt, dueAt });
  }

  /** Makes it happen (O1). */
  perform(): void {
    if (this.#stopped) return;
    this.#dispatched = true;
    this.entry.status = 'STARTED';
    const { events } = this.run.host;
    if (events.wants('operation:started')) events.emit('operation:started', this.event());
    this.dispatch();
  }

  /** Whether it has been dispatched, so that there is something to stop and an entry to close. */
  get dispatched(): boolean {
    return this.#dispatched;
  }

  /** Whether its start was recorded by an earlier execution. */
  get recovered(): boolean {
    return this.#recovered;
  }

  get detached(): boolean {
    return this.#detached;
  }

  protected abstract dispatch(): void;

  /** Lets go of what runs in this process: the run is leaving it, or the operation is stopped. */
  protected abstract release(reason: Error): void;

  /** The operation was cancelled, or its run has ended: stops what runs, wherever that is (O2). */
  stop(reason: Error): void {
    this.leave(reason);
  }

  /** The run leaves this process and goes on elsewhere or later. */
  leave(reason: Error): void {
    this.#stopped = true;
    this.release(reason);
  }

  /** Its run has ended and it was detached: it goes on by itself, where its kind can. */
  outlive(): void {
    this.stop(cancellation(`${this.entry.kind} "${this.entry.name}" (${this.entry.id})`, 'its run has ended'));
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Whether a cancel of its future settles it in the same turn; if not, it is a request to somebody else. */
  get cancelsAtOnce(): boolean {
    return true;
  }

  /** Asks whoever does the work to cancel it. Only where `cancelsAtOnce` is false. */
  requestCancel(_reason: string | undefined): void {}

  /** The entry goes into the next commit as it is then. */
  protected write(committed?: () => void): void {
    this.run.host.group.entry(this.entry, committed);
  }

  event(): { runId: string; operationId: string; kind: OperationKind; name: string } {
    const { runId, id, kind, name } = this.entry;
    return { runId, operationId: id, kind: kind as OperationKind, name };
  }

  // What its future asks for.

  admit(): void {
    this.run.admit(this.future);
  }

  limit(limitMs: number, expire: () => boolean): () => void {
    return this.run.limit(limitMs, expire);
  }

  cancel(reason: string | undefined): void {
    this.run.cancel(this, reason);
  }

  detach(): void {
    this.#detached = true;
  }

  recorded(): Promise<void> {
    return Promise.reject(
      new UsageError('ENGINE_IN_FLOW', 'recorded() belongs outside flows: inside, what was started is recorded with the run it belongs to'),
    );
  }

  /** Cancellation settles every other future, and so whoever waits for it. */
  enterWait(wait: Abortable): void {
    if (this.place.shielded || this.#detached) this.run.enterWait(wait);
  }

  leaveWait(wait: Abortable): void {
    if (this.place.shielded || this.#detached) this.run.leaveWait(wait);
  }

  accountedFor(): void {
    this.place.scope.ledger.release(this.future);
  }
}
