import {
  action,
  actionContext,
  CancelledError,
  CompletionConfig,
  FIRST_COMPLETED,
  flow,
  map,
  now,
  parallel,
  random,
  sleep,
  UsageError,
  uuid,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { sequence, type TestEngine, type TestEngineOptions } from '../../src/testing.js';
import { thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine as anyTestEngine } from './with-test-engine.js';

const HOUR_MS = 3_600_000;

interface Receipt {
  readonly id: string;
  readonly cents: number;
}

const charge = action(unique('charge'), async (id: string, cents: number): Promise<Receipt> => ({ id, cents }));
const find = action(unique('find'), async (key: string): Promise<string | undefined> => `real ${key}`);
const shipping = flow(unique('shipping'), async (id: string): Promise<string> => {
  await sleep('3d');
  return `shipped ${id}`;
});

/** Flows that call one of them. */
const charging = aFlow(async (id: string, cents?: number) => charge(id, cents ?? 1));
const finding = aFlow(async (...keys: string[]) => {
  const found: unknown[] = [];
  for (const key of keys) found.push(await find(key).catch((error: Error) => error.message));
  return found;
});
const ordering = aFlow(async (id: string) => shipping(id));

/** An engine whose time begins at zero. */
function testEngine(options: TestEngineOptions = {}): TestEngine {
  return anyTestEngine({ startTime: 0, ...options });
}

describe('what stands in for an action', () => {
  test('is a function of its arguments', async () => {
    const engine = testEngine();
    engine.mock(charge, async (id, cents) => ({ id: `mocked ${id}`, cents: cents * 2 }));
    expect((await engine.run(charging, ['a', 5])).result).toStrictEqual({ id: 'mocked a', cents: 10 });
  });

  test('is a function that is not async', async () => {
    const engine = testEngine();
    engine.mock(charge, (id, cents) => ({ id, cents: -cents }));
    expect((await engine.run(charging, ['a', 5])).result).toStrictEqual({ id: 'a', cents: -5 });
  });

  test('is a value, the same for each call', async () => {
    const engine = testEngine();
    engine.mock(find, 'mocked');
    expect((await engine.run(finding, ['a', 'b'])).result).toStrictEqual(['mocked', 'mocked']);
  });

  test('is the value undefined', async () => {
    const engine = testEngine();
    engine.mock(find, undefined);
    expect((await engine.run(finding, ['a'])).result).toStrictEqual([undefined]);
  });

  test('is an error, and the action fails with it', async () => {
    const engine = testEngine();
    engine.mock(charge, new RangeError('card declined'));
    const report = await engine.run(charging, ['a']);
    expect(report).toMatchObject({ status: 'FAILED', error: { name: 'RangeError', message: 'card declined' } });
    expect(report.get(charge.name)).toMatchObject({ status: 'FAILED', error: { message: 'card declined' } });
  });

  test('is a function that throws', async () => {
    const engine = testEngine();
    engine.mock(charge, () => {
      throw new RangeError('card declined');
    });
    expect(await engine.run(charging, ['a'])).toMatchObject({ status: 'FAILED', error: { name: 'RangeError' } });
  });

  test('stands where the action would: it has its context', async () => {
    const engine = testEngine();
    engine.mock(find, () => actionContext().idempotencyKey);
    const report = await engine.run(finding, ['a']);
    expect(report.result[0]).toEqual(expect.stringContaining(report.runId));
  });

  test('stands where the action would: it cannot call durable operations', async () => {
    const engine = testEngine();
    engine.mock(find, async () => {
      await sleep('1h');
      return 'slept';
    });
    expect((await engine.run(finding, ['a'])).result[0]).toEqual(expect.stringContaining('sleep'));
  });

  test('is recorded as the outcome of the action', async () => {
    const engine = testEngine();
    engine.mock(find, 'mocked');
    const report = await engine.run(finding, ['a']);
    expect(report.get(find.name)).toMatchObject({ kind: 'action', status: 'SUCCEEDED', input: ['a'], output: 'mocked' });
  });

  test('takes the place of what stood in before', async () => {
    const engine = testEngine();
    engine.mock(find, 'first');
    engine.mock(find, 'second');
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['second']);
  });

  test('can be put in while the flow is under way', async () => {
    const engine = testEngine();
    engine.mock(find, () => {
      engine.mock(find, 'second');
      return 'first';
    });
    expect((await engine.run(finding, ['a', 'b'])).result).toStrictEqual(['first', 'second']);
  });

  test('stands in for the action under another name of the call', async () => {
    const engine = testEngine();
    engine.mock(find, 'mocked');
    const body = aFlow(async () => find.with({ name: 'look up' })('a'));
    const report = await engine.run(body);
    expect([report.result, report.get('look up').output]).toStrictEqual(['mocked', 'mocked']);
    expect(engine.calls(find)).toStrictEqual([['a']]);
  });

  test('can be named by a variant of the action', async () => {
    const engine = testEngine();
    engine.mock(find.with({ name: 'look up' }), 'mocked');
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['mocked']);
  });
});

