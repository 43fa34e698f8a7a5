import { action, CompletionConfig, flow, map, memoryStore, parallel, UsageError } from 'perdure';
import { describe, expect, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { inFlow, openEngine, thrownBy, unique } from './with-engine.js';

type Thrown = Error & { readonly code?: string };
type Call = (...args: readonly unknown[]) => unknown;

const calls = {
  parallel: parallel as unknown as Call & { start: Call },
  map: map as unknown as Call & { start: Call },
};
const noop = action(unique('noop'), async () => 1);
let begun = 0;
const body = (): void => {
  begun += 1;
};

/** Two branches, or two items and what is done with each. */
const twoOf = { parallel: [[body, body]], map: [['a', 'b'], body] };

/** Makes the call inside a flow in both forms; nothing may begin, and nothing may be recorded. */
async function refusedWith(kind: 'parallel' | 'map', args: readonly unknown[]): Promise<Thrown> {
  begun = 0;
  const store = memoryStore();
  const { engine } = await openEngine({ store, leaks: 'error', nonDurableAwait: 'error' });
  const seen: Thrown[] = [];
  const future = engine.start(
    flow(unique('refusing'), async () => {
      const call = calls[kind];
      const promise = call(...args) as Promise<unknown>;
      expect(promise).toBeInstanceOf(Promise);
      seen.push(await thrownBy(() => promise));
      // Synchronously: an async function around it would hide the difference.
      try {
        call.start(...args);
      } catch (error) {
        seen.push(error as Thrown);
      }
    }),
    [],
  );
  await future;
  expect(await journalOf(store, future.id)).toStrictEqual([]);
  expect(begun).toBe(0);
  const [rejected, thrown] = seen;
  if (rejected === undefined || thrown === undefined) throw new Error(`refused ${seen.length} times of 2`);
  for (const error of seen) {
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message.length).toBeGreaterThan(20);
  }
  expect(rejected.code).toBe(thrown.code);
  expect(rejected.message).toContain(`${kind}`);
  return rejected;
}

const badOptions: readonly [string, unknown][] = [
  ['maxConcurrency 0', { maxConcurrency: 0 }],
  ['maxConcurrency -1', { maxConcurrency: -1 }],
  ['maxConcurrency 1.5', { maxConcurrency: 1.5 }],
  ['maxConcurrency NaN', { maxConcurrency: Number.NaN }],
  ['maxConcurrency Infinity', { maxConcurrency: Number.POSITIVE_INFINITY }],
  ["maxConcurrency '2'", { maxConcurrency: '2' }],
  ['maxConcurrency null', { maxConcurrency: null }],
  ['minSuccessful 0', { completionConfig: { minSuccessful: 0 } }],
  ['minSuccessful -1', { completionConfig: { minSuccessful: -1 } }],
  ['minSuccessful above the number of branches', { completionConfig: { minSuccessful: 3 } }],
  ['minSuccessful 1.5', { completionConfig: { minSuccessful: 1.5 } }],
  ['minSuccessful NaN', { completionConfig: { minSuccessful: Number.NaN } }],
  ["minSuccessful '1'", { completionConfig: { minSuccessful: '1' } }],
  ['minSuccessful null', { completionConfig: { minSuccessful: null } }],
  ['toleratedFailureCount -1', { completionConfig: { toleratedFailureCount: -1 } }],
  ['toleratedFailureCount 0.5', { completionConfig: { toleratedFailureCount: 0.5 } }],
  ['toleratedFailureCount NaN', { completionConfig: { toleratedFailureCount: Number.NaN } }],
  ["toleratedFailureCount '0'", { completionConfig: { toleratedFailureCount: '0' } }],
  ['toleratedFailurePercentage -1', { completionConfig: { toleratedFailurePercentage: -1 } }],
  ['toleratedFailurePercentage 101', { completionConfig: { toleratedFailurePercentage: 101 } }],
  ['toleratedFailurePercentage NaN', { completionConfig: { toleratedFailurePercentage: Number.NaN } }],
  ["toleratedFailurePercentage '50'", { completionConfig: { toleratedFailurePercentage: '50' } }],
  ['one bad limit among good ones', { completionConfig: { minSuccessful: 1, toleratedFailureCount: 0, toleratedFailurePercentage: 101 } }],
  ['shouldComplete next to minSuccessful', { completionConfig: { shouldComplete: () => true, minSuccessful: 1 } }],
  ['shouldComplete next to toleratedFailureCount', { completionConfig: { shouldComplete: () => true, toleratedFailureCount: 0 } }],
  [
    'shouldComplete next to toleratedFailurePercentage',
    { completionConfig: { shouldComplete: () => true, toleratedFailurePercentage: 5 } },
  ],
  ['shouldComplete that is no function', { completionConfig: { shouldComplete: true } }],
  ['an unknown limit', { completionConfig: { maxFailures: 1 } }],
  ['a completionConfig that is null', { completionConfig: null }],
  ['a completionConfig that is a text', { completionConfig: 'allCompleted' }],
  ['a completionConfig that is an array', { completionConfig: [] }],
  ['a preset that was not called', { completionConfig: CompletionConfig.allCompleted }],
  ['an unknown option', { concurrency: 2 }],
  ['options that are null', null],
  ['options that are a number', 2],
  ['options that are an array', []],
  ['unfinished of another kind', { unfinished: 'abandon' }],
  ['unfinished true', { unfinished: true }],
  ['an empty name', { name: '' }],
  ['a name that is a number', { name: 5 }],
  ['an itemNamer that is no function', { itemNamer: 'item' }],
  ["an itemNamer that returns ''", { itemNamer: () => '' }],
  ['an itemNamer that returns nothing', { itemNamer: () => undefined }],
  ['an itemNamer that returns a number', { itemNamer: (_item: unknown, index: number) => index }],
  ['an itemNamer that returns a promise', { itemNamer: async () => 'name' }],
  ['a serdes without deserialize', { serdes: { serialize: () => '' } }],
  ['an itemSerdes that is a text', { itemSerdes: 'json' }],
  ['a summaryGenerator that is no function', { summaryGenerator: 'short' }],
];

