import { action, flow, map, parallel } from 'perdure';
import { describe, expect, test } from 'vitest';
import { createTestEngine } from '../../src/testing.js';
import { thrownBy, unique } from '../api/with-engine.js';

const work = action('assertions-work', async (n: number) => n);

describe('assertNoLeaks', () => {
  test('passes where everything was awaited', async () => {
    await using engine = createTestEngine({ leaks: 'warn' });
    await engine.run(
      flow(unique('main'), async () => work(1)),
      [],
    );
    engine.assertNoLeaks();
  });

  test('names the flow or the branch, and the future', async () => {
    await using engine = createTestEngine({ leaks: 'warn' });
    const main = flow(unique('main'), async () => {
      await parallel({ forgetful: () => void work.start(1) });
    });
    await engine.run(main);
    const error = await thrownBy(() => engine.assertNoLeaks());
    expect(error.name).toBe('AssertionError');
    expect(error.message).toMatch(/flow "main-\d+", branch "forgetful" left action "assertions-work" \(RUNNING\)/);
  });
});

describe('assertMaxInFlight', () => {
  const main = flow(
    'assertions-in-flight',
    async (most: number) => (await map([1, 2, 3, 4, 5], work, { maxConcurrency: most })).successCount,
  );

  test.each([1, 2, 5])('passes up to as many as there are: %d', async (most) => {
    await using engine = createTestEngine();
    engine.mock(work, (n) => n, { latency: '1s' });
    await engine.run(main, [most]);
    engine.assertMaxInFlight(work, most);
    const error = await thrownBy(() => engine.assertMaxInFlight(work, most - 1));
    expect(error.message).toBe(`${most} calls were under way at once, and there may be ${most - 1}`);
  });

  test.each(['x', Number.NaN, undefined, null, -1, 1.5])('refuses %s as the most there may be', async (most) => {
    await using engine = createTestEngine();
    const error = await thrownBy(() => engine.assertMaxInFlight(work, most as number));
    expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT', message: expect.stringContaining('assertMaxInFlight(') });
  });

  test('counts each engine for itself', async () => {
    await using engine = createTestEngine();
    engine.assertMaxInFlight(work, 0);
  });
});
