import { action, BatchResult, type Flow, flow, map, type NamedBatchResult, parallel, startable } from 'perdure';
import { crashEverywhere } from 'perdure/testing';
import { describe, expect, test } from 'vitest';
import { inFlow, unique } from '../api/with-engine.js';
import { runBatch } from './batch-runs.js';

const double = action(unique('double'), async (value: number) => value * 2);
const strict = { leaks: 'error', nonDurableAwait: 'error' } as const;

describe('the items of a map', () => {
  const lists: readonly [string, () => Iterable<unknown>, readonly unknown[]][] = [
    ['an array', () => [1, 2], [1, 2]],
    ['a Set', () => new Set([1, 2, 1]), [1, 2]],
    ['the entries of a Map', () => new Map([['a', 1]]), [['a', 1]]],
    ['the keys of a Map', () => new Map([['a', 1]]).keys(), ['a']],
    ['a text', () => 'añ😀', ['a', 'ñ', '😀']],
    ['a typed array', () => new Uint8Array([1, 2]), [1, 2]],
    [
      'a generator',
      function* () {
        yield 1;
        yield 2;
      },
      [1, 2],
    ],
    ['an object with an iterator', () => ({ [Symbol.iterator]: () => [1, 2][Symbol.iterator]() }), [1, 2]],
    ['an array with undefined and null in it', () => [undefined, null, 0], [undefined, null, 0]],
    ['an array with a hole', () => Object.assign([1], { length: 2 }), [1, undefined]],
    ['rich values', () => [new Date(1), 1n, new Map([[1, new Set([2])]])], [new Date(1), 1n, new Map([[1, new Set([2])]])]],
  ];

  test.each(lists)('can be %s', async (_what, list, expected) => {
    const result = await inFlow(async () => map(list(), (item) => item), strict);
    expect(result.getResults()).toStrictEqual(expected);
  });

  test('come with their index and the whole list', async () => {
    const result = await inFlow(async () => map(new Set(['a', 'b']), (item, index, items) => [item, index, items]), strict);
    expect(result.getResults()).toStrictEqual([
      ['a', 0, ['a', 'b']],
      ['b', 1, ['a', 'b']],
    ]);
  });

  test('are copies, made when the batch starts, and the list is frozen', async () => {
    const seen = await inFlow(async () => {
      const items = [{ n: 1 }, { n: 2 }];
      const future = map.start(
        items,
        async (item, index, all) => {
          await double(1);
          return [item === items[index], item.n, all, Object.isFrozen(all)];
        },
        { maxConcurrency: 1 },
      );
      for (const item of items) item.n = 9;
      items.push({ n: 3 });
      return (await future).getResults();
    }, strict);
    const all = [{ n: 1 }, { n: 2 }];
    expect(seen).toStrictEqual([
      [false, 1, all, true],
      [false, 2, all, true],
    ]);
  });

  describe('have nothing in common that a branch could change', () => {
    const shared = { n: 1 };
    const date = new Date(0);
    const aliased: readonly [string, unknown[], (item: never, index: number, items: never) => unknown, unknown[]][] = [
      ['the same object twice', [shared, shared], (item: { n: number }) => ++item.n, [2, 2]],
      ['objects that share another', [{ shared }, { shared }], (item: { shared: { n: number } }) => ++item.shared.n, [2, 2]],
      ['the same Date twice', [date, date], (item: Date) => item.setTime(item.getTime() + 1), [1, 1]],
      [
        'the item, and what the list has of it',
        [{ n: 1 }, { n: 1 }],
        (item: { n: number }, index: number, items: readonly { n: number }[]) => [++item.n, items[index]?.n],
        [
          [2, 1],
          [2, 1],
        ],
      ],
      [
        'the list, with what cannot be frozen in it',
        [{ at: date }, { at: date }],
        (_item: unknown, _index: number, items: readonly { at: Date }[]) => items.map(({ at }) => at.setTime(at.getTime() + 1)).length,
        [2, 2],
      ],
      [
        'the list, read after another branch has changed its own',
        [new Date(0), new Date(0)],
        (_item: unknown, index: number, items: readonly Date[]) => items[1 - index]?.setTime((items[1 - index] as Date).getTime() + 1),
        [1, 1],
      ],
    ];
    test.each(aliased)('%s', async (_what, items, call, expected) => {
      const body = async (): Promise<unknown[]> => {
        const branch = async (item: unknown, index: number, all: readonly unknown[]): Promise<unknown> => {
          const value = call(item as never, index, all as never);
          await double(1);
          return value;
        };
        return (await map(items, branch, { maxConcurrency: 1 })).getResults();
      };
      expect(await inFlow(body, strict)).toStrictEqual(expected);
      await crashEverywhere(flow(unique('aliased'), body), [], { engine: strict });
    });

    test('the list is frozen down to the last object: a change throws', async () => {
      const result = await inFlow(
        async () =>
          map([{ deep: [{ n: 1 }] }], (_item, _index, items) => {
            (items[0] as { deep: { n: number }[] }).deep.push({ n: 2 });
          }),
        strict,
      );
      expect(result.getErrors()).toMatchObject([{ name: 'TypeError' }]);
    });
  });

  test('are not decoded all of them for each branch', async () => {
    const lists: number[] = [];
    const serdes = {
      serialize: JSON.stringify,
      deserialize: (text: string): unknown => {
        const value: unknown = JSON.parse(text);
        if (Array.isArray(value) && value.length === 50) lists.push(value.length);
        return value;
      },
    };
    const items = Array.from({ length: 50 }, (_, n) => ({ n }));
    await inFlow(async () => map(items, (item, index, all) => item.n + index + all.length), { ...strict, serdes });
    expect(lists).toStrictEqual([50]);
  });

  test('are read once, when the batch starts', async () => {
    const read: number[] = [];
    await inFlow(async () => {
      await map(
        (function* () {
          for (const item of [1, 2, 3]) {
            read.push(item);
            yield item;
          }
        })(),
        (item) => item,
        { maxConcurrency: 1, itemNamer: (item) => `item ${item}` },
      );
    }, strict);
    expect(read).toStrictEqual([1, 2, 3]);
  });

  test('an error in their iterator is thrown, and nothing starts', async () => {
    const { journal, error } = await runBatch(async () =>
      map(
        (function* () {
          yield 1;
          throw new RangeError('in the list');
        })(),
        (item) => item,
      ),
    );
    expect(error).toBeInstanceOf(RangeError);
    expect(journal.size).toBe(0);
  });

  test('itemNamer gets the items as they were given', async () => {
    const items = [{ id: 'x' }];
    const given: unknown[] = [];
    await inFlow(async () => map(items, (item) => item.id, { itemNamer: (item, index) => `${given.push(item)}-${index}` }), strict);
    expect(given[0]).toBe(items[0]);
  });
});

