import type { Codec } from '../../codec/codec.js';
import { cancellation } from '../../futures/future.js';
import { childRunId } from '../../journal/numbering.js';
import { whatIs } from '../../model/named.js';
import type { InboxMessage, OperationRecord, RunRecord } from '../../model/records.js';
import type { EndStatus } from '../../model/statuses.js';
import { Attempt } from '../attempts.js';
import { readCancel } from '../cancel-message.js';
import { runAt } from '../current-scope.js';
import type { ActionDefinition } from '../definitions.js';
import { detachedDefinition } from '../detached.js';
import { plainError } from '../events.js';
import type { Resident } from '../host.js';
import { newRun } from '../new-run.js';
import { Operation, type OperationInit } from './operation.js';

/**
 * A call of an action: its body runs in the background, and its outcome is checkpointed.
 *
 * Detached, it outlives its run as a run of its own, which recovery can pick up like any other; in this process the attempt just goes on.
 */
export class CallAction extends Operation implements Resident {
  readonly #definition: ActionDefinition;
  #attempt: Attempt | undefined;
  #detachedRun: RunRecord | undefined;

  constructor(init: OperationInit, definition: ActionDefinition) {
    super(init);
    this.#definition = definition;
  }

  protected dispatch(): void {
    this.write();
    const { id: runId, flow, host } = this.run;
    const operationId = this.entry.id;
    this.#attempt = new Attempt({
      host,
      name: this.entry.name,
      flow,
      runId,
      operationId,
      attempt: 1,
      idempotencyKey: this.run.idempotencyKey(operationId),
    });
    const attemptEnded = host.attemptBegun();
    runAt(this.#attempt, () => this.#call()).then(
      (value) => {
        attemptEnded();
        this.#succeeded(value);
      },
      (error: unknown) => {
        attemptEnded();
        this.#failed(error);
      },
    );
  }

  protected release(reason: Error): void {
    this.#attempt?.abort(reason);
  }

  override adopt(recorded: OperationRecord): void {
    super.adopt(recorded);
    if (recorded.childRunId !== null) this.leave(cancellation(whatIs(recorded), 'it goes on as a run of its own'));
  }

  override get outlives(): boolean {
    return this.detached;
  }

  override outlive(): void {
    const { entry, run } = this;
    run.forget(this);
    if (entry.seq !== null || this.stopped) return;
    const { host } = run;
    // Whoever takes the run over knows the action by its name, and no serdes of this call.
    const codec = this.#carrierCodec();
    const args = this.codec.decode(entry.input as string);
    let input: string;
    try {
      input = codec.encode(args, () => `the arguments of detached action "${entry.name}" (run ${run.id}, operation ${entry.id})`);
    } catch (error) {
      host.logger.error(`${plainError(error).message} The action cannot outlive its run and is stopped.`, {
        runId: run.id,
        operationId: entry.id,
      });
      this.stop(error as Error);
      return;
    }
    const record = newRun(host, {
      id: childRunId(run.id, entry.id),
      definition: detachedDefinition(this.#definition),
      input,
      digest: codec.digest(args, input),
      idempotencyKey: run.idempotencyKey(entry.id),
      parent: { runId: run.id, operationId: entry.id },
    });
    this.#detachedRun = record;
    host.adopt(record.id, this);
    host.group.create(record, () => {});
    entry.childRunId = record.id;
    this.write();
  }

  /** A cancel request for the run that it has become. */
  receive(message: InboxMessage): boolean {
    const record = this.#detachedRun as RunRecord;
    const request = readCancel(message, record);
    if (request === undefined || this.stopped) return true;
    const error = cancellation(`detached action "${this.entry.name}" (run ${record.id})`, request.reason);
    this.#settle('CANCELLED', this.codec.encodeError(error));
    this.stop(error);
    return true;
  }

  /** What the run that it becomes is written and read with. */
  #carrierCodec(): Codec {
    return this.run.host.codec.withSerdes(this.#definition.serdes);
  }

  async #call(): Promise<unknown> {
    const args = this.codec.decode(this.entry.input as string) as unknown[];
    return this.run.host.bodyOf(this.#definition)(...args);
  }

  #succeeded(value: unknown): void {
    if (this.stopped) return;
    let text: string;
    try {
      text = (this.#detachedRun === undefined ? this.codec : this.#carrierCodec()).encode(
        value,
        () => `the result of action "${this.entry.name}" (run ${this.entry.runId}, operation ${this.entry.id})`,
      );
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#settle('SUCCEEDED', text);
  }

  #failed(error: unknown): void {
    if (this.stopped) return;
    const { events } = this.run.host;
    if (events.wants('attempt:failed')) events.emit('attempt:failed', { ...this.event(), attempt: 1, error: plainError(error) });
    this.#settle('FAILED', this.codec.encodeError(error));
  }

  #settle(status: EndStatus, text: string): void {
    if (this.#detachedRun === undefined) {
      this.run.complete(this, status, text);
      return;
    }
    const { id: runId } = this.#detachedRun;
    this.run.host.end(runId, { status, outcome: text });
  }
}
