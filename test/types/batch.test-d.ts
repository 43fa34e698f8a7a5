import {
  action,
  type BatchItem,
  BatchResult,
  type Branch,
  CompletionConfig,
  type CompletionReason,
  type CompletionStatus,
  type DurableFuture,
  flow,
  type MapFunction,
  type MapOptions,
  map,
  type NamedBatchResult,
  type ParallelOptions,
  parallel,
  sleep,
} from 'perdure';
import { describe, expectTypeOf, test } from 'vitest';

interface Order {
  readonly id: string;
}
declare const orders: readonly Order[];
declare const orderSet: Set<Order>;

const charge = action('batch-types-charge', async (order: Order) => ({ receipt: order.id }));
const process = flow('batch-types-process', async (order: Order) => order.id.length);
const ready = action('batch-types-ready', async () => true);
const numbered = action('batch-types-numbered', async (order: Order, index: number) => `${index}. ${order.id}`);
const numberedFlow = flow('batch-types-numbered-flow', async (order: Order, index: number) => `${index}. ${order.id}`);
const withOptions = action('batch-types-options', async (order: Order, options?: { readonly fast: boolean }) => [order, options] as const);

describe('parallel()', () => {
  test('gives a tuple of items for a tuple of branches', async () => {
    const result = await parallel([() => 1, async () => 'text', { name: 'flag', run: async () => true }, () => charge({ id: 'x' })]);
    expectTypeOf(result.all[0]).toEqualTypeOf<BatchItem<number>>();
    expectTypeOf(result.all[1]).toEqualTypeOf<BatchItem<string>>();
    expectTypeOf(result.all[2]).toEqualTypeOf<BatchItem<boolean>>();
    expectTypeOf(result.all[3]).toEqualTypeOf<BatchItem<{ receipt: string }>>();
    expectTypeOf(result.results).toEqualTypeOf(result.all);
    expectTypeOf(result.all.length).toEqualTypeOf<4>();
    // @ts-expect-error there is no fifth
    void result.all[4];
    expectTypeOf(result.getResults()).toEqualTypeOf<(number | string | boolean | { receipt: string })[]>();
  });

  test('narrows items by their status', async () => {
    const { all } = await parallel([() => 1, () => 'text']);
    const [first] = all;
    // Each has both, so that they can be taken out before the status is looked at; of the wrong status they are undefined.
    const { result, error } = first;
    expectTypeOf(result).toEqualTypeOf<number | undefined>();
    expectTypeOf(error).toEqualTypeOf<Error | undefined>();
    if (first.status === 'FAILED') expectTypeOf(first.result).toEqualTypeOf<undefined>();
    if (first.error === undefined) expectTypeOf(first.status).toEqualTypeOf<'SUCCEEDED' | 'STARTED' | 'NOT_STARTED'>();
    if (first.status === 'SUCCEEDED') expectTypeOf(first.result).toEqualTypeOf<number>();
    else if (first.status === 'FAILED') expectTypeOf(first.error).toEqualTypeOf<Error>();
    else expectTypeOf(first.status).toEqualTypeOf<'STARTED' | 'NOT_STARTED'>();
    expectTypeOf(first.index).toEqualTypeOf<number>();
    expectTypeOf(first.name).toEqualTypeOf<string>();
  });

  test('gives an array of items for an array of branches', async () => {
    const result = await parallel(orders.map((order) => () => charge(order)));
    expectTypeOf(result.all[0]).toEqualTypeOf<BatchItem<{ receipt: string }> | undefined>();
    expectTypeOf(result.getResults()).toEqualTypeOf<{ receipt: string }[]>();
    expectTypeOf(result.succeeded()[0]?.result).toEqualTypeOf<{ receipt: string } | undefined>();
    const named = await parallel(orders.map(({ id }) => ({ name: id, run: () => id.length })));
    expectTypeOf(named.getResults()).toEqualTypeOf<number[]>();
  });

  test('gives items by key for an object of branches', async () => {
    const result = await parallel({ inventory: () => 3, payment: () => charge({ id: 'x' }) });
    expectTypeOf(result).toEqualTypeOf<NamedBatchResult<{ inventory: number; payment: { receipt: string } }>>();
    expectTypeOf(result.get('inventory')).toEqualTypeOf<BatchItem<number>>();
    expectTypeOf(result.get('payment')).toEqualTypeOf<BatchItem<{ receipt: string }>>();
    // @ts-expect-error there is no such branch
    result.get('shipping');
    expectTypeOf(result.getResults()).toEqualTypeOf<(number | { receipt: string })[]>();
  });

  test('takes named branches in an object, too', async () => {
    const result = await parallel({ stock: { name: 'reserve', run: () => 3 }, payment: () => charge({ id: 'x' }) });
    expectTypeOf(result.get('stock')).toEqualTypeOf<BatchItem<number>>();
    expectTypeOf(result.get('payment')).toEqualTypeOf<BatchItem<{ receipt: string }>>();
    // @ts-expect-error it is found by its key
    result.get('reserve');
    // @ts-expect-error a name is needed
    void parallel({ stock: { run: () => 3 } });
  });

  test('unwraps futures, actions, flows and nested batches', async () => {
    const result = await parallel([() => ready.start(), ready, () => parallel([() => 1]), () => sleep(1), () => null]);
    expectTypeOf(result.all[0]).toEqualTypeOf<BatchItem<boolean>>();
    expectTypeOf(result.all[1]).toEqualTypeOf<BatchItem<boolean>>();
    expectTypeOf(result.all[2]).toEqualTypeOf<BatchItem<BatchResult<number, [BatchItem<number>]>>>();
    expectTypeOf(result.all[3]).toEqualTypeOf<BatchItem<void>>();
    expectTypeOf(result.all[4]).toEqualTypeOf<BatchItem<null>>();
  });

  test('gives results for an iterable, whatever its branches return', async () => {
    expectTypeOf(await parallel(new Set(orders.map((order) => () => charge.start(order))))).toEqualTypeOf<
      BatchResult<{ receipt: string }>
    >();
    const branches: Branch<number>[] = [() => process.start({ id: 'x' }), { name: 'one', run: () => 1 }];
    expectTypeOf((await parallel(branches)).getResults()).toEqualTypeOf<number[]>();
    const mixed = new Set([() => 1, () => ready.start(), { name: 'text', run: async () => 'text' }]);
    expectTypeOf(await parallel(mixed)).toEqualTypeOf<BatchResult<number | boolean | string>>();
    expectTypeOf(parallel.start(mixed)).toEqualTypeOf<DurableFuture<BatchResult<number | boolean | string>>>();
    void parallel(new Set([() => ready.start()]), {
      summaryGenerator: (result) => {
        expectTypeOf(result.getResults()).toEqualTypeOf<boolean[]>();
        return '';
      },
    });
  });

  test('start() gives a future of the same', () => {
    const future = parallel.start({ a: () => 1 });
    expectTypeOf(future).toEqualTypeOf<DurableFuture<NamedBatchResult<{ a: number }>>>();
    expectTypeOf(parallel.start([() => 1]).result())
      .resolves.toHaveProperty('all')
      .toEqualTypeOf<[BatchItem<number>]>();
  });

  test('refuses what is no branch', () => {
    // @ts-expect-error a promise is no function
    void parallel([Promise.resolve(1)]);
    // @ts-expect-error a future is no function
    void parallel([ready.start()]);
    // @ts-expect-error a name is needed
    void parallel([{ run: () => 1 }]);
    // @ts-expect-error a branch gets no arguments
    void parallel([(value: number) => value]);
    // @ts-expect-error the values must be functions
    void parallel({ a: 1 });
    // @ts-expect-error the branches must be given
    void parallel();
    // @ts-expect-error one function is no list
    void parallel(() => 1);
    // @ts-expect-error a set of promises is no set of branches
    void parallel(new Set([Promise.resolve(1)]));
  });
});

