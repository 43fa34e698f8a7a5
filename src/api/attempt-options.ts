import type { Duration } from '../model/duration.js';
import { givenDuration } from '../options/durations.js';
import { DURATION, isOneOf, mergedOptions, type OptionTable, RETRY_OPTION } from '../options/read-options.js';
import type { RetryStrategy } from '../runtime/attempts/retry-strategy.js';
import type { AttemptPolicy, Execution } from '../runtime/definitions.js';

/** How an action is tried: options of the action, and of one call of it. */
export interface AttemptOptions {
  /** What becomes of an attempt that fails. Default: the engine's strategy, else no second attempt. */
  readonly retry?: RetryStrategy;
  /** How long one attempt may take: after that its signal fires, and it has failed with a `TimeoutError`. Default: no limit. */
  readonly timeout?: Duration;
  /** How long all attempts together may take, waits between them included, from the start of the operation. Default: no limit. */
  readonly scheduleTimeout?: Duration;
  /** How long an attempt may go without `heartbeat()`. Default: no limit. */
  readonly heartbeatTimeout?: Duration;
  /**
   * `'at-most-once'`: the start is durable before the body runs, and an attempt that a crash interrupted has failed with `InterruptedError`.
   * Default `'at-least-once'`: it is done again.
   */
  readonly execution?: Execution;
}

export const ATTEMPT_OPTIONS: OptionTable = {
  retry: RETRY_OPTION,
  timeout: DURATION,
  scheduleTimeout: DURATION,
  heartbeatTimeout: DURATION,
  execution: isOneOf('at-least-once', 'at-most-once'),
};

/** What the options say of attempts, and nothing else. @throws {UsageError} `INVALID_DURATION` */
export function attemptPolicy(caller: string, options: AttemptOptions): AttemptPolicy {
  const { retry, timeout, scheduleTimeout, heartbeatTimeout, execution } = options;
  const policy: AttemptPolicy = {
    retry,
    timeoutMs: givenDuration(timeout, `${caller}: timeout`),
    scheduleTimeoutMs: givenDuration(scheduleTimeout, `${caller}: scheduleTimeout`),
    heartbeatTimeoutMs: givenDuration(heartbeatTimeout, `${caller}: heartbeatTimeout`),
    execution,
  };
  return mergedOptions(Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined)));
}
