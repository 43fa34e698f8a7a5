import { AssertionError } from 'node:assert';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import {
  createRetryStrategy,
  type Duration,
  type Jitter,
  NonRetryableError,
  type RetryOptions,
  RetryPresets,
  type RetryStrategy,
} from 'perdure';
import { describe, expect, test, vi } from 'vitest';
import { durationMs } from '../../src/model/duration.js';
import { decideRetry } from '../../src/runtime/attempts/retry-strategy.js';
import { collectingLogger, thrownBy } from '../api/with-engine.js';

const failure = new Error('no');

/** The delays in milliseconds after each failed attempt, until there is no other. */
function delaysOf(strategy: RetryStrategy, error: Error = failure): number[] {
  const delays: number[] = [];
  for (let attempt = 1; attempt <= 100; attempt += 1) {
    const { retry, delay = 0 } = strategy(error, attempt);
    if (!retry) return delays;
    delays.push(durationMs(delay) as number);
  }
  throw new Error('there is no end of attempts');
}

/** With a random number that is always this one. */
function byChance<T>(value: number, body: () => T): T {
  const random = vi.spyOn(Math, 'random').mockReturnValue(value);
  try {
    return body();
  } finally {
    random.mockRestore();
  }
}

describe('createRetryStrategy()', () => {
  test('makes three attempts, the first delay 5 s, the next doubled, unless told otherwise', () => {
    expect(delaysOf(createRetryStrategy({ jitter: 'NONE' }))).toEqual([5_000, 10_000]);
  });

  test('has full jitter unless told otherwise', () => {
    expect(byChance(0, () => delaysOf(createRetryStrategy()))).toEqual([0, 0]);
    expect(byChance(0.5, () => delaysOf(createRetryStrategy()))).toEqual([2_500, 5_000]);
  });

  test('makes no delay longer than five minutes, unless told otherwise', () => {
    const delays = delaysOf(createRetryStrategy({ maxAttempts: 9, jitter: 'NONE' }));
    expect(delays.slice(-3)).toEqual([160_000, 300_000, 300_000]);
  });

  test('makes so many attempts in all', () => {
    for (const maxAttempts of [1, 2, 7]) expect(delaysOf(createRetryStrategy({ maxAttempts }))).toHaveLength(maxAttempts - 1);
  });

  test('goes on for ever with Infinity', () => {
    const strategy = createRetryStrategy({ maxAttempts: Number.POSITIVE_INFINITY, jitter: 'NONE' });
    for (const attempt of [1, 100, 5_000, Number.MAX_SAFE_INTEGER]) expect(strategy(failure, attempt).retry).toBe(true);
  });

  test('waits no time for ever, where the first delay is none', () => {
    const strategy = createRetryStrategy({ maxAttempts: Number.POSITIVE_INFINITY, initialDelay: 0, jitter: 'NONE' });
    for (const attempt of [1, 1_025, 100_000]) expect(strategy(failure, attempt)).toEqual({ retry: true, delay: 0 });
  });

  test('lets each delay grow by the rate, up to the longest', () => {
    const strategy = createRetryStrategy({ maxAttempts: 6, initialDelay: '1s', backoffRate: 3, maxDelay: '20s', jitter: 'NONE' });
    expect(delaysOf(strategy)).toEqual([1_000, 3_000, 9_000, 20_000, 20_000]);
  });

  test('makes the first delay no longer than the longest either', () => {
    expect(delaysOf(createRetryStrategy({ initialDelay: '1h', maxDelay: '1s', jitter: 'NONE' }))).toEqual([1_000, 1_000]);
  });

  test('leaves all of a delay to chance, or its second half, or nothing', () => {
    const bounds = (jitter: Jitter): number[] =>
      [0, 0.999_999_999].map((chance) => byChance(chance, () => delaysOf(createRetryStrategy({ jitter, maxAttempts: 2 }))[0] as number));
    expect(bounds('FULL')).toEqual([0, 5_000]);
    expect(bounds('HALF')).toEqual([2_500, 5_000]);
    expect(bounds('NONE')).toEqual([5_000, 5_000]);
  });

  test('keeps every delay within its bounds', () => {
    const options = fc.record({
      initialMs: fc.integer({ min: 0, max: 1e7 }),
      maxMs: fc.integer({ min: 0, max: 1e9 }),
      backoffRate: fc.double({ min: 1, max: 100, noNaN: true }),
      jitter: fc.constantFrom<Jitter>('NONE', 'FULL', 'HALF'),
      attempt: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1e6 })),
    });
    fc.assert(
      fc.property(options, ({ initialMs, maxMs, backoffRate, jitter, attempt }) => {
        const maxAttempts = Number.POSITIVE_INFINITY;
        const strategy = createRetryStrategy({ maxAttempts, initialDelay: initialMs, maxDelay: maxMs, backoffRate, jitter });
        const { retry, delay } = strategy(failure, attempt);
        const whole = initialMs === 0 ? 0 : Math.min(maxMs, initialMs * backoffRate ** (attempt - 1));
        const least = { NONE: whole, HALF: whole / 2, FULL: 0 }[jitter];
        expect(retry).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(least));
        expect(delay).toBeLessThanOrEqual(Math.ceil(whole));
      }),
    );
  });

  test('retries what a predicate says is worth it', () => {
    const seen: Error[] = [];
    const strategy = createRetryStrategy({
      retryable: (error) => {
        seen.push(error);
        return error.message === 'busy';
      },
    });
    const busy = new Error('busy');
    expect(strategy(busy, 1).retry).toBe(true);
    expect(strategy(failure, 1).retry).toBe(false);
    expect(seen).toEqual([busy, failure]);
  });

  test('refuses a predicate that returns a promise, whose rejection is nobody’s any more', () => {
    const strategy = createRetryStrategy({ retryable: (async () => Promise.reject(new Error('no'))) as never });
    // Vitest fails the run when a rejection is not handled.
    expect(() => strategy(failure, 1)).toThrow(expect.objectContaining({ name: 'UsageError', code: 'INVALID_ARGUMENT' }));
  });

  test('retries errors of the classes that are worth it, and of classes derived from them', () => {
    class Busy extends Error {}
    class VeryBusy extends Busy {}
    const strategy = createRetryStrategy({ retryable: [Busy, RangeError] });
    expect([new Busy(), new VeryBusy(), new RangeError()].map((error) => strategy(error, 1).retry)).toEqual([true, true, true]);
    expect([new Error(), new TypeError()].map((error) => strategy(error, 1).retry)).toEqual([false, false]);
  });

  test('takes every class of errors: Error itself, DOMException, and those of Node and of another realm', () => {
    const Foreign = runInNewContext('class Foreign extends TypeError {}; Foreign') as new () => TypeError;
    const errors = [new Error(), new DOMException('x', 'AbortError'), new AssertionError({}), new Foreign()];
    for (const error of errors) {
      const errorClass = error.constructor as new () => Error;
      expect(createRetryStrategy({ retryable: [errorClass] })(error, 1).retry).toBe(true);
    }
  });

  test('retries no error where no class is worth it', () => {
    expect(createRetryStrategy({ retryable: [] })(failure, 1).retry).toBe(false);
  });

  test('refuses options that make no sense, and names them', async () => {
    const bad: Record<string, readonly unknown[]> = {
      maxAttempts: [0, -1, 1.5, Number.NaN, '3'],
      backoffRate: [0.5, 0, Number.NaN, Number.POSITIVE_INFINITY, '2'],
      jitter: ['full', true, 1],
      retryable: [
        5,
        'Error',
        [Error, 'Error'],
        {},
        [class Plain {}],
        [Error, () => true],
        [Promise],
        [Object.assign(() => true, { prototype: 5 })],
      ],
      attempts: [3],
    };
    for (const [name, values] of Object.entries(bad)) {
      for (const value of values) {
        const error = await thrownBy(() => createRetryStrategy({ [name]: value } as RetryOptions));
        expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION' });
        expect(error.message).toContain(`"${name}"`);
      }
    }
    for (const options of [null, 5, [], 'x']) {
      const error = await thrownBy(() => createRetryStrategy(options as unknown as RetryOptions));
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    }
  });

  test('refuses what is no duration, and names it', async () => {
    for (const name of ['initialDelay', 'maxDelay'] as const) {
      for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', 'soon', null, {}]) {
        const error = await thrownBy(() => createRetryStrategy({ [name]: value } as RetryOptions));
        expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_DURATION' });
        expect(error.message).toContain(name);
      }
    }
  });

  test('takes options that are undefined for left out', () => {
    const options = { maxAttempts: undefined, initialDelay: undefined, jitter: undefined, retryable: undefined };
    expect(delaysOf(createRetryStrategy(options as unknown as RetryOptions))).toHaveLength(2);
  });
});

