import { action, map, parallel, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { deferred, inFlow, settle, startFlow, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async (value: unknown) => value);

describe('maxConcurrency', () => {
  test('begins so many branches, in index order, and one more whenever one is done (BA1)', async () => {
    const gates = new Gates();
    const log: string[] = [];
    const { future } = await startFlow(async () => {
      const result = await map(
        ['a', 'b', 'c', 'd', 'e'],
        async (key) => {
          log.push(`begin ${key}`);
          const value = await gates.pass(key);
          log.push(`end ${key}`);
          return value;
        },
        { maxConcurrency: 2 },
      );
      return result.getResults();
    });
    const opens = ['b', 'c', 'a', 'e', 'd'];
    await gates.begun('b');
    for (const key of opens) {
      await settle();
      log.push('quiet');
      gates.open(key, key.toUpperCase());
    }
    expect(await future[0]).toStrictEqual(['A', 'B', 'C', 'D', 'E']);
    expect(log).toStrictEqual([
      ...['begin a', 'begin b', 'quiet', 'end b', 'begin c', 'quiet', 'end c', 'begin d', 'quiet'],
      ...['end a', 'begin e', 'quiet', 'end e', 'quiet', 'end d'],
    ]);
  });

  test.each([1, 2, 3, 7, 8, 100])('%d: never more, and as many as that where there are', async (maxConcurrency) => {
    let [running, most] = [0, 0];
    const result = await inFlow(async () =>
      map(
        [0, 1, 2, 3, 4, 5, 6],
        async (item) => {
          running += 1;
          most = Math.max(most, running);
          await noop(item);
          running -= 1;
          return item;
        },
        { maxConcurrency },
      ),
    );
    expect(most).toBe(Math.min(maxConcurrency, 7));
    expect(result.getResults()).toStrictEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('without it all branches begin before parallel.start() returns, in index order', async () => {
    const begun: number[] = [];
    const atReturn = await inFlow(async () => {
      const future = parallel.start([0, 1, 2].map((index) => () => void begun.push(index)));
      const seen = [...begun];
      await future;
      return seen;
    });
    expect(atReturn).toStrictEqual([0, 1, 2]);
  });

  test('with it the first ones begin before parallel() returns, and the others do not', async () => {
    const begun: number[] = [];
    const atReturn = await inFlow(async () => {
      const promise = parallel(
        [0, 1, 2].map((index) => () => void begun.push(index)),
        { maxConcurrency: 2 },
      );
      const seen = [...begun];
      await promise;
      return seen;
    });
    expect(atReturn).toStrictEqual([0, 1]);
    expect(begun).toStrictEqual([0, 1, 2]);
  });

  test('holds where the branches end without waiting for anything', async () => {
    const begun: number[] = [];
    const result = await inFlow(async () => map([0, 1, 2, 3], (item) => begun.push(item), { maxConcurrency: 1 }));
    expect(begun).toStrictEqual([0, 1, 2, 3]);
    expect(result.getResults()).toStrictEqual([1, 2, 3, 4]);
  });

  test('a branch that sleeps, or waits for a shield, keeps its place', async () => {
    const begun: string[] = [];
    const woken = deferred();
    const { future } = await startFlow(async () =>
      parallel(
        {
          sleeper: async () => {
            begun.push('sleeper');
            await sleep('7d').catch(() => undefined);
          },
          other: async () => {
            begun.push('other');
            await noop(1);
            begun.push('other has ended');
          },
          third: async () => {
            begun.push('third');
            await noop(1);
          },
          last: async () => {
            begun.push('last');
            woken.resolve();
          },
        },
        { maxConcurrency: 2, completionConfig: { minSuccessful: 3 } },
      ),
    );
    await woken.promise;
    const result = await future[0];
    expect(begun).toStrictEqual(['sleeper', 'other', 'other has ended', 'third', 'last']);
    expect(result?.all.map(({ status }) => status)).toStrictEqual(['STARTED', 'SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
  });

  test('a failure frees its place as well', async () => {
    const begun: number[] = [];
    const result = await inFlow(async () =>
      map(
        [0, 1, 2],
        async (item) => {
          begun.push(item);
          await noop(item);
          throw new Error(`e${item}`);
        },
        { maxConcurrency: 1 },
      ),
    );
    expect(begun).toStrictEqual([0, 1, 2]);
    expect(result.getErrors().map(({ message }) => message)).toStrictEqual(['e0', 'e1', 'e2']);
  });

  test('of a nested batch counts its own branches only', async () => {
    let [running, most] = [0, 0];
    await inFlow(async () =>
      map(
        [0, 1],
        () =>
          map(
            [0, 1, 2],
            async (item) => {
              running += 1;
              most = Math.max(most, running);
              await noop(item);
              running -= 1;
            },
            { maxConcurrency: 2 },
          ),
        { maxConcurrency: 2 },
      ),
    );
    expect(most).toBe(4);
  });

  test('no branch begins after the decision (BA2)', async () => {
    const begun: number[] = [];
    const { result } = await runBatch(async () =>
      map(
        [0, 1, 2, 3],
        async (item) => {
          begun.push(item);
          return noop(item);
        },
        { maxConcurrency: 1, completionConfig: { minSuccessful: 2 } },
      ),
    );
    expect(begun).toStrictEqual([0, 1]);
    expect(result?.notStarted().map(({ index }) => index)).toStrictEqual([2, 3]);
  });
});

describe('a large batch', () => {
  test('10,000 branches that do nothing are done in a few seconds', async () => {
    const started = performance.now();
    const result = await inFlow(async () =>
      map(
        Array.from({ length: 10_000 }, (_, index) => index),
        (item) => item + 1,
      ),
    );
    expect(result.successCount).toBe(10_000);
    expect(result.getResults()[9_999]).toBe(10_000);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test('10,000 actions, 50 at once, are done in a few seconds', async () => {
    const started = performance.now();
    const result = await inFlow(async () =>
      map(
        Array.from({ length: 10_000 }, (_, index) => index),
        noop,
        { maxConcurrency: 50 },
      ),
    );
    expect(result.successCount).toBe(10_000);
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});