describe('map()', () => {
  test('infers from an action, a flow and a plain function', async () => {
    expectTypeOf(await map(orders, charge)).toEqualTypeOf<BatchResult<{ receipt: string }>>();
    expectTypeOf(await map(orders, process)).toEqualTypeOf<BatchResult<number>>();
    expectTypeOf(await map(orders, (order) => order.id)).toEqualTypeOf<BatchResult<string>>();
    expectTypeOf(await map(orderSet, async (order, index, items) => [order, index, items] as const)).toEqualTypeOf<
      BatchResult<readonly [Order, number, readonly Order[]]>
    >();
    expectTypeOf(await map(orders, () => {})).toEqualTypeOf<BatchResult<void>>();
    expectTypeOf(map.start(orders, charge)).toEqualTypeOf<DurableFuture<BatchResult<{ receipt: string }>>>();
  });

  test('gives results for a function that returns futures, or now a promise and now a value', async () => {
    expectTypeOf(await map(orders, (order) => charge.start(order))).toEqualTypeOf<BatchResult<{ receipt: string }>>();
    expectTypeOf(map.start(orders, (order) => charge.start(order))).toEqualTypeOf<DurableFuture<BatchResult<{ receipt: string }>>>();
    expectTypeOf(await map<Order, number>(orders, async ({ id }) => id.length)).toEqualTypeOf<BatchResult<number>>();
    const known = await map(orders, (order) => (order.id === '' ? undefined : charge(order)));
    expectTypeOf(known).toEqualTypeOf<BatchResult<{ receipt: string } | undefined>>();
    void map(orders, (order) => charge.start(order), {
      summaryGenerator: (result) => {
        expectTypeOf(result.getResults()).toEqualTypeOf<{ receipt: string }[]>();
        return '';
      },
    });
  });

  test('takes what is typed as a MapFunction', async () => {
    const fn: MapFunction<Order, number> = async (order, index) => order.id.length + index;
    expectTypeOf(await map(orders, fn)).toEqualTypeOf<BatchResult<number>>();
    const inBackground: MapFunction<Order, number> = (order) => process.start(order);
    expectTypeOf(await map(orders, inBackground)).toEqualTypeOf<BatchResult<number>>();
  });

  test('takes an action or flow whose other arguments are optional: it is called with the item alone', () => {
    void map(orders, withOptions);
  });

  test('refuses an action or flow that needs more than the item', () => {
    // @ts-expect-error it would get no index
    void map(orders, numbered);
    // @ts-expect-error nor as a flow
    void map(orders, numberedFlow);
    // @ts-expect-error nor in the background
    void map.start(orders, numbered);
    void map(orders, (order, index) => numbered(order, index));
  });

  test('refuses what does not fit', () => {
    // @ts-expect-error the items are of another type
    void map([1, 2], charge);
    // @ts-expect-error a number is no list
    void map(5, charge);
    // @ts-expect-error an asynchronous iterable is none either
    void map((async function* () {})(), charge);
    // @ts-expect-error the function must be given
    void map(orders);
    // @ts-expect-error a promise is no function
    void map(orders, Promise.resolve(1));
  });
});

