import type { Codec } from '../../codec/codec.js';
import { leadTo } from '../../errors/call-site.js';
import { type CancelledError, PerdureError, UsageError } from '../../errors/errors.js';
import { Future } from '../../futures/future.js';
import {
  type Abortable,
  type FutureOwner,
  type OnExpired,
  type OutcomeReader,
  readOutcome,
  type Standpoint,
} from '../../futures/future-owner.js';
import { type Entry, newEntry } from '../../journal/entry.js';
import type { InputCheck } from '../../journal/replay-check.js';
import { whatIs } from '../../model/named.js';
import type { Outcome } from '../../model/outcome.js';
import type { OperationRecord } from '../../model/records.js';
import type { EndStatus, OperationKind } from '../../model/statuses.js';
import type { RunIds } from '../identity/run-ids.js';
import type { Mailbox } from '../messages/mailbox.js';
import { operationEvent } from '../notices/engine-events.js';
import type { RunNotices } from '../notices/run-notices.js';
import type { OutcomeRecorder } from '../outcomes/outcome-recorder.js';
import { type Rest, STAYS } from '../resting.js';
import type { RunPorts } from '../run-ports.js';
import type { FlowPlace } from '../scopes/current-place.js';
import type { Scope, ScopeMember } from '../scopes/scope.js';

/** What an operation asks of the run it belongs to. */
export interface OperationRun extends RunPorts {
  readonly id: string;
  readonly flow: string;
  /** Whether the bodies of branches that have ended are not run again. */
  readonly skipsBranches: boolean;
  /** Whether anything of an earlier execution lies ahead. */
  readonly replaying: boolean;
  /** Throws when the calling code may not wait for the operation. Returns where it stands. */
  admit(operation: Operation): FlowPlace;
  limit(limitMs: number, expire: OnExpired): () => void;
  /**
   * Begins a wait where the calling code stands, which is made to stop when that is cancelled; throws if it is. Returns what ends the wait; `undefined`: it
   * is refused, and `wait` is made to stop in a turn to come.
   */
  enterWait(wait: Abortable): (() => void) | undefined;
  /** The calling code asks for an outcome that is a cancellation. Returns whether it is told at once; if not, `tell` is called in a turn to come. */
  tellsAtOnce(future: Future<unknown>, tell: () => void): boolean;
  cancel(operation: Operation, reason: string | undefined): void;
  detach(operation: Operation): void;
  /** Makes it pending, with what is recorded of it. Returns whether the journal agrees. */
  register(operation: Operation): boolean;
  /** It is no longer pending. */
  forget(operation: Operation): void;
  /** More branches of a batch are to begin, in turns to come. */
  beginsMore(batch: BeginningBatch): void;
  /** The body of a branch has ended. */
  branchEnded(branch: EndedBranch): void;
  /** Takes the operation's outcome: it goes into the journal, and is delivered when its turn comes. */
  readonly recorder: Pick<OutcomeRecorder, 'offer'>;
  /** Does something when the whole journal has been delivered: at once if it has. */
  whenCurrent(step: () => void): void;
  /** Messages from outside, and who waits for them. */
  readonly inbox: { readonly mailbox: Mailbox<Operation> };
  /** Told of operations that come to their ends without an outcome of their own. */
  readonly notices: Pick<RunNotices, 'operationFinished' | 'operationCancelled'>;
  readonly ids: RunIds;
  /** Something that is recorded cannot be read: the run is blocked, and code that waits for it does not go on. */
  unreadable(what: string, error: unknown): void;
}

/** A batch that begins more branches than one turn has room for. */
export interface BeginningBatch {
  readonly place: FlowPlace;
  /** Begins some of them. Returns whether there are more. */
  beginMore(): boolean;
}