describe('a sequence', () => {
  test('gives a value for each call, and the last again and again', async () => {
    const engine = testEngine();
    engine.mock(find, sequence('one', 'two', 'three'));
    expect((await engine.run(finding, ['a', 'b', 'c', 'd', 'e'])).result).toStrictEqual(['one', 'two', 'three', 'three', 'three']);
  });

  test('mixes errors, functions and values', async () => {
    const engine = testEngine();
    engine.mock(
      find,
      sequence<Error | ((key: string) => string) | string>(new Error('busy'), (key) => `made of ${key}`, 'value'),
    );
    expect((await engine.run(finding, ['a', 'b', 'c'])).result).toStrictEqual(['busy', 'made of b', 'value']);
  });

  test('has undefined as one of its values', async () => {
    const engine = testEngine();
    engine.mock(find, sequence<string | undefined>(undefined, 'found'));
    expect((await engine.run(finding, ['a', 'b'])).result).toStrictEqual([undefined, 'found']);
  });

  test('goes on from run to run', async () => {
    const engine = testEngine();
    engine.mock(find, sequence('one', 'two'));
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['one']);
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['two']);
  });

  test('is counted for each mock by itself', async () => {
    const steps = sequence('one', 'two');
    const [first, second] = [testEngine(), testEngine()];
    first.mock(find, steps);
    second.mock(find, steps);
    expect((await first.run(finding, ['a'])).result).toStrictEqual(['one']);
    expect((await second.run(finding, ['a'])).result).toStrictEqual(['one']);
  });

  test('is taken in the order in which calls are begun, whatever the latency', async () => {
    const engine = testEngine();
    engine.mock(find, sequence('one', 'two', 'three'), { latency: '1m' });
    const body = aFlow(async () => Promise.all([find('a'), find('b'), find('c')]));
    expect((await engine.run(body)).result).toStrictEqual(['one', 'two', 'three']);
  });

  test('that is empty is refused', async () => {
    const error = await thrownBy(() => sequence());
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('latency', () => {
  test('passes in virtual time', async () => {
    const engine = testEngine();
    engine.mock(find, 'mocked', { latency: '2h' });
    const report = await engine.run(finding, ['a', 'b']);
    expect(report.result).toStrictEqual(['mocked', 'mocked']);
    expect(engine.now()).toBe(4 * HOUR_MS);
    const { startedAt, finishedAt } = report.get(find.name);
    expect([startedAt, finishedAt]).toStrictEqual([new Date(0), new Date(2 * HOUR_MS)]);
  });

  test('of several calls passes at once', async () => {
    const engine = testEngine();
    engine.mock(find, 'mocked', { latency: '2h' });
    await engine.run(aFlow(async () => Promise.all([find('a'), find('b'), find('c')])));
    expect(engine.now()).toBe(2 * HOUR_MS);
  });

  test('lets the faster of two actions win', async () => {
    const engine = testEngine();
    engine.mock(find, 'found', { latency: '3s' });
    engine.mock(charge, { id: 'a', cents: 1 }, { latency: '2s' });
    const body = aFlow(async () => {
      const [slow, fast] = [find.start('a'), charge.start('a', 1)];
      const { done, notDone } = await wait([slow, fast], FIRST_COMPLETED);
      for (const future of notDone) future.cancel();
      return [done.has(fast), now()];
    });
    expect((await engine.run(body)).result).toStrictEqual([true, 2_000]);
  });

  test('is there for errors too', async () => {
    const engine = testEngine();
    engine.mock(find, new Error('busy'), { latency: '1s' });
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['busy']);
    expect(engine.now()).toBe(1_000);
  });

  test('runs against the time-out of a wait', async () => {
    const engine = testEngine({ leaks: 'ignore' });
    engine.mock(find, 'late', { latency: '2h' });
    const body = aFlow(async () => {
      const future = find.start('a');
      const error = await thrownBy(() => future.result({ timeout: '1h' }));
      return [error.code, now(), await future];
    });
    expect((await engine.run(body)).result).toStrictEqual(['WAIT_TIMEOUT', HOUR_MS, 'late']);
    expect(engine.now()).toBe(2 * HOUR_MS);
  });

  test('costs no time of the machine, and no patience', async () => {
    const engine = testEngine({ patience: '5s' });
    engine.mock(find, 'mocked', { latency: '30d' });
    const begun = performance.now();
    await engine.run(finding, ['a', 'b', 'c']);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test('is called off when the action is cancelled', async () => {
    const engine = testEngine();
    let called = 0;
    engine.mock(
      find,
      () => {
        called += 1;
        return 'late';
      },
      { latency: '5h' },
    );
    const body = aFlow(async () => {
      const future = find.start('a');
      await sleep('1h');
      future.cancel();
      return (await future.exception()) instanceof CancelledError;
    });
    expect((await engine.run(body)).result).toBe(true);
    await engine.advance('1h');
    expect([engine.now(), called]).toStrictEqual([2 * HOUR_MS, 0]);
  });

  test('is called off when the run is cancelled', async () => {
    const engine = testEngine();
    engine.mock(find, 'late', { latency: '5h' });
    const stop = action(unique('stop'), async (runId: string) => engine.cancel(runId));
    const body = aFlow(async () => {
      const future = find.start('a');
      await sleep('1h');
      await stop('cancelled');
      return future;
    });
    expect(await engine.run(body, [], { id: 'cancelled' })).toMatchObject({ status: 'CANCELLED' });
    expect(engine.now()).toBe(HOUR_MS);
  });

  test('is called off when the action is cancelled in the turn that starts it', async () => {
    const engine = testEngine();
    engine.mock(find, 'late', { latency: '5h' });
    const body = aFlow(async () => {
      const future = find.start('a');
      future.cancel();
      return (await future.exception()) instanceof CancelledError;
    });
    expect((await engine.run(body)).result).toBe(true);
    await engine.advance(0);
    expect(engine.now()).toBe(0);
  });

  test.each([
    ['soon', 'INVALID_DURATION'],
    [-1, 'INVALID_DURATION'],
    [Number.NaN, 'INVALID_DURATION'],
  ])('that is no duration is refused: %s', async (latency, code) => {
    expect(await thrownBy(() => testEngine().mock(find, 'x', { latency: latency as number }))).toMatchObject({ code });
  });
});

describe('latency as a function', () => {
  const LATENCIES: Readonly<Record<string, string | number>> = { fast: '1s', slow: '1h', none: 0 };

  test('goes by the arguments', async () => {
    const engine = testEngine();
    engine.mock(find, (key) => `${key} mocked`, { latency: (key) => LATENCIES[key] as number });
    const body = aFlow(async () => {
      const times: number[] = [];
      for (const key of ['slow', 'none', 'fast']) {
        await find(key);
        times.push(now());
      }
      return times;
    });
    expect((await engine.run(body)).result).toStrictEqual([HOUR_MS, HOUR_MS, HOUR_MS + 1_000]);
    expect(engine.calls(find)).toStrictEqual([['slow'], ['none'], ['fast']]);
  });

  test('decides a race of calls of one action', async () => {
    const engine = testEngine({ leaks: 'ignore' });
    engine.mock(find, (key) => key, { latency: (key) => LATENCIES[key] as number });
    const body = aFlow(async (...keys: string[]) => [await Promise.race(keys.map((key) => find(key))), now()]);
    expect((await engine.run(body, ['slow', 'fast'])).result).toStrictEqual(['fast', 1_000]);
  });

  test('has all the arguments, in each call', async () => {
    const engine = testEngine();
    const seen: unknown[] = [];
    engine.mock(charge, (id, cents) => ({ id, cents }), {
      latency: (...args) => {
        seen.push(args);
        return args[1];
      },
    });
    await engine.run(charging, ['a', 5]);
    await engine.run(charging, ['b', 7]);
    expect(seen).toStrictEqual([
      ['a', 5],
      ['b', 7],
    ]);
    expect(engine.now()).toBe(12);
  });

  test('goes with a sequence', async () => {
    const engine = testEngine();
    engine.mock(find, sequence<Error | string>(new RangeError('busy'), 'found'), { latency: (key) => LATENCIES[key] as number });
    expect((await engine.run(finding, ['slow', 'fast'])).result).toStrictEqual(['busy', 'found']);
    expect(engine.now()).toBe(HOUR_MS + 1_000);
  });

  test('is a sleep of the child flow it stands in for', async () => {
    const engine = testEngine();
    engine.mock(shipping, 'mocked', { latency: (id) => LATENCIES[id] as number });
    expect((await engine.run(ordering, ['slow'])).result).toBe('mocked');
    expect(engine.now()).toBe(HOUR_MS);
  });

  test('counts for what is in flight', async () => {
    const engine = testEngine();
    engine.mock(find, 'x', { latency: (key) => Number(key) });
    await engine.run(aFlow(async () => (await map(['30', '10', '20'], find)).getResults()));
    engine.assertMaxInFlight(find, 3);
    expect(await thrownBy(() => engine.assertMaxInFlight(find, 2))).toMatchObject({ name: 'AssertionError', actual: 3, expected: 2 });
  });

  test.each(['soon', -1, Number.NaN, undefined])('that returns no duration, but %s, fails the call', async (latency) => {
    const engine = testEngine();
    engine.mock(find, 'x', { latency: () => latency as number });
    const { status, error, get } = await engine.run(aFlow(async () => find('a')));
    expect([status, error]).toMatchObject(['FAILED', { name: 'UsageError', code: 'INVALID_DURATION' }]);
    expect(error?.message).toMatch(/^mock\(\): latency/);
    expect(get(find.name)).toMatchObject({ status: 'FAILED' });
  });

  test('that returns no duration fails the child run it stands in for', async () => {
    const engine = testEngine();
    engine.mock(shipping, 'x', { latency: () => -1 });
    expect(await engine.run(ordering, ['a'])).toMatchObject({ status: 'FAILED', error: { code: 'INVALID_DURATION' } });
  });

  test('that throws fails the call with what it threw', async () => {
    const engine = testEngine();
    engine.mock(find, 'x', {
      latency: () => {
        throw new RangeError('no latency');
      },
    });
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['no latency']);
  });
});

describe('the recorded calls', () => {
  test('have their arguments as the body has them: every class that can be stored', async () => {
    const engine = testEngine();
    const take = action(unique('take'), async (..._values: unknown[]) => undefined);
    const values = [
      new URL('https://example.org/a'),
      new AggregateError([new RangeError('a')], 'b'),
      new Map([['a', new Set([1])]]),
      5n,
      undefined,
    ];
    await engine.run(aFlow(async () => take(...values)));
    const [seen] = engine.calls(take);
    expect(seen).toStrictEqual(values);
    expect(seen?.[0]).toBeInstanceOf(URL);
    expect(seen?.[1]).toBeInstanceOf(AggregateError);
  });

  test('have what a serdes of the action makes of them', async () => {
    class Money {
      readonly cents: number;
      constructor(cents: number) {
        this.cents = cents;
      }
    }
    const serdes = {
      serialize: (value: unknown) =>
        JSON.stringify(value, (_key, each: unknown) => (each instanceof Money ? { money: each.cents } : each)) ?? '',
      deserialize: (text: string): unknown =>
        text === ''
          ? undefined
          : JSON.parse(text, (_key, each: { money?: number } | null) => (each?.money === undefined ? each : new Money(each.money))),
    };
    const engine = testEngine();
    const pay = action(unique('pay'), async (_money: Money) => undefined, { serdes });
    await engine.run(aFlow(async () => pay(new Money(5))));
    expect(engine.calls(pay)).toStrictEqual([[new Money(5)]]);
  });

  test('are not touched by what the body does to its arguments', async () => {
    const engine = testEngine();
    const spoil = action(unique('spoil'), async (list: string[]) => void list.push('spoilt'));
    await engine.run(aFlow(async () => spoil(['a'])));
    expect(engine.calls(spoil)).toStrictEqual([[['a']]]);
  });
});

describe('the draws of a run', () => {
  const drawing = aFlow(async () => [random(), random(), uuid()]);

  test('go by its id, in each test engine', async () => {
    const [first, again] = [await testEngine().run(drawing, [], { id: 'draws' }), await testEngine().run(drawing, [], { id: 'draws' })];
    expect(again.result).toStrictEqual(first.result);
    expect(new Set(first.result).size).toBe(3);
    expect((await testEngine().run(drawing, [], { id: 'other draws' })).result).not.toStrictEqual(first.result);
  });

  test('of its child runs go by theirs', async () => {
    const body = aFlow(async () => [await drawing(), await drawing()]);
    const [first, again] = [await testEngine().run(body, [], { id: 'draws' }), await testEngine().run(body, [], { id: 'draws' })];
    expect(again.result).toStrictEqual(first.result);
    expect(first.result[0]).not.toStrictEqual(first.result[1]);
  });
});

describe('child flows', () => {
  test('are replaced by a value', async () => {
    const engine = testEngine();
    engine.mock(shipping, 'mocked');
    const report = await engine.run(ordering, ['a']);
    expect(report.result).toBe('mocked');
    expect(report.get(shipping.name)).toMatchObject({ kind: 'flow', status: 'SUCCEEDED', output: 'mocked', children: [] });
    expect(engine.now()).toBe(0);
  });

  test('are replaced by an error', async () => {
    const engine = testEngine();
    engine.mock(shipping, new RangeError('no truck'));
    expect(await engine.run(ordering, ['a'])).toMatchObject({ status: 'FAILED', error: { name: 'RangeError', message: 'no truck' } });
  });

  test('are replaced by a function, which is a flow: it calls actions and sleeps', async () => {
    const engine = testEngine();
    engine.mock(find, 'mocked');
    engine.mock(shipping, async (id) => {
      await sleep('1h');
      return `${id} ${await find(id)}`;
    });
    expect((await engine.run(ordering, ['a'])).result).toBe('a mocked');
    expect(engine.now()).toBe(HOUR_MS);
  });

  test('are replaced by a sequence', async () => {
    const engine = testEngine();
    engine.mock(shipping, sequence<Error | string>(new Error('no truck'), 'shipped'));
    const body = aFlow(async () => [await shipping('a').catch((error: Error) => error.message), await shipping('a')]);
    expect((await engine.run(body)).result).toStrictEqual(['no truck', 'shipped']);
  });

  test('have a latency in virtual time', async () => {
    const engine = testEngine();
    engine.mock(shipping, 'mocked', { latency: '2h' });
    expect((await engine.run(ordering, ['a'])).result).toBe('mocked');
    expect(engine.now()).toBe(2 * HOUR_MS);
  });

  test('have a latency that cancellation calls off', async () => {
    const engine = testEngine();
    engine.mock(shipping, 'mocked', { latency: '5h' });
    const body = aFlow(async () => {
      const future = shipping.start('a');
      await sleep('1h');
      future.cancel();
      return (await future.exception()) instanceof CancelledError;
    });
    expect((await engine.run(body)).result).toBe(true);
    expect(engine.now()).toBe(HOUR_MS);
  });

  test('are told apart from an action of the same name', async () => {
    const name = unique('twin');
    const twinAction = action(name, async () => 'action');
    const twinFlow = flow(name, async () => 'flow');
    const engine = testEngine();
    engine.mock(twinAction, 'mocked action');
    const body = aFlow(async () => [await twinAction(), await twinFlow()]);
    expect((await engine.run(body)).result).toStrictEqual(['mocked action', 'flow']);
    expect([engine.calls(twinAction), engine.calls(twinFlow)]).toStrictEqual([[[]], [[]]]);
  });

  test('the flow itself is replaced as well', async () => {
    const engine = testEngine();
    engine.mock(ordering, 'mocked');
    expect((await engine.run(ordering, ['a'])).result).toBe('mocked');
  });
});

describe('calls()', () => {
  test('has the arguments of each call in order, mocked or not', async () => {
    const engine = testEngine();
    await engine.run(charging, ['a', 1]);
    engine.mock(charge, { id: 'x', cents: 0 });
    await engine.run(charging, ['b', 2]);
    expect(engine.calls(charge)).toStrictEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  test('has the calls of flows, that of the run itself too', async () => {
    const engine = testEngine();
    engine.mock(shipping, 'mocked');
    await engine.run(ordering, ['a']);
    expect([engine.calls(ordering), engine.calls(shipping)]).toStrictEqual([[['a']], [['a']]]);
  });

  test('has calls that failed', async () => {
    const engine = testEngine();
    engine.mock(find, new Error('busy'));
    await engine.run(finding, ['a']);
    expect(engine.calls(find)).toStrictEqual([['a']]);
  });

  test('is empty where nothing was called', () => {
    expect(testEngine().calls(charge)).toStrictEqual([]);
  });

  test('gives a list that later calls do not change', async () => {
    const engine = testEngine();
    await engine.run(finding, ['a']);
    const before = engine.calls(find);
    await engine.run(finding, ['b']);
    expect(before).toStrictEqual([['a']]);
  });

  test('keeps its record when mocks are taken away', async () => {
    const engine = testEngine();
    engine.mock(find, 'mocked');
    await engine.run(finding, ['a']);
    engine.restore();
    expect(engine.calls(find)).toStrictEqual([['a']]);
  });

  test('has the arguments as they were given, whatever the body does to them', async () => {
    const consume = action(unique('consume'), async (items: string[]) => items.pop());
    const engine = testEngine();
    await engine.run(aFlow(async () => consume(['a', 'b'])));
    expect(engine.calls(consume)).toStrictEqual([[['a', 'b']]]);
  });
});

describe('restoring', () => {
  test('takes one mock away', async () => {
    const engine = testEngine();
    const restore = engine.mock(find, 'mocked');
    engine.mock(charge, { id: 'mocked', cents: 0 });
    restore();
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['real a']);
    expect((await engine.run(charging, ['a'])).result.id).toBe('mocked');
  });

  test('takes all mocks away', async () => {
    const engine = testEngine();
    engine.mock(find, 'mocked');
    engine.mock(charge, { id: 'mocked', cents: 0 });
    engine.mock(shipping, 'mocked');
    engine.restore();
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['real a']);
    expect((await engine.run(charging, ['a'])).result.id).toBe('a');
    expect((await engine.run(ordering, ['a'])).result).toBe('shipped a');
  });

  test('leaves the mock that came after alone', async () => {
    const engine = testEngine();
    const restore = engine.mock(find, 'first');
    engine.mock(find, 'second');
    restore();
    restore();
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['second']);
  });

  test('of all leaves what is mocked afterwards alone', async () => {
    const engine = testEngine();
    const restore = engine.mock(find, 'first');
    engine.restore();
    engine.mock(find, 'second');
    restore();
    expect((await engine.run(finding, ['a'])).result).toStrictEqual(['second']);
  });
});

test('mocks of one engine do not touch another', async () => {
  const [mocked, other] = [testEngine(), testEngine()];
  mocked.mock(find, 'mocked');
  const reports = await Promise.all([mocked.run(finding, ['a']), other.run(finding, ['b'])]);
  expect(reports.map(({ result }) => result)).toStrictEqual([['mocked'], ['real b']]);
  expect([mocked.calls(find), other.calls(find)]).toStrictEqual([[['a']], [['b']]]);
  other.restore();
  expect((await mocked.run(finding, ['a'])).result).toStrictEqual(['mocked']);
});

describe('batches', () => {
  test('call mocks in their branches', async () => {
    const engine = testEngine();
    engine.mock(find, (key) => (key === 'b' ? Promise.reject(new Error('busy')) : `mocked ${key}`));
    const body = aFlow(async () => (await map(['a', 'b', 'c'], find, { name: 'lookups' })).getResults());
    const report = await engine.run(body);
    expect(report.result).toStrictEqual(['mocked a', 'mocked c']);
    expect(report.getMap('lookups').getErrors()).toMatchObject([{ message: 'busy' }]);
    expect(engine.calls(find)).toStrictEqual([['a'], ['b'], ['c']]);
  });

  test('take a sequence in index order', async () => {
    const engine = testEngine();
    engine.mock(find, sequence('one', 'two', 'three'));
    const body = aFlow(async () => (await map(['a', 'b', 'c'], (key) => find(key), { maxConcurrency: 2 })).getResults());
    expect((await engine.run(body)).result).toStrictEqual(['one', 'two', 'three']);
  });

  test('are complete by the latency of their branches, and call the latency of the others off', async () => {
    const engine = testEngine();
    engine.mock(find, 'found', { latency: '1h' });
    engine.mock(charge, { id: 'a', cents: 1 }, { latency: '9h' });
    const body = aFlow(async () => {
      const result = await parallel([() => charge('a', 1), () => find('a')], { completionConfig: CompletionConfig.firstSuccessful() });
      return result.all.map(({ status }) => status);
    });
    expect((await engine.run(body)).result).toStrictEqual(['STARTED', 'SUCCEEDED']);
    expect(engine.now()).toBe(HOUR_MS);
  });

  test('take as long as their limit on concurrency makes them', async () => {
    const engine = testEngine();
    engine.mock(find, 'found', { latency: '1h' });
    await engine.run(aFlow(async () => void (await map(Array.from('abcdefg'), (key) => find(key), { maxConcurrency: 3 }))));
    expect(engine.now()).toBe(3 * HOUR_MS);
  });

  test('call mocked child flows', async () => {
    const engine = testEngine();
    engine.mock(shipping, (id) => Promise.resolve(`mocked ${id}`));
    const body = aFlow(async () => (await map(['a', 'b'], shipping)).getResults());
    expect((await engine.run(body)).result).toStrictEqual(['mocked a', 'mocked b']);
    expect(engine.calls(shipping)).toStrictEqual([['a'], ['b']]);
  });
});

describe('bad targets', () => {
  const targets: readonly [string, unknown][] = [
    ['a function', async () => 'x'],
    ['undefined', undefined],
    ['null', null],
    ['a name', 'charge'],
    ['sleep', sleep],
  ];

  test.each(targets)('are refused by mock(): %s', async (_what, target) => {
    const error = await thrownBy(() => testEngine().mock(target as typeof find, 'x'));
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: 'NOT_STARTABLE', message: expect.stringContaining('mock()') });
  });

  test.each(targets)('are refused by calls(): %s', async (_what, target) => {
    const error = await thrownBy(() => testEngine().calls(target as typeof find));
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: 'NOT_STARTABLE', message: expect.stringContaining('calls()') });
  });

  test.each([
    ['an unknown option', { delay: 5 }],
    ['no object', 5],
  ])('options are refused: %s', async (_what, options) => {
    expect(await thrownBy(() => testEngine().mock(find, 'x', options as never))).toMatchObject({ code: 'INVALID_OPTION' });
  });
});
