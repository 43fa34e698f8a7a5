import { action, BatchResult, CompletionConfig, flow, map, open, parallel, registerError, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { inFlow, openEngine, thrownBy, unique } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';
import { runBatch } from './batch-runs.js';

class StockError extends Error {
  override readonly name = 'StockError';
  readonly missing = new Map([['apples', 3n]]);
}
registerError(StockError);

const noop = action(unique('noop'), async <T>(value: T): Promise<T> => value);

/** One of each status. */
const mixed = async (): Promise<BatchResult<unknown>> =>
  parallel(
    [
      { name: 'good', run: () => 'value' },
      { name: 'slow', run: () => sleep('7d') },
      { name: 'bad', run: () => noop(1).then(() => Promise.reject(new StockError('sold out'))) },
      { name: 'never', run: () => 1 },
    ],
    { maxConcurrency: 2, completionConfig: { toleratedFailureCount: 0 } },
  );

/** After a way through text. */
const throughText = (result: BatchResult<unknown>): BatchResult<unknown> => BatchResult.fromJSON(JSON.parse(JSON.stringify(result)));

describe('a batch result', () => {
  test('has items, counts and errors, by status and in index order', async () => {
    const result = await inFlow(mixed);
    expect(result.all.map(({ index, name, status }) => `${index} ${name} ${status}`)).toStrictEqual([
      '0 good SUCCEEDED',
      '1 slow STARTED',
      '2 bad FAILED',
      '3 never NOT_STARTED',
    ]);
    expect(result.results).toBe(result.all);
    expect(
      [result.succeeded(), result.started(), result.failed(), result.notStarted()].map((items) => items.map(({ name }) => name)),
    ).toStrictEqual([['good'], ['slow'], ['bad'], ['never']]);
    expect(result).toMatchObject({
      status: 'FAILED',
      completionReason: 'FAILURE_TOLERANCE_EXCEEDED',
      hasFailure: true,
      totalCount: 4,
      successCount: 1,
      failureCount: 1,
      startedCount: 1,
      notStartedCount: 1,
    });
    expect(result.getResults()).toStrictEqual(['value']);
    expect(result.getErrors()[0]).toBeInstanceOf(StockError);
    expect(result.all[1]).toStrictEqual({ index: 1, name: 'slow', status: 'STARTED' });
    expect(result.summary).toBeUndefined();
  });

  test('throwIfError() throws the first failure by index, not by time', async () => {
    const error = await inFlow(async () => {
      const result = await map([10, 1], async (ms) => {
        await sleep(ms);
        throw new Error(`after ${ms}`);
      });
      return thrownBy(() => result.throwIfError());
    });
    expect(error.message).toBe('after 10');
  });

  test('throwIfError() throws nothing where none failed, also if some are unfinished', async () => {
    const result = await inFlow(async () =>
      parallel([() => noop(1), () => sleep('7d')], { completionConfig: CompletionConfig.firstSuccessful() }),
    );
    expect(result.throwIfError()).toBeUndefined();
    expect(result.status).toBe('SUCCEEDED');
  });

  test('get() finds the first of a name, and nothing for another', async () => {
    const result = await inFlow(async () => map([1, 2, 3], (item) => item, { itemNamer: (item) => (item === 1 ? 'one' : 'more') }));
    expect([result.get('one')?.index, result.get('more')?.index, result.get('none'), result.get('toString')]).toStrictEqual([
      0,
      1,
      undefined,
      undefined,
    ]);
  });

  test('get() finds branches by key, whatever the key', async () => {
    const branches = Object.fromEntries(['constructor', '__proto__', 'get', 'ключ', 'a b'].map((key) => [key, () => key]));
    const result = await inFlow(async () => parallel(branches));
    expect(result.all.map(({ name }) => name)).toStrictEqual(Object.keys(branches));
    for (const key of Object.keys(branches)) expect(result.get(key)).toMatchObject({ name: key, result: key });
  });
});

describe('toJSON() and fromJSON()', () => {
  test('give the same again, errors of registered classes included', async () => {
    const result = await inFlow(mixed);
    const again = throughText(result);
    expect(again).toStrictEqual(result);
    expect(again.getErrors()[0]).toBeInstanceOf(StockError);
    expect((again.getErrors()[0] as StockError).missing).toStrictEqual(new Map([['apples', 3n]]));
    expect(again.getErrors()[0]?.stack).toBe(result.getErrors()[0]?.stack);
    expect(throughText(again)).toStrictEqual(result);
  });

  const values: readonly [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['-0', -0],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a bigint', 2n ** 70n],
    ['a Date', new Date(1)],
    ['a Map with a Date in it', new Map([[{ key: 1 }, new Date(1)]])],
    ['a Set', new Set(['a', undefined])],
    ['an error', new StockError('as a value')],
    ['a plain object', { deep: [{ er: 'text' }] }],
    ['an object with undefined, a Date and a bigint in it', { a: undefined, b: new Date(2), c: [1n] }],
    ['an object that looks like an item', { encoded: 'x', result: 1, status: 'FAILED' }],
    ['a text that looks like an encoding', '{"json":1,"meta":{}}'],
    ['an object with a key of the prototype', JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}')],
    ['a lone surrogate', '\ud800'],
  ];

  test.each(values)('keep %s', async (_what, value) => {
    const result = await inFlow(async () => parallel([() => value, () => [value]]));
    expect(result.status).toBe('SUCCEEDED');
    expect(throughText(result).getResults()).toStrictEqual([value, [value]]);
  });

  test('keep a summary', async () => {
    const result = await inFlow(async () => map(['x'.repeat(300_000)], (item) => item, { summaryGenerator: () => 'short' }));
    expect([result.summary, throughText(result).summary]).toStrictEqual(['short', 'short']);
    expect(throughText(result)).toStrictEqual(result);
  });

  test('show plain values, errors, counts and status to whoever reads the JSON', async () => {
    const json = JSON.parse(JSON.stringify(await inFlow(mixed)));
    expect(json).toMatchObject({
      status: 'FAILED',
      completionReason: 'FAILURE_TOLERANCE_EXCEEDED',
      totalCount: 4,
      startedCount: 1,
      notStartedCount: 1,
    });
    expect(json.all[0]).toStrictEqual({ index: 0, name: 'good', status: 'SUCCEEDED', result: 'value' });
    expect(json.all[2]).toMatchObject({ error: { name: 'StockError', message: 'sold out' } });
  });

  test.each([
    [undefined],
    [null],
    [5],
    ['text'],
    [[]],
    [{}],
    [{ all: [] }],
    [{ all: 1, completionReason: 'ALL_COMPLETED' }],
    [{ all: [], completionReason: 'DONE' }],
    [{ all: [null], completionReason: 'ALL_COMPLETED' }],
    [{ all: [{ index: 0, name: 'x', status: 'DONE' }], completionReason: 'ALL_COMPLETED' }],
  ])('refuse what is no batch result: %j', async (json) => {
    expect(await thrownBy(() => BatchResult.fromJSON(json))).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
  });
});

describe('a batch result is a value', () => {
  test('that a flow returns, as it was when its run is looked at later', async () => {
    const { engine, result, runId } = await runBatch(mixed);
    expect((await engine.get(runId))?.result).toStrictEqual(result);
    expect((await engine.get(runId))?.result).toBeInstanceOf(Object.getPrototypeOf(result).constructor);
    expect(await engine.future(runId)).toStrictEqual(result);
  });

  test('that another process reads from the file', async () => {
    const file = `${tempDirectory()}/results.db`;
    const body = flow(unique('body'), mixed);
    const first = await open({ store: file, default: false });
    const future = first.start(body, [], { id: 'kept' });
    const result = await future;
    await first.close();
    const { engine } = await openEngine({ store: file });
    const again = (await engine.future('kept')) as BatchResult<unknown>;
    expect(again).toStrictEqual(result);
    expect(again.getErrors()[0]).toBeInstanceOf(StockError);
    expect(again.get('good')).toMatchObject({ result: 'value' });
  });

  test('that a branch returns, that an action and a child flow take and return', async () => {
    const act = action(unique('act'), async (result: BatchResult<unknown>) => [result.successCount, result] as const);
    const child = flow(unique('child'), async (result: BatchResult<unknown>) => [result.get('bad')?.status, { in: [result] }] as const);
    const { result } = await runBatch(
      async () => {
        const outer = await parallel([mixed]);
        const [inner] = outer.getResults() as [BatchResult<unknown>];
        return { inner, act: await act(inner), child: await child(inner), mapped: await map([inner], (item) => item.totalCount) };
      },
      { leaks: 'error' },
    );
    const inner = result?.inner as BatchResult<unknown>;
    expect(inner.getErrors()[0]).toBeInstanceOf(StockError);
    expect(result?.act).toStrictEqual([1, inner]);
    expect(result?.child).toStrictEqual(['FAILED', { in: [inner] }]);
    expect(result?.mapped.getResults()).toStrictEqual([4]);
    expect(throughText(await inFlow(async () => parallel([mixed])))).toMatchObject({ all: [{ result: { totalCount: 4 } }] });
  });
});

describe('summaryGenerator', () => {
  /** Counts its calls. */
  function summing(): { calls: BatchResult<string>[]; generate: (result: BatchResult<string>) => string } {
    const calls: BatchResult<string>[] = [];
    return { calls, generate: (result) => `${calls.push(result)} of ${result.totalCount}` };
  }
  const big = (parts: number): string[] => Array<string>(parts).fill('x'.repeat(100_000));

  test('is called once with a result of more than 256 KiB, and the values are all there', async () => {
    const { calls, generate } = summing();
    const { result, journal } = await runBatch(async () => map(big(3), (item) => item, { summaryGenerator: generate }));
    expect(calls).toHaveLength(1);
    expect(calls[0]?.getResults()).toStrictEqual(big(3));
    expect([result?.summary, result?.getResults()]).toStrictEqual(['1 of 3', big(3)]);
    expect(journal.get('0')?.outcome?.length).toBeLessThan(200);
  });

  test('is not called for a smaller one', async () => {
    const { calls, generate } = summing();
    const result = await inFlow(async () => map(big(2), (item) => item, { summaryGenerator: generate }));
    expect([calls, result.summary, 'summary' in result]).toStrictEqual([[], undefined, false]);
  });

  test('counts errors as well', async () => {
    const { calls, generate } = summing();
    await inFlow(async () => map([1], () => Promise.reject(new Error('x'.repeat(300_000))), { summaryGenerator: generate as never }));
    expect(calls).toHaveLength(1);
  });

  test('what it throws fails the batch', async () => {
    const { error } = await runBatch(async () =>
      map(big(3), (item) => item, {
        summaryGenerator: () => {
          throw new StockError('no summary');
        },
      }),
    );
    expect(error).toBeInstanceOf(StockError);
  });

  test.each([[5], [undefined], [Promise.resolve('late')], [{}]])('that gives no text (%j) fails the batch', async (summary) => {
    const { error } = await runBatch(async () => map(big(3), (item) => item, { summaryGenerator: () => summary as never }));
    expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION', message: expect.stringContaining('summaryGenerator()') });
  });
});