describe.each(['parallel', 'map'] as const)('%s() refuses before anything starts', (kind) => {
  test.each(badOptions)('%s', async (_what, options) => {
    expect((await refusedWith(kind, [...twoOf[kind], options])).code).toBe('INVALID_OPTION');
  });

  test('minSuccessful for an empty list', async () => {
    const empty = kind === 'parallel' ? [[]] : [[], body];
    expect((await refusedWith(kind, [...empty, { completionConfig: { minSuccessful: 1 } }])).code).toBe('INVALID_OPTION');
  });

  test('what its itemNamer throws is thrown, and nothing starts', async () => {
    begun = 0;
    const itemNamer = (): string => {
      throw new RangeError('no name');
    };
    const error = await inFlow(async () => thrownBy(() => calls[kind](...twoOf[kind], { itemNamer })));
    expect(error).toBeInstanceOf(RangeError);
    expect(begun).toBe(0);
  });
});

describe('parallel() refuses branches', () => {
  const badBranches: readonly [string, () => unknown][] = [
    ['that are missing', () => undefined],
    ['that are null', () => null],
    ['that are one function', () => body],
    ['that are a number', () => 3],
    ['that are a text', () => 'branches'],
    ['of which one is null', () => [body, null]],
    ['of which one is undefined', () => [body, undefined]],
    ['of which one is a number', () => [body, 1]],
    ['of which one is a promise', () => [body, Promise.resolve(1)]],
    ['of which one has an empty name', () => [{ name: '', run: body }]],
    ['of which one has no name', () => [{ run: body }]],
    ['of which one has a name that is a number', () => [{ name: 1, run: body }]],
    ['of which one has nothing to run', () => [{ name: 'branch' }]],
    ['of which one has a promise to run', () => [{ name: 'branch', run: Promise.resolve(1) }]],
    ['that are an array with a hole', () => Object.assign([body], { length: 2 })],
    ['that are an object with a promise in it', () => ({ a: body, b: Promise.resolve(1) })],
    ['that are an object with { run } and no name in it', () => ({ a: { run: body } })],
    ['that are an object with an empty key', () => ({ '': body })],
    ['that are a Map', () => new Map([['a', body]])],
    ['that are an async iterable', () => (async function* () {})()],
    ['that are a promise', () => Promise.resolve([body])],
  ];

  test.each(badBranches)('%s', async (_what, branches) => {
    expect((await refusedWith('parallel', [branches()])).code).toBe('INVALID_ARGUMENT');
  });

  test('of which one is a future', async () => {
    const error = await inFlow(async () => {
      const future = noop.start();
      const refusal = await thrownBy(() => calls.parallel([body, future]));
      await future;
      return [refusal instanceof UsageError, refusal.code, refusal.message.includes('branch 1')];
    });
    expect(error).toStrictEqual([true, 'INVALID_ARGUMENT', true]);
  });
});

