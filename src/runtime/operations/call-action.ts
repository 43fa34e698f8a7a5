import type { Codec } from '../../codec/codec.js';
import { valueUnreadable } from '../../errors/value-unreadable.js';
import { cancellation } from '../../futures/cancellation.js';
import { type AttemptNotes, encodeAttempts, finalAttempts } from '../../journal/attempt-notes.js';
import { type Entry, newEntry } from '../../journal/entry.js';
import type { OutcomeOwner } from '../../journal/journal-writer.js';
import { operationId, ROOT_SCOPE } from '../../journal/numbering.js';
import { whatIs } from '../../model/named.js';
import type { InboxMessage, OperationRecord, RunRecord } from '../../model/records.js';
import type { EndStatus } from '../../model/statuses.js';
import { mergedOptions } from '../../options/read-options.js';
import { type AttemptedCall, AttemptLoop } from '../attempts/attempt-loop.js';
import { detachedDefinition } from '../attempts/detached.js';
import type { ActionDefinition, AttemptPolicy } from '../definitions.js';
import { newRun } from '../identity/new-run.js';
import { type ReadMessage, readMessage } from '../messages/messages.js';
import { plainError } from '../notices/plain-value.js';
import { RunNotices } from '../notices/run-notices.js';
import { keptText } from '../outcomes/kept-error.js';
import { readable } from '../outcomes/unreadable.js';
import { type Rest, STAYS } from '../resting.js';
import type { Resident, RunServices, Turns } from '../run-ports.js';
import { Operation, type OperationInit } from './operation.js';

/** What a detached action has become: a run, and the entry of the one operation in it. */
interface Carrier {
  readonly record: RunRecord;
  readonly entry: Entry;
}

/**
 * A call of an action: its body runs in the background, and its outcome is checkpointed.
 *
 * Detached, it outlives its run as a run of its own, which recovery can pick up like any other; in this process the attempts just go on.
 */
export class CallAction extends Operation implements OutcomeOwner, Resident, AttemptedCall {
  readonly policy: AttemptPolicy;
  readonly scheduleLimit: string = 'scheduleTimeout';
  readonly #definition: ActionDefinition;
  /** What the call said of its attempts. */
  readonly #givenPolicy: AttemptPolicy | undefined;
  /** Made when it is dispatched, as what is recorded needs none, until they are over. */
  #attempts: AttemptLoop | undefined;
  #carrier: Carrier | undefined;

  /** @param said - What the call says of its attempts; the rest is as the action has it. */
  constructor(init: OperationInit, definition: ActionDefinition, said: AttemptPolicy | undefined) {
    super(init);
    this.#definition = definition;
    this.#givenPolicy = said;
    this.policy = said === undefined ? definition.policy : mergedOptions(definition.policy, said);
  }

  // What is tried.

  get services(): RunServices {
    return this.run.services;
  }

  get turns(): Turns {
    return this.run.turns;
  }

  get runId(): string {
    return this.run.id;
  }

  get operationId(): string {
    return this.entry.id;
  }

  get flow(): string {
    return this.run.flow;
  }

  get name(): string {
    return this.entry.name;
  }

  get action(): string {
    return this.#definition.name;
  }

  get concurrency(): number | undefined {
    return this.#definition.concurrency;
  }

  get startedAtMs(): number {
    return this.entry.startedAt;
  }

  get idempotencyKey(): string {
    return this.run.ids.idempotencyKey(this.entry.id);
  }

  readArguments(_notes: AttemptNotes): readonly unknown[] {
    return this.codec.decodeArguments(this.entry.input as string);
  }

