import { action, actionContext, type Flow, LeakedFuturesError, map, memoryStore, parallel, RetryPresets, shield, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import type { TestEngine } from '../../src/testing.js';
import { deferred, settle, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';

const START = 0;
const MINUTE_MS = 60_000;

const work = action(unique('work'), async (text: string) => text);
const other = action(unique('other'), async (text: string) => text);
const manyOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `item ${index}`);

/** Starts a flow once for each id, and waits for all. */
async function runAll<R>(engine: TestEngine, ids: readonly string[], main: Flow<[string], R>): Promise<R[]> {
  return Promise.all(ids.map((id) => engine.start(main, [id], { id }).result()));
}

describe('maxConcurrentActions', () => {
  test('is kept to over all actions and runs, and all are done', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 3 });
    let [now, most] = [0, 0];
    const count = async (text: string): Promise<string> => {
      now += 1;
      most = Math.max(most, now);
      await settle();
      now -= 1;
      return text;
    };
    for (const each of [work, other]) engine.mock(each, count);
    const main = aFlow(async (id: string) => Promise.all(manyOf(4).map((item, n) => (n % 2 === 0 ? work : other).start(`${id} ${item}`))));
    const results = await runAll(engine, ['a', 'b'], main);
    expect(results).toEqual(['a', 'b'].map((id) => manyOf(4).map((item) => `${id} ${item}`)));
    expect(most).toBe(3);
  });

  test('lets no place lie idle', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 3 });
    engine.mock(work, 'done', { latency: '1m' });
    await engine.run(aFlow(async () => Promise.all(manyOf(9).map((item) => work.start(item)))));
    engine.assertMaxInFlight(work, 3);
    expect(engine.now() - START).toBe(3 * MINUTE_MS);
  });

  test('does not count an action that waits for its next attempt', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 1 });
    const order: string[] = [];
    engine.mock(work, (text) => {
      order.push(text);
      if (text === 'flaky' && actionContext().attempt === 1) throw new Error('no');
      return text;
    });
    const main = aFlow(async () => {
      const flaky = work.with({ retry: RetryPresets.fixed({ delay: '1m' }) }).start('flaky');
      return Promise.all([flaky, work('steady')]);
    });
    expect((await engine.run(main)).result).toEqual(['flaky', 'steady']);
    expect(order).toEqual(['flaky', 'steady', 'flaky']);
  });

  test('does not count sleeps, child runs and branches', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 1 });
    const child = aFlow(async () => {
      await sleep('1h');
      return work('child');
    });
    const main = aFlow(async () => {
      const branches = await parallel([child, child, () => sleep('1h')]);
      return branches.getResults();
    });
    expect((await engine.run(main)).result).toEqual(['child', 'child', undefined]);
    expect(engine.now() - START).toBe(60 * MINUTE_MS);
  });

  test('goes to runs in turn: one with many actions does not keep out another', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 1 });
    engine.mock(work, (text) => text, { latency: '1m' });
    const main = aFlow(async (id: string) => {
      await Promise.all(manyOf(id === 'greedy' ? 20 : 1).map((item) => work.start(`${id} ${item}`)));
    });
    await runAll(engine, ['greedy', 'modest-1', 'modest-2'], main);
    const order = engine.calls(work).map(([text]) => text.split(' ')[0]);
    expect(order.slice(0, 4)).toEqual(expect.arrayContaining(['modest-1', 'modest-2']));
    expect(order).toHaveLength(22);
  });

  test('holds between runs that go on side by side', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 2 });
    engine.mock(work, (text) => text, { latency: '1m' });
    const main = aFlow(async (id: string) => {
      for (const item of manyOf(3)) await work(`${id} ${item}`);
    });
    await runAll(engine, ['a', 'b', 'c', 'd'], main);
    engine.assertMaxInFlight(work, 2);
    expect(engine.now() - START).toBe(6 * MINUTE_MS);
  });

  test('lets shields do their work while all places are taken', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 1 });
    engine.mock(work, (text) => text, { latency: '1m' });
    const main = aFlow(async () => {
      try {
        return await work('long');
      } finally {
        await shield(() => other('clean'));
      }
    });
    const future = engine.start(main, []);
    while (engine.calls(work).length === 0) await settle();
    future.cancel();
    await future.exception();
    expect(engine.calls(other)).toEqual([['clean']]);
  });
});

