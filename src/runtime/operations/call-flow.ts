import type { PerdureError } from '../../errors/errors.js';
import { cancellation } from '../../futures/cancellation.js';
import { type AttemptNotes, decodeAttempts, encodeAttempts, finalAttempts, withFailure } from '../../journal/attempt-notes.js';
import { attemptRunId, isReservedId } from '../../journal/numbering.js';
import { whatIs } from '../../model/named.js';
import type { OperationRecord, RunRecord } from '../../model/records.js';
import { isEnded } from '../../model/statuses.js';
import { reportFailedAttempt } from '../attempts/attempt-report.js';
import { decideRetry, mostAttempts, type RetryStrategy } from '../attempts/retry-strategy.js';
import type { FlowDefinition, LeakPolicy } from '../definitions.js';
import { newRun } from '../identity/new-run.js';
import { madeIdTaken, reservedId, runGone } from '../identity/run-id-errors.js';
import { runIdTaken } from '../identity/run-id-taken.js';
import { cancelMessage } from '../messages/messages.js';
import { keptText } from '../outcomes/kept-error.js';
import { readable } from '../outcomes/unreadable.js';
import { LISTENS, type Rest, restsUntil, STAYS } from '../resting.js';
import type { EndOfRun } from '../run-ports.js';
import { Operation, type OperationInit } from './operation.js';

interface ChildInit {
  readonly definition: FlowDefinition;
  /** The id that the call gave to it; `undefined`: the engine makes one. */
  readonly givenId: string | undefined;
  readonly leaks: LeakPolicy | undefined;
  readonly timeoutMs: number | undefined;
  readonly retry: RetryStrategy | undefined;
}

/**
 * A child run: it has a journal, an owner and a life of its own; this operation follows it to its end.
 *
 * Where it is retried, each attempt is a run of its own: the first has the id of the operation, the others are numbered.
 *
 *   CF1  The operation and the creation of its run are recorded together. So a recorded attempt has its run; it is joined, and never created again:
 *        a run that is gone has ended, and may have done its work.
 *   CF2  A run under an id that the engine made is the child only if this operation started it.
 */
export class CallFlow extends Operation {
  readonly #child: ChildInit;
  #beganAt = 0;
  /** Calls off what it waits for: the child's end, or the time of the next attempt. */
  #callOff: (() => void) | undefined;
  #backingOff = false;
  /** Whether the run is the child of another run, or of none: its end tells its own parent only. */
  #attached = false;
  /** What is asked to cancel itself is not begun again. */
  #cancelRequested = false;

  constructor(init: OperationInit, child: ChildInit) {
    super(init);
    this.#child = child;
    this.entry.childRunId = child.givenId ?? init.run.ids.childRun(init.id);
  }

  /** The run that was recorded, whatever form its id has. */
  override adopt(recorded: OperationRecord): void {
    super.adopt(recorded);
    this.entry.childRunId = recorded.childRunId;
  }

