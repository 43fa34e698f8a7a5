import { type CancelledError, TimeoutError } from '../../errors/errors.js';
import { isCancelledError } from '../../errors/is-cancelled.js';
import { cancellation } from '../../futures/cancellation.js';
import { type Entry, newEntry } from '../../journal/entry.js';
import { CANCEL_ENTRY_ID, messageEntryId } from '../../journal/numbering.js';
import { readEntry } from '../../journal/read-entry.js';
import { assertNever } from '../../model/assert-never.js';
import type { InboxMessage, OperationRecord, RunRecord } from '../../model/records.js';
import type { EndStatus } from '../../model/statuses.js';
import type { BodyEnd } from '../body-end.js';
import type { AwaitEvent, Callback } from '../operations/event.js';
import type { Operation } from '../operations/operation.js';
import type { OutcomeRecorder } from '../outcomes/outcome-recorder.js';
import type { OutcomeSource } from '../outcomes/outcome-source.js';
import type { PendingOperations } from '../pending-operations.js';
import type { RunServices, Turns } from '../run-ports.js';
import { callbackSecret, tokenOf } from './callback-token.js';
import { Mailbox } from './mailbox.js';
import { type CallbackPayload, type ReadMessage, readMessage } from './messages.js';

/** Why a run is cancelled: a reason, or its limit. */
type CancelRequest = string | null | { readonly timeoutMs: number };

/** What an inbox asks of its run. */
interface InboxRun {
  readonly services: RunServices;
  readonly turns: Turns;
  readonly notices: { readonly what: string };
  readonly recorder: Pick<OutcomeRecorder, 'record'>;
  /** Does something when the whole journal has been delivered: at once if it has. */
  whenCurrent(perform: () => void): void;
  /** Something cannot be read. */
  unreadable(what: string, error: unknown): void;
}

interface RunInboxInit {
  readonly run: InboxRun;
  readonly record: RunRecord;
  readonly timeoutMs: number | undefined;
  readonly outcomes: OutcomeSource;
  readonly pending: PendingOperations;
}

/**
 * What comes to a run from outside: requests to cancel it, its time-out, messages for its events, answers to its callbacks.
 *
 * Owns: whether it is to be cancelled, and messages that were not asked for. Does not own: their order (the journal gives it).
 *
 *   I1  Whatever comes in has an entry of its own before it has an effect; the first request to cancel the run counts.
 */
export class RunInbox {
  readonly #init: RunInboxInit;
  /** Messages for events that this process took in, until they are delivered. */
  #underWay: Map<string, OperationRecord> | undefined;
  #mailbox: Mailbox<Operation> | undefined;
  #cancelRequested: boolean;
  #cancelDelivered = false;
  /** The request to cancel the run that this process took in. */
  #cancelEntry: OperationRecord | undefined;
  /** The run's limit, once that has run out and been delivered. */
  #timedOutMs: number | undefined;
  #callOffLimit: (() => void) | undefined;

  constructor(init: RunInboxInit) {
    this.#init = init;
    this.#cancelRequested = init.outcomes.cancelRecorded;
  }

  /** The token of a callback of this run. */
  callbackToken(operationId: string): string {
    return tokenOf(this.#init.record, operationId);
  }

  get mailbox(): Mailbox<Operation> {
    this.#mailbox ??= new Mailbox();
    return this.#mailbox;
  }

  get cancelRequested(): boolean {
    return this.#cancelRequested;
  }

  /** When its limit runs out; `null` without one. */
  get dueAt(): number | null {
    const { record, timeoutMs } = this.#init;
    return timeoutMs === undefined || this.#cancelRequested ? null : record.createdAt + timeoutMs;
  }

  /** The run begins: its time is limited from its creation on. */
  arm(): void {
    const { run, record, timeoutMs } = this.#init;
    const { dueAt } = this;
    if (dueAt !== null)
      this.#callOffLimit = run.turns.setAlarm(record.id, dueAt, () => this.#takeCancel({ timeoutMs: timeoutMs as number }));
  }

  /** The run is over, here at least. */
  disarm(): void {
    this.#callOffLimit?.();
  }

  /** Returns whether the run has the message: one that cannot be read stays where it is, and blocks the run. */
  take(message: InboxMessage): boolean {
    const { run, record } = this.#init;
    let read: ReadMessage;
    try {
      read = readMessage(message, record);
    } catch (error) {
      run.unreadable(`message ${message.id} in the inbox`, error);
      return false;
    }
    this.#take(messageEntryId(message.id), read);
    return true;
  }

  #take(id: string, message: ReadMessage): void {
    switch (message.kind) {
      case 'cancel':
        if (message.meant) this.#takeCancel(message.reason ?? null);
        return;
      case 'event': {
        const entry = this.#record({ id, kind: 'message', name: message.name, input: null }, 'SUCCEEDED', message.value);
        this.#underWay ??= new Map();
        this.#underWay.set(entry.id, entry);
        return;
      }
      case 'callback':
        this.#takeCallback(id, message);
        return;
      default:
        assertNever(message);
    }
  }