describe('concurrency', () => {
  const narrow = action(unique('narrow'), async (text: string) => text, { concurrency: 2 });

  test('is kept to over all runs, and says nothing of other actions', async () => {
    const engine = testEngine({ startTime: START });
    for (const each of [narrow, other]) engine.mock(each, (text) => text, { latency: '1m' });
    const main = aFlow(async (id: string) => {
      await Promise.all(manyOf(3).flatMap((item) => [narrow.start(`${id} ${item}`), other.start(`${id} ${item}`)]));
    });
    await runAll(engine, ['a', 'b'], main);
    engine.assertMaxInFlight(narrow, 2);
    expect(() => engine.assertMaxInFlight(other, 5)).toThrow('6 calls');
    expect(engine.now() - START).toBe(3 * MINUTE_MS);
  });

  test('counts calls under other names', async () => {
    const engine = testEngine({ startTime: START });
    engine.mock(narrow, (text) => text, { latency: '1m' });
    await engine.run(aFlow(async () => Promise.all(manyOf(4).map((item) => narrow.with({ name: item }).start(item)))));
    engine.assertMaxInFlight(narrow, 2);
  });

  test('is kept to beside the limit of all: a queue of one action holds up no other', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 3 });
    for (const each of [narrow, other]) engine.mock(each, (text) => text, { latency: '1m' });
    const main = aFlow(async () => {
      const slow = manyOf(6).map((item) => narrow.start(item));
      const quick = await other('quick');
      await Promise.all(slow);
      return quick;
    });
    await engine.run(main);
    engine.assertMaxInFlight(narrow, 2);
    expect(engine.now() - START).toBe(3 * MINUTE_MS);
  });

  test('goes to runs in turn', async () => {
    const one = action(unique('one'), async (text: string) => text, { concurrency: 1 });
    const engine = testEngine({ startTime: START });
    engine.mock(one, (text) => text, { latency: '1m' });
    const main = aFlow(async (id: string) => {
      await Promise.all(manyOf(3).map((item) => one.start(`${id} ${item}`)));
    });
    await runAll(engine, ['a', 'b'], main);
    const order = engine.calls(one).map(([text]) => text.split(' ')[0]);
    expect(order.slice(1, 5).sort()).toEqual(['a', 'a', 'b', 'b']);
    expect(order[1]).not.toBe(order[2]);
  });

  test('is of each engine', async () => {
    const one = action(unique('one'), async (text: string) => text, { concurrency: 1 });
    const [first, second] = [testEngine({ autoAdvance: false }), testEngine()];
    const begun = deferred();
    first.mock(one, () => {
      begun.resolve();
      return new Promise<string>(() => {});
    });
    const main = aFlow(async () => one('x'));
    first
      .start(main, [])
      .exception()
      .catch(() => {});
    await begun.promise;
    expect((await second.run(main)).result).toBe('x');
  });
});