describe('the function of a map', () => {
  const child = flow(unique('child'), async (value: number, ...rest: unknown[]) => [value, rest.length]);
  const counting = action(unique('counting'), async (value: number, ...rest: unknown[]) => [value, rest.length]);

  test('can be an action, which gets the item alone', async () => {
    const { result, journal } = await runBatch(async () => (await map([1, 2], counting)).getResults(), strict);
    expect(result).toStrictEqual([
      [1, 0],
      [2, 0],
    ]);
    expect([journal.get('0')?.name, journal.get('0.1.0')?.kind]).toStrictEqual([counting.name, 'action']);
  });

  test('can be a flow, which gets the item alone and runs as a child', async () => {
    const { result, journal } = await runBatch(async () => (await map([1, 2], child)).getResults(), strict);
    expect(result).toStrictEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(journal.get('0.1.0')).toMatchObject({ kind: 'flow', status: 'SUCCEEDED', childRunId: expect.any(String) });
  });

  test('can be an action or a flow with call options, and still gets the item alone', async () => {
    const { result, journal } = await runBatch(
      async () => [
        ...(await map([1], counting.with({ name: 'renamed' }))).getResults(),
        ...(await map([2], child.with({ leaks: 'ignore' }))).getResults(),
      ],
      strict,
    );
    expect(result).toStrictEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(journal.get('0.0.0')?.name).toBe('renamed');
  });

  test('can be a decorated method, which gets the item alone', async () => {
    class BatchShop {
      @action
      async price(...args: unknown[]): Promise<number> {
        return args.length;
      }
    }
    const shop = new BatchShop();
    expect((await inFlow(async () => map([7], shop.price), strict)).getResults()).toStrictEqual([1]);
    expect((await inFlow(async () => map([7], startable(shop.price)), strict)).getResults()).toStrictEqual([1]);
  });

  test('can be synchronous, anonymous, or a bound method', async () => {
    const counter = {
      step: 2,
      add(value: number): number {
        return value + this.step;
      },
    };
    const seen = await inFlow(
      async () => [
        (await map([1], (value) => value)).getResults(),
        (await map([1], counter.add.bind(counter))).getResults(),
        (await map([1], async (value) => double(value))).getResults(),
      ],
      strict,
    );
    expect(seen).toStrictEqual([[1], [3], [2]]);
  });
});

