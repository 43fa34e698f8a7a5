import {
  type ActionCall,
  type ActionContext,
  type ActionOptions,
  type AttemptOptions,
  action,
  createRetryStrategy,
  type Duration,
  type EngineEvents,
  type EngineOptions,
  type Execution,
  type Jitter,
  type RetryDecision,
  type RetryOptions,
  RetryPresets,
  type RetryStrategy,
} from 'perdure';
import { describe, expectTypeOf, test } from 'vitest';

class Busy extends Error {
  readonly service = 'payments';
}

const charge = action('retries-types-charge', async (cents: number) => ({ cents }), {
  retry: RetryPresets.default(),
  timeout: '10s',
  scheduleTimeout: 60_000,
  heartbeatTimeout: '1.5m',
  execution: 'at-most-once',
  concurrency: 3,
});

describe('strategies', () => {
  test('are functions of the error and the attempt', () => {
    expectTypeOf<RetryStrategy>().toEqualTypeOf<(error: Error, attempt: number) => RetryDecision>();
    const strategy: RetryStrategy = (error, attempt) => ({ retry: error instanceof Busy && attempt < 3, delay: '5s' });
    expectTypeOf(strategy).returns.toEqualTypeOf<RetryDecision>();
    expectTypeOf<RetryDecision>().toEqualTypeOf<{ readonly retry: boolean; readonly delay?: Duration }>();
    // @ts-expect-error it has to say whether
    const undecided: RetryStrategy = () => ({ delay: '5s' });
    // @ts-expect-error it decides at once
    const late: RetryStrategy = async () => ({ retry: true });
    // @ts-expect-error that is no duration
    const vague: RetryStrategy = () => ({ retry: true, delay: 'soon' });
    void [undecided, late, vague];
  });

  test('are made by createRetryStrategy() and the presets', () => {
    expectTypeOf(createRetryStrategy()).toEqualTypeOf<RetryStrategy>();
    expectTypeOf(createRetryStrategy({ retryable: [Busy, RangeError] })).toEqualTypeOf<RetryStrategy>();
    expectTypeOf(createRetryStrategy({ retryable: (error) => error.message !== '' })).toEqualTypeOf<RetryStrategy>();
    for (const preset of [RetryPresets.none, RetryPresets.default, RetryPresets.transient, RetryPresets.critical]) {
      expectTypeOf(preset()).toEqualTypeOf<RetryStrategy>();
    }
    expectTypeOf(RetryPresets.linear({ increment: '1m', maxAttempts: 3 })).toEqualTypeOf<RetryStrategy>();
    expectTypeOf(RetryPresets.fixed({ delay: 500 })).toEqualTypeOf<RetryStrategy>();
    // @ts-expect-error jitter is in capitals
    createRetryStrategy({ jitter: 'full' });
    // @ts-expect-error not a class of errors
    createRetryStrategy({ retryable: [Map] });
    // @ts-expect-error the delays of a fixed strategy do not grow
    RetryPresets.fixed({ increment: 5 });
    expectTypeOf<Jitter>().toEqualTypeOf<'NONE' | 'FULL' | 'HALF'>();
    expectTypeOf<keyof RetryOptions>().toEqualTypeOf<
      'maxAttempts' | 'initialDelay' | 'maxDelay' | 'backoffRate' | 'jitter' | 'retryable'
    >();
  });
});

describe('options', () => {
  test('are of the action and of the call', () => {
    expectTypeOf<ActionOptions>().toExtend<AttemptOptions>();
    expectTypeOf<ActionCall>().toExtend<AttemptOptions>();
    expectTypeOf(charge.with({ retry: RetryPresets.none(), timeout: '1s', execution: 'at-least-once' })).toEqualTypeOf(charge);
    expectTypeOf<ActionOptions['concurrency']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Execution>().toEqualTypeOf<'at-least-once' | 'at-most-once'>();
    // @ts-expect-error how many run at once is no matter of one call
    charge.with({ concurrency: 2 });
    // @ts-expect-error there is no such semantics
    charge.with({ execution: 'exactly-once' });
    // @ts-expect-error that is no duration
    charge.with({ timeout: '5 minutes' });
  });

  test('keep the types of arguments and result', () => {
    expectTypeOf(charge).parameters.toEqualTypeOf<[cents: number]>();
    expectTypeOf(charge.with({ retry: () => ({ retry: false }) })).returns.resolves.toEqualTypeOf<{ cents: number }>();
  });

  test('of the engine are the strategy for all, and how many bodies run at once', () => {
    expectTypeOf<EngineOptions['retry']>().toEqualTypeOf<RetryStrategy | undefined>();
    expectTypeOf<EngineOptions['maxConcurrentActions']>().toEqualTypeOf<number | undefined>();
  });
});

test('what an action is told, and an event tells', () => {
  expectTypeOf<ActionContext['heartbeatDetail']>().toEqualTypeOf<unknown>();
  expectTypeOf<ActionContext['heartbeat']>().toEqualTypeOf<(detail?: unknown) => void>();
  expectTypeOf<EngineEvents['attempt:failed']['nextAt']>().toEqualTypeOf<number | undefined>();
});
