import {
  action,
  type Callback,
  type CallbackOptions,
  callback,
  type DurableFuture,
  type Engine,
  event,
  flow,
  type PollDecision,
  sleep,
  type WaitForConditionOptions,
  wait,
  waitForCondition,
} from 'perdure';
import type { TestEngine } from 'perdure/testing';
import { describe, expectTypeOf, test } from 'vitest';

interface Job {
  readonly id: string;
  readonly done: boolean;
}
declare const engine: Engine;
declare const kit: TestEngine;
const look = action('event-types-look', async (job: Job) => job);
const other = action('event-types-other', async (job: Job, _verbose: boolean) => job);
const elsewhere = action('event-types-elsewhere', async (job: Job) => job.id);

describe('event()', () => {
  test('is a future of the type that it is given', () => {
    expectTypeOf(event<string>('n')).toEqualTypeOf<DurableFuture<string>>();
    expectTypeOf(event<Job>('n').result()).resolves.toEqualTypeOf<Job>();
  });

  test('is of unknown type by itself', () => {
    expectTypeOf(event('n')).toEqualTypeOf<DurableFuture<unknown>>();
  });

  test('takes a name', () => {
    // @ts-expect-error a name is required
    event();
    // @ts-expect-error a number is no name
    event(3);
  });

  test('waits beside other futures', () => {
    expectTypeOf(wait([event<string>('n'), sleep.start(1)])).resolves.toHaveProperty('done');
    expectTypeOf(Promise.race([event<string>('n'), event<number>('m')])).resolves.toEqualTypeOf<string | number>();
  });
});

describe('callback()', () => {
  test('gives a token and a future of the type that it is given', () => {
    expectTypeOf(callback<boolean>()).toEqualTypeOf<Callback<boolean>>();
    expectTypeOf(callback<boolean>().token).toEqualTypeOf<string>();
    expectTypeOf(callback<boolean>().future).toEqualTypeOf<DurableFuture<boolean>>();
    expectTypeOf(callback().future).toEqualTypeOf<DurableFuture<unknown>>();
  });

  test('takes durations', () => {
    expectTypeOf<CallbackOptions['timeout']>().toEqualTypeOf<CallbackOptions['heartbeatTimeout']>();
    callback({ name: 'approval', timeout: '3d', heartbeatTimeout: 1000 });
    // @ts-expect-error no such unit
    callback({ timeout: '3 days' });
    // @ts-expect-error no such option
    callback({ limit: '3d' });
  });

  test('cannot be changed', () => {
    const asked = callback();
    // @ts-expect-error read only
    asked.token = 'x';
  });
});

describe('waitForCondition()', () => {
  const strategy = (job: Job): PollDecision => ({ continue: !job.done, delay: '30s' });
  const initial: Job = { id: 'a', done: false };

  test('comes to the state', () => {
    expectTypeOf(waitForCondition(look, { initial, strategy })).toEqualTypeOf<Promise<Job>>();
    expectTypeOf(waitForCondition.start(look, { initial, strategy })).toEqualTypeOf<DurableFuture<Job>>();
  });

  test('infers what the strategy is given', () => {
    waitForCondition(look, {
      initial,
      strategy: (state, attempt) => {
        expectTypeOf(state).toEqualTypeOf<Job>();
        expectTypeOf(attempt).toEqualTypeOf<number>();
        return { continue: false };
      },
    });
    expectTypeOf<WaitForConditionOptions<Job>['initial']>().toEqualTypeOf<Job>();
  });

  test('takes an action from a state to a state', () => {
    // @ts-expect-error an action of two arguments
    waitForCondition(other, { initial, strategy });
    // @ts-expect-error an action that returns something else
    waitForCondition(elsewhere, { initial, strategy });
    // @ts-expect-error a flow
    waitForCondition(flow('event-types-flow', async (job: Job) => job).start, { initial, strategy });
    // @ts-expect-error another state
    waitForCondition(look, { initial: 'a', strategy });
    // @ts-expect-error a strategy is required
    waitForCondition(look, { initial });
    // @ts-expect-error a strategy decides at once
    waitForCondition(look, { initial, strategy: async () => ({ continue: false }) });
  });
});

describe('the engine', () => {
  test('sends, completes and fails, and resolves to nothing', () => {
    expectTypeOf(engine.send('run', 'name', 1)).toEqualTypeOf<Promise<void>>();
    expectTypeOf(engine.send('run', 'name')).toEqualTypeOf<Promise<void>>();
    expectTypeOf(engine.complete('token', 1)).toEqualTypeOf<Promise<void>>();
    expectTypeOf(engine.complete('token')).toEqualTypeOf<Promise<void>>();
    expectTypeOf(engine.fail('token', new Error('no'))).toEqualTypeOf<Promise<void>>();
    expectTypeOf(engine.heartbeat('token')).toEqualTypeOf<Promise<void>>();
  });

  test('asks for what it needs', () => {
    // @ts-expect-error a name is required
    engine.send('run');
    // @ts-expect-error an error is required
    engine.fail('token');
    // @ts-expect-error a token is a text
    engine.heartbeat(3);
  });

  test('of the kit answers by name', () => {
    expectTypeOf(kit.answer('approval', true)).toEqualTypeOf<Promise<void>>();
    // @ts-expect-error an answer is required
    kit.answer('approval');
  });
});

describe('flows', () => {
  test('take a time-out and a strategy', () => {
    const child = flow('event-types-limited', async () => 1, { timeout: '1h', retry: (_, attempt) => ({ retry: attempt < 3 }) });
    expectTypeOf(child.with({ timeout: '5m', retry: () => ({ retry: false }) }).start()).toEqualTypeOf<DurableFuture<number>>();
    // @ts-expect-error no such unit
    child.with({ timeout: 'an hour' });
    // @ts-expect-error a strategy is a function
    child.with({ retry: 3 });
  });
});