describe('RetryPresets', () => {
  const most = <T>(body: () => T): T => byChance(1, body);

  test('none makes no second attempt', () => {
    expect(delaysOf(RetryPresets.none())).toEqual([]);
  });

  test('default makes 6 attempts, from 5 s doubling to 60 s, with full jitter', () => {
    expect(most(() => delaysOf(RetryPresets.default()))).toEqual([5_000, 10_000, 20_000, 40_000, 60_000]);
    expect(byChance(0, () => delaysOf(RetryPresets.default()))).toEqual([0, 0, 0, 0, 0]);
  });

  test('transient makes 3 attempts, from 200 ms doubling, with half jitter', () => {
    expect(most(() => delaysOf(RetryPresets.transient()))).toEqual([200, 400]);
    expect(byChance(0, () => delaysOf(RetryPresets.transient()))).toEqual([100, 200]);
  });

  test('linear makes 5 attempts, each delay longer by the same', () => {
    expect(delaysOf(RetryPresets.linear())).toEqual([1_000, 2_000, 3_000, 4_000]);
    expect(delaysOf(RetryPresets.linear({ maxAttempts: 3, increment: '10s' }))).toEqual([10_000, 20_000]);
  });

  test('fixed makes 5 attempts with the same delay', () => {
    expect(delaysOf(RetryPresets.fixed())).toEqual([5_000, 5_000, 5_000, 5_000]);
    expect(delaysOf(RetryPresets.fixed({ maxAttempts: 3, delay: '10m' }))).toEqual([600_000, 600_000]);
  });

  test('critical makes 10 attempts, growing by half to 60 s, without jitter', () => {
    const delays = delaysOf(RetryPresets.critical());
    expect(delays).toHaveLength(9);
    expect(delays.slice(0, 4)).toEqual([1_000, 1_500, 2_250, 3_375]);
    expect(Math.max(...delays)).toBeLessThanOrEqual(60_000);
  });

  test('refuse bad options by their names', async () => {
    const bad: (readonly [() => unknown, string, string])[] = [
      [() => RetryPresets.linear({ increment: 'soon' as Duration }), 'INVALID_DURATION', 'RetryPresets.linear(): increment'],
      [() => RetryPresets.fixed({ delay: 'soon' as Duration }), 'INVALID_DURATION', 'RetryPresets.fixed(): delay'],
      [() => RetryPresets.linear({ maxAttempts: 0 }), 'INVALID_OPTION', 'RetryPresets.linear(): the option "maxAttempts"'],
      [() => RetryPresets.linear({ delay: 5 } as never), 'INVALID_OPTION', 'RetryPresets.linear(): there is no option "delay"'],
      [() => RetryPresets.fixed({ maxAttempts: 2.5 }), 'INVALID_OPTION', 'RetryPresets.fixed(): the option "maxAttempts"'],
      [() => RetryPresets.fixed({ increment: 5 } as never), 'INVALID_OPTION', 'RetryPresets.fixed(): there is no option "increment"'],
    ];
    for (const [call, code, text] of bad) {
      const error = await thrownBy(call);
      expect(error).toMatchObject({ name: 'UsageError', code });
      expect(error.message).toContain(text);
    }
  });
});