  /** A message is delivered. Returns whom it is for, if that can take it by now. */
  deliver(message: OperationRecord): Operation | undefined {
    const { outcomes, pending } = this.#init;
    const entry = readEntry(message);
    if (entry.kind === 'message' && entry.callbackId !== null) return pending.find(entry.callbackId);
    this.#underWay?.delete(message.id);
    const takerId = outcomes.takerOf(message);
    if (takerId === undefined) return this.mailbox.deliver(message);
    if (outcomes.isSkipped(takerId)) return undefined;
    const taker = pending.find(takerId) as AwaitEvent | undefined;
    if (taker?.takesAtOnce === true) return taker;
    // It has been cancelled since, by code that has been changed.
    if (taker === undefined && !outcomes.expects(takerId)) return this.mailbox.deliver(message);
    this.mailbox.hold(message);
    return undefined;
  }

  /**
   * The messages that were not asked for, in their order, as a run that begins again finds them.
   *
   * @param undelivered - What has its position in the order and was not delivered.
   */
  unread(undelivered: readonly OperationRecord[]): OperationRecord[] {
    const ahead = undelivered.filter(isForEvent);
    const unread = new Map([...this.mailbox.unread, ...ahead, ...(this.#underWay?.values() ?? [])].map((message) => [message.id, message]));
    const now = this.#init.run.services.clock.now();
    return [...unread.values()].map((message, index) => ({
      ...message,
      digest: '',
      seq: index + 1,
      finishedAt: message.finishedAt ?? now,
    }));
  }

  /** Whether it is to be cancelled, and does not know that yet. */
  get cancelUnderWay(): boolean {
    return this.#cancelRequested && !this.#cancelDelivered;
  }

  /** A request to cancel the run is delivered. */
  cancellation({ outcome }: OperationRecord): CancelledError {
    this.#cancelDelivered = true;
    const { what } = this.#init.run.notices;
    const request = JSON.parse(outcome as string) as CancelRequest;
    if (typeof request !== 'object' || request === null) return cancellation(what, request ?? undefined, 'run');
    this.#timedOutMs = request.timeoutMs;
    return cancellation(what, tookTooLong(request.timeoutMs), 'run');
  }

  /**
   * A run that is to be cancelled has ended before the request was delivered.
   *
   * @param undelivered - What has its position in the order and was not delivered.
   */
  undeliveredCancellation(undelivered: readonly OperationRecord[]): CancelledError {
    const entry = this.#cancelEntry ?? undelivered.find(({ kind }) => kind === 'cancel');
    return this.cancellation(entry as OperationRecord);
  }

  /** A run that was cancelled for its time-out has failed by that. */
  endOf(bodyEnd: BodyEnd): BodyEnd {
    if (this.#timedOutMs === undefined || bodyEnd.ok || !isCancelledError(bodyEnd.error)) return bodyEnd;
    return { ok: false, error: new TimeoutError('FLOW_TIMEOUT', `${this.#init.run.notices.what}: ${tookTooLong(this.#timedOutMs)}`) };
  }

  #takeCallback(id: string, { operationId, secret, end }: CallbackPayload): void {
    const { record } = this.#init;
    if (secret !== callbackSecret(record, operationId)) return;
    if (end === undefined) this.#heartbeat(operationId);
    else {
      // In one commit: an answer is never out of the inbox without a trace that another sender can see.
      this.#callback(operationId)?.isAnsweredBy(id);
      this.#record({ id, kind: 'message', name: 'callback', input: operationId }, end.status, end.text);
    }
  }

  /** The work behind a callback still goes on. */
  #heartbeat(operationId: string): void {
    const callback = this.#callback(operationId);
    if (callback !== undefined) callback.heartbeat();
    else this.#init.run.whenCurrent(() => this.#callback(operationId)?.heartbeat());
  }

  #callback(operationId: string): Callback | undefined {
    return this.#init.pending.find(operationId) as Callback | undefined;
  }

  #takeCancel(request: CancelRequest): void {
    if (this.#cancelRequested) return;
    this.#cancelRequested = true;
    this.#cancelEntry = this.#record(
      { id: CANCEL_ENTRY_ID, kind: 'cancel', name: 'cancel', input: null },
      'SUCCEEDED',
      JSON.stringify(request),
    );
  }

  #record(start: Pick<Entry, 'id' | 'kind' | 'name' | 'input'>, status: EndStatus, text: string): Entry {
    const { record, run } = this.#init;
    const entry = newEntry({ ...start, runId: record.id, digest: '', startedAt: run.services.clock.now() });
    run.recorder.record(entry, status, text);
    return entry;
  }
}

/** Whether an entry is a message for an event. */
function isForEvent(record: OperationRecord): boolean {
  const entry = readEntry(record);
  return entry.kind === 'message' && entry.callbackId === null;
}

function tookTooLong(limitMs: number): string {
  return `it took longer than its timeout of ${limitMs} ms`;
}