/** A branch whose body has ended. */
export interface EndedBranch {
  readonly scope: Scope;
  /** Whether its outcome is asked for: it was not cancelled before, and none is recorded. */
  readonly awaited: boolean;
  /** The scope has been closed: the outcome can be recorded. */
  conclude(leakFailure: Error | undefined): void;
  /** If its outcome is not asked for, since it was cancelled or too late: its failure would be lost. */
  tellOfFailure(): void;
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
 *   O3  An outcome is decoded before any code that waits for it goes on, or hears that it is there. If that fails, none does: the run is blocked.
 */
export abstract class Operation implements FutureOwner, ScopeMember, InputCheck {
  readonly run: OperationRun;
  readonly place: FlowPlace;
  readonly codec: Codec;
  readonly entry: Entry;
  /** Its run waits for its outcome. */
  pending = false;
  #dispatched = false;
  #recovered = false;
  #stopped = false;
  #detached = false;
  #borrowers: Set<Scope> | undefined;
  #future: Future<unknown> | undefined;

  constructor(init: OperationInit) {
    const { run, place, codec, id, kind, name, digest, input } = init;
    this.run = run;
    this.place = place;
    this.codec = codec;
    this.entry = newEntry({ runId: run.id, id, kind, name, digest, input, startedAt: run.services.clock.now() });
  }

  /** The handle on it; made when it is asked for, as branches have none. It goes by the id of the run that the operation starts, else by its own. */
  get future(): Future<unknown> {
    if (this.#future === undefined) {
      const { id, childRunId, name, kind, startedAt: startedAtMs } = this.entry;
      this.#future = new Future<unknown>({ id: childRunId ?? id, name, kind: kind as OperationKind, startedAtMs, owner: this });
    }
    return this.#future;
  }

  /** Whether an input that an earlier execution recorded stands for the same value. */
  sameInput(recorded: string): boolean {
    return this.codec.sameValue(this.entry.input as string, recorded);
  }

  /** What an earlier execution recorded of it. */
  adopt(recorded: OperationRecord): void {
    this.#recovered = true;
    const { status, seq, startedAt, dueAt, attempts = null } = recorded;
    Object.assign(this.entry, { status, seq, startedAt, dueAt, attempts });
  }

