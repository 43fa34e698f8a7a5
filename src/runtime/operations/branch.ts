import { type BranchNotes, branchNotes, encodeBranchNotes, NO_NOTES } from '../../batch/branch-notes.js';
import type { CancelledError } from '../../errors/errors.js';
import { isCancelledError } from '../../errors/is-cancelled.js';
import type { OperationRecord } from '../../model/records.js';
import type { EndStatus } from '../../model/statuses.js';
import { type BodyEnd, recordedEnd, runBody } from '../body-end.js';
import { plainError } from '../notices/plain-value.js';
import type { Scope } from '../scopes/scope.js';
import { type EndedBranch, Operation, type OperationInit } from './operation.js';

/** What a branch needs of the batch it belongs to. */
interface BranchOwner {
  readonly detached: boolean;
  /** Runs the body of a branch. */
  runBranch(index: number): unknown;
  /** It has an outcome, which is not durable yet. Returns whether anybody asks for that. */
  branchConcluded(branch: Branch, status: EndStatus, text: string): boolean;
  /** Its outcome is delivered. Returns whether that resumed code. */
  branchDelivered(branch: Branch, record: OperationRecord): boolean;
}

interface BranchInit extends OperationInit {
  readonly batch: BranchOwner;
  readonly index: number;
  /** Whether an earlier execution has begun it. */
  readonly again: boolean;
}

/**
 * One branch of a batch: a body in a scope of its own, and its outcome, which is all that is recorded of it.
 *
 * States: running → ended (its body has) → concluded (its outcome is on its way to the journal) → delivered; or cancelled, before it is concluded.
 *
 *   BR1  A branch whose outcome is recorded does not run its body again, unless the replay is whole; then what the body comes to changes nothing.
 *   BR2  Nothing that it has started outlives its conclusion, but for what was detached.
 *   BR3  What it, or a branch within, may have taken delivery of is noted when it is concluded, and goes by that from then on, whether bodies are run
 *       again or not.
 */
export class Branch extends Operation implements EndedBranch {
  readonly index: number;
  #scope: Scope | undefined;
  readonly #batch: BranchOwner;
  #notes: BranchNotes = NO_NOTES;
  readonly #again: boolean;
  #bodyEnd: BodyEnd | undefined;
  #cancelled: CancelledError | undefined;
  #toldOfCancellation = false;

  constructor(init: BranchInit) {
    super(init);
    this.#batch = init.batch;
    this.index = init.index;
    this.#again = init.again;
  }

  /** It has no entry before its outcome. */
  protected override get announcedBefore(): boolean {
    return this.#again || super.announcedBefore;
  }

  override adopt(recorded: OperationRecord): void {
    super.adopt(recorded);
    this.#notes = branchNotes(recorded);
  }

  /** Runs the body, if it is to be run. */
  override begin(): void {
    this.#takeNotes();
    if (!this.runs) return;
    const { kind, run } = this.place;
    runBody({ kind, run, scope: this.scope, shielded: false }, this);
  }

  /** Made when it is asked for: a branch whose body is not run again needs none. */
  get scope(): Scope {
    this.#scope ??= this.place.scope.inner(this.entry.id, this.entry.name);
    return this.#scope;
  }

  override get detached(): boolean {
    return this.#batch.detached;
  }

  /** Whether its body is run in this process. */
  get runs(): boolean {
    return !(this.recovered && this.run.skipsBranches);
  }

  get awaited(): boolean {
    return !this.stopped && !this.recovered;
  }

  override get standsStill(): boolean {
    return this.runs && !this.stopped && this.#bodyEnd === undefined && this.scope.idle;
  }

  callBody(): unknown {
    return this.#batch.runBranch(this.index);
  }

  /** Its body has come to its end, or was given up. */
  bodyEnded(end: BodyEnd): void {
    if (this.#bodyEnd !== undefined) return;
    this.#bodyEnd = end;
    this.run.branchEnded(this);
  }

  conclude(leakFailure: Error | undefined): void {
    if (this.stopped) {
      this.run.forget(this);
      this.#tellOfCancellation();
    }
    if (this.awaited && !this.#record(leakFailure)) this.#warnOfFailure('failed when its batch was complete already');
    else this.tellOfFailure();
  }

  tellOfFailure(): void {
    if (this.stopped) this.#warnOfFailure('was cancelled, and failed while it came to its end');
  }

  override deliver(record: OperationRecord): boolean {
    return this.#batch.branchDelivered(this, record);
  }

  override cancelWith(error: CancelledError): boolean {
    if (this.stopped) return false;
    this.#cancelled = error;
    this.leave(error);
    return this.scope.cancel(error);
  }

  override end(reason: CancelledError): void {
    this.run.forget(this);
    this.leave(reason);
    this.scope.close(() => reason);
    this.scope.handOver();
    this.#cancelled ??= reason;
    this.#tellOfCancellation();
  }

  /** One that was told may have been left with what it has started in shields: its body comes to no end. */
  override runsCode(shielded: boolean): boolean {
    return this.stopped ? shielded && this.scope.runsCode : shielded || !this.place.shielded;
  }

  override windUp(error: CancelledError): boolean {
    return this.stopped ? this.scope.windUp(error) : this.cancelWith(error);
  }

  /** Its entry in the journal is its outcome. */
  protected dispatch(): void {}

  /** What runs in it is pending in its scope. */
  protected release(): void {}

  /** Makes what the body came to the outcome. Returns whether anybody asks for it. */
  #record(leakFailure: Error | undefined): boolean {
    const { status, text } = recordedEnd(this.#bodyEnd as BodyEnd, leakFailure, this.codec, () => this.scope.what);
    this.#notes = { observed: this.scope.observedOutside() };
    this.entry.input = encodeBranchNotes(this.#notes);
    const wanted = this.#batch.branchConcluded(this, status, text);
    if (wanted) this.#takeNotes();
    return wanted;
  }

  /** Nothing is recorded of that: the journal goes by the batch. */
  #tellOfCancellation(): void {
    const reason = this.#cancelled;
    if (this.#toldOfCancellation || reason === undefined || !this.begun || this.entry.seq !== null) return;
    this.#toldOfCancellation = true;
    this.run.whenCurrent(() => this.run.notices.operationCancelled(this.entry, reason)?.());
  }

  #warnOfFailure(how: string): void {
    const end = this.#bodyEnd as BodyEnd;
    if (end.ok || isCancelledError(end.error)) return;
    const { services, id: runId } = this.run;
    const error = plainError(end.error);
    services.logger.warn(`${this.scope.what} ${how}: ${error.message}`, { runId, operationId: this.entry.id, error });
  }

  #takeNotes(): void {
    for (const id of this.#notes.observed) this.place.scope.observe(id);
  }
}
