import { type BatchDecision, decidedResult, encodeItems } from '../../batch/batch-decision.js';
import { splitBatchInput } from '../../batch/batch-input.js';
import { type BatchProgress, endsANote, progressOf } from '../../batch/batch-progress.js';
import { type BatchResult, readBatchResult } from '../../batch/batch-result.js';
import type { BatchSettings } from '../../batch/batch-settings.js';
import { reasonToComplete } from '../../batch/completion-policy.js';
import { recordedSettings } from '../../batch/recorded-policy.js';
import { inCleanContext } from '../../clock/clean-context.js';
import { type CancelledError, UsageError } from '../../errors/errors.js';
import { cancellation } from '../../futures/cancellation.js';
import { encodeProgress } from '../../journal/attempt-notes.js';
import { operationId } from '../../journal/numbering.js';
import { ignoreRejection } from '../../model/ignored-rejection.js';
import { whatIs } from '../../model/named.js';
import type { OperationRecord } from '../../model/records.js';
import type { BatchItemStatus, CompletionReason, EndStatus } from '../../model/statuses.js';
import { readable } from '../outcomes/unreadable.js';
import { Branch } from './branch.js';
import { type BeginningBatch, Operation, type OperationInit } from './operation.js';

/** What the branches of a batch are. */
export interface BatchShape {
  /** What is recorded of them, and what the batch is recognised by. */
  readonly content: string;
  readonly digest: string;
  readonly total: number;
  /** Whether what was recorded stands for the same branches. */
  isSame(content: string): boolean;
  /** What the branches are found by in the result, where that is not their names. */
  readonly keys?: readonly string[] | undefined;
  nameOf(index: number): string;
  /** Runs the body of a branch. */
  run(index: number): unknown;
}

interface BatchInit extends OperationInit {
  readonly shape: BatchShape;
  readonly settings: BatchSettings;
}

/** Branches that begin in one turn. */
const BEGUN_A_TURN = 256;

/** Results beyond this are given to `summaryGenerator`: characters of the encoded values. */
const LARGE_RESULT = 256 * 1024;

interface Ended {
  readonly status: EndStatus;
  readonly text: string;
}

/**
 * A `parallel` or `map`: runs branches, so many at once, until its policy says that it is complete.
 *
 * Owns: which branches run, the counts, the decision. Does not own: what happens inside a branch.
 *
 * States: running → decided (the decision is on its way to the journal) → delivered; or cancelled.
 *
 *   BA1  Branches begin in index order: at first as many as may run at once, in as many turns as that takes, before anything is delivered; then one
 *       whenever an outcome of a branch is delivered.
 *   BA2  The decision is made when a branch is concluded, by it and those concluded before, and handed to the same commit: its place in the order is right
 *       behind that branch, and no branch begins between the two. It is never made again. If it cannot be made, that branch is not concluded either.
 *   BA3  How many branches had begun follows from how many were concluded (BA1), so it does not depend on what had been delivered by then.
 *   BA4  The result is made of the decision and the outcomes of the branches, however large it is.
 *   BA5  While it has no outcome its entry has a note of how many branches have ended. A commit that writes the note has just those outcomes, or they were
 *       durable before. Nothing goes by it but those who look: a replay counts anew.
 */
export class Batch extends Operation implements BeginningBatch {
  readonly #shape: BatchShape;
  #settings: BatchSettings;
  readonly #running = new Set<Branch>();
  readonly #ended: (Ended | undefined)[] = [];
  #begun = 0;
  #succeeded = 0;
  #failed = 0;
  #size = 0;
  #decided = false;
  /** How many branches had ended when the progress was noted last. */
  #noted = 0;
  /** A note of a long entry is on its way: until it is written, another costs nothing. */
  #noteWaits = false;
  /** Of what is durable. */
  #deliveredSucceeded = 0;
  #deliveredFailed = 0;

  constructor(init: BatchInit) {
    super(init);
    this.#shape = init.shape;
    this.#settings = init.settings;
  }

  override sameInput(recorded: string): boolean {
    return this.#shape.isSame(splitBatchInput(recorded).content);
  }

  override adopt(recorded: OperationRecord): void {
    super.adopt(recorded);
    this.entry.input = recorded.input;
    this.#settings = recordedSettings(this.#settings, recorded.input as string);
    this.#decided = recorded.seq !== null;
  }

  override begin(): void {
    if (this.beginMore()) this.run.beginsMore(this);
  }

