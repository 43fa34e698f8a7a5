import { UsageError } from '../errors/errors.js';
import type { DurableFuture } from '../futures/durable-future.js';
import type { Duration } from '../model/duration.js';
import { givenDuration } from '../options/durations.js';
import { refuseMore } from '../options/extra-arguments.js';
import { DURATION, isText, type OptionTable, readOptions, TEXT } from '../options/read-options.js';
import { requireFlowPlace } from './place.js';

/** Options of `event`. */
export interface EventOptions {
  /** How long it is waited for, from its start: after that it has failed with a `TimeoutError`, and takes no message. Default: no limit. */
  readonly timeout?: Duration;
}

/** Options of `callback`. */
export interface CallbackOptions {
  /** What the operation is called in journals and logs. Default `callback`. */
  readonly name?: string;
  /** How long it is waited for: after that it has failed with a `TimeoutError`. Default: no limit. */
  readonly timeout?: Duration;
  /** How long it is waited for `engine.heartbeat(token)`, from the start and from each on. Default: no limit. */
  readonly heartbeatTimeout?: Duration;
}

/** A callback that was asked for. */
export interface Callback<T> {
  /** Who has it can complete the callback, once, from any process: `engine.complete(token, value)` or `engine.fail(token, error)`. */
  readonly token: string;
  readonly future: DurableFuture<T>;
}

const EVENT_OPTIONS: OptionTable = { timeout: DURATION };
const CALLBACK_OPTIONS: OptionTable = { name: TEXT, timeout: DURATION, heartbeatTimeout: DURATION };

/**
 * Waits for a message that `engine.send(runId, name, value)` sends to this run. Each message goes to one event: the first in the line of its name, or,
 * when the line is empty, the next that is asked for. An event stands in the line from its start. It leaves when the last wait for it has run out of time,
 * and joins again, at the end, when it is waited for again.
 *
 * @throws {UsageError} `INVALID_ARGUMENT`, `INVALID_OPTION` or `INVALID_DURATION`, or when called outside of a flow.
 * @example
 * const answer = await event<string>('answer', { timeout: '3d' }).exception();
 */
export function event<T = unknown>(name: string, options?: EventOptions): DurableFuture<T> {
  refuseMore('event(name, options)', arguments);
  if (!isText(name)) throw new UsageError('INVALID_ARGUMENT', 'event(name): the name must be a text that is not empty');
  const { timeout } = readOptions(`event("${name}")`, options, EVENT_OPTIONS);
  const timeoutMs = givenDuration(timeout, `event("${name}"): timeout`);
  const place = requireFlowPlace(`event("${name}")`);
  return place.run.start({ kind: 'event', name, timeoutMs }, place, event) as unknown as DurableFuture<T>;
}

/**
 * Asks somebody outside for a value: give them the token. They may use it as soon as it exists; the first answer counts.
 *
 * @throws {UsageError} `INVALID_OPTION` or `INVALID_DURATION`, or when called outside of a flow.
 * @example
 * const { token, future } = callback<boolean>({ timeout: '3d' });
 * await mailApprover(token);
 * const approved = await future;
 */
export function callback<T = unknown>(options?: CallbackOptions): Callback<T> {
  refuseMore('callback(options)', arguments);
  const { name = 'callback', timeout, heartbeatTimeout } = readOptions('callback()', options, CALLBACK_OPTIONS);
  const limits = {
    timeoutMs: givenDuration(timeout, 'callback(): timeout'),
    heartbeatTimeoutMs: givenDuration(heartbeatTimeout, 'callback(): heartbeatTimeout'),
  };
  const place = requireFlowPlace('callback()');
  const future = place.run.start({ kind: 'event', name, callback: limits }, place, callback);
  return { token: place.run.inbox.callbackToken(future.id), future: future as unknown as DurableFuture<T> };
}
