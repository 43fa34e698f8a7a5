import {
  type Action,
  action,
  asCompleted,
  type CompletedFuture,
  type DurableFuture,
  type Engine,
  type Flow,
  flow,
  type LeakedFuture,
  type Retention,
  shield,
  sleep,
  startable,
  wait,
} from 'perdure';
import { describe, expectTypeOf, test } from 'vitest';

interface Order {
  readonly id: string;
}
declare const engine: Engine;
declare const order: Order;

const charge = action('types-charge', async (order: Order, cents: number) => ({ receipt: order.id, cents }));
const inspect = action('types-inspect', (order: Order) => order.id.length);
const process = flow('types-process', async (order: Order) => charge(order, 100));
const optional = flow('types-optional', async (first: string, second?: number) => [first, second] as const);

class Shop {
  readonly id = 'shop';

  @flow
  async order(order: Order): Promise<string> {
    return order.id;
  }

  @action({ replace: true })
  async price(order: Order): Promise<number> {
    return order.id.length;
  }

  @flow({ instance: (self: Shop) => self.id, version: 2, leaks: 'error' })
  async tenant(): Promise<void> {}

  @flow
  direct(order: Order): DurableFuture<number> {
    return inspect.start(order);
  }

  @action
  now(cached: boolean): number | Promise<number> {
    return cached ? 1 : Promise.resolve(2);
  }

  @action
  static async tell(what: string): Promise<boolean> {
    return what !== '';
  }
}