  call(args: readonly unknown[]): unknown {
    return this.services.bodyOf(this.#definition)(...args);
  }

  override unreadable(what: string, error: unknown): void {
    if (this.#carrier === undefined) super.unreadable(what, error);
    else this.#blockCarrier(this.#carrier, `${what} of ${whatIs(this.entry)}`, error);
  }

  note(notes: AttemptNotes, committed?: () => void): void {
    const entry = this.#carrier?.entry ?? this.entry;
    entry.attempts = encodeAttempts(notes);
    this.run.writer.entry(entry, committed);
  }

  encode(value: unknown): string {
    const codec = this.#carrier === undefined ? this.codec : this.#carrierCodec();
    return codec.encode(value, () => `the result of action "${this.name}" (run ${this.runId}, operation ${this.operationId})`);
  }

  succeeded(text: string, notes: AttemptNotes): void {
    if (!this.stopped) this.#settle('SUCCEEDED', text, notes);
  }

  failed(error: unknown, notes: AttemptNotes): void {
    if (!this.stopped) this.#settle('FAILED', this.codec.encodeError(error), notes);
  }

  // What its run asks for.

  protected dispatch(): void {
    this.write();
    this.#attempts = new AttemptLoop(this);
    this.#attempts.begin(this.entry.attempts);
  }

  override get rest(): Rest {
    return this.#attempts?.rest ?? STAYS;
  }

  protected release(reason: Error): void {
    this.#attempts?.stop(reason);
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
    // A worker that takes the run over knows the action by its name, and neither the serdes nor the strategy of this call.
    const codec = this.#carrierCodec();
    const args = readable(this, 'the arguments', () => this.codec.decodeArguments(entry.input as string));
    if (args === undefined) return;
    let input: string;
    let digest: string;
    try {
      input = codec.encode(args, () => `the arguments of detached action "${entry.name}" (run ${run.id}, operation ${entry.id})`, 'Pass');
      digest = codec.digest(args, input);
    } catch (error) {
      run.services.logger.error(`${plainError(error).message} The action cannot outlive its run and is stopped.`, {
        runId: run.id,
        operationId: entry.id,
      });
      this.stop(error as Error);
      return;
    }
    const record = newRun(run.services, {
      id: run.ids.childRun(entry.id),
      definition: detachedDefinition(this.#definition),
      input,
      digest,
      idempotencyKey: run.ids.idempotencyKey(entry.id),
      attempts: this.#givenPolicy && storable(this.#givenPolicy),
      parent: { runId: run.id, operationId: entry.id },
    });
    run.others.adopt(record.id, this);
    run.writer.create({ run: record }, () => {});
    this.#carry(record);
    entry.childRunId = record.id;
    this.write();
  }

  /** What is noted of its attempts from now on belongs to the run that it has become, as the carrying flow asks for it. */
  #carry(record: RunRecord): void {
    const { startedAt, attempts } = this.entry;
    const [id, { input, digest }] = [operationId(ROOT_SCOPE, 0), record];
    const entry = newEntry({ runId: record.id, id, kind: 'action', name: this.#definition.name, digest, input, startedAt });
    this.#carrier = { record, entry };
    entry.attempts = attempts;
    this.run.writer.entry(entry);
  }

  /** A cancel request for the run that it has become. */
  receive(message: InboxMessage): boolean {
    const carrier = this.#carrier as Carrier;
    const { record } = carrier;
    let request: ReadMessage;
    try {
      request = readMessage(message, record);
    } catch (error) {
      this.#blockCarrier(carrier, `message ${message.id} in the inbox`, error);
      return false;
    }
    if (request.kind !== 'cancel' || !request.meant || this.stopped) return true;
    const error = cancellation(`detached action "${this.entry.name}" (run ${record.id})`, request.reason);
    this.#endCarrier(carrier, 'CANCELLED', this.codec.encodeError(error));
    this.stop(error);
    return true;
  }

  /** What the run that it becomes is written and read with. */
  #carrierCodec(): Codec {
    return this.services.codec.withSerdes(this.#definition.serdes);
  }

  #settle(status: Exclude<EndStatus, 'CANCELLED'>, text: string, notes: AttemptNotes): void {
    // They are over, and many calls may wait for their turns with their outcomes.
    this.#attempts = undefined;
    const entry = this.#carrier?.entry ?? this.entry;
    entry.attempts = finalAttempts(notes, status === 'FAILED' ? keptText(text, this.codec) : null);
    if (this.#carrier === undefined) this.run.recorder.offer(this, status, text);
    else this.#endCarrier(this.#carrier, status, text);
  }

  /** The run that it has become is blocked. */
  #blockCarrier({ record }: Carrier, what: string, cause: unknown): void {
    if (this.stopped) return;
    const error = valueUnreadable(record.id, `${what} of flow "${record.flow}" (run ${record.id})`, cause);
    this.stop(error);
    const notices = new RunNotices(record, this.run);
    this.run.life.block(record.id, { code: 'VALUE_UNREADABLE', reason: this.codec.encodeError(error) }, () =>
      notices.blocked('VALUE_UNREADABLE', error),
    );
  }

  /** Nothing waits for it: its run's end says the same. */
  outcomeCommitted(): void {}

  /** The one operation of the run that it has become, and the run itself, come to their ends. */
  #endCarrier({ record, entry }: Carrier, status: EndStatus, outcome: string): void {
    const { writer, life } = this.run;
    Object.assign(entry, { status, outcome, seq: 1 });
    writer.outcome(entry, this);
    life.end(record.id, { status, outcome });
  }
}

/** What a store can keep of a policy: a strategy is code. `undefined` when that is nothing. */
function storable({ retry: _code, ...limits }: AttemptPolicy): AttemptPolicy | undefined {
  return Object.keys(limits).length === 0 ? undefined : limits;
}
