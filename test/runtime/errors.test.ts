import { action, CancelledError, flow, NonRetryableError, registerError, UsageError } from 'perdure';
import { describe, expect, test } from 'vitest';
import { openEngine, unique } from '../api/with-engine.js';

class Declined extends Error {
  override name = 'Declined';
  readonly reason: string;
  constructor(reason: string) {
    super(`declined: ${reason}`);
    this.reason = reason;
  }
}
registerError(Declined, 'runtime-errors/Declined');

class Unregistered extends Error {
  override name = 'Unregistered';
  readonly amount = 12;
}

const made: Record<string, () => unknown> = {
  TypeError: () => new TypeError('type'),
  RangeError: () => new RangeError('range'),
  registered: () => new Declined('funds'),
  unregistered: () => new Unregistered('unknown'),
  aggregate: () => new AggregateError([new TypeError('one'), new Declined('two')], 'several'),
  chain: () => new Error('outer', { cause: new Declined('inner') }),
  fields: () => Object.assign(new Error('with fields'), { code: 'E_CODE', status: 402 }),
  nonRetryable: () => new NonRetryableError('stop'),
  text: () => 'a text',
  nothing: () => undefined,
  object: () => ({ why: 'because' }),
};

const throwing = action(unique('throwing'), async (key: string) => {
  throw made[key]?.();
});
const third = flow(unique('third'), async (key: string) => throwing(key));
const second = flow(unique('second'), async (key: string) => third(key));
const first = flow(unique('first'), async (key: string) => second(key));
const inFlows = flow(unique('in-flow'), async (key: string) => {
  throw made[key]?.();
});

/** The error of an action through three levels of flows, as the caller outside gets it. */
async function throughFlows(key: string, from = first): Promise<Error> {
  const { engine } = await openEngine();
  return (await engine.start(from, [key]).exception()) as Error;
}

describe('an error of an action comes through three levels of flows', () => {
  test.each([
    ['TypeError', TypeError, 'type'],
    ['RangeError', RangeError, 'range'],
    ['registered', Declined, 'declined: funds'],
    ['nonRetryable', NonRetryableError, 'stop'],
  ] as const)('%s as an instance of its class', async (key, errorClass, message) => {
    const error = await throughFlows(key);
    expect(error).toBeInstanceOf(errorClass);
    expect(error.constructor).toBe(errorClass);
    expect(error.message).toBe(message);
    expect(error.stack).toContain('errors.test.ts');
  });

  test('a registered class with its own fields', async () => {
    expect((await throughFlows('registered')) as Declined).toMatchObject({ name: 'Declined', reason: 'funds' });
  });

  test('an unregistered class as an Error with the same name, message and fields', async () => {
    const error = await throughFlows('unregistered');
    expect(error).not.toBeInstanceOf(Unregistered);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'Unregistered', message: 'unknown', amount: 12 });
  });

  test('AggregateError with its errors', async () => {
    const error = (await throughFlows('aggregate')) as AggregateError;
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.errors[0]).toBeInstanceOf(TypeError);
    expect(error.errors[1]).toBeInstanceOf(Declined);
  });

  test('a chain of causes', async () => {
    const error = await throughFlows('chain');
    expect(error.message).toBe('outer');
    expect(error.cause).toBeInstanceOf(Declined);
    expect(error.cause).toMatchObject({ reason: 'inner' });
  });

  test('own fields of a built-in class', async () => {
    expect(await throughFlows('fields')).toMatchObject({ message: 'with fields', code: 'E_CODE', status: 402 });
  });

  test.each([
    ['text', 'a text'],
    ['nothing', undefined],
    ['object', { why: 'because' }],
  ])('a thrown non-error (%s) as an Error whose cause it is', async (key, cause) => {
    for (const from of [first, inFlows]) {
      const error = await throughFlows(key, from);
      expect(error).toBeInstanceOf(Error);
      expect('cause' in error).toBe(true);
      expect(error.cause).toStrictEqual(cause);
    }
  });
});

test('an error that a flow throws keeps its class', async () => {
  expect(await throughFlows('registered', inFlows)).toBeInstanceOf(Declined);
});

test('a flow can catch the error of an action by its class', async () => {
  const { engine } = await openEngine();
  const catching = flow(unique('catching'), async () => {
    try {
      return await throwing('registered');
    } catch (error) {
      return error instanceof Declined ? error.reason : 'something else';
    }
  });
  expect(await engine.start(catching, [])).toBe('funds');
});

test('the failure of one action does not disturb another', async () => {
  const { engine } = await openEngine({ leaks: 'error' });
  const fine = action(unique('fine'), async (n: number) => n);
  const both = flow(unique('both'), async () => {
    const [good, bad, other] = [fine.start(1), throwing.start('TypeError'), fine.start(2)];
    return [await good, (await bad.exception())?.name, await other];
  });
  expect(await engine.start(both, [])).toStrictEqual([1, 'TypeError', 2]);
});

test('an error can be a result', async () => {
  const { engine } = await openEngine();
  const returning = flow(unique('returning'), async () => new Declined('as a value'));
  const value = await engine.start(returning, []);
  expect(value).toBeInstanceOf(Declined);
});

test.each([
  ['UsageError', () => new UsageError('INVALID_ARGUMENT', 'mine')],
  ['CancelledError', () => new CancelledError('mine')],
])('a %s thrown by an action fails the action', async (name, make) => {
  const { engine } = await openEngine();
  const act = action(unique('act'), async () => {
    throw make();
  });
  const asking = flow(unique('asking'), async () => {
    const future = act.start();
    return [(await future.exception())?.name, future.status];
  });
  expect(await engine.start(asking, [])).toStrictEqual([name, 'FAILED']);
});