  beginMore(): boolean {
    this.#fill();
    return this.#mayBegin;
  }

  protected dispatch(): void {
    this.#note();
    const end = this.#shape.total === 0 ? this.#completion() : undefined;
    if (end !== undefined) this.#conclude(end);
  }

  override cancelWith(error: CancelledError): boolean {
    const resumed = this.#cancelRunning(error);
    return super.cancelWith(error) || resumed;
  }

  override end(reason: CancelledError): void {
    for (const branch of this.#running) branch.end(reason);
    this.#running.clear();
    this.entry.attempts = null;
    super.end(reason);
  }

  override runsCode(shielded: boolean): boolean {
    return shielded || !this.place.shielded;
  }

  override windUp(error: CancelledError): boolean {
    // To be told of this is not to take delivery of it.
    this.future.leak();
    return this.cancelWith(error);
  }

  protected release(): void {}

  /** Its branches begin before it is dispatched, and what they do may be recorded: so is the batch. */
  protected override get written(): boolean {
    return true;
  }

  // What its branches tell it.

  runBranch(index: number): unknown {
    return this.#shape.run(index);
  }

  branchConcluded(branch: Branch, status: EndStatus, text: string): boolean {
    if (this.#decided && this.#settings.unfinished === 'cancel') return false;
    if (this.#decided || this.stopped) {
      this.run.recorder.offer(branch, status, text);
      return true;
    }
    this.#count(branch.index, { status, text });
    const end = this.#completion();
    this.run.recorder.offer(branch, status, text);
    if (end !== undefined) this.#conclude(end);
    else if (this.#noteWaits || this.#succeeded + this.#failed >= this.#noted + this.#endsANote) this.#note();
    return true;
  }

  branchDelivered(branch: Branch, record: OperationRecord): boolean {
    this.#running.delete(branch);
    if (record.status === 'SUCCEEDED') this.#deliveredSucceeded += 1;
    else this.#deliveredFailed += 1;
    if (branch.recovered) this.#count(branch.index, { status: record.status as EndStatus, text: record.outcome as string });
    const decidedAt = this.entry.seq;
    // The batch's own outcome comes right behind that of the branch which decided it (BA2).
    if (this.stopped || (decidedAt !== null && (record.seq as number) >= decidedAt - 1)) return false;
    return this.#fill();
  }

  override get told(): OperationRecord {
    return { ...this.entry, attempts: encodeProgress(this.#progress(this.#deliveredSucceeded, this.#deliveredFailed)) };
  }

  override deliver(record: OperationRecord): boolean {
    const codec = { decode: (decision: string) => this.#decode(decision), decodeError: (error: string) => this.codec.decodeError(error) };
    const outcome = this.read(record, codec);
    if (outcome === undefined) return false;
    const rest = `the rest of ${whatIs(this.entry)}`;
    const resumed = this.#settings.unfinished === 'cancel' && this.#cancelRunning(cancellation(rest, 'it is complete', 'policy'));
    return this.future.settle(outcome) || resumed;
  }

  // Inner workings.

  /** Whether another branch may run at once. */
  get #mayBegin(): boolean {
    const { total } = this.#shape;
    const { maxConcurrency = total } = this.#settings;
    return !this.stopped && this.#begun < total && this.#running.size < maxConcurrency;
  }

  /** Begins branches while so many may run, and the turn has room. Returns whether that ran any code. */
  #fill(): boolean {
    let ran = false;
    for (let room = BEGUN_A_TURN; room > 0 && this.#mayBegin; room -= 1) {
      const index = this.#begun;
      this.#begun += 1;
      const branch = this.#branch(index);
      this.#running.add(branch);
      if (!this.run.register(branch)) return ran;
      if (branch.runs) ran = true;
      branch.begin();
    }
    return ran;
  }

  #branch(index: number): Branch {
    const { run, place, codec, entry } = this;
    return new Branch({
      run,
      place,
      codec,
      id: operationId(entry.id, index),
      kind: 'branch',
      name: this.#shape.nameOf(index),
      digest: '',
      input: null,
      batch: this,
      index,
      again: this.recovered && (this.#succeeded + this.#failed === 0 || this.run.replaying),
    });
  }

  #cancelRunning(error: CancelledError): boolean {
    let resumed = false;
    for (const branch of this.#running) if (branch.cancelWith(error)) resumed = true;
    this.#running.clear();
    return resumed;
  }

  #count(index: number, ended: Ended): void {
    this.#ended[index] = ended;
    this.#size += ended.text.length;
    if (ended.status === 'SUCCEEDED') this.#succeeded += 1;
    else this.#failed += 1;
  }

  #progress(succeeded: number, failed: number): BatchProgress {
    const { total } = this.#shape;
    const { maxConcurrency = total } = this.#settings;
    return progressOf(total, maxConcurrency, succeeded, failed);
  }

  /** Writes how far it has come: once a commit, however often it is called (BA5). */
  #note(): void {
    this.#noted = this.#succeeded + this.#failed;
    this.entry.attempts = encodeProgress(this.#progress(this.#succeeded, this.#failed));
    if (this.#noteWaits || this.#endsANote === 1) {
      this.write();
      return;
    }
    this.#noteWaits = true;
    this.write(() => {
      this.#noteWaits = false;
    });
  }

  get #endsANote(): number {
    return endsANote((this.entry.input as string).length);
  }

  /** What completes the batch, if there is a reason: its decision, or what is thrown in making it. */
  #completion(): Ended | undefined {
    try {
      const reason = this.#reason();
      const text = reason && this.#decision(reason);
      return text === undefined ? undefined : { status: 'SUCCEEDED', text };
    } catch (error) {
      return { status: 'FAILED', text: this.codec.encodeError(error) };
    }
  }

