import { action, asCompleted, type DurableFuture, flow, shield, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { deferred, inFlow, openEngine, settle, startFlow, thrownBy, unique } from '../api/with-engine.js';

const ok = action(unique('ok'), async (value: string) => value);
const bad = action(unique('bad'), async (): Promise<string> => {
  throw new Error('bad');
});

describe('asCompleted()', () => {
  test('yields futures in the order of their completion', async () => {
    const gates = [deferred(), deferred(), deferred()];
    const gated = action(unique('gated'), async (index: number) => gates[index]?.promise);
    const seen: number[] = [];
    const { future } = await startFlow(async () => {
      const futures = gates.map((_gate, index) => gated.start(index));
      gates[2]?.resolve();
      for await (const done of asCompleted(futures)) {
        seen.push(futures.indexOf(done as (typeof futures)[number]));
        gates[seen.length - 1]?.resolve();
      }
      return seen;
    });
    expect(await future[0]).toStrictEqual([2, 0, 1]);
  });

  test('yields what is done already first, in the order of its completion', async () => {
    const order = await inFlow(async () => {
      const [first, second, third] = [ok.start('first'), ok.start('second'), sleep.start(1)];
      await second;
      await first;
      const names: string[] = [];
      for await (const future of asCompleted([third, second, first])) names.push(future.id);
      return names;
    });
    expect(order.at(-1)).toBe('2');
    expect(order.toSorted()).toStrictEqual(['0', '1', '2']);
  });

  test('yields duplicates once', async () => {
    const count = await inFlow(async () => {
      const future = ok.start('x');
      let seen = 0;
      for await (const _future of asCompleted([future, future])) seen += 1;
      return seen;
    });
    expect(count).toBe(1);
  });

  test('yields nothing for nothing', async () => {
    expect(
      await inFlow(async () => {
        for await (const _future of asCompleted([])) return 'something';
        return 'nothing';
      }),
    ).toBe('nothing');
  });

  test('does not throw the error of a future', async () => {
    const seen = await inFlow(async () => {
      const statuses: string[] = [];
      for await (const future of asCompleted([bad.start(), ok.start('x')]))
        statuses.push(`${future.status} ${(await future.exception())?.message}`);
      return statuses.toSorted();
    });
    expect(seen).toStrictEqual(['FAILED bad', 'SUCCEEDED undefined']);
  });

  test('yields cancelled futures', async () => {
    const status = await inFlow(async () => {
      const timer = sleep.start('7d');
      timer.cancel();
      for await (const future of asCompleted([timer])) return future.status;
      return 'none';
    });
    expect(status).toBe('CANCELLED');
  });

  test('yields a future that is cancelled while it waits', async () => {
    const order = await inFlow(async () => {
      const timer = sleep.start('7d');
      const statuses: string[] = [];
      for await (const future of asCompleted([timer, ok.start('x')])) {
        statuses.push(future.status);
        timer.cancel();
      }
      return statuses;
    });
    expect(order).toStrictEqual(['SUCCEEDED', 'CANCELLED']);
  });

  test('can be left early, and the rest can still be awaited', async () => {
    const seen = await inFlow(async () => {
      const futures = [ok.start('0'), sleep.start(5), ok.start('2')] as DurableFuture<unknown>[];
      for await (const future of asCompleted(futures)) {
        if (future.done()) break;
      }
      return Promise.all(futures);
    });
    expect(seen).toStrictEqual(['0', undefined, '2']);
  });

  test('can be iterated several times, each from the start', async () => {
    const counts = await inFlow(async () => {
      const each = asCompleted([ok.start('0'), ok.start('1')]);
      const count = async (): Promise<number> => {
        let seen = 0;
        for await (const _future of each) seen += 1;
        return seen;
      };
      return [await count(), await count()];
    });
    expect(counts).toStrictEqual([2, 2]);
  });

  test('works outside flows on root futures', async () => {
    const run = flow(unique('run'), async (delayMs: number) => {
      await sleep(delayMs);
      if (delayMs === 1) throw new Error('bad');
      return delayMs;
    });
    const { engine } = await openEngine();
    const futures = [engine.start(run, [60]), engine.start(run, [1]), engine.start(run, [30])];
    const order: number[] = [];
    for await (const future of asCompleted(futures)) order.push(futures.indexOf(future as (typeof futures)[number]));
    expect(order).toStrictEqual([1, 2, 0]);
  });

  test('is interrupted by the cancellation of its flow', async () => {
    const { engine, future } = await startFlow(async () => {
      const error = await thrownBy(async () => {
        for await (const _future of asCompleted([sleep.start('7d')]));
      });
      return error.name;
    });
    const root = future[0] as DurableFuture<string>;
    await root.recorded();
    await engine.cancel(root.id);
    expect(await root).toBe('CancelledError');
  });

  test('throws in a flow that is cancelled, whatever is done or left', async () => {
    const { engine, future } = await startFlow(async () => {
      const before = ok.start('x');
      await before;
      await sleep('7d').catch(() => undefined);
      const loop = async (futures: DurableFuture<unknown>[]): Promise<void> => {
        for await (const _future of asCompleted(futures));
      };
      const names: string[] = [];
      for (const futures of [[before], [ok.start('y')], []]) names.push((await thrownBy(() => loop(futures))).name);
      names.push(await shield(() => loop([before]).then(() => 'shielded')));
      return names;
    });
    const root = future[0] as DurableFuture<string[]>;
    await root.recorded();
    await settle();
    await engine.cancel(root.id);
    expect(await root).toStrictEqual(['CancelledError', 'CancelledError', 'CancelledError', 'shielded']);
  });

  test('return() settles a next() that is pending', async () => {
    const { engine } = await openEngine();
    const iterator = asCompleted([
      engine.start(
        flow(unique('run'), () => sleep('7d')),
        [],
      ),
    ])[Symbol.asyncIterator]();
    const pending = iterator.next();
    expect(await iterator.return?.()).toStrictEqual({ done: true, value: undefined });
    expect([await pending, await iterator.next()]).toStrictEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
  });

  test('takes time in proportion to the number of futures', async () => {
    const noop = action(unique('noop'), async () => 0);
    const iterate = (count: number): Promise<number> =>
      inFlow(async () => {
        const futures = Array.from({ length: count }, () => noop.start());
        const startedAt = performance.now();
        for await (const _future of asCompleted(futures));
        return performance.now() - startedAt;
      });
    await iterate(2_000);
    const small = Math.min(await iterate(2_000), await iterate(2_000));
    const large = Math.min(await iterate(10_000), await iterate(10_000));
    // Linear is 5, quadratic 25.
    expect(large / small).toBeLessThan(15);
  });
});
