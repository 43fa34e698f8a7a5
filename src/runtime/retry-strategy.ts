import type { ErrorClass } from '../codec/error-registry.js';
import { UsageError } from '../errors/errors.js';
import { checkOptions, DURATION, isFunction, isOneOf, type OptionTable } from '../errors/options.js';
import { requireDuration } from '../futures/future.js';
import type { Duration } from '../model/duration.js';

/** Whether there is to be another attempt, and after how long. Default: at once. */
export interface RetryDecision {
  readonly retry: boolean;
  readonly delay?: Duration;
}

/** Decides after a failed attempt. `attempt` is its number, from 1. It is asked once for each: what it decides is recorded. */
export type RetryStrategy = (error: Error, attempt: number) => RetryDecision;

/** A strategy that says how many attempts there are at most, for those who ask what a run waits for. */
interface LimitedStrategy extends RetryStrategy {
  readonly maxAttempts?: number;
}

/** How much of a delay is left to chance: nothing, all of it, or its second half. */
export type Jitter = 'NONE' | 'FULL' | 'HALF';

/** Options of `createRetryStrategy`. */
export interface RetryOptions {
  /** Attempts in all, the first included; `Infinity` for no limit. Default 3. */
  readonly maxAttempts?: number;
  /** Before the second attempt. Default 5 s. */
  readonly initialDelay?: Duration;
  /** No delay is longer. Default 5 min. */
  readonly maxDelay?: Duration;
  /** By how much each delay is longer than the one before. Default 2. */
  readonly backoffRate?: number;
  /** Default `'FULL'`. */
  readonly jitter?: Jitter;
  /** Which errors are worth another attempt: a predicate, or classes. Default: all. */
  readonly retryable?: ((error: Error) => boolean) | readonly ErrorClass[];
}

const TABLE: OptionTable = {
  maxAttempts: [isAttempts, 'a whole number from 1, or Infinity'],
  initialDelay: DURATION,
  maxDelay: DURATION,
  backoffRate: [(value) => Number.isFinite(value) && (value as number) >= 1, 'a number from 1'],
  jitter: isOneOf('NONE', 'FULL', 'HALF'),
  retryable: [
    (value) => isFunction(value) || (Array.isArray(value) && value.every(isFunction)),
    'a function of the error, or an array of error classes',
  ],
};

const GIVE_UP: RetryDecision = { retry: false };

/** Retries an operation after delays that grow. @throws {UsageError} `INVALID_OPTION` or `INVALID_DURATION`. */
export function createRetryStrategy(options: RetryOptions = {}): RetryStrategy {
  checkOptions('createRetryStrategy()', options, TABLE);
  const { maxAttempts = 3, initialDelay = '5s', maxDelay = '5m', backoffRate = 2, jitter = 'FULL', retryable } = options;
  const initialMs = requireDuration(initialDelay, 'createRetryStrategy(): initialDelay');
  const maxMs = requireDuration(maxDelay, 'createRetryStrategy(): maxDelay');
  const worthIt = predicate(retryable);
  const strategy: RetryStrategy = (error, attempt) => {
    if (attempt >= maxAttempts || !worthIt(error)) return GIVE_UP;
    // The rate to a high power is `Infinity`, and no delay at all stays none.
    const delayMs = initialMs === 0 ? 0 : Math.min(maxMs, initialMs * backoffRate ** (attempt - 1));
    return { retry: true, delay: jittered(delayMs, jitter) };
  };
  return Object.assign(strategy, { maxAttempts });
}

