import { UsageError } from '../errors/errors.js';
import { decodeAttempts } from '../journal/attempt-notes.js';
import type { InboxMessage, RunRecord } from '../model/records.js';
import { isEnded, type RunStatus } from '../model/statuses.js';
import { type CallbackAddress, callbackSecret, invalidToken, readCallbackToken } from '../runtime/messages/callback-token.js';
import { type CallbackAnswer, callbackMessage, cancelMessage, eventMessage } from '../runtime/messages/messages.js';
import { isReadable } from '../runtime/outcomes/unreadable-journal.js';
import type { RunGateway } from '../runtime/run-gateway.js';
import { type ClosedBy, callbackClosed, closedBy, isThat } from './closed-callback.js';
import { runNotFound } from './queries/run-info.js';
import type { StoreAccess } from './store-access.js';

interface OutboxOptions {
  readonly access: StoreAccess;
  readonly gateway: Pick<RunGateway, 'send'>;
}

/** What is sent to runs from outside, whichever worker executes them. */
export class Outbox {
  readonly #options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Asks for the cancellation of a run. Returns `false` when it has ended. */
  async cancel(runId: string, reason: string | undefined): Promise<boolean> {
    return !isEnded(await this.#send(cancelMessage(runId, reason === undefined ? {} : { reason })));
  }

  async event(runId: string, name: string, value: unknown): Promise<void> {
    const text = this.#options.access.codec.encode(value, () => `the value for event "${name}" of run ${runId}`, 'Pass');
    await this.#sendToLiving(eventMessage(runId, { name, value: text }));
  }

  async complete(caller: string, token: string, value: unknown): Promise<void> {
    const text = this.#options.access.codec.encode(value, () => 'the value for a callback', 'Pass');
    await this.#answer(caller, token, { status: 'SUCCEEDED', text });
  }

  async fail(caller: string, token: string, error: unknown): Promise<void> {
    await this.#answer(caller, token, { status: 'FAILED', text: this.#options.access.codec.encodeError(error) });
  }

  async heartbeat(caller: string, token: string): Promise<void> {
    await this.#answer(caller, token);
  }

  /**
   * Sends an answer, or a sign of life where there is none. What is closed is refused before, and also when it turns out after that it was. The answer that
   * the callback has resolves again, also when its run has ended by it.
   */
  async #answer(caller: string, token: string, answer?: CallbackAnswer): Promise<void> {
    const address = readCallbackToken(token, caller);
    const { runId, operationId, secret } = address;
    const found = await this.#look(address);
    if (found === undefined) throw invalidToken(caller);
    let { status, closed } = found;
    if (closed === undefined && !isEnded(status)) {
      status = await this.#send(callbackMessage(runId, { operationId, secret, ...(answer && { end: answer }) }));
      // A run that was cancelled meanwhile has taken no answer.
      if (answer !== undefined) ({ status, closed } = (await this.#look(address)) ?? { status, closed });
    }
    if (closed !== undefined && isThat(closed, answer, this.#options.access.codec)) return;
    requireLiving(runId, status);
    if (closed !== undefined) throw callbackClosed(caller, address, closed);
  }

  /** What is known of a callback by now; `undefined` when there is none of this address. */
  async #look(address: CallbackAddress): Promise<{ readonly status: RunStatus; readonly closed: ClosedBy | undefined } | undefined> {
    const { access } = this.#options;
    const { runId, operationId, secret } = address;
    await access.readyToWrite();
    // In this order a message that is taken out of the inbox meanwhile is not missed; and a run that has begun a new generation is another.
    const { reader, store } = access;
    const inbox = await reader.inbox(runId);
    // What cannot be read is not known: its run takes the answer when it can be.
    const entry = await reader.operation(runId, operationId);
    const operation = entry && isReadable(entry) ? entry : undefined;
    const answeredBy = operation && decodeAttempts(operation.attempts).answer;
    const answer = answeredBy === undefined ? undefined : await reader.operation(runId, answeredBy);
    const [record]: (RunRecord | undefined)[] = await store.getRuns([runId]);
    if (record === undefined || callbackSecret(record, operationId) !== secret) return undefined;
    return { status: record.status, closed: closedBy(address, { operation, answer, inbox }) };
  }

  async #sendToLiving(message: InboxMessage): Promise<void> {
    requireLiving(message.runId, await this.#send(message));
  }

  async #send(message: InboxMessage): Promise<RunStatus> {
    const { access, gateway } = this.#options;
    await access.readyToWrite();
    const status = await gateway.send(message);
    if (status === undefined) throw runNotFound(message.runId);
    return status;
  }
}

/** @throws {UsageError} `RUN_FINISHED` when the run has ended. */
function requireLiving(runId: string, status: RunStatus): void {
  if (!isEnded(status)) return;
  throw new UsageError('RUN_FINISHED', `run ${runId} is ${status}: nothing can be sent to it any more; start another run`);
}
