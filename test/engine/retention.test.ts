import { event, flow, sleep } from 'perdure';
import { describe, expect, test, vi } from 'vitest';
import type { TestEngine } from '../../src/testing.js';
import { deferred, openEngine, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { STORES } from '../worker/sleeping.js';

const quick = aFlow(async (n: number) => n);
const waiter = aFlow(async () => event('go'));

/** The ids of all runs, oldest first. */
async function ids(engine: TestEngine): Promise<string[]> {
  return (await engine.list({ limit: 10_000 })).map(({ id }) => id).reverse();
}

const BAD: readonly (readonly [retention: unknown, code: string, names: string])[] = [
  [undefined, 'INVALID_OPTION', 'age'],
  [{}, 'INVALID_OPTION', 'count'],
  [{ age: undefined }, 'INVALID_OPTION', 'count'],
  [{ count: -1 }, 'INVALID_OPTION', 'count'],
  [{ count: 1.5 }, 'INVALID_OPTION', 'count'],
  [{ count: '10' }, 'INVALID_OPTION', 'count'],
  [{ count: Number.POSITIVE_INFINITY }, 'INVALID_OPTION', 'count'],
  [{ age: 'soon' }, 'INVALID_DURATION', 'age'],
  [{ age: -1 }, 'INVALID_DURATION', 'age'],
  [{ days: 3 }, 'INVALID_OPTION', 'days'],
  ['30d', 'INVALID_OPTION', ''],
];

test.each(BAD)('what is to be kept cannot be %j', async (retention, code, names) => {
  const engine = testEngine();
  const error = await thrownBy(() => engine.prune(retention as { count: number }));
  expect(error).toMatchObject({ name: 'UsageError', code, message: expect.stringContaining(names) });
  if (retention === undefined) return;
  const opening = await thrownBy(() => testEngine({ retention: retention as { count: number } }));
  expect(opening).toMatchObject({ name: 'UsageError', code, message: expect.stringContaining('retention') });
  expect(await thrownBy(() => openEngine({ retention: retention as { count: number } }))).toMatchObject({ code });
});

test('a closed engine prunes nothing, and a flow cannot ask for it', async () => {
  const engine = testEngine();
  const inside = aFlow(async () => {
    await engine.prune({ count: 0 });
  });
  const { error } = await engine.run(inside);
  expect(error).toMatchObject({ code: 'ENGINE_IN_FLOW' });
  await engine.close();
  expect(await thrownBy(() => engine.prune({ count: 0 }))).toMatchObject({ code: 'ENGINE_CLOSED' });
});

describe.each(Object.entries(STORES))('over %s', (_, makeStore) => {
  test('runs are gone that ended longer ago than their age, and those that live stay', async () => {
    const engine = testEngine({ store: makeStore(), autoAdvance: false });
    engine.start(waiter, [], { id: 'live' });
    for (const id of ['first', 'second', 'third']) {
      await engine.start(quick, [1], { id });
      await engine.advance('1d');
    }
    expect(await engine.prune({ age: '4d' })).toBe(0);
    // Ended exactly so long ago is not longer.
    expect(await engine.prune({ age: '2d' })).toBe(1);
    expect(await ids(engine)).toEqual(['live', 'second', 'third']);
    expect(await engine.prune({ age: 0 })).toBe(2);
    expect(await ids(engine)).toEqual(['live']);
    await engine.send('live', 'go', 1);
    expect(await engine.future('live')).toBe(1);
  });

  test('the runs that were started last are kept, whenever they ended', async () => {
    const engine = testEngine({ store: makeStore() });
    for (let n = 0; n < 10; n += 1) await engine.start(quick, [n], { id: `${n}` });
    expect(await engine.prune({ count: 4 })).toBe(6);
    expect(await ids(engine)).toEqual(['6', '7', '8', '9']);
    expect(await engine.prune({ count: 4 })).toBe(0);
    expect(await engine.prune({ count: 0 })).toBe(4);
  });

  test('more than one transaction can take goes as well', async () => {
    const engine = testEngine({ store: makeStore() });
    const family = aFlow(async (n: number) => quick(n));
    await Promise.all(Array.from({ length: 1_101 }, (_, n) => engine.start(n % 2 === 0 ? quick : family, [n])));
    expect(await engine.prune({ count: 1 })).toBe(1_100 + 550);
    expect(await ids(engine)).toHaveLength(1);
  });

  test('children go with their parents, and not before', async () => {
    const engine = testEngine({ store: makeStore(), autoAdvance: false });
    const middle = aFlow(async () => [await quick(1), await quick(2)]);
    const parent = aFlow(async () => {
      await middle();
      await sleep('5d');
    });
    engine.start(parent, [], { id: 'parent' });
    await engine.advance('4d');
    expect(await engine.prune({ age: '1d', count: 0 })).toBe(0);
    expect((await engine.list()).length).toBe(4);
    await engine.advance('1d');
    expect(await engine.prune({ age: '1d' })).toBe(0);
    await engine.advance('2d');
    expect(await engine.prune({ age: '1d' })).toBe(4);
    expect(await ids(engine)).toEqual([]);
  });

  test('a detached child that lives outlives its parent, and goes after its own end', async () => {
    const engine = testEngine({ store: makeStore(), autoAdvance: false });
    const long = aFlow(async () => {
      await quick(1);
      await sleep('3d');
      return quick(2);
    });
    const parent = aFlow(async () => void long.start().detach());
    await engine.start(parent, [], { id: 'parent' });
    await engine.advance('1d');
    expect(await engine.prune({ count: 0 })).toBe(1);
    expect(await ids(engine)).toEqual(['parent//0', 'parent//0//0']);
    const future = engine.future('parent//0');
    expect((await engine.get('parent//0')).pending).toMatchObject([{ kind: 'timer' }]);
    await engine.advance('2d');
    expect(await future).toBe(2);
    expect(await engine.prune({ count: 0 })).toBe(3);
    expect(await ids(engine)).toEqual([]);
  });

  test('a parent that sleeps keeps its ended children, which it asks for when it wakes', async () => {
    const engine = testEngine({ store: makeStore(), autoAdvance: false, maxResidentRuns: 1 });
    const parent = aFlow(async () => {
      const child = quick.start(7);
      await sleep('2d');
      return child;
    });
    const futures = [1, 2].map((n) => engine.start(parent, [], { id: `${n}` }));
    await engine.advance('1d');
    expect((await engine.list({ status: 'SUSPENDED' })).length).toBeGreaterThan(0);
    expect(await engine.prune({ age: 0, count: 0 })).toBe(0);
    await engine.advance('2d');
    expect(await Promise.all(futures)).toEqual([7, 7]);
  });

  test('what is gone is unknown, and its id can be used anew', async () => {
    const engine = testEngine({ store: makeStore() });
    await engine.start(quick, [1], { id: 'id' });
    expect(await thrownBy(() => engine.start(quick, [2], { id: 'id' }).result())).toMatchObject({ code: 'RUN_ID_TAKEN' });
    await engine.prune({ count: 0 });
    for (const call of [() => engine.get('id'), () => engine.operations('id'), () => engine.cancel('id'), () => engine.send('id', 'go')]) {
      expect(await thrownBy(call)).toMatchObject({ code: 'RUN_NOT_FOUND' });
    }
    expect(await thrownBy(() => engine.future('id').result())).toMatchObject({ code: 'RUN_NOT_FOUND' });
    expect(await engine.start(quick, [2], { id: 'id' })).toBe(2);
    const other = flow(unique('other'), async () => event('go'));
    await engine.prune({ count: 0 });
    const future = engine.start(other, [], { id: 'id' });
    await engine.send('id', 'go', 'new');
    expect(await future).toBe('new');
  });

  test('an engine with a retention prunes now and then, by age and by count', async () => {
    const engine = testEngine({ store: makeStore(), autoAdvance: false, retention: { age: '2h', count: 3 } });
    engine.start(waiter, [], { id: 'live' });
    for (let hour = 0; hour < 3; hour += 1) {
      for (const n of [1, 2]) await engine.start(quick, [n], { id: `${hour}.${n}` });
      await engine.advance('1h');
    }
    await vi.waitFor(async () => expect(await ids(engine)).toEqual(['live', '1.2', '2.1', '2.2']));
    await engine.advance('1h');
    await vi.waitFor(async () => expect(await ids(engine)).toEqual(['live', '2.1', '2.2']));
    await engine.advance('1d');
    await vi.waitFor(async () => expect(await ids(engine)).toEqual(['live']));
  });

  test('an engine with a retention goes on with its other work while it prunes, and prunes once at a time', async () => {
    const store = makeStore();
    const [begun, release] = [deferred(), deferred()];
    let prunings = 0;
    const { prune, reapWorkers } = store;
    store.prune = async (query) => {
      prunings += 1;
      begun.resolve();
      await release.promise;
      return prune.call(store, query);
    };
    let looks = 0;
    store.reapWorkers = async (query) => {
      looks += 1;
      return reapWorkers.call(store, query);
    };
    const engine = testEngine({ store, autoAdvance: false, retention: { count: 1 } });
    for (const n of [1, 2, 3]) await engine.start(quick, [n]);
    await engine.advance('50ms');
    await begun.promise;
    looks = 0;
    for (let times = 0; times < 5; times += 1) await engine.advance('15m');
    expect(looks).toBeGreaterThan(3);
    expect(prunings).toBe(1);
    release.resolve();
    await vi.waitFor(async () => expect(await ids(engine)).toHaveLength(1));
  });

  test('an engine without a retention prunes nothing', async () => {
    const engine = testEngine({ store: makeStore(), autoAdvance: false });
    await engine.start(quick, [1], { id: 'id' });
    await engine.advance('1000d');
    expect(await ids(engine)).toEqual(['id']);
  });
});