  /** Makes it happen (O1). */
  perform(): void {
    if (this.#stopped) return;
    this.#dispatched = true;
    this.entry.status = 'STARTED';
    this.announce();
    this.dispatch();
  }

  /** Tells listeners that it was started. */
  protected announce(): void {
    const { events } = this.run.services;
    if (!events.wants('operation:started')) return;
    const { entry } = this;
    events.emit('operation:started', {
      ...operationEvent(entry),
      startedAt: entry.startedAt,
      ...(this.announcedBefore ? { recovered: true } : {}),
    });
  }

  /** Whether an earlier execution has told listeners of it. */
  protected get announcedBefore(): boolean {
    return this.#recovered;
  }

  /** Whether it was dispatched, here or by an earlier execution. */
  protected get begun(): boolean {
    return this.#dispatched || this.#recovered;
  }

  /** Whether there is something to stop and an entry to close. */
  protected get written(): boolean {
    return this.begun;
  }

  /** Whether its start was recorded by an earlier execution. */
  get recovered(): boolean {
    return this.#recovered;
  }

  get detached(): boolean {
    return this.#detached;
  }

  get rest(): Rest {
    return STAYS;
  }

  /** Its entry, for those who look. */
  get told(): OperationRecord {
    return { ...this.entry };
  }

  /** The run whose end it waits for. */
  get awaitedRunId(): string | undefined {
    return undefined;
  }

  /** Whether it is code that waits for nothing durable. */
  get standsStill(): boolean {
    return false;
  }

  get spared(): boolean {
    return this.place.shielded || this.detached;
  }

  get outlives(): boolean {
    return false;
  }

  /** It is pending: what begins at once, and not when the journal has been delivered, begins. */
  begin(): void {}

  /** Its outcome is delivered. Returns whether that resumed code (O3). */
  deliver(record: OperationRecord): boolean {
    const outcome = this.read(record);
    return outcome !== undefined && this.future.settle(outcome);
  }

  /** The outcome in a record; `undefined` when it cannot be read. */
  protected read({ status, outcome }: OperationRecord, codec: OutcomeReader = this.codec): Outcome | undefined {
    try {
      const read = readOutcome(status as EndStatus, outcome as string, codec);
      // What the library itself has thrown, the code of no action stands behind.
      if (read.status !== 'SUCCEEDED' && read.error instanceof PerdureError)
        leadTo(read.error, this.place.scope.ledger.callSite(this.future));
      return read;
    } catch (error) {
      this.unreadable('the outcome', error);
      return undefined;
    }
  }

  /** Something that is recorded of it cannot be read. */
  unreadable(what: string, error: unknown): void {
    this.run.unreadable(`${what} of ${whatIs(this.entry)}`, error);
  }

  /** Scopes within its own whose code attends to its future. */
  get borrowers(): Iterable<Scope> | undefined {
    return this.#borrowers;
  }

  /** Throws when code of scopes within may not wait for it. */
  requireShareable(_to: Scope): void {}

  shareWith(scope: Scope): void {
    this.#borrowers ??= new Set();
    this.#borrowers.add(scope);
    scope.borrow(this.entry.id, this.future);
  }

  protected abstract dispatch(): void;

  /** Lets go of what runs in this process: the run is leaving it, or the operation is stopped. */
  protected abstract release(reason: Error): void;

  cancelWith(error: CancelledError): boolean {
    this.end(error);
    return this.future.settleError('CANCELLED', error);
  }

  /** Ends it for good; its entry says so, unless it was never written or has its outcome. */
  end(reason: CancelledError): void {
    this.run.forget(this);
    this.stop(reason);
    const { entry, run } = this;
    if (!this.written || entry.seq !== null || entry.status === 'CANCELLED') return;
    entry.status = 'CANCELLED';
    entry.outcome = this.codec.encodeError(reason);
    entry.finishedAt = run.services.clock.now();
    run.writer.entry(entry, run.notices.operationCancelled(entry, reason));
  }

  runsCode(_shielded: boolean): boolean {
    return false;
  }

  windUp(_error: CancelledError): boolean {
    return false;
  }

  /** The operation was cancelled, or its scope has ended: stops what runs, wherever that is (O2). */
  stop(reason: Error): void {
    this.leave(reason);
  }

  /** The run leaves this process and goes on elsewhere or later. */
  leave(reason: Error): void {
    this.#stopped = true;
    this.release(reason);
  }

  /** Only where `outlives` can be true. */
  outlive(): void {}

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Whether a cancel of its future settles it in the same turn; if not, it is a request to somebody else. */
  get cancelsAtOnce(): boolean {
    return true;
  }

  /** Asks the run that does the work to cancel it. Only where `cancelsAtOnce` is false. */
  requestCancel(_reason: string | undefined): void {}

  /** The entry goes into the next commit as it is then. */
  protected write(committed?: () => void): void {
    this.run.writer.entry(this.entry, committed);
  }

  // What its future asks for.

  admit(): FlowPlace {
    return this.run.admit(this);
  }

  settledWith({ scope }: Standpoint): boolean {
    return scope === this.place.scope && !this.place.shielded && !this.detached;
  }

  limit(limitMs: number, expire: OnExpired): () => void {
    return this.run.limit(limitMs, expire);
  }

  cancel(reason: string | undefined): void {
    this.run.cancel(this, reason);
  }

  detach(): void {
    this.run.detach(this);
    this.#detached = true;
  }

  recorded(): Promise<void> {
    return Promise.reject(
      new UsageError('ENGINE_IN_FLOW', 'recorded() belongs outside flows: inside, what was started is recorded with the run it belongs to'),
    );
  }

  enterWait(wait: Abortable): (() => void) | undefined {
    return this.run.enterWait(wait);
  }

  tellsAtOnce(tell: () => void): boolean {
    return this.run.tellsAtOnce(this.future, tell);
  }

  accountedFor(): void {
    this.place.scope.ledger.released(this.future);
  }
}
