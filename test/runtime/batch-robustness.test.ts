import { action, asCompleted, BatchResult, flow, map, parallel, type Serdes, sleep, UsageError } from 'perdure';
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/store/memory-store.js';
import { deferred, inFlow, openEngine, thrownBy, unique } from '../api/with-engine.js';
import { crashingStore } from '../crash/crashing-store.js';

const echo = action('batch-robustness-echo', async (value: unknown) => value);

async function rejecting(): Promise<never> {
  throw new Error('from a promise that was refused');
}
const badSerdes = { serialize: rejecting, deserialize: JSON.parse } as unknown as Serdes;

describe('a promise where none is taken', () => {
  // What rejects unhandled ends the process of this test.
  test.each([
    ['shouldComplete', { completionConfig: { shouldComplete: rejecting as never } }],
    ['serdes', { serdes: badSerdes }],
    ['summaryGenerator', { summaryGenerator: rejecting as never }],
  ])('%s: fails the batch, and its rejection disturbs nobody', async (_what, options) => {
    const large = 'x'.repeat(300_000);
    const error = await thrownBy(() => inFlow(async () => (await parallel([() => echo(large)], options)).status));
    expect([error, error.code]).toEqual([expect.any(UsageError), 'INVALID_OPTION']);
  });

  test('itemSerdes: fails the branch', async () => {
    const [error] = await inFlow(async () => (await parallel([() => echo(1)], { itemSerdes: badSerdes })).getErrors());
    expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION' });
  });
});

test('a future of another id is not taken for the one that a branch awaited', async () => {
  const child = flow(unique('child'), async () => 1);
  const error = await thrownBy(() =>
    inFlow(
      async () => {
        echo.start('left alone');
        const named = child.with({ id: '0' }).start();
        await parallel([() => named]);
      },
      { leaks: 'error' },
    ),
  );
  expect(error.name).toBe('LeakedFuturesError');
});

test('what a branch drains of asCompleted counts as delivered after a crash, too', async () => {
  const body = flow(unique('drain'), async () => {
    const futures = asCompleted([echo.start(1), echo.start(2)]);
    await parallel([
      async () => {
        for await (const future of futures) await future.result();
      },
    ]);
    await sleep(1);
    return 'done';
  });
  for (let number = 1; number <= 6; number += 1) {
    const store = memoryStore();
    const crashing = crashingStore(store, { number, when: 'after' });
    const { engine } = await openEngine({ store: crashing, leaks: 'error' });
    await engine.start(body, [], { id: 'drain' }).exception();
    await engine.close({ timeout: 0 });
    const { engine: next } = await openEngine({ store, leaks: 'error' });
    expect(await next.start(body, [], { id: 'drain' })).toBe('done');
  }
});

test.each([
  ['an index that is not its place', { index: 1 }],
  ['a text that is no encoding', { encoded: '~{' }],
  ['an encoding that is no text', { encoded: 5 }],
  ['an unknown class', { encoded: '*[["c","Nope"]]' }],
  ['another status', { status: 'DONE' }],
  ['an error without a message', { status: 'FAILED', encoded: undefined, error: { name: 'Error' } }],
])('fromJSON refuses an item with %s', async (_what, change) => {
  const item = { index: 0, name: 'a', status: 'SUCCEEDED', result: 1, ...change };
  const error = await thrownBy(() => BatchResult.fromJSON({ all: [item], completionReason: 'ALL_COMPLETED' }));
  expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
});

test('20,000 futures that branches await from outside cost as much each as 5,000 after a crash', async () => {
  const body = flow(unique('borrow'), async (count: number) => {
    const futures = Array.from({ length: count }, (_, n) => echo.start(n));
    await parallel([async () => Promise.all(futures)]);
    await sleep(1);
  });
  const recoveryMs = async (count: number): Promise<number> => {
    const store = memoryStore();
    const { engine } = await openEngine({ store: crashingStore(store, { number: 5, when: 'after' }) });
    await engine.start(body, [count], { id: 'borrow' }).exception();
    await engine.close({ timeout: 0 });
    const { engine: next } = await openEngine({ store });
    const begin = performance.now();
    await next.start(body, [count], { id: 'borrow' });
    return performance.now() - begin;
  };
  const few = await recoveryMs(5_000);
  // Linear would be 4 times, quadratic 16.
  expect(await recoveryMs(20_000)).toBeLessThan(10 * few + 200);
});

describe('batches within batches', () => {
  /** Begins this many, all in one turn or one after the other. */
  const nested = async (depth: number, first: () => Promise<unknown>, last: () => Promise<unknown>): Promise<unknown> => {
    await first();
    if (depth === 0) return await last();
    const result = await parallel([() => nested(depth - 1, first, last)]);
    result.throwIfError();
    return result.getResults()[0];
  };
  const atOnce = async (): Promise<void> => {};

  test.each([
    ['in one turn', atOnce],
    ['in turns', async () => sleep(0)],
  ])('can be 200 deep, begun %s', async (_what, before) => {
    expect(await inFlow(async () => nested(200, before, async () => echo('deepest')))).toBe('deepest');
    const error = await inFlow(async () => thrownBy(() => nested(201, before, async () => echo('deepest'))));
    expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT', message: expect.stringContaining('200 deep') });
  });

  test('are refused one by one: what the deepest branch does instead is up to it', async () => {
    const last = async (): Promise<unknown> => (await thrownBy(() => map([1], echo))).code;
    expect(await inFlow(async () => nested(200, atOnce, last))).toBe('INVALID_ARGUMENT');
  });

  test('are cancelled down to the deepest', async () => {
    const { engine } = await openEngine();
    const deepest = deferred();
    const seen: unknown[] = [];
    const last = async (): Promise<unknown> => {
      deepest.resolve();
      return await sleep('7d').finally(() => seen.push('deepest'));
    };
    const future = engine.start(
      flow(unique('deep'), () => nested(200, atOnce, last)),
      [],
    );
    await deepest.promise;
    await future.recorded();
    await engine.cancel(future.id);
    expect([(await future.exception())?.name, seen]).toEqual(['CancelledError', ['deepest']]);
  });
});