describe('inference', () => {
  test('through flow() and action()', () => {
    expectTypeOf(charge).toEqualTypeOf<Action<[order: Order, cents: number], { receipt: string; cents: number }>>();
    expectTypeOf(process).toEqualTypeOf<Flow<[order: Order], { receipt: string; cents: number }>>();
    expectTypeOf(inspect).returns.toEqualTypeOf<Promise<number>>();
  });

  test('of the result, when the function is not async', () => {
    const direct = flow('types-direct', (order: Order) => charge.start(order, 1));
    expectTypeOf(direct).toEqualTypeOf<Flow<[order: Order], { receipt: string; cents: number }>>();
    const mixed = flow('types-mixed', (order: Order) => (order.id === '' ? undefined : inspect(order)));
    expectTypeOf(mixed).toEqualTypeOf<Flow<[order: Order], number | undefined>>();
    const either = action('types-either', (cached: boolean) => (cached ? 1 : Promise.resolve(2)));
    expectTypeOf(either).toEqualTypeOf<Action<[cached: boolean], number>>();
    expectTypeOf(flow('types-nothing', () => {})).toEqualTypeOf<Flow<[], void>>();
    expectTypeOf(flow('types-never', async (): Promise<never> => Promise.reject(new Error('no')))).toEqualTypeOf<Flow<[], never>>();
    const unknown = flow('types-unknown', (text: string): unknown => JSON.parse(text));
    expectTypeOf(unknown).toEqualTypeOf<Flow<[text: string], unknown>>();
  });

  test('of what type arguments name', () => {
    const size = flow<[string], number>('types-named', async (id) => id.length);
    expectTypeOf(size).toEqualTypeOf<Flow<[string], number>>();
    const state = action<[string], 'open' | 'closed'>('types-named', async (id) => (id === '' ? 'closed' : 'open'));
    expectTypeOf(state).toEqualTypeOf<Action<[string], 'open' | 'closed'>>();
    expectTypeOf(action<[string], number>('types-named', (id) => id.length)).toEqualTypeOf<Action<[string], number>>();
  });

  test('in functions that are generic, and from the type that is expected', () => {
    const wrapped = <A extends unknown[], R>(name: string, body: (...args: A) => Promise<R>): Action<A, R> => action(name, body);
    expectTypeOf(wrapped('types-wrapped', async (id: string) => id.length)).toEqualTypeOf<Action<[id: string], number>>();
    const state: Flow<[string], 'open' | 'closed'> = flow('types-state', async (id) => (id === '' ? 'closed' : 'open'));
    expectTypeOf(state).toEqualTypeOf<Flow<[string], 'open' | 'closed'>>();
  });

  test('through start() and with()', () => {
    expectTypeOf(charge.start).parameters.toEqualTypeOf<[order: Order, cents: number]>();
    expectTypeOf(charge.start).returns.toEqualTypeOf<DurableFuture<{ receipt: string; cents: number }>>();
    expectTypeOf(inspect.start(order)).toEqualTypeOf<DurableFuture<number>>();
    expectTypeOf(process.with({ id: 'x', leaks: 'warn' })).toEqualTypeOf<typeof process>();
    expectTypeOf(charge.with({ name: 'x' }).start).parameters.toEqualTypeOf<[order: Order, cents: number]>();
  });

  test('through engine.start and engine.future', () => {
    expectTypeOf(engine.start(process, [order])).toEqualTypeOf<DurableFuture<{ receipt: string; cents: number }>>();
    expectTypeOf(engine.start(optional, ['x'])).toEqualTypeOf<DurableFuture<readonly [string, number | undefined]>>();
    expectTypeOf(engine.future('x')).toEqualTypeOf<DurableFuture<unknown>>();
    expectTypeOf(engine.future<number>('x')).toEqualTypeOf<DurableFuture<number>>();
  });

  test('through futures', () => {
    const future = charge.start(order, 1);
    expectTypeOf(future.result()).resolves.toEqualTypeOf<{ receipt: string; cents: number }>();
    expectTypeOf(future.exception()).resolves.toEqualTypeOf<Error | undefined>();
    expectTypeOf<Awaited<typeof future>>().toEqualTypeOf<{ receipt: string; cents: number }>();
  });

  test('through the joins of Promise, as a tuple', async () => {
    expectTypeOf(Promise.all([inspect.start(order), process.start(order), sleep.start(1)])).resolves.toEqualTypeOf<
      // biome-ignore lint/suspicious/noConfusingVoidType: it is the type of a timer's result
      [number, { receipt: string; cents: number }, void]
    >();
    expectTypeOf(Promise.race([inspect.start(order), engine.future<string>('x')])).resolves.toEqualTypeOf<number | string>();
  });

  test('through wait() and asCompleted()', async () => {
    const futures = [inspect.start(order), process.start(order)];
    const { done, notDone } = await wait(futures, 'FIRST_COMPLETED');
    expectTypeOf(done).toEqualTypeOf<Set<(typeof futures)[number]>>();
    expectTypeOf(notDone).toEqualTypeOf<typeof done>();
    for await (const future of asCompleted([inspect.start(order)]))
      expectTypeOf(future).toEqualTypeOf<CompletedFuture<DurableFuture<number>>>();
  });

  test('through wait() and asCompleted(), of what asCompleted() yields', async () => {
    const first: CompletedFuture<DurableFuture<number>>[] = [];
    for await (const future of asCompleted([inspect.start(order)])) first.push(future);
    expectTypeOf((await wait(first)).done).toEqualTypeOf<Set<CompletedFuture<DurableFuture<number>>>>();
    for await (const future of asCompleted(first)) expectTypeOf(future.result()).resolves.toEqualTypeOf<number>();
    const { notDone } = await wait([...first, process.start(order)]);
    for (const future of notDone) expectTypeOf(future.id).toEqualTypeOf<string>();
  });

  test('through shield()', () => {
    expectTypeOf(shield(() => inspect.start(order))).resolves.toEqualTypeOf<number>();
    expectTypeOf(shield(() => 'done')).resolves.toEqualTypeOf<string>();
  });

  test('through startable()', () => {
    const shop = new Shop();
    expectTypeOf(startable(shop.direct)).returns.resolves.toEqualTypeOf<number>();
    expectTypeOf(startable(shop.now)).returns.resolves.toEqualTypeOf<number>();
    expectTypeOf(startable(shop.order).start).parameters.toEqualTypeOf<[order: Order]>();
    expectTypeOf(startable(shop.order).start(order)).toEqualTypeOf<DurableFuture<string>>();
    expectTypeOf(startable(shop.price).with({ name: 'x' }).start(order)).toEqualTypeOf<DurableFuture<number>>();
    expectTypeOf(startable(Shop.tell)('x')).toEqualTypeOf<Promise<boolean>>();
  });

  test('through shield() and sleep()', () => {
    expectTypeOf(shield(async () => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(shield(() => 'x')).toEqualTypeOf<Promise<string>>();
    expectTypeOf(sleep('5s')).toEqualTypeOf<Promise<void>>();
  });

  test('of the payload of events', () => {
    engine.on('leak', (event) => expectTypeOf(event.futures).toEqualTypeOf<readonly LeakedFuture[]>());
    engine.on('run:finished', (event) => expectTypeOf(event.status).toEqualTypeOf<'SUCCEEDED' | 'FAILED' | 'CANCELLED'>());
  });

  test('of a retention: one of the conditions is required', () => {
    expectTypeOf<{ age: '30d' }>().toExtend<Retention>();
    expectTypeOf<{ count: 3 }>().toExtend<Retention>();
    expectTypeOf<{ age: 5; count: 3 }>().toExtend<Retention>();
    // biome-ignore lint/complexity/noBannedTypes: what is tested is an object without any of them
    expectTypeOf<{}>().not.toExtend<Retention>();
  });

  test('gives no any', () => {
    expectTypeOf(engine.future('x').result()).resolves.not.toBeAny();
    expectTypeOf(engine.get('x')).resolves.not.toBeAny();
    expectTypeOf(engine.list()).resolves.not.toBeAny();
    expectTypeOf(wait([])).resolves.not.toBeAny();
    expectTypeOf(startable(new Shop().order)).not.toBeAny();
  });
});

test('wrong usage does not compile', () => {
  expectTypeOf((): void => {
    // @ts-expect-error an argument is missing
    charge.start(order);
    // @ts-expect-error an argument has the wrong type
    void charge(order, '100');
    // @ts-expect-error one argument too many
    process.start(order, 1);
    // @ts-expect-error the arguments are an array
    engine.start(process, order);
    // @ts-expect-error a wrong argument in the array
    engine.start(process, [5]);
    // @ts-expect-error an unknown option of a call
    process.with({ bogus: 1 });
    // @ts-expect-error an id is for flows
    charge.with({ id: 'x' });
    // @ts-expect-error an unknown policy
    flow('types-x', async () => 1, { leaks: 'loud' });
    // @ts-expect-error a unit there is not
    void sleep('5w');
    // @ts-expect-error no condition
    void wait([], 'SOMETIME');
    // @ts-expect-error promises are no futures
    void wait([Promise.resolve(1)]);
    // @ts-expect-error nor are ids
    asCompleted(['0']);
    // @ts-expect-error a plain method has no start
    new Shop().order.start(order);
    // @ts-expect-error an event there is not
    engine.on('run:finnished', () => {});
    // @ts-expect-error a future is not written to
    charge.start(order, 1).status = 'FAILED';
  }).toBeFunction();
});

test('a method with a wrong decorator does not compile', () => {
  class Wrong {
    // @ts-expect-error getters are no flows
    @flow
    get value(): number {
      return 1;
    }
    // @ts-expect-error fields are no actions
    @action
    field = 1;
  }
  expectTypeOf<Wrong>().not.toBeAny();
});

test('instance knows its object without being told', () => {
  class Inferred {
    readonly id = 'x';
    @flow({ instance: (self) => self.id })
    async run(): Promise<void> {}
  }
  expectTypeOf<Inferred>().not.toBeAny();
});