describe('decideRetry()', () => {
  const decide = (strategy: RetryStrategy | undefined, error: unknown = failure, attempt = 1, logger = collectingLogger().logger) =>
    decideRetry({ strategy, error, attempt, what: 'action "x"', names: { runId: 'run' }, logger });
  const ask = (answer: unknown, error?: unknown) => decide((() => answer) as RetryStrategy, error);
  /** What is logged of a strategy that does not decide: the attempt was the last. */
  const toldOf = (strategy: () => unknown): string[] => {
    const { lines, logger } = collectingLogger();
    expect(decide(strategy as RetryStrategy, failure, 1, logger)).toBeUndefined();
    return lines.map(({ level, message }) => `${level}: ${message}`);
  };

  test('tells the milliseconds until the next attempt', () => {
    expect(ask({ retry: true, delay: '2s' })).toEqual({ delayMs: 2_000 });
    expect(ask({ retry: true, delay: 30 })).toEqual({ delayMs: 30 });
    expect(ask({ retry: true })).toEqual({ delayMs: 0 });
  });

  test('tells how many attempts there are, where the strategy says so', () => {
    const fixed = (maxAttempts: number) => decide(RetryPresets.fixed({ maxAttempts, delay: 5 }));
    expect(fixed(7)).toEqual({ delayMs: 5, maxAttempts: 7 });
    expect(fixed(Number.POSITIVE_INFINITY)).toEqual({ delayMs: 5 });
  });

  test('makes an end without a strategy and where that gives up', () => {
    for (const thrown of [failure, 'no error', null]) {
      expect(decide(undefined, thrown)).toBeUndefined();
      expect(ask({ retry: false }, thrown)).toBeUndefined();
      expect(ask({ retry: false, delay: 'whatever' }, thrown)).toBeUndefined();
    }
  });

  test('asks no strategy after a NonRetryableError', () => {
    const strategy = vi.fn(() => ({ retry: true }));
    expect(decide(strategy, new NonRetryableError('never'))).toBeUndefined();
    expect(strategy).not.toHaveBeenCalled();
  });

  test('gives the strategy the error, whatever was thrown, and the number of the attempt', () => {
    const asked: unknown[] = [];
    const strategy: RetryStrategy = (...args) => {
      asked.push(args);
      return { retry: false };
    };
    decide(strategy, failure, 7);
    decide(strategy, 'no error', 8);
    expect(asked).toEqual([
      [failure, 7],
      [expect.objectContaining({ message: expect.stringContaining('no error'), cause: 'no error' }), 8],
    ]);
  });

  test('makes an end where the strategy throws, and logs that', () => {
    const strategy = (): never => {
      throw new TypeError('no plan');
    };
    expect(toldOf(strategy)).toEqual(['warn: the retry strategy of action "x" failed, so there is no further attempt: no plan']);
  });

  test('refuses what is no decision, and says whose strategy it is', () => {
    for (const answer of [
      undefined,
      null,
      true,
      5,
      'yes',
      {},
      { retry: 1 },
      { retry: 'yes' },
      Promise.resolve({ retry: true }),
      Promise.reject(failure),
    ]) {
      expect(toldOf(() => answer)).toEqual([
        expect.stringContaining('the retry strategy of action "x" must return { retry: boolean, delay?: duration }'),
      ]);
    }
  });

  test('refuses a delay that is no duration', () => {
    for (const delay of [-1, Number.NaN, Number.POSITIVE_INFINITY, 'soon', null]) {
      expect(toldOf(() => ({ retry: true, delay }))).toEqual([
        expect.stringContaining('the delay that the retry strategy of action "x" returned'),
      ]);
    }
  });
});
