import { action, flow, sleep } from 'perdure';
import { afterEach, expect, test, vi } from 'vitest';
import { runChild } from '../api/run-child.js';
import { openEngine, unique } from '../api/with-engine.js';

afterEach(() => void vi.useRealTimers());

test('runs go on where the time, the timers and the tasks of Node were replaced after the library was loaded', async () => {
  const { code, stdout, stderr } = await runChild('fake-timers.ts');
  expect([code, stderr]).toStrictEqual([0, '']);
  expect(JSON.parse(stdout)).toStrictEqual([['done', 'ACTION_TIMEOUT'], 'WAIT_TIMEOUT', 'done']);
});

test('runs go on under the fake timers of Vitest, by the time of the machine, and values may have its fake dates', async () => {
  const { engine } = await openEngine();
  const dates = action(unique('dates'), async (given: Date) => ({ given, made: new Date(7) }));
  const body = flow(unique('dates'), async () => {
    await sleep(1);
    return dates(new Date(5));
  });
  vi.useFakeTimers({ now: 0 });
  const result = await engine.start(body, []);
  expect([result.given.getTime(), result.made.getTime()]).toStrictEqual([5, 7]);
  expect(result.given).toBeInstanceOf(Date);
  const [run] = await engine.list();
  vi.useRealTimers();
  expect(run?.createdAt.getTime()).toBeGreaterThan(Date.UTC(2020, 0));
});