describe('the branches of a parallel', () => {
  test('can be functions, named ones, any iterable of them, or an object', async () => {
    const forms = [
      [() => 1, { name: 'two', run: () => 2 }],
      new Set([() => 1, () => 2]),
      (function* () {
        yield () => 1;
        yield { name: 'two', run: async () => 2 };
      })(),
      { one: () => 1, two: async () => 2 },
    ];
    for (const form of forms) {
      const result = await inFlow(async () => parallel(form as (() => number)[]), strict);
      expect(result.getResults()).toStrictEqual([1, 2]);
    }
  });

  test('can be an object of functions and named ones: keys stay keys, and names are names', async () => {
    const inFull = async (): Promise<NamedBatchResult<{ stock: number; payment: string; name: boolean }>> =>
      parallel({ stock: { name: 'reserve', run: () => 1 }, payment: async () => 'paid', name: { name: 'payment', run: () => true } });
    const { result, journal } = await runBatch(inFull, strict);
    expect(result?.all.map(({ name }) => name)).toStrictEqual(['reserve', 'payment', 'payment']);
    for (const each of [result, BatchResult.fromJSON(JSON.parse(JSON.stringify(result)))]) {
      expect(['stock', 'payment', 'name', 'reserve', 'other'].map((key) => each?.get(key as 'stock')?.index)).toStrictEqual([
        0,
        1,
        2,
        0,
        undefined,
      ]);
    }
    expect([...journal.keys()].filter((id) => id.startsWith('0.')).map((id) => journal.get(id)?.name)).toStrictEqual([
      'reserve',
      'payment',
      'payment',
    ]);
    await crashEverywhere(
      flow(unique('keyed'), async () => (await inFull()).get('name').index),
      [],
      { engine: strict },
    );
  });

  test('that are named are run as methods of theirs', async () => {
    const branch = {
      name: 'counter',
      step: 2,
      run(): number {
        return this.step;
      },
    };
    expect((await inFlow(async () => parallel([branch]), strict)).getResults()).toStrictEqual([2]);
    expect((await inFlow(async () => parallel({ branch }), strict)).getResults()).toStrictEqual([2]);
  });

  test('get no arguments', async () => {
    const result = await inFlow(
      async () => parallel([(...args: unknown[]) => args.length, { name: 'n', run: (...args: unknown[]) => args.length }]),
      strict,
    );
    expect(result.getResults()).toStrictEqual([0, 0]);
  });

  test('can be actions and flows without arguments', async () => {
    const act = action(unique('act'), async () => 'action');
    const child: Flow<[], string> = flow(unique('child'), async () => 'flow');
    const { result, journal } = await runBatch(async () => (await parallel({ act, child })).getResults(), strict);
    expect(result).toStrictEqual(['action', 'flow']);
    expect([journal.get('0.0.0')?.kind, journal.get('0.1.0')?.kind]).toStrictEqual(['action', 'flow']);
  });

  test('are taken when the batch starts: what becomes of the array later changes nothing', async () => {
    const result = await inFlow(async () => {
      const branches = [() => 1, () => 2];
      const future = parallel.start(branches, { maxConcurrency: 1 });
      branches.length = 0;
      return future;
    }, strict);
    expect(result.getResults()).toStrictEqual([1, 2]);
  });

  test('that are the same function run once each', async () => {
    let ran = 0;
    const branch = (): number => {
      ran += 1;
      return ran;
    };
    expect((await inFlow(async () => parallel([branch, branch]), strict)).getResults()).toStrictEqual([1, 2]);
  });

  test('can return anything that is thenable', async () => {
    // biome-ignore lint/suspicious/noThenProperty: it is about thenables
    const thenable = { then: (resolve: (value: number) => void) => resolve(5) };
    expect((await inFlow(async () => parallel([() => thenable as never]), strict)).getResults()).toStrictEqual([5]);
  });
});