describe('map() refuses', () => {
  const badItems: readonly [string, () => unknown][] = [
    ['items that are missing', () => undefined],
    ['items that are null', () => null],
    ['items that are a number', () => 3],
    ['items that are a plain object', () => ({ a: 1 })],
    ['items that are a promise', () => Promise.resolve([1])],
    ['items that are an async iterable', () => (async function* () {})()],
  ];

  test.each(badItems)('%s', async (_what, items) => {
    expect((await refusedWith('map', [items(), body])).code).toBe('INVALID_ARGUMENT');
  });

  test.each([
    ['a missing function', undefined],
    ['null for the function', null],
    ['a text for the function', 'fn'],
    ['a promise for the function', Promise.resolve(1)],
    ['an object for the function', { run: body }],
  ])('%s', async (_what, fn) => {
    expect((await refusedWith('map', [['a'], fn])).code).toBe('INVALID_ARGUMENT');
  });

  const unserialisable: readonly [string, () => unknown, string][] = [
    ['an item that is a function', () => ['a', () => 1], '1'],
    ['an item with a function in it', () => ['a', { deep: { fn: () => 1 } }], 'fn'],
    ['an item that is a symbol', () => [Symbol('s')], '0'],
    ['an item of a class of its own', () => [new (class Own {})()], '0'],
    ['an item that is a Buffer', () => [Buffer.from('x')], '0'],
  ];

  test.each(unserialisable)('%s', async (_what, items, path) => {
    const error = await refusedWith('map', [items(), body]);
    expect(error.code).toBe('VALUE_NOT_SERIALIZABLE');
    expect(error.message).toContain(path);
  });

  test('says of an async iterable what to do about it', async () => {
    expect((await refusedWith('map', [(async function* () {})(), body])).message).toContain('action');
  });

  test('items that are too large', async () => {
    const { engine } = await openEngine({ maxValueBytes: 2000 });
    begun = 0;
    const error = await engine
      .start(
        flow(unique('large'), async () => map(['x'.repeat(3000)], body)),
        [],
      )
      .exception();
    expect(error).toMatchObject({ name: 'UsageError', code: 'VALUE_TOO_LARGE' });
    expect(begun).toBe(0);
  });
});

describe.each(['parallel', 'map'] as const)('%s() in the wrong place', (kind) => {
  test('outside of flows rejects with NOT_IN_FLOW, and start() throws it', async () => {
    begun = 0;
    const promise = calls[kind](...twoOf[kind]);
    expect(await thrownBy(() => promise)).toMatchObject({ name: 'UsageError', code: 'NOT_IN_FLOW' });
    expect(() => calls[kind].start(...twoOf[kind])).toThrowError(expect.objectContaining({ code: 'NOT_IN_FLOW' }));
    expect(begun).toBe(0);
  });

  test('inside an action rejects with OPERATION_IN_ACTION, and start() throws it', async () => {
    begun = 0;
    const seen: Thrown[] = [];
    const act = action(unique('act'), async () => {
      seen.push(await thrownBy(() => calls[kind](...twoOf[kind])));
      seen.push(await thrownBy(() => calls[kind].start(...twoOf[kind])));
    });
    await inFlow(() => act());
    expect(seen.map((error) => [error instanceof UsageError, error.code])).toStrictEqual([
      [true, 'OPERATION_IN_ACTION'],
      [true, 'OPERATION_IN_ACTION'],
    ]);
    expect(begun).toBe(0);
  });
});

test('a refused batch takes no number: what is started next has the first', async () => {
  const store = memoryStore();
  const { engine } = await openEngine({ store });
  const future = engine.start(
    flow(unique('refused-then-started'), async () => {
      await thrownBy(() => parallel([body], { maxConcurrency: 0 }));
      await thrownBy(() => map([() => 1], body));
      await noop();
    }),
    [],
  );
  await future;
  expect((await journalOf(store, future.id)).map(({ id, kind }) => [id, kind])).toStrictEqual([['0', 'action']]);
});

test('options that are undefined count as left out', async () => {
  const options = { name: undefined, maxConcurrency: undefined, completionConfig: undefined, unfinished: undefined, itemNamer: undefined };
  const result = await inFlow(async () => calls.map([1, 2], (item: number) => item * 2, { ...options, serdes: undefined }));
  expect(result).toMatchObject({ completionReason: 'ALL_COMPLETED', all: [{ name: 'map-item-0' }, { name: 'map-item-1' }] });
});
