import {
  action,
  actionContext,
  callback,
  createRetryStrategy,
  event,
  flow,
  map,
  parallel,
  RetryPresets,
  sleep,
  wait,
  waitForCondition,
} from 'perdure';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openEngine, unique } from './with-engine.js';

/** What some code has put into `Object.prototype`: names of options, with values that would be refused or change what happens. */
const POLLUTION: Readonly<Record<string, unknown>> = {
  age: 'never',
  completionConfig: { minSuccessful: 99 },
  concurrency: 0,
  default: 'yes',
  delay: 'never',
  execute: 'no',
  execution: 'never',
  heartbeatTimeout: 'never',
  id: 'the same for all',
  initialDelay: 'never',
  itemNamer: 'a name',
  leaks: 'explode',
  maxAttempts: 0,
  maxConcurrency: 0,
  name: '',
  retry: 'again',
  returnWhen: 'NEVER',
  scheduleTimeout: 'never',
  serdes: 'json',
  shouldComplete: () => true,
  store: 17,
  timeout: 'never',
  version: -1,
};

beforeEach(() => Object.assign(Object.prototype, POLLUTION));
afterEach(() => {
  for (const name of Object.keys(POLLUTION)) Reflect.deleteProperty(Object.prototype, name);
});

test('what a polluted Object.prototype has is no option', async () => {
  const { engine } = await openEngine();
  let failures = 0;
  const flaky = action(
    unique('flaky'),
    async (n: number) => {
      failures += 1;
      if (failures === 1) throw new Error('once');
      return n * actionContext().attempt;
    },
    { retry: createRetryStrategy({ initialDelay: 1, jitter: 'NONE' }) },
  );
  const one = action(unique('one'), async (n: number) => n);
  const child = flow(unique('child'), async (n: number) => one.with({ retry: RetryPresets.fixed({ delay: 1 }) })(n));
  const main = flow(unique('main'), async () => {
    await sleep(1);
    const answer = callback<number>();
    await one(1);
    const { done } = await wait([one.start(1), one.start(2)], { timeout: '1m' });
    const both = await parallel([() => child(1), () => child(2)], { maxConcurrency: 1 });
    const items = await map([1, 2, 3], one);
    const polled = await waitForCondition(one, { initial: 5, strategy: () => ({ continue: false }) });
    const late = event('late');
    late.cancel();
    answer.future.cancel();
    return [done.size, both.getResults(), both.completionReason, items.getResults(), polled, await flaky(10)];
  });
  const first = engine.start(main, []);
  const second = engine.start(child, [7]);
  expect(first.id).not.toBe(second.id);
  expect(await first.result()).toEqual([2, [1, 2], 'ALL_COMPLETED', [1, 2, 3], 5, 20]);
  expect(await second).toBe(7);
  expect(await engine.list({ limit: 10 })).toHaveLength(4);
});