  protected dispatch(): void {
    const { nextAt } = this.#notes;
    if (nextAt !== undefined) this.#waitUntil(nextAt);
    else if (this.recovered) this.#join();
    else if (isReservedId(this.#child.givenId ?? '')) this.#joinReserved();
    else this.#begin();
  }

  /** Asks the child to cancel itself: its outcome comes when it has. */
  override requestCancel(reason: string | undefined): void {
    this.#cancelRequested = true;
    if (!this.#backingOff) {
      this.#send(reason === undefined ? {} : { reason });
      return;
    }
    this.#callOff?.();
    this.run.recorder.offer(this, 'CANCELLED', this.codec.encodeError(cancellation(whatIs(this.entry), reason)));
  }

  override get cancelsAtOnce(): boolean {
    return false;
  }

  override stop(reason: Error): void {
    super.stop(reason);
    if (!this.written || this.detached) return;
    this.run.whenCurrent(() => this.#send({ reason: reason.message, parentRunId: this.run.id, parentOperationId: this.entry.id }));
  }

  override get outlives(): boolean {
    return this.detached;
  }

  /** Noted, so that others can see that its run does not wait for it. */
  override detach(): void {
    super.detach();
    if (this.#notes.detached === true) return;
    this.entry.attempts = encodeAttempts({ ...this.#notes, detached: true });
    this.run.whenCurrent(() => {
      if (this.pending && this.entry.seq === null) this.write();
    });
  }

  /** A run of its own already. */
  override outlive(): void {
    this.run.forget(this);
    this.leave(cancellation(`the wait for run ${this.#runId}`, 'its scope has ended'));
  }

  /** A child that is executed here keeps its parent here; one that rests, or is elsewhere, wakes it by its end. */
  override get rest(): Rest {
    if (this.#callOff === undefined) return STAYS;
    if (this.#backingOff) return restsUntil(this.#notes.nextAt as number);
    return this.#attached || this.run.others.isResident(this.#runId) ? STAYS : LISTENS;
  }

  override get awaitedRunId(): string | undefined {
    return this.#backingOff ? undefined : this.#runId;
  }

  protected release(): void {
    this.#callOff?.();
  }

  get #notes(): AttemptNotes {
    return decodeAttempts(this.entry.attempts);
  }

  get #runId(): string {
    return attemptRunId(this.entry.childRunId as string, this.#notes.failures + 1);
  }

  /** Creates the run of the next attempt. */
  #begin(): void {
    const { run, entry } = this;
    const { definition, leaks, timeoutMs } = this.#child;
    this.#backingOff = false;
    this.#beganAt = run.services.clock.now();
    const record = newRun(run.services, {
      id: this.#runId,
      definition,
      input: entry.input as string,
      digest: entry.digest,
      leaks,
      timeoutMs,
      parent: { runId: run.id, operationId: entry.id },
    });
    run.writer.create({ run: record }, (taken) => {
      if (taken === undefined) run.others.begin(record);
      this.#follow(taken ?? record);
    });
    this.write();
  }

  /** Follows the run that an earlier execution created or attached to (CF1). */
  #join(): void {
    this.#beganAt = this.entry.startedAt;
    this.run.others.find(this.#runId, (found) => {
      if (found === undefined) this.#fail(runGone(this.#runId, whatIs(this.entry)));
      else this.#follow(found);
    });
  }

  /** An id that the engine may have made names a run that exists, or nothing. */
  #joinReserved(): void {
    this.#beganAt = this.entry.startedAt;
    this.run.others.find(this.#runId, (found) => {
      if (found === undefined) {
        this.#fail(reservedId(this.#runId, whatIs(this.entry)));
        return;
      }
      if (!this.stopped) this.write();
      this.#follow(found);
    });
  }

  /** Waits for the run's end, if the run is the one that was asked for. */
  #follow(found: RunRecord): void {
    if (this.stopped) return;
    const { run, entry, codec } = this;
    const wanted = { id: found.id, flow: this.#child.definition.name, digest: entry.digest, input: entry.input as string };
    const owned = found.parentRunId === run.id;
    this.#attached = !owned;
    const started = owned && found.parentOperationId === entry.id;
    // It may be the one, and its row may be damaged: that will be known once it goes on.
    const unknown = this.recovered && found.blockedCode === 'VALUE_UNREADABLE';
    let error: PerdureError | undefined;
    if (!started && !unknown) error = this.#isMade ? madeIdTaken(wanted, found) : runIdTaken(wanted, found, codec);
    if (error?.code === 'VALUE_UNREADABLE') this.unreadable('the id', error);
    else if (error !== undefined) this.#fail(error);
    else if (isEnded(found.status)) this.#ended({ status: found.status, outcome: found.outcome as string });
    else this.#followOn(found.id);
  }

  #followOn(runId: string): void {
    const { others, id } = this.run;
    if (this.#attached) others.attached(id, runId);
    this.#callOff = others.follow(runId, (end) => this.#endedOrGone(end));
  }

  /** Whether the engine made the id of the attempt's run. */
  get #isMade(): boolean {
    return this.#child.givenId === undefined || this.#runId !== this.entry.childRunId;
  }

  #endedOrGone(end: EndOfRun | undefined): boolean {
    if (end === undefined) this.#fail(runGone(this.#runId, whatIs(this.entry)));
    else this.#ended(end);
    return !this.detached || this.future.attended;
  }

  /** No run of this attempt can be waited for. */
  #fail(error: PerdureError): void {
    if (!this.stopped) this.run.recorder.offer(this, 'FAILED', this.codec.encodeError(error));
  }

  #ended({ status, outcome }: EndOfRun): void {
    const { entry, run, codec } = this;
    const before = this.#notes;
    if (status !== 'FAILED') {
      entry.attempts = finalAttempts(before, null);
      run.recorder.offer(this, status, outcome);
      return;
    }
    const failedAt = run.services.clock.now();
    const attempt = before.failures + 1;
    const error = readable(this, 'the error', () => codec.decodeError(outcome));
    if (error === undefined) return;
    const notes = withFailure(before, { attempt, error: keptText(outcome, codec), startedAt: this.#beganAt, failedAt });
    const strategy = this.#cancelRequested ? undefined : (this.#child.retry ?? this.#child.definition.retry);
    const next = decideRetry({
      strategy,
      error,
      attempt,
      what: whatIs(entry),
      names: { runId: run.id, flow: run.flow, operationId: entry.id },
      logger: run.services.logger,
    });
    const nextAt = next && failedAt + next.delayMs;
    if (strategy !== undefined) {
      const { runId, id: operationId, name } = entry;
      const report = { runId, flow: run.flow, operationId, kind: 'flow', name, attempt, error, nextAt } as const;
      reportFailedAttempt(run.services, { ...report, maxAttempts: mostAttempts(strategy) });
    }
    if (next !== undefined && nextAt !== undefined) {
      entry.attempts = encodeAttempts({ ...notes, nextAt, maxAttempts: next.maxAttempts });
      this.write();
      this.#waitUntil(nextAt);
      return;
    }
    entry.attempts = finalAttempts(notes, keptText(outcome, codec));
    run.recorder.offer(this, status, outcome);
  }

  #waitUntil(nextAt: number): void {
    this.#backingOff = true;
    this.#callOff = this.run.turns.setAlarm(this.run.id, nextAt, () => {
      this.entry.attempts = encodeAttempts({ ...this.#notes, nextAt: undefined });
      this.#begin();
    });
  }

  #send(payload: Parameters<typeof cancelMessage>[1]): void {
    this.run.others.send(cancelMessage(this.#runId, payload));
  }
}
