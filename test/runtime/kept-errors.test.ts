import { action, createRetryStrategy, RetryPresets, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { collectingLogger, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { keptOf, notesOf } from './attempts-of.js';

test('a long error of an attempt is kept by its name and the beginning of its message, and whole as the outcome', async () => {
  const engine = testEngine();
  const long = `no: ${'x'.repeat(1_000_000)}`;
  const work = action(
    unique('work'),
    async () => {
      throw new RangeError(long);
    },
    { retry: RetryPresets.fixed({ maxAttempts: 40, delay: 0 }) },
  );
  const report = await engine.run(aFlow(async () => work()));
  expect(report.error).toMatchObject({ name: 'RangeError', message: long });
  const { failedAttempts = [], attempts } = report.get(work.name);
  expect([attempts, failedAttempts.length]).toEqual([40, 40]);
  expect(failedAttempts[0]?.error).toMatchObject({
    name: 'RangeError',
    message: expect.stringMatching(/^no: x{900,1000}… \(shortened\)$/),
  });
  expect((report.journal[1]?.attempts ?? '').length).toBeLessThan(100_000);
});

describe('an only attempt that failed with a long error', () => {
  const long = `no: ${'x'.repeat(9_000)}`;

  test('leaves nothing beside the outcome of an action', async () => {
    const engine = testEngine();
    const work = action(unique('work'), async () => Promise.reject(new RangeError(long)));
    const report = await engine.run(aFlow(async () => work()));
    expect(report.error).toMatchObject({ name: 'RangeError', message: long });
    expect(notesOf(report, work.name)).toBeNull();
  });

  test('leaves nothing beside the outcome of a child run', async () => {
    const engine = testEngine();
    const child = aFlow(async () => Promise.reject(new RangeError(long)));
    const report = await engine.run(aFlow(async () => child.with({ name: 'child', retry: RetryPresets.none() })()));
    expect(report.error).toMatchObject({ name: 'RangeError', message: long });
    expect(notesOf(report, 'child')).toBeNull();
  });

  test('is not kept beside the outcome where its strategy fails', async () => {
    const engine = testEngine();
    const broken = (): never => {
      throw new TypeError('no plan');
    };
    const work = action(unique('work'), async () => Promise.reject(new RangeError(long)), { retry: broken });
    const child = aFlow(async () => Promise.reject(new RangeError(long)));
    const report = await engine.run(
      aFlow(async () => {
        await work().catch(() => undefined);
        await child.with({ name: 'child', retry: broken })();
      }),
    );
    expect(report.error).toMatchObject({ name: 'RangeError', message: long });
    expect([keptOf(report, work.name), keptOf(report, 'child')]).toEqual([[], []]);
  });
});

test('a predicate of errors that is no plain function ends the retries, and a log line says what to do', async () => {
  const { logger, lines } = collectingLogger();
  const engine = testEngine({ logger });
  const retry = createRetryStrategy({ retryable: (async () => false) as never });
  const work = action(unique('work'), async () => Promise.reject(new Error('no')), { retry });
  const { error } = await engine.run(aFlow(async () => work()));
  expect(error).toMatchObject({ message: 'no' });
  expect(lines.map(({ message }) => message)).toContainEqual(expect.stringContaining('returns true or false'));
});

test.each([1e300, Number.MAX_SAFE_INTEGER, '99999999999d'] as const)(
  'a duration of %s is refused: no date can hold what it leads to',
  async (duration) => {
    const engine = testEngine();
    const { error } = await engine.run(aFlow(async () => sleep(duration)));
    expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_DURATION' });
    expect(await thrownBy(() => engine.advance(duration))).toMatchObject({ code: 'INVALID_DURATION' });
  },
);