  #conclude(end: Ended): void {
    this.#decided = true;
    this.entry.attempts = null;
    this.run.recorder.offer(this, end.status, end.text);
  }

  #reason(): CompletionReason | undefined {
    return reasonToComplete(this.#settings.completion, {
      succeeded: this.#succeeded,
      failed: this.#failed,
      total: this.#shape.total,
      items: () => this.#statuses().map((status, index) => ({ index, name: this.#shape.nameOf(index), status })),
    });
  }

  /** What each branch is when the last of those that ended was concluded (BA3). */
  #statuses(): BatchItemStatus[] {
    const { total } = this.#shape;
    const { maxConcurrency = total } = this.#settings;
    const begun = Math.min(total, maxConcurrency + this.#succeeded + this.#failed - 1);
    return Array.from({ length: total }, (_, index): BatchItemStatus => {
      const ended = this.#ended[index];
      if (ended !== undefined) return ended.status as BatchItemStatus;
      return index < begun ? 'STARTED' : 'NOT_STARTED';
    });
  }

  /**
   * What is recorded of the completion; `undefined` when that takes the result, and an outcome in it cannot be read.
   *
   * @throws What `summaryGenerator` or the batch's serdes throws.
   */
  #decision(reason: CompletionReason): string | undefined {
    const { serdes, summaryGenerator } = this.#settings;
    let decision: BatchDecision = { reason, items: encodeItems(this.#statuses()) };
    if (summaryGenerator !== undefined && this.#size > LARGE_RESULT) {
      const result = this.#readResult(decision);
      if (result === undefined) return undefined;
      decision = { ...decision, summary: requireSummary(inCleanContext(summaryGenerator, result)) };
    }
    if (serdes !== undefined) {
      const result = this.#readResult(decision);
      if (result === undefined) return undefined;
      const { kind, name } = this.entry;
      const what = (): string => `the result of ${kind} "${name}" (run ${this.run.id})`;
      decision = { ...decision, result: this.codec.withSerdes(serdes).encode(result, what) };
    }
    return JSON.stringify(decision);
  }

  /** The result that a decision makes; `undefined` when an outcome in it cannot be read. */
  #readResult(decision: BatchDecision): BatchResult<unknown> | undefined {
    return readable(this, 'an outcome in the result', () => this.#result(decision));
  }

  #decode(text: string): BatchResult<unknown> {
    const decision = JSON.parse(text) as BatchDecision;
    const { serdes } = this.#settings;
    if (decision.result === undefined || serdes === undefined) return this.#result(decision);
    return readBatchResult(this.codec.withSerdes(serdes).decode(decision.result));
  }

  #result(decision: BatchDecision): BatchResult<unknown> {
    return decidedResult(decision, {
      codec: this.codec,
      keys: this.#shape.keys,
      nameOf: (index) => this.#shape.nameOf(index),
      outcomeOf: (index) => this.#ended[index]?.text as string,
    });
  }
}

function requireSummary(summary: unknown): string {
  if (typeof summary === 'string') return summary;
  ignoreRejection(summary);
  throw new UsageError('INVALID_OPTION', `summaryGenerator() must return a text, at once; it returned a ${typeof summary}`);
}