describe('a place is held until the body has really ended', () => {
  /** A body that does not listen to its signal, holds the only place, and ends when it is told to. */
  function stubborn(engine: TestEngine): { begun: Promise<void>; end: () => void } {
    const [begun, end] = [deferred(), deferred<string>()];
    engine.mock(work, () => {
      begun.resolve();
      return end.promise;
    });
    return { begun: begun.promise, end: () => end.resolve('late') };
  }

  test('though the action was cancelled', async () => {
    const engine = testEngine({ maxConcurrentActions: 1, patience: 1 });
    const { begun, end } = stubborn(engine);
    const main = aFlow(async () => {
      const first = work.start('first');
      await sleep('1m');
      first.cancel();
      return other('next');
    });
    const future = engine.start(main, []);
    await begun;
    while (!(await entriesOf(engine, future.id)).includes(`${other.name} STARTED`)) await settle();
    await settle();
    expect(engine.calls(other)).toHaveLength(0);
    end();
    expect(await future).toBe('next');
  });

  test('though the attempt has run out of time', async () => {
    const engine = testEngine({ maxConcurrentActions: 1, patience: 1 });
    const { begun, end } = stubborn(engine);
    const main = aFlow(async () => {
      await work
        .with({ timeout: '1m' })('first')
        .catch(() => {});
      return other('next');
    });
    const future = engine.start(main, []);
    await begun;
    while (!(await entriesOf(engine, future.id)).includes(`${other.name} STARTED`)) await settle();
    await settle();
    expect(engine.calls(other)).toHaveLength(0);
    end();
    expect(await future).toBe('next');
  });

  test('though its run has ended', async () => {
    const narrow = action(unique('narrow'), async (text: string) => text, { concurrency: 1 });
    const engine = testEngine({ patience: 1 });
    const [begun, end] = [deferred(), deferred<string>()];
    engine.mock(narrow, (text) => {
      begun.resolve();
      return text === 'first' ? end.promise : text;
    });
    const first = aFlow(async () => {
      narrow.start('first');
      await sleep('1m');
      return 'ended';
    });
    const leaky = engine.start(first, []);
    await begun.promise;
    expect(await leaky.exception()).toBeInstanceOf(LeakedFuturesError);
    const second = engine.start(
      aFlow(async () => narrow('second')),
      [],
    );
    await settle();
    expect(engine.calls(narrow)).toEqual([['first']]);
    end.resolve('late');
    expect(await second).toBe('second');
  });

  test('and a slot of a batch is free at once', async () => {
    const engine = testEngine({ patience: 1 });
    const { end } = stubborn(engine);
    const main = aFlow(async () => {
      const batch = await map(
        ['a', 'b', 'c'],
        async (item) => {
          if (item === 'a') await work.with({ timeout: '1m' })(item);
          return other(item);
        },
        { maxConcurrency: 1 },
      );
      return batch.all.map(({ status }) => status);
    });
    expect((await engine.run(main)).result).toEqual(['FAILED', 'SUCCEEDED', 'SUCCEEDED']);
    end();
  });

  test('and what was called off while it waited is never begun', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 1 });
    engine.mock(work, (text) => text, { latency: '1h' });
    const main = aFlow(async () => {
      const first = work.start('first');
      const [second, third] = [work.start('second'), other.start('third')];
      await sleep('1m');
      const cancelled = second.cancel();
      return [cancelled, await first, await third];
    });
    expect((await engine.run(main)).result).toEqual([true, 'first', 'third']);
    expect(engine.calls(work)).toEqual([['first']]);
  });
});

test('actions that waited for a place when their process ended are done by the next', async () => {
  const store = memoryStore();
  const main = aFlow(async () => Promise.all(manyOf(5).map((item) => work.start(item))));
  const first = testEngine({ store, maxConcurrentActions: 1, autoAdvance: false });
  const begun = deferred();
  first.mock(work, () => {
    begun.resolve();
    return new Promise<string>(() => {});
  });
  first
    .start(main, [], { id: 'run' })
    .exception()
    .catch(() => {});
  await begun.promise;
  await settle();
  await first.close({ timeout: 0 });
  expect(first.calls(work)).toHaveLength(1);
  const second = testEngine({ store, maxConcurrentActions: 1 });
  expect(await second.future('run')).toEqual(manyOf(5));
  second.assertMaxInFlight(work, 1);
});

/** What is recorded of a run: names and statuses. */
async function entriesOf(engine: TestEngine, id: string): Promise<string[]> {
  const report = await engine.report(id);
  return report.operations.map(({ name, status }) => `${name} ${status}`);
}