/** Strategies for usual cases. */
export const RetryPresets: {
  /** No second attempt. */
  readonly none: () => RetryStrategy;
  /** 6 attempts, from 5 s doubling to 60 s, full jitter. */
  readonly default: () => RetryStrategy;
  /** For hiccups: 3 attempts, from 200 ms doubling to 2 s, half jitter. */
  readonly transient: () => RetryStrategy;
  /** 5 attempts, each delay 1 s longer than the one before, from 1 s. */
  readonly linear: (options?: { readonly maxAttempts?: number; readonly increment?: Duration }) => RetryStrategy;
  /** 5 attempts, 5 s apart. */
  readonly fixed: (options?: { readonly maxAttempts?: number; readonly delay?: Duration }) => RetryStrategy;
  /** For what must get through: 10 attempts, from 1 s growing by half to 60 s, no jitter. */
  readonly critical: () => RetryStrategy;
} = {
  none: () => () => GIVE_UP,
  default: () => createRetryStrategy({ maxAttempts: 6, initialDelay: '5s', maxDelay: '60s' }),
  transient: () => createRetryStrategy({ maxAttempts: 3, initialDelay: '200ms', maxDelay: '2s', jitter: 'HALF' }),
  linear: (options = {}) => {
    checkOptions('RetryPresets.linear()', options, { maxAttempts: TABLE['maxAttempts'] as OptionTable[string], increment: DURATION });
    const { maxAttempts = 5, increment = '1s' } = options;
    const incrementMs = requireDuration(increment, 'RetryPresets.linear(): increment');
    const strategy: RetryStrategy = (_error, attempt) => (attempt >= maxAttempts ? GIVE_UP : { retry: true, delay: attempt * incrementMs });
    return Object.assign(strategy, { maxAttempts });
  },
  fixed: (options = {}) => {
    checkOptions('RetryPresets.fixed()', options, { maxAttempts: TABLE['maxAttempts'] as OptionTable[string], delay: DURATION });
    const { maxAttempts = 5, delay = '5s' } = options;
    const delayMs = requireDuration(delay, 'RetryPresets.fixed(): delay');
    const strategy: RetryStrategy = (_error, attempt) => (attempt >= maxAttempts ? GIVE_UP : { retry: true, delay: delayMs });
    return Object.assign(strategy, { maxAttempts });
  },
  critical: () => createRetryStrategy({ maxAttempts: 10, initialDelay: '1s', maxDelay: '60s', backoffRate: 1.5, jitter: 'NONE' }),
};

/** Asks a strategy. Returns the milliseconds until the next attempt, `undefined` for none. @throws {UsageError} when its answer is no decision. */
export function retryDelayMs(strategy: RetryStrategy, error: Error, attempt: number, what: () => string): number | undefined {
  const decision: unknown = strategy(error, attempt);
  if (typeof decision !== 'object' || decision === null || typeof (decision as RetryDecision).retry !== 'boolean') {
    throw new UsageError('INVALID_ARGUMENT', `the retry strategy of ${what()} must return { retry: boolean, delay?: duration }`);
  }
  const { retry, delay = 0 } = decision as RetryDecision;
  return retry ? requireDuration(delay, `the delay that the retry strategy of ${what()} returned`) : undefined;
}

/** How many attempts a strategy allows, to be noted with a failed one; `undefined` where it does not say, or there is no limit. */
export function mostAttempts({ maxAttempts }: LimitedStrategy): number | undefined {
  return Number.isSafeInteger(maxAttempts) ? maxAttempts : undefined;
}

function isAttempts(value: unknown): boolean {
  return value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && (value as number) >= 1);
}

function predicate(retryable: RetryOptions['retryable']): (error: Error) => boolean {
  if (retryable === undefined) return () => true;
  if (typeof retryable === 'function') {
    return (error) => {
      const worthIt: unknown = (retryable as (error: Error) => unknown)(error);
      if (typeof worthIt === 'boolean') return worthIt;
      throw new UsageError(
        'INVALID_ARGUMENT',
        'the option "retryable" of createRetryStrategy() must be a function that returns true or false',
      );
    };
  }
  return (error) => retryable.some((errorClass) => error instanceof errorClass);
}

function jittered(delayMs: number, jitter: Jitter): number {
  if (jitter === 'NONE') return delayMs;
  return Math.round(jitter === 'FULL' ? Math.random() * delayMs : delayMs * (0.5 + Math.random() / 2));
}
