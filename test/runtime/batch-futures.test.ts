import {
  action,
  asCompleted,
  CompletionConfig,
  type DurableFuture,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  flow,
  map,
  parallel,
  sleep,
  UsageError,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { inFlow, settle, startFlow, thrownBy, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async (value?: unknown) => value);
const quick = flow(unique('quick'), async () => 'quick');
const strict = { leaks: 'error', nonDurableAwait: 'error' } as const;

type Any = DurableFuture<unknown>;

/** Every way to wait for a future. */
const ways: readonly [string, (future: Any) => Promise<unknown>][] = [
  ['await', async (future) => future],
  ['result()', (future) => future.result()],
  ['exception()', (future) => future.exception()],
  ['wait()', (future) => wait([future])],
  [
    'asCompleted()',
    async (future) => {
      for await (const each of asCompleted([future])) await each;
    },
  ],
  ['Promise.race', (future) => Promise.race([future])],
];

describe('a future of another branch', () => {
  test.each(ways)('cannot be waited for by %s, whether it is done or not', async (_way, waitFor) => {
    const codes = await inFlow(async () => {
      const shared: Any[] = [];
      const result = await parallel([
        async () => {
          shared.push(noop.start('shared'), sleep.start(30));
          await shared[0];
          await shared[1];
        },
        async () => {
          const first = (await thrownBy(() => waitFor(shared[0] as Any))) as UsageError;
          await sleep(10);
          const second = (await thrownBy(() => waitFor(shared[0] as Any))) as UsageError;
          return [first instanceof UsageError, first.code, second.code];
        },
      ]);
      result.throwIfError();
      return result.getResults()[1];
    }, strict);
    expect(codes).toStrictEqual([true, 'FOREIGN_FUTURE', 'FOREIGN_FUTURE']);
  });

  test.each(ways)('of a branch that has ended cannot be waited for by %s in the scope around it', async (_way, waitFor) => {
    const code = await inFlow(async () => {
      const shared: Any[] = [];
      await parallel([
        async () => {
          const future = noop.start('inner');
          shared.push(future);
          await future;
        },
      ]);
      return ((await thrownBy(() => waitFor(shared[0] as Any))) as UsageError).code;
    }, strict);
    expect(code).toBe('FOREIGN_FUTURE');
  });

  test('can be neither cancelled nor detached', async () => {
    const codes = await inFlow(async () => {
      const shared: Any[] = [];
      const result = await parallel([
        async () => {
          const future = sleep.start(10);
          shared.push(future);
          await future;
        },
        async () => [(await thrownBy(() => shared[0]?.cancel())) as UsageError, (await thrownBy(() => shared[0]?.detach())) as UsageError],
      ]);
      return (result.getResults()[1] as UsageError[]).map(({ code }) => code);
    }, strict);
    expect(codes).toStrictEqual(['FOREIGN_FUTURE', 'FOREIGN_FUTURE']);
  });
});

describe('a future of a scope around', () => {
  test.each(ways)('can be waited for in a branch by %s, and counts as taken', async (_way, waitFor) => {
    const { status, leaks, result } = await runBatch(async () => {
      const outer = noop.start('outer');
      const batch = await parallel([async () => void (await waitFor(outer)), () => parallel([async () => void (await waitFor(outer))])]);
      batch.throwIfError();
      return batch.status;
    }, strict);
    expect([status, leaks, result]).toStrictEqual(['SUCCEEDED', [], 'SUCCEEDED']);
  });

  test.each([
    ['an action', () => noop.start('value')],
    ['a child flow', () => quick.start()],
    ['a timer', () => sleep.start(5)],
    ['another batch', () => parallel.start([() => noop()])],
  ])('of %s comes to every branch that waits, and each goes on', async (_what, start) => {
    const result = await inFlow(async () => {
      const outer: Any = start();
      return map([1, 2, 3], async (item) => {
        await outer;
        return noop(item);
      });
    }, strict);
    expect(result.getResults()).toStrictEqual([1, 2, 3]);
  });

  test('cannot be cancelled or detached in a branch', async () => {
    const codes = await inFlow(async () => {
      const outer = sleep.start(10);
      const result = await parallel([
        async () => ((await thrownBy(() => outer.cancel())) as UsageError).code,
        async () => ((await thrownBy(() => outer.detach())) as UsageError).code,
      ]);
      await outer;
      return result.getResults();
    }, strict);
    expect(codes).toStrictEqual(['FOREIGN_FUTURE', 'FOREIGN_FUTURE']);
  });

  test('goes on for the others when a loser that waited for it is cancelled', async () => {
    const gates = new Gates();
    const seen: string[] = [];
    const { future } = await startFlow(async () => {
      const outer = gates.start('outer');
      const other = parallel.start([async () => outer]);
      await parallel(
        [
          async () => {
            await outer.result().catch((error: Error) => seen.push(error.name));
          },
          () => sleep(5),
        ],
        { completionConfig: CompletionConfig.firstSuccessful() },
      );
      seen.push(outer.status);
      gates.open('outer', 'value');
      const result = await other;
      return [result.getResults(), await outer];
    }, strict);
    expect(await future[0]).toStrictEqual([['value'], 'value']);
    expect(seen).toStrictEqual(['CancelledError', 'STARTED']);
  });

  test('fails each branch that waits for it with its own error', async () => {
    const gates = new Gates();
    const { future } = await startFlow(async () => {
      const outer = gates.start('outer');
      return map([1, 2], () => outer.result());
    }, strict);
    await gates.begun('outer');
    gates.fail('outer', new RangeError('outer'));
    expect((await future[0])?.getErrors().map((error) => [error instanceof RangeError, error.message])).toStrictEqual([
      [true, 'outer'],
      [true, 'outer'],
    ]);
  });
});

describe("a batch's future", () => {
  const pair = (): DurableFuture<{ getResults(): unknown[] }> => parallel.start([() => noop(1), () => noop(2)]);

  test('has the kind, the name, and the statuses of any other', async () => {
    const seen = await inFlow(async () => {
      const futures = [pair(), map.start([1], noop), map.start([1], async () => 1), map.start([1], noop, { name: 'named' })];
      const before = futures.map(({ id, kind, name, status }) => [id, kind, name, status]);
      await wait(futures);
      return [before, futures.map((future) => [future.status, future.done()])];
    }, strict);
    expect(seen).toStrictEqual([
      [
        ['0', 'parallel', 'parallel', 'STARTED'],
        ['1', 'map', noop.name, 'STARTED'],
        ['2', 'map', 'map', 'STARTED'],
        ['3', 'map', 'named', 'STARTED'],
      ],
      Array(4).fill(['SUCCEEDED', true]),
    ]);
  });

  test('takes part in wait(), asCompleted() and Promise.race', async () => {
    const seen = await inFlow(async () => {
      const [batch, slow] = [pair(), sleep.start('7d')];
      const { done, notDone } = await wait([slow, batch], FIRST_COMPLETED);
      const race = await Promise.race([slow, batch]);
      const order: unknown[] = [];
      for await (const future of asCompleted([slow, batch] as Any[])) {
        order.push(future);
        break;
      }
      slow.cancel();
      return [done.has(batch as never), notDone.has(slow as never), race === (await batch), order[0] === batch];
    }, strict);
    expect(seen).toStrictEqual([true, true, true, true]);
  });

  test('with failed branches is no exception to wait()', async () => {
    const seen = await inFlow(async () => {
      const batch = map.start([1], () => Promise.reject(new Error('inner')));
      const slow = sleep.start(20);
      const { done } = await wait([slow, batch], FIRST_EXCEPTION);
      return [done.size, await batch.exception()];
    }, strict);
    expect(seen).toStrictEqual([2, undefined]);
  });

  test('gives the same result to everybody who asks', async () => {
    const same = await inFlow(async () => {
      const batch = pair();
      const [first, second] = await Promise.all([batch, batch.result()]);
      return first === second && first === (await batch);
    }, strict);
    expect(same).toBe(true);
  });

  test('goes on when a wait for it ran out of time', async () => {
    const gates = new Gates();
    const seen: string[] = [];
    const { future } = await startFlow(async () => {
      const batch = parallel.start([() => gates.pass('slow')]);
      seen.push((await thrownBy(() => batch.result({ timeout: 5 }))).code as string, batch.status);
      gates.open('slow', 'done');
      return (await batch).getResults();
    }, strict);
    expect(await future[0]).toStrictEqual(['done']);
    expect(seen).toStrictEqual(['WAIT_TIMEOUT', 'STARTED']);
    await settle();
  });
});
