import type { Codec } from '../codec/codec.js';
import { UsageError } from '../errors/errors.js';
import type { InboxMessage, RunRecord } from '../model/records.js';
import { isEnded, type RunStatus } from '../model/statuses.js';
import { callbackSecret, invalidToken, readCallbackToken } from '../runtime/callback-token.js';
import { type CallbackPayload, callbackMessage, cancelMessage, eventMessage } from '../runtime/messages.js';
import type { Store } from '../store/store.js';
import { runNotFound } from './run-info.js';

interface OutboxOptions {
  readonly store: Pick<Store, 'send' | 'getRuns'>;
  readonly codec: Codec;
  /** The store is open, and has what was started here before, unless the worker is registering anew. */
  ready(): Promise<void>;
  /** It is not. */
  settled(): Promise<void>;
  /** Something was sent. */
  sent(): void;
}

/** What is sent to runs from outside, whoever executes them. */
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
    const text = this.#options.codec.encode(value, () => `the value for event "${name}" of run ${runId}`);
    await this.#sendToLiving(eventMessage(runId, { name, value: text }));
  }

  async complete(caller: string, token: string, value: unknown): Promise<void> {
    const text = this.#options.codec.encode(value, () => 'the value for a callback');
    await this.#answer(caller, token, { status: 'SUCCEEDED', text });
  }

  async fail(caller: string, token: string, error: unknown): Promise<void> {
    await this.#answer(caller, token, { status: 'FAILED', text: this.#options.codec.encodeError(error) });
  }

  async heartbeat(caller: string, token: string): Promise<void> {
    await this.#answer(caller, token);
  }

  async #answer(caller: string, token: string, end?: CallbackPayload['end']): Promise<void> {
    const { runId, operationId, secret } = readCallbackToken(token, caller);
    await this.#options.ready();
    const [record]: (RunRecord | undefined)[] = await this.#options.store.getRuns([runId]);
    if (record === undefined || callbackSecret(record, operationId) !== secret) throw invalidToken(caller);
    await this.#sendToLiving(callbackMessage(runId, { operationId, secret, ...(end === undefined ? {} : { end }) }));
  }

  async #sendToLiving(message: InboxMessage): Promise<void> {
    const status = await this.#send(message);
    if (isEnded(status))
      throw new UsageError('RUN_FINISHED', `run ${message.runId} is ${status}: nothing can be sent to it any more; start another run`);
  }

  async #send(message: InboxMessage): Promise<RunStatus> {
    const { store, ready, settled, sent } = this.#options;
    await ready();
    const status = (await store.send(message)) ?? (await settled().then(() => store.send(message)));
    if (status === undefined) throw runNotFound(message.runId);
    sent();
    return status;
  }
}
