import { action, flow, memoryStore, sleep } from 'perdure';
import { expect, test } from 'vitest';
import { thrownBy, unique } from '../api/with-engine.js';
import { testEngine } from '../testing/with-test-engine.js';

test('an engine that executes nothing takes over no run, and still asks, sends, cancels and checks', async () => {
  const store = memoryStore();
  const work = action(unique('work'), async () => 'done');
  const main = flow(unique('main'), async () => {
    await sleep('1d');
    return work();
  });
  const first = testEngine({ store, autoAdvance: false });
  await first.start(main, [], { id: 'left' }).recorded();
  await first.close({ timeout: 0 });

  const asking = testEngine({ store, execute: false, startTime: first.now() + 10 * 86_400_000 });
  await asking.advance('3d');
  expect(await asking.get('left')).toMatchObject({ status: 'PENDING' });
  expect(await asking.check(main)).toEqual({ checked: 1, mismatches: [] });
  await asking.send('left', 'news', 1);
  expect(await asking.cancel('left', 'no longer wanted')).toBe(true);
  await asking.advance('3d');
  expect(asking.calls(work)).toEqual([]);
  expect(await asking.get('left')).toMatchObject({ status: 'PENDING' });
  for (const call of [() => asking.start(main, []), () => asking.fork('left', '0')]) {
    expect(await thrownBy(call)).toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION', message: /execute: false/ });
  }
  await asking.close();

  const last = testEngine({ store });
  expect((await last.future('left').exception())?.message).toContain('no longer wanted');
});

test('an engine that executes nothing leaves runs asleep that are due', async () => {
  const store = memoryStore();
  const main = flow(unique('main'), async () => sleep('1d'));
  const first = testEngine({ store, autoAdvance: false, maxResidentRuns: 1 });
  for (const id of ['one', 'two', 'last']) first.start(main, [], { id });
  await first.advance('1h');
  expect(await first.get('one')).toMatchObject({ status: 'SUSPENDED' });
  await first.close({ timeout: 0 });
  const asking = testEngine({ store, execute: false, startTime: first.now() + 10 * 86_400_000 });
  await asking.advance('1d');
  expect(await asking.get('one')).toMatchObject({ status: 'SUSPENDED' });
  await asking.close();
  expect(await testEngine({ store, startTime: asking.now() }).future('one')).toBeUndefined();
});

test('what a run asks for is not begun when its cancellation is on its way', async () => {
  const store = memoryStore();
  const work = action(unique('poison'), async () => 'done');
  const main = flow(unique('main'), async () => work());
  const first = testEngine({ store });
  first.mock(work, 'never', { latency: '1d' });
  const future = first.start(main, [], { id: 'left' });
  await future.recorded();
  await first.close({ timeout: 0 });
  const asking = testEngine({ store, execute: false });
  await asking.cancel('left');
  await asking.close();
  const last = testEngine({ store });
  await last.future('left').exception();
  expect(last.calls(work)).toEqual([]);
  expect(await last.get('left')).toMatchObject({ status: 'CANCELLED' });
});
