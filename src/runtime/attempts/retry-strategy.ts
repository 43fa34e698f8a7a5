import { inCleanContext } from '../../clock/clean-context.js';
import { thrownError } from '../../codec/error-parts.js';
import type { ErrorClass } from '../../codec/error-registry.js';
import { NonRetryableError, UsageError } from '../../errors/errors.js';
import type { Duration } from '../../model/duration.js';
import { ignoreRejection } from '../../model/ignored-rejection.js';
import type { LogFields, Logger } from '../../model/logger.js';
import { foreignBuiltinName } from '../../model/value-kinds.js';
import { requireDuration } from '../../options/durations.js';
import { refuseMore } from '../../options/extra-arguments.js';
import { DURATION, isFunction, isOneOf, type OptionRule, type OptionTable, optionOf, readOptions } from '../../options/read-options.js';
import { plainError } from '../notices/plain-value.js';

/** Whether there is to be another attempt, and after how long. Default: at once. */
export interface RetryDecision {
  readonly retry: boolean;
  readonly delay?: Duration;
}

/** Decides after a failed attempt. `attempt` is its number, from 1. It is asked once for each: what it decides is recorded. */
export type RetryStrategy = (error: Error, attempt: number) => RetryDecision;

/** The next attempt. */
interface NextAttempt {
  readonly delayMs: number;
  /** How many attempts there are at most, where the strategy says so. */
  readonly maxAttempts: number | undefined;
}

/** An attempt that failed, and who decides what comes after it. */
interface FailedAttempt {
  readonly strategy: RetryStrategy | undefined;
  readonly error: unknown;
  /** Its number, from 1. */
  readonly attempt: number;
  /** Whose strategy it is, for messages: `action "charge"`. */
  readonly what: string;
  /** The run, the flow and the operation. */
  readonly names: LogFields;
  readonly logger: Logger;
}

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

const ATTEMPTS: OptionRule = [isAttempts, 'a whole number from 1, or Infinity'];

const TABLE: OptionTable = {
  maxAttempts: ATTEMPTS,
  initialDelay: DURATION,
  maxDelay: DURATION,
  backoffRate: [(value) => Number.isFinite(value) && (value as number) >= 1, 'a number from 1'],
  jitter: isOneOf('NONE', 'FULL', 'HALF'),
  retryable: [
    (value) => isFunction(value) || (Array.isArray(value) && value.every(isErrorClass)),
    'a function of the error, or an array of classes of errors: Error, and those that extend it',
  ],
};

const GIVE_UP: RetryDecision = { retry: false };

/** Retries an operation after delays that grow. @throws {UsageError} `INVALID_OPTION` or `INVALID_DURATION`. */
export function createRetryStrategy(options?: RetryOptions): RetryStrategy {
  refuseMore('createRetryStrategy(options)', arguments);
  const given = readOptions('createRetryStrategy()', options, TABLE);
  const { maxAttempts = 3, initialDelay = '5s', maxDelay = '5m', backoffRate = 2, jitter = 'FULL', retryable } = given;
  const initialMs = requireDuration(initialDelay, 'createRetryStrategy(): initialDelay');
  const maxMs = requireDuration(maxDelay, 'createRetryStrategy(): maxDelay');
  const worthIt = predicate(retryable);
  return limited(maxAttempts, (attempt, error) => {
    if (!worthIt(error)) return undefined;
    // The rate to a high power is `Infinity`, and no delay at all stays none.
    const delayMs = initialMs === 0 ? 0 : Math.min(maxMs, initialMs * backoffRate ** (attempt - 1));
    return jittered(delayMs, jitter);
  });
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
  none() {
    refuseMore('RetryPresets.none()', arguments);
    return limited(1, () => undefined);
  },
  default() {
    refuseMore('RetryPresets.default()', arguments);
    return createRetryStrategy({ maxAttempts: 6, initialDelay: '5s', maxDelay: '60s' });
  },
  transient() {
    refuseMore('RetryPresets.transient()', arguments);
    return createRetryStrategy({ maxAttempts: 3, initialDelay: '200ms', maxDelay: '2s', jitter: 'HALF' });
  },
  linear(options) {
    refuseMore('RetryPresets.linear(options)', arguments);
    const table = { maxAttempts: ATTEMPTS, increment: DURATION };
    const { maxAttempts = 5, increment = '1s' } = readOptions('RetryPresets.linear()', options, table);
    const incrementMs = requireDuration(increment, 'RetryPresets.linear(): increment');
    return limited(maxAttempts, (attempt) => attempt * incrementMs);
  },
  fixed(options) {
    refuseMore('RetryPresets.fixed(options)', arguments);
    const table = { maxAttempts: ATTEMPTS, delay: DURATION };
    const { maxAttempts = 5, delay = '5s' } = readOptions('RetryPresets.fixed()', options, table);
    const delayMs = requireDuration(delay, 'RetryPresets.fixed(): delay');
    return limited(maxAttempts, () => delayMs);
  },
  critical() {
    refuseMore('RetryPresets.critical()', arguments);
    return createRetryStrategy({ maxAttempts: 10, initialDelay: '1s', maxDelay: '60s', backoffRate: 1.5, jitter: 'NONE' });
  },
};

