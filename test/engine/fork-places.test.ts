import { action, continueAsNew, event, flow, map, parallel, sleep } from 'perdure';
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

test('a fork keeps the ids that were given to child runs, and not those that were made of its run', async () => {
  const engine = testEngine();
  const child = flow(unique('child'), async (name: string) => name);
  const main = flow(unique('main'), async (order: string) => [
    await child.with({ id: `${order}/payment` })('given'),
    await child('made'),
    await child('last'),
  ]);
  await engine.run(main, ['order'], { id: 'order' });
  const fork = engine.fork('order', '2');
  expect(await fork).toEqual(['given', 'made', 'last']);
  expect((await engine.operations(fork.id)).map(({ childRunId }) => childRunId)).toEqual([
    'order/payment',
    `${fork.id}//1`,
    `${fork.id}//2`,
  ]);
});

test('a fork of a later generation has its child runs as its own', async () => {
  const engine = testEngine();
  const child = flow(unique('child'), async (name: string) => name);
  const main = flow(unique('main'), async (left: number): Promise<unknown> => {
    const names = [await child('first'), await child('second')];
    return left > 0 ? continueAsNew(left - 1) : names;
  });
  await engine.run(main, [1], { id: 'run' });
  expect((await engine.operations('run')).map(({ childRunId }) => childRunId)).toEqual(['run#2//0', 'run#2//1']);
  const fork = engine.fork('run', '1');
  expect(await fork).toEqual(['first', 'second']);
  expect((await engine.operations(fork.id)).map(({ childRunId }) => childRunId)).toEqual([`${fork.id}//0`, `${fork.id}//1`]);
});

test('a fork starts a detached action that has become a run again, as its own', async () => {
  const engine = testEngine({ autoAdvance: false });
  const before = action(unique('before'), async () => 'before');
  const release: (() => void)[] = [];
  const work = action(unique('work'), () => new Promise<void>((resolve) => release.push(resolve)));
  const main = flow(unique('main'), async () => {
    const name = await before();
    work.start().detach();
    return [name, await before()];
  });
  expect(await engine.start(main, [], { id: 'run' })).toEqual(['before', 'before']);
  const fork = engine.fork('run', '2');
  expect(await fork).toEqual(['before', 'before']);
  const carrierOf = async (id: string): Promise<unknown> =>
    (await engine.operations(id)).find(({ name }) => name === work.name)?.childRunId;
  expect([await carrierOf('run'), await carrierOf(fork.id)]).toEqual(['run//1', `${fork.id}//1`]);
  expect([engine.calls(before).length, engine.calls(work).length]).toEqual([3, 2]);
  for (const end of release) end();
  await engine.future(`${fork.id}//1`);
});