describe('options', () => {
  test('are typed by what the batch is of', () => {
    void map(orders, charge, {
      name: 'charges',
      maxConcurrency: 3,
      unfinished: 'leave',
      itemNamer: (order, index) => {
        expectTypeOf(order).toEqualTypeOf<Order>();
        expectTypeOf(index).toEqualTypeOf<number>();
        return order.id;
      },
      summaryGenerator: (result) => {
        expectTypeOf(result.getResults()).toEqualTypeOf<{ receipt: string }[]>();
        return 'short';
      },
    });
    void parallel([() => 1, () => 'text'], {
      summaryGenerator: (result) => {
        expectTypeOf(result.getResults()).toEqualTypeOf<(number | string)[]>();
        return '';
      },
    });
    expectTypeOf<MapOptions>().toHaveProperty('maxConcurrency').toEqualTypeOf<number | undefined>();
    expectTypeOf<ParallelOptions>().toHaveProperty('unfinished').toEqualTypeOf<'cancel' | 'leave' | undefined>();
  });

  test('refuse what is unknown or of the wrong kind', () => {
    // @ts-expect-error unknown option
    void parallel([() => 1], { concurrency: 2 });
    // @ts-expect-error a number is needed
    void parallel([() => 1], { maxConcurrency: '2' });
    // @ts-expect-error unknown policy
    void parallel([() => 1], { unfinished: 'abandon' });
    // @ts-expect-error a text is needed
    void map(orders, charge, { itemNamer: (_order, index) => index });
    // @ts-expect-error a text is needed, at once
    void map(orders, charge, { summaryGenerator: async () => 'late' });
  });

  test('a completion policy has limits, or a rule of its own, never both', () => {
    expectTypeOf<{ minSuccessful: 1; toleratedFailureCount: 0; toleratedFailurePercentage: 5 }>().toExtend<CompletionConfig>();
    expectTypeOf<{ shouldComplete: () => true }>().toExtend<CompletionConfig>();
    // biome-ignore lint/complexity/noBannedTypes: an empty policy is one
    expectTypeOf<{}>().toExtend<CompletionConfig>();
    expectTypeOf<{ shouldComplete: () => true; minSuccessful: 1 }>().not.toExtend<CompletionConfig>();
    expectTypeOf<{ shouldComplete: () => true; toleratedFailureCount: 1 }>().not.toExtend<CompletionConfig>();
    expectTypeOf<{ shouldComplete: () => true; toleratedFailurePercentage: 1 }>().not.toExtend<CompletionConfig>();
    // @ts-expect-error a limit next to a rule
    void parallel([() => 1], { completionConfig: { minSuccessful: 1, shouldComplete: () => true } });
    // @ts-expect-error unknown limit
    void parallel([() => 1], { completionConfig: { maxFailures: 1 } });
    // @ts-expect-error a promise decides nothing
    void parallel([() => 1], { completionConfig: { shouldComplete: async () => true } });
    // @ts-expect-error a preset has to be called
    void parallel([() => 1], { completionConfig: CompletionConfig.allCompleted });
    void parallel([() => 1], { completionConfig: CompletionConfig.firstSuccessful() });
    void parallel([() => 1], { completionConfig: { ...CompletionConfig.allSuccessful(), minSuccessful: 1 } });
  });

  test('shouldComplete() is given the status and may answer in every form', () => {
    void parallel([() => 1], {
      completionConfig: {
        shouldComplete: (status) => {
          expectTypeOf(status).toEqualTypeOf<CompletionStatus>();
          expectTypeOf(status.items[0]?.status).toEqualTypeOf<'SUCCEEDED' | 'FAILED' | 'STARTED' | 'NOT_STARTED' | undefined>();
          // @ts-expect-error it only looks
          status.succeeded = 1;
          if (status.failed > 2) return { complete: true, outcome: 'FAILED' };
          if (status.failed > 1) return 'FAILED';
          return status.succeeded > 1 ? true : undefined;
        },
      },
    });
  });
});

test('a batch result can be read, stored and brought back', async () => {
  const result = await map(orders, charge);
  expectTypeOf(result.completionReason).toEqualTypeOf<CompletionReason>();
  expectTypeOf(result.status).toEqualTypeOf<'SUCCEEDED' | 'FAILED'>();
  expectTypeOf(result.get('x')).toEqualTypeOf<BatchItem<{ receipt: string }> | undefined>();
  expectTypeOf(result.failed()[0]?.error).toEqualTypeOf<Error | undefined>();
  expectTypeOf(result.getErrors()).toEqualTypeOf<Error[]>();
  expectTypeOf(result.summary).toEqualTypeOf<string | undefined>();
  expectTypeOf(BatchResult.fromJSON<number>({})).toEqualTypeOf<BatchResult<number>>();
  expectTypeOf(BatchResult.fromJSON({})).toEqualTypeOf<BatchResult<unknown>>();
  // @ts-expect-error it only looks
  result.status = 'FAILED';
  const returning = flow('batch-types-returning', async () => map(orders, charge));
  expectTypeOf(returning).returns.toEqualTypeOf<Promise<BatchResult<{ receipt: string }>>>();
});