/**
 * Decides what comes after a failed attempt; `undefined`: that was the last. So it is without a strategy, after a `NonRetryableError`, and when the strategy
 * fails itself, which is logged: the error of the attempt is the one to tell. Of a child run the error comes from the journal, where a subclass that is not
 * registered has kept its code only.
 */
export function decideRetry({ strategy, error, attempt, what, names, logger }: FailedAttempt): NextAttempt | undefined {
  if (strategy === undefined || isFinal(error)) return undefined;
  try {
    const delayMs = readDecision(inCleanContext(strategy, thrownError(error), attempt), 'retry', `the retry strategy of ${what}`);
    return delayMs === undefined ? undefined : { delayMs, maxAttempts: mostAttempts(strategy) };
  } catch (broken) {
    logger.warn(`the retry strategy of ${what} failed, so there is no further attempt: ${plainError(broken).message}`, {
      ...names,
      error: plainError(broken),
    });
    return undefined;
  }
}

function isFinal(error: unknown): boolean {
  return error instanceof NonRetryableError || (error instanceof Error && 'code' in error && error.code === 'NON_RETRYABLE');
}

/**
 * Reads what a strategy has returned: whether to go on, and after how many milliseconds; `undefined` if not.
 *
 * @throws {UsageError} `INVALID_ARGUMENT` or `INVALID_DURATION` when it is no decision.
 */
export function readDecision(value: unknown, key: 'retry' | 'continue', what: string): number | undefined {
  const decision = Object(value) as object;
  const [goesOn, delay = 0] = [optionOf(decision, key), optionOf(decision, 'delay') as Duration | undefined];
  if (typeof goesOn !== 'boolean') {
    ignoreRejection(value);
    throw new UsageError('INVALID_ARGUMENT', `${what} must return { ${key}: boolean, delay?: duration }`);
  }
  return goesOn ? requireDuration(delay, `the delay that ${what} returned`) : undefined;
}

/** A strategy of so many attempts. `delayOf` tells the milliseconds until the next, `undefined` for none. */
function limited(maxAttempts: number, delayOf: (attempt: number, error: Error) => number | undefined): RetryStrategy {
  const strategy: RetryStrategy = (error, attempt) => {
    const delay = attempt >= maxAttempts ? undefined : delayOf(attempt, error);
    return delay === undefined ? GIVE_UP : { retry: true, delay };
  };
  return Object.assign(strategy, { maxAttempts });
}

/** How many attempts a strategy allows; `undefined` where it does not say, or there is no limit. Without one there is a single attempt. */
export function mostAttempts(strategy: LimitedStrategy | undefined): number | undefined {
  if (strategy === undefined) return 1;
  return Number.isSafeInteger(strategy.maxAttempts) ? strategy.maxAttempts : undefined;
}

function isAttempts(value: unknown): boolean {
  return value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && (value as number) >= 1);
}

/** Whether it is `Error` or extends it, of this realm or of another: what Node throws is of another in the tests of those who use Jest. */
function isErrorClass(value: unknown): boolean {
  if (typeof value !== 'function') return false;
  for (let prototype = value.prototype as object | null | undefined; prototype; prototype = Object.getPrototypeOf(prototype)) {
    if (foreignBuiltinName(prototype) === 'Error') return true;
  }
  return false;
}

function predicate(retryable: RetryOptions['retryable']): (error: Error) => boolean {
  if (retryable === undefined) return () => true;
  if (typeof retryable === 'function') {
    return (error) => {
      const worthIt: unknown = (retryable as (error: Error) => unknown)(error);
      if (typeof worthIt === 'boolean') return worthIt;
      ignoreRejection(worthIt);
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
