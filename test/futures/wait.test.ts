import {
  ALL_COMPLETED,
  action,
  CancelledError,
  type DurableFuture,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  flow,
  sleep,
  type WaitOptions,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { type Deferred, deferred, inFlow, openEngine, startFlow, thrownBy, unique } from '../api/with-engine.js';

/** What to start, and how it ends: `ok` and `bad` at once, `never` only when it is cancelled. */
type Ending = 'ok' | 'bad' | 'never';

class Bad extends Error {}

const gate = new Map<string, Deferred<void>>();
const act = action(unique('act'), async (ending: Ending, id: string): Promise<string> => {
  if (ending === 'bad') throw new Bad(id);
  if (ending === 'never') await gate.get(id)?.promise;
  return id;
});
const child = flow(unique('child'), async (ending: Ending, id: string): Promise<string> => {
  if (ending === 'bad') throw new Bad(id);
  if (ending === 'never') await sleep('7d');
  return id;
});

let ids = 0;
function startAction(ending: Ending): DurableFuture<unknown> {
  ids += 1;
  const id = String(ids);
  if (ending === 'never') gate.set(id, deferred());
  return act.start(ending, id);
}
function startChild(ending: Ending): DurableFuture<unknown> {
  return child.start(ending, 'child');
}
function startTimer(ending: Ending): DurableFuture<unknown> {
  return sleep.start(ending === 'never' ? '7d' : 0);
}

/** Waits in a flow, tells which of the futures (by index) were done, and cancels the rest. */
function waitInFlow(
  start: (ending: Ending) => DurableFuture<unknown>,
  endings: readonly Ending[],
  options: Parameters<typeof wait>[1],
  prepare: (futures: DurableFuture<unknown>[]) => unknown = () => undefined,
): Promise<{ done: number[]; notDone: number[] }> {
  return inFlow(async () => {
    const futures = endings.map(start);
    await prepare(futures);
    const { done, notDone } = await wait(futures, options);
    for (const future of notDone) future.cancel();
    // Cancelling a child is a request to it: its answer comes later.
    await wait(notDone);
    return { done: [...done].map((future) => futures.indexOf(future)), notDone: [...notDone].map((future) => futures.indexOf(future)) };
  });
}

const kinds = [
  ['actions', startAction],
  ['child flows', startChild],
  ['timers', startTimer],
] as const;

const failingKinds = kinds.slice(0, 2);

describe.each(kinds)('wait() for %s', (_kind, start) => {
  test('ALL_COMPLETED, the default, waits for all', async () => {
    const expected = { done: [0, 1, 2], notDone: [] };
    expect(await waitInFlow(start, ['ok', 'ok', 'ok'], undefined)).toStrictEqual(expected);
    expect(await waitInFlow(start, ['ok', 'ok', 'ok'], ALL_COMPLETED)).toStrictEqual(expected);
    expect(await waitInFlow(start, ['ok', 'ok', 'ok'], { returnWhen: ALL_COMPLETED })).toStrictEqual(expected);
  });

  test('FIRST_COMPLETED returns at the first that is done', async () => {
    expect(await waitInFlow(start, ['never', 'ok', 'never'], FIRST_COMPLETED)).toStrictEqual({ done: [1], notDone: [0, 2] });
  });

  test('FIRST_COMPLETED returns at once when one is done already, with all that are', async () => {
    const seen = await waitInFlow(start, ['ok', 'never', 'ok'], FIRST_COMPLETED, (futures) => Promise.all([futures[0], futures[2]]));
    expect(seen).toStrictEqual({ done: [0, 2], notDone: [1] });
  });

  test('FIRST_EXCEPTION without an exception is ALL_COMPLETED', async () => {
    expect(await waitInFlow(start, ['ok', 'ok'], FIRST_EXCEPTION)).toStrictEqual({ done: [0, 1], notDone: [] });
  });

  test('a cancelled future is done and is no exception', async () => {
    const prepare = async (futures: DurableFuture<unknown>[]): Promise<void> => {
      futures[0]?.cancel();
      await futures[0]?.exception();
    };
    expect(await waitInFlow(start, ['never', 'ok'], FIRST_EXCEPTION, prepare)).toStrictEqual({ done: [0, 1], notDone: [] });
    expect(await waitInFlow(start, ['never', 'never'], FIRST_COMPLETED, prepare)).toStrictEqual({ done: [0], notDone: [1] });
    expect(await waitInFlow(start, ['never', 'ok'], ALL_COMPLETED, prepare)).toStrictEqual({ done: [0, 1], notDone: [] });
  });

  test('a time-out leaves the rest in notDone', async () => {
    expect(await waitInFlow(start, ['never', 'ok', 'never'], { timeout: 20 })).toStrictEqual({ done: [1], notDone: [0, 2] });
  });

  test('a time-out of 0 gives what is done by then', async () => {
    const prepare = (futures: DurableFuture<unknown>[]): unknown => futures[0];
    expect(await waitInFlow(start, ['ok', 'never'], { timeout: 0 }, (futures) => prepare(futures))).toStrictEqual({
      done: [0],
      notDone: [1],
    });
  });

  test('a time-out that does not run out changes nothing', async () => {
    expect(await waitInFlow(start, ['ok', 'ok'], { timeout: '7d' })).toStrictEqual({ done: [0, 1], notDone: [] });
  });

  test('duplicates count once', async () => {
    const sizes = await inFlow(async () => {
      const future = start('ok');
      const { done, notDone } = await wait([future, future, future]);
      return [done.size, notDone.size];
    });
    expect(sizes).toStrictEqual([1, 0]);
  });

  test('the sets iterate in the order of the input', async () => {
    const order = await inFlow(async () => {
      const futures = [start('ok'), start('ok'), start('ok')];
      const reversed = [...futures].reverse();
      await wait(futures);
      const { done } = await wait(reversed);
      return [...done].map((future) => futures.indexOf(future));
    });
    expect(order).toStrictEqual([2, 1, 0]);
  });
});

describe.each(failingKinds)('wait() for failing %s', (_kind, start) => {
  test('FIRST_EXCEPTION returns at the first that fails', async () => {
    expect(await waitInFlow(start, ['never', 'bad'], FIRST_EXCEPTION)).toStrictEqual({ done: [1], notDone: [0] });
  });

  test('FIRST_EXCEPTION has what is done by then in done', async () => {
    const seen = await inFlow(async () => {
      const [good, pending] = [start('ok'), start('never')];
      await good;
      const bad = start('bad');
      const { done, notDone } = await wait([good, pending, bad], FIRST_EXCEPTION);
      for (const future of notDone) future.cancel();
      await wait(notDone);
      return [done.size, done.has(good), done.has(bad), notDone.has(pending)];
    });
    expect(seen).toStrictEqual([2, true, true, true]);
  });

  test('FIRST_EXCEPTION returns at once when one has failed already', async () => {
    const seen = await waitInFlow(start, ['never', 'bad'], FIRST_EXCEPTION, (futures) => futures[1]?.exception());
    expect(seen).toStrictEqual({ done: [1], notDone: [0] });
  });

  test.each([FIRST_COMPLETED, ALL_COMPLETED] as const)('%s counts a failure as done and does not throw it', async (returnWhen) => {
    expect(await waitInFlow(start, ['bad'], returnWhen)).toStrictEqual({ done: [0], notDone: [] });
  });
});

describe('wait()', () => {
  test.each([undefined, FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED, { timeout: 0 }, { timeout: '7d' }] as const)(
    'returns at once when it is given nothing (%j)',
    async (options: Parameters<typeof wait>[1]) => {
      const sizes = async (): Promise<number[]> => {
        const { done, notDone } = await wait([], options);
        return [done.size, notDone.size];
      };
      expect(await inFlow(sizes)).toStrictEqual([0, 0]);
      expect(await sizes()).toStrictEqual([0, 0]);
    },
  );

  test.each([
    ['an array', (futures: DurableFuture<unknown>[]) => futures],
    ['a set', (futures: DurableFuture<unknown>[]) => new Set(futures)],
    ['the values of a map', (futures: DurableFuture<unknown>[]) => new Map(futures.entries()).values()],
    [
      'a generator',
      function* (futures: DurableFuture<unknown>[]) {
        yield* futures;
      },
    ],
  ] as const)('takes %s', async (_what, iterable) => {
    const count = await inFlow(async () => {
      const futures = [startAction('ok'), startTimer('ok')];
      return (await wait<DurableFuture<unknown>>(iterable(futures))).done.size;
    });
    expect(count).toBe(2);
  });

  test('takes any mix of futures', async () => {
    const seen = await inFlow(async () => {
      const futures = [startAction('ok'), startChild('bad'), startTimer('ok'), startTimer('never')];
      const { done, notDone } = await wait(futures, { timeout: 50 });
      for (const future of notDone) future.cancel();
      return [...done, ...notDone].map(({ kind, status }) => `${kind} ${status}`);
    });
    expect(seen).toStrictEqual(['action SUCCEEDED', 'flow FAILED', 'timer SUCCEEDED', 'timer CANCELLED']);
  });

  test('gives the same future objects that went in', async () => {
    expect(
      await inFlow(async () => {
        const future = startAction('ok');
        return (await wait([future])).done.has(future);
      }),
    ).toBe(true);
  });

  test('a flow that is cancelled while it waits gets CancelledError from the wait', async () => {
    const { engine, future } = await startFlow(async () => {
      const error = await thrownBy(() => wait([sleep.start('7d')]));
      return error instanceof CancelledError;
    });
    const root = future[0] as DurableFuture<boolean>;
    await root.recorded();
    await engine.cancel(root.id);
    expect(await root).toBe(true);
  });
});

describe('wait() outside flows', () => {
  const run = flow(unique('run'), async (ending: Ending) => {
    if (ending === 'bad') throw new Bad('run');
    if (ending === 'never') await sleep('7d');
    return ending;
  });

  const cases: readonly [string, readonly Ending[], Parameters<typeof wait>[1], number[], number[]][] = [
    ['ALL_COMPLETED', ['ok', 'bad', 'ok'], ALL_COMPLETED, [0, 1, 2], []],
    ['FIRST_COMPLETED', ['never', 'ok', 'never'], FIRST_COMPLETED, [1], [0, 2]],
    ['FIRST_EXCEPTION', ['never', 'bad'], FIRST_EXCEPTION, [1], [0]],
    ['FIRST_EXCEPTION without one', ['ok', 'ok'], FIRST_EXCEPTION, [0, 1], []],
    ['a time-out of 0', ['never', 'never'], { timeout: 0 }, [], [0, 1]],
    ['a time-out', ['ok', 'never'], { timeout: 100 } satisfies WaitOptions, [0], [1]],
  ];
  test.each(cases)('follows %s', async (_case, endings, options, expectedDone, expectedNotDone) => {
    const { engine } = await openEngine();
    const futures = endings.map((ending) => engine.start(run, [ending]));
    const { done, notDone } = await wait(futures, options);
    expect([...done].map((future) => futures.indexOf(future))).toStrictEqual(expectedDone);
    expect([...notDone].map((future) => futures.indexOf(future))).toStrictEqual(expectedNotDone);
  });

  test('counts duplicates once', async () => {
    const { engine } = await openEngine();
    const future = engine.start(run, ['ok']);
    expect((await wait([future, future])).done.size).toBe(1);
  });

  test('a cancelled run is done and no exception', async () => {
    const { engine } = await openEngine();
    const [cancelled, good] = [engine.start(run, ['never']), engine.start(run, ['ok'])];
    cancelled.cancel();
    const { done } = await wait([cancelled, good], FIRST_EXCEPTION);
    expect(done.size).toBe(2);
  });

  test('takes futures of several engines', async () => {
    const [one, two] = [await openEngine(), await openEngine()];
    const { done } = await wait([one.engine.start(run, ['ok']), two.engine.start(run, ['ok'])]);
    expect(done.size).toBe(2);
  });
});
