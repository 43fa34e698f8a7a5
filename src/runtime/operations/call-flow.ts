import { cancellation } from '../../futures/future.js';
import type { RunRecord } from '../../model/records.js';
import { isEnded } from '../../model/statuses.js';
import { cancelMessage } from '../cancel-message.js';
import type { FlowDefinition, LeakPolicy } from '../definitions.js';
import type { EndOfRun } from '../host.js';
import { newRun } from '../new-run.js';
import { runIdTaken } from '../run-id-taken.js';
import { Operation, type OperationInit } from './operation.js';

interface ChildInit {
  readonly definition: FlowDefinition;
  readonly leaks: LeakPolicy | undefined;
}

/** A child run: it has a journal, an owner and a life of its own; this operation follows it to its end. */
export class CallFlow extends Operation {
  readonly #child: ChildInit;
  #unfollow: (() => void) | undefined;

  constructor(init: OperationInit, child: ChildInit) {
    super(init);
    this.#child = child;
    this.entry.childRunId = this.future.id;
  }

  protected dispatch(): void {
    const { run, entry } = this;
    const record = newRun(run.host, {
      id: entry.childRunId as string,
      definition: this.#child.definition,
      input: entry.input as string,
      digest: entry.digest,
      leaks: this.#child.leaks,
      parent: { runId: run.id, operationId: entry.id },
    });
    run.host.group.create(record, (taken) => this.#created(record, taken));
    this.write();
  }

  /** Asks the child to cancel itself: its outcome comes when it has. */
  override requestCancel(reason: string | undefined): void {
    this.#send(reason === undefined ? {} : { reason });
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

  /** A run of its own already. */
  override outlive(): void {
    this.run.forget(this);
    this.leave(cancellation(`the wait for run ${this.entry.childRunId}`, 'its scope has ended'));
  }

  protected release(): void {
    this.#unfollow?.();
  }

  #created(record: RunRecord, taken: RunRecord | undefined): void {
    const { host } = this.run;
    if (taken === undefined) host.begin(record);
    if (this.stopped) return;
    const error = taken && runIdTaken(record, taken, this.codec);
    if (error !== undefined) {
      this.run.complete(this, 'FAILED', this.codec.encodeError(error));
    } else if (taken !== undefined && isEnded(taken.status)) {
      this.#ended({ status: taken.status, outcome: taken.outcome as string });
    } else {
      this.#unfollow = host.follow(record.id, (end) => this.#ended(end));
    }
  }

  #ended(end: EndOfRun): void {
    this.run.complete(this, end.status, end.outcome);
  }

  #send(payload: Parameters<typeof cancelMessage>[1]): void {
    this.run.host.send(cancelMessage(this.entry.childRunId as string, payload));
  }
}
