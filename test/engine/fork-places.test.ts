import { action, event, flow, map, parallel, sleep } from 'perdure';
import { expect, test } from 'vitest';
import { unique } from '../api/with-engine.js';
import { testEngine } from '../testing/with-test-engine.js';

test('a fork at an event that had its message before it was asked for keeps what was done in between', async () => {
  const engine = testEngine({ autoAdvance: false });
  const charge = action(unique('charge'), async () => 'charged');
  const ship = action(unique('ship'), async (to: string) => to);
  const order = flow(unique('order'), async () => {
    await sleep('1s');
    const charged = await charge();
    const to = await event<string>('to');
    return [charged, to, await ship(to)];
  });
  const future = engine.start(order, [], { id: 'order' });
  await future.recorded();
  await engine.send('order', 'to', 'Rome');
  await engine.advance('1s');
  expect(await future).toEqual(['charged', 'Rome', 'Rome']);
  const fork = engine.fork('order', '2');
  await fork.recorded();
  await engine.send(fork.id, 'to', 'Oslo');
  expect(await fork).toEqual(['charged', 'Oslo', 'Oslo']);
  expect([engine.calls(charge).length, engine.calls(ship)]).toEqual([1, [['Rome'], ['Oslo']]]);
  await engine.assertReplays();
});

test('a fork at an operation that the flow cancelled goes on where that was asked for', async () => {
  const engine = testEngine();
  const work = action(unique('work'), async (name: string) => name);
  const main = flow(unique('main'), async () => {
    const first = await work('first');
    const given = sleep.start('1d');
    await work('between');
    given.cancel();
    return [first, await work('second')];
  });
  await engine.run(main, [], { id: 'run' });
  expect(await engine.fork('run', '1')).toEqual(['first', 'second']);
  expect(engine.calls(work)).toEqual([['first'], ['between'], ['second'], ['between'], ['second']]);
});

test('a fork at a batch makes its decision again', async () => {
  const engine = testEngine();
  const work = action(unique('work'), async (n: number) => n);
  const main = flow(unique('main'), async () => [
    (await map([1, 2], work)).getResults(),
    (await parallel([() => work(3), () => work(4)])).getResults(),
  ]);
  await engine.run(main, [], { id: 'run' });
  for (const id of ['0', '1']) {
    expect(await engine.fork('run', id)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  }
});
