import {
  type ActionCall,
  action,
  actionContext,
  createRetryStrategy,
  type EngineEvents,
  map,
  NonRetryableError,
  parallel,
  RetryPresets,
  type RetryStrategy,
  registerError,
  sleep,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { sequence, type TestEngine } from '../../src/testing.js';
import { collectingLogger, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { keptOf, notesOf } from './attempts-of.js';

const START = 0;

/** The times at which attempts begin, in virtual milliseconds. */
function timesOf(
  engine: TestEngine,
  fail: (attempt: number) => unknown = () => new Error('no'),
): { body: () => Promise<string>; times: number[] } {
  const times: number[] = [];
  const body = async (): Promise<string> => {
    times.push(engine.now() - START);
    const failure = fail(actionContext().attempt);
    if (failure !== undefined) throw failure;
    return 'done';
  };
  return { body, times };
}

/** Fails the first attempts. */
const failing =
  (count: number) =>
  (attempt: number): unknown =>
    attempt <= count ? new Error(`no ${attempt}`) : undefined;

const steady = createRetryStrategy({ maxAttempts: 4, initialDelay: '10s', jitter: 'NONE' });
const work = action(unique('work'), async (text: string) => text);
const call = (options: ActionCall = {}) => aFlow(async () => work.with({ name: 'work', ...options })('x'));

describe('an action with a strategy', () => {
  test('is tried again after the delays of the strategy, until it succeeds', async () => {
    const engine = testEngine({ startTime: START });
    const { body, times } = timesOf(engine, failing(2));
    engine.mock(work, body);
    const report = await engine.run(call({ retry: steady }));
    expect(report).toMatchObject({ status: 'SUCCEEDED', result: 'done' });
    expect(times).toEqual([0, 10_000, 30_000]);
  });

  test('fails with its own last error when no attempt is left', async () => {
    class Refused extends Error {}
    registerError(Refused, unique('Refused'));
    const engine = testEngine({ startTime: START });
    const { body, times } = timesOf(engine, (attempt) => (attempt < 4 ? new Error('another') : new Refused('the last')));
    engine.mock(work, body);
    const caught = aFlow(async () => {
      const error = await thrownBy(() => work.with({ retry: steady })('x'));
      return [error instanceof Refused, error.message];
    });
    expect((await engine.run(caught)).result).toEqual([true, 'the last']);
    expect(times).toEqual([0, 10_000, 30_000, 70_000]);
  });

  test('gives each attempt its number, and all of them one key', async () => {
    const engine = testEngine();
    const seen: [number, string][] = [];
    engine.mock(work, async () => {
      const { attempt, idempotencyKey } = actionContext();
      seen.push([attempt, idempotencyKey]);
      if (attempt < 3) throw new Error('no');
      return 'done';
    });
    const { runId } = await engine.run(call({ retry: steady }));
    expect(seen).toEqual([1, 2, 3].map((attempt) => [attempt, `${runId}/0`]));
  });

  test('gives each attempt its arguments anew', async () => {
    const push = action(unique('push'), async (list: number[]) => {
      list.push(1);
      if (actionContext().attempt < 3) throw new Error('no');
      return list;
    });
    const main = aFlow(async () => push.with({ retry: steady })([0]));
    expect((await testEngine().run(main)).result).toEqual([0, 1]);
  });

  test('is tried again where it throws before it awaits anything', async () => {
    const sync = action(unique('sync'), () => {
      if (actionContext().attempt === 1) throw new Error('no');
      return 'done';
    });
    expect((await testEngine().run(aFlow(async () => sync.with({ retry: steady })()))).result).toBe('done');
  });

  test('lets the flow go on meanwhile', async () => {
    const engine = testEngine({ startTime: START });
    engine.mock(work, sequence(new Error('no'), 'done'));
    const main = aFlow(async () => {
      const future = work.with({ retry: steady }).start('x');
      await sleep('3s');
      const early = future.done();
      const { notDone } = await wait([future], { timeout: '3s' });
      return [early, notDone.size, await future];
    });
    expect((await engine.run(main)).result).toEqual([false, 1, 'done']);
    expect(engine.now() - START).toBe(10_000);
  });

  test('is tried again in the branches of map and parallel, each by itself', async () => {
    const engine = testEngine({ startTime: START });
    const flaky = action(unique('flaky'), async (failures: number) => {
      if (actionContext().attempt <= failures) throw new Error(`no ${failures}`);
      return failures;
    });
    const main = aFlow(async () => {
      const tried = flaky.with({ retry: steady });
      const mapped = await map([0, 1, 3, 4], tried);
      const branches = await parallel({ two: () => tried(2), never: async () => thrownBy(() => tried(9)).then(({ message }) => message) });
      return [mapped.all.map((item) => (item.status === 'SUCCEEDED' ? item.result : item.status)), branches.getResults()];
    });
    expect((await engine.run(main)).result).toEqual([
      [0, 1, 3, 'FAILED'],
      [2, 'no 9'],
    ]);
    expect(engine.now() - START).toBe(140_000);
  });

  test('waits for its next attempt without holding a slot of the process open: a cancelled one makes none', async () => {
    const engine = testEngine({ startTime: START });
    const { body, times } = timesOf(engine);
    engine.mock(work, body);
    const main = aFlow(async () => {
      const future = work.with({ retry: steady }).start('x');
      await sleep('15s');
      const cancelled = future.cancel('enough');
      await sleep('1h');
      return [cancelled, future.status];
    });
    expect((await engine.run(main)).result).toEqual([true, 'CANCELLED']);
    expect(times).toEqual([0, 10_000]);
  });

  test('is stopped in its back-off by the cancellation of its run', async () => {
    const engine = testEngine({ startTime: START, autoAdvance: false });
    const { body, times } = timesOf(engine);
    engine.mock(work, body);
    const future = engine.start(call({ retry: steady }), []);
    await engine.advance('12s');
    future.cancel();
    await engine.advance('1h');
    expect(times).toEqual([0, 10_000]);
    expect((await engine.report(future.id)).status).toBe('CANCELLED');
  });
});

describe('a strategy', () => {
  test('is asked once for each failed attempt, with an Error and its number', async () => {
    const engine = testEngine();
    const asked: [string, number][] = [];
    const strategy: RetryStrategy = (error, attempt) => {
      asked.push([error.message, attempt]);
      return { retry: attempt < 3, delay: '1d' };
    };
    engine.mock(work, timesOf(engine, failing(9)).body);
    const report = await engine.run(call({ retry: strategy }));
    expect(report.error?.message).toBe('no 3');
    expect(asked).toEqual([
      ['no 1', 1],
      ['no 2', 2],
      ['no 3', 3],
    ]);
  });

  const THROWN: readonly { readonly what: string; readonly thrown: unknown }[] = [
    { what: 'a text', thrown: 'busy' },
    { what: 'undefined', thrown: undefined },
    { what: 'an object', thrown: { code: 503 } },
    { what: 'an object that has no text', thrown: Object.create(null) },
    { what: 'a symbol', thrown: Symbol('busy') },
  ];

  test.each(THROWN)('gets a real Error where $what was thrown', async ({ thrown }) => {
    const engine = testEngine();
    const asked: Error[] = [];
    const strategy: RetryStrategy = (error) => {
      asked.push(error);
      return { retry: true };
    };
    engine.mock(work, async () => {
      if (actionContext().attempt === 1) throw thrown;
      return 'done';
    });
    expect((await engine.run(call({ retry: strategy }))).result).toBe('done');
    expect(asked[0]).toBeInstanceOf(Error);
    expect(asked[0]?.cause).toBe(thrown);
  });

  test('may be a preset, or what createRetryStrategy() made of classes', async () => {
    class Busy extends Error {}
    const engine = testEngine();
    engine.mock(
      work,
      timesOf(engine, (attempt) => (attempt === 1 ? new Busy('busy') : attempt === 2 ? new TypeError('broken') : undefined)).body,
    );
    expect((await engine.run(call({ retry: createRetryStrategy({ retryable: [Busy] }) }))).error?.message).toBe('broken');
    expect((await engine.run(call({ retry: RetryPresets.none() }))).error?.message).toBe('busy');
    expect((await engine.run(call({ retry: RetryPresets.default() }))).result).toBe('done');
  });

  test('that throws ends the retries: the operation fails with its own error, and a log line says why', async () => {
    const { logger, lines } = collectingLogger();
    const engine = testEngine({ logger });
    engine.mock(work, new Error('no'));
    const strategy: RetryStrategy = () => {
      throw new RangeError('the strategy is broken');
    };
    expect((await engine.run(call({ retry: strategy }))).error).toMatchObject({ name: 'Error', message: 'no' });
    expect(lines.map(({ message }) => message)).toContain(
      'the retry strategy of action "work" failed, so there is no further attempt: the strategy is broken',
    );
  });

  test('whose answer is no decision ends the retries, and a log line says of which action', async () => {
    const { logger, lines } = collectingLogger();
    const engine = testEngine({ logger });
    engine.mock(work, new Error('no'));
    const nonsense = (answer: unknown) => call({ retry: (() => answer) as RetryStrategy });
    for (const answer of ['yes', Promise.resolve({ retry: true }), { retry: true, delay: 'soon' }])
      expect((await engine.run(nonsense(answer))).error).toMatchObject({ message: 'no' });
    const told = lines.map(({ message }) => message).filter((message) => message.includes('strategy'));
    expect(told).toEqual([
      expect.stringContaining('the retry strategy of action "work" must return { retry: boolean, delay?: duration }'),
      expect.stringContaining('must return { retry: boolean'),
      expect.stringContaining('the delay that the retry strategy of action "work" returned'),
    ]);
    expect(engine.calls(work)).toHaveLength(3);
  });
});

describe('no other attempt is made', () => {
  test('without a strategy', async () => {
    const engine = testEngine();
    engine.mock(work, new Error('no'));
    expect((await engine.run(call())).error?.message).toBe('no');
    expect(engine.calls(work)).toHaveLength(1);
  });

  test('after a NonRetryableError, and the strategy is not asked', async () => {
    const engine = testEngine();
    engine.mock(work, sequence(new Error('no'), new NonRetryableError('never'), 'done'));
    const asked: number[] = [];
    const strategy: RetryStrategy = (_error, attempt) => {
      asked.push(attempt);
      return { retry: true };
    };
    const { error } = await engine.run(call({ retry: strategy }));
    expect(error).toBeInstanceOf(NonRetryableError);
    expect(error?.message).toBe('never');
    expect(asked).toEqual([1]);
  });

  test('after an error of a class derived from NonRetryableError', async () => {
    class Forbidden extends NonRetryableError {}
    const engine = testEngine();
    engine.mock(work, new Forbidden('never'));
    expect((await engine.run(call({ retry: steady }))).error?.message).toBe('never');
    expect(engine.calls(work)).toHaveLength(1);
  });

  test('after a result that cannot be stored', async () => {
    const engine = testEngine();
    engine.mock(work, (() => () => {}) as never);
    expect((await engine.run(call({ retry: steady }))).error).toMatchObject({ code: 'VALUE_NOT_SERIALIZABLE' });
    expect(engine.calls(work)).toHaveLength(1);
  });

  test('after a result that is too large, and the failure is told by an event', async () => {
    const engine = testEngine({ maxValueBytes: 1_000 });
    const failed: EngineEvents['attempt:failed'][] = [];
    engine.on('attempt:failed', (event) => failed.push(event));
    engine.mock(work, 'x'.repeat(2_000));
    expect((await engine.run(call({ retry: steady }))).error).toMatchObject({ code: 'VALUE_TOO_LARGE' });
    expect(failed).toMatchObject([{ attempt: 1, error: { code: 'VALUE_TOO_LARGE' } }]);
    expect(failed[0]).not.toHaveProperty('nextAt');
  });
});

describe('who says how an action is tried', () => {
  const twice = (delay: number): RetryStrategy => RetryPresets.fixed({ maxAttempts: 2, delay });
  const setUp = (engineRetry?: RetryStrategy, actionRetry?: RetryStrategy) => {
    const engine = testEngine({ startTime: START, ...(engineRetry === undefined ? {} : { retry: engineRetry }) });
    const { body, times } = timesOf(engine);
    const own = action(unique('own'), body, actionRetry === undefined ? {} : { retry: actionRetry });
    return { engine, own, times };
  };

  test('is the engine where nobody else does', async () => {
    const { engine, own, times } = setUp(twice(1_000));
    await engine.run(aFlow(async () => own()));
    expect(times).toEqual([0, 1_000]);
  });

  test('is the action rather than the engine', async () => {
    const { engine, own, times } = setUp(twice(1_000), twice(2_000));
    await engine.run(aFlow(async () => own()));
    expect(times).toEqual([0, 2_000]);
  });

  test('is the call rather than the action', async () => {
    const { engine, own, times } = setUp(twice(1_000), twice(2_000));
    await engine.run(aFlow(async () => own.with({ retry: twice(3_000) })()));
    expect(times).toEqual([0, 3_000]);
  });

  test('may ask for no retry where the engine has one', async () => {
    const { engine, own, times } = setUp(twice(1_000), RetryPresets.none());
    await engine.run(aFlow(async () => own()));
    expect(times).toEqual([0]);
  });

  test('is the action for what a call leaves out or leaves undefined, and options of calls add up', async () => {
    const { engine, own, times } = setUp(twice(1_000), twice(2_000));
    const options = { retry: undefined, timeout: '1m' } as unknown as ActionCall;
    const named = own.with({ retry: twice(3_000) }).with({ name: 'renamed' });
    const report = await engine.run(
      aFlow(async () => {
        await own
          .with(options)()
          .catch(() => {});
        await named().catch(() => {});
      }),
    );
    expect(times).toEqual([0, 2_000, 2_000, 5_000]);
    expect(report.operations.map(({ name }) => name)).toEqual([own.name, 'renamed']);
  });
});

test('an action that is a method is tried as its options say', async () => {
  const times: number[] = [];
  class Service {
    readonly name = 'service';
    @action({ retry: RetryPresets.fixed({ delay: '1m' }), concurrency: 1 })
    async ask(): Promise<string> {
      times.push(actionContext().attempt);
      if (actionContext().attempt < 3) throw new Error('no');
      return this.name;
    }
  }
  const service = new Service();
  const engine = testEngine({ startTime: START });
  expect((await engine.run(aFlow(async () => service.ask()))).result).toBe('service');
  expect(times).toEqual([1, 2, 3]);
  expect(engine.now() - START).toBe(120_000);
});

describe('options that make no sense are refused by their names', () => {
  const BAD: readonly { readonly option: string; readonly value: unknown; readonly code: string }[] = [
    ...[5, 'default', {}, null].map((value) => ({ option: 'retry', value, code: 'INVALID_OPTION' })),
    ...['once', true, null].map((value) => ({ option: 'execution', value, code: 'INVALID_OPTION' })),
    ...['timeout', 'scheduleTimeout', 'heartbeatTimeout'].flatMap((option) =>
      ['soon', -1, Number.NaN, Number.POSITIVE_INFINITY, null, {}].map((value) => ({ option, value, code: 'INVALID_DURATION' })),
    ),
  ];

  test.each(BAD)('$option: $value', async ({ option, value, code }) => {
    const name = unique('bad');
    const options = { [option]: value };
    const defined = await thrownBy(() => action(name, async () => 1, options));
    const called = await thrownBy(() => work.with(options));
    for (const [error, caller] of [
      [defined, `action "${name}"`],
      [called, `action "${work.name}".with()`],
    ] as const) {
      expect(error).toMatchObject({ name: 'UsageError', code });
      expect(error.message).toContain(caller);
      expect(error.message).toContain(option);
    }
  });

  test('an action that was refused does not take its name', async () => {
    const name = unique('refused');
    await thrownBy(() => action(name, async () => 1, { timeout: 'soon' as never }));
    expect(action(name, async () => 1).name).toBe(name);
  });

  test('concurrency is an option of the action, not of a call, and the limit of an engine is of the engine', async () => {
    for (const value of [0, -1, 1.5, '2', Number.POSITIVE_INFINITY]) {
      const error = await thrownBy(() => action(unique('bad'), async () => 1, { concurrency: value as number }));
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
      expect(error.message).toContain('"concurrency" must be a whole number above 0');
    }
    expect((await thrownBy(() => work.with({ concurrency: 2 } as never))).message).toContain('no option "concurrency"');
    for (const options of [{ maxConcurrentActions: 0 }, { maxConcurrentActions: 1.5 }, { retry: 'default' }]) {
      const error = await thrownBy(() => testEngine(options as never));
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
      expect(error.message).toContain(`"${Object.keys(options)[0]}"`);
    }
  });
});

describe('what is kept of failed attempts', () => {
  test('is the number, the error and the times of each, beside the outcome', async () => {
    const engine = testEngine({ startTime: START });
    engine.mock(work, timesOf(engine, failing(2)).body);
    const notes = notesOf(await engine.run(call({ retry: steady })), 'work');
    expect(notes?.failures).toBe(2);
    expect(notes?.kept).toMatchObject([
      { attempt: 1, startedAt: 0, failedAt: 0 },
      { attempt: 2, startedAt: 10_000, failedAt: 10_000 },
    ]);
    expect(notes?.kept.map(({ error }) => /no \d/.exec(error)?.[0])).toEqual(['no 1', 'no 2']);
    expect(notes).not.toHaveProperty('nextAt');
  });

  test('counts the last one of an action that has failed', async () => {
    const engine = testEngine();
    engine.mock(work, timesOf(engine).body);
    expect(keptOf(await engine.run(call({ retry: steady })), 'work')).toEqual([1, 2, 3, 4]);
  });

  test('is nothing where the first attempt was the only one', async () => {
    const engine = testEngine();
    engine.mock(work, sequence('done', new Error('no')));
    expect(notesOf(await engine.run(call({ retry: steady })), 'work')).toBeNull();
    expect(notesOf(await engine.run(call()), 'work')).toBeNull();
  });

  test('are the last fifty, and how many there were', async () => {
    const engine = testEngine();
    engine.mock(work, timesOf(engine).body);
    const report = await engine.run(call({ retry: RetryPresets.fixed({ maxAttempts: 70 }) }));
    expect(notesOf(report, 'work')?.failures).toBe(70);
    expect(keptOf(report, 'work')).toEqual(Array.from({ length: 50 }, (_, index) => index + 21));
  });

  test('tells during a back-off when the next attempt is due', async () => {
    const engine = testEngine({ startTime: START, autoAdvance: false });
    engine.mock(work, timesOf(engine, failing(2)).body);
    const future = engine.start(call({ retry: steady }), []);
    await engine.advance('15s');
    const notes = notesOf(await engine.report(future.id), 'work');
    expect(notes).toMatchObject({ failures: 2, nextAt: 30_000 });
    await engine.advance('15s');
    expect(await future).toBe('done');
  });

  test('is told by an event as it happens, with the time of the next attempt', async () => {
    const engine = testEngine({ startTime: START });
    const events: EngineEvents['attempt:failed'][] = [];
    engine.on('attempt:failed', (event) => events.push(event));
    engine.mock(work, timesOf(engine).body);
    const { runId } = await engine.run(call({ retry: RetryPresets.fixed({ maxAttempts: 3, delay: '10s' }) }));
    const common = { runId, operationId: '0', kind: 'action', name: 'work', error: { name: 'Error', message: 'no' } };
    expect(events).toMatchObject([
      { ...common, attempt: 1, nextAt: 10_000 },
      { ...common, attempt: 2, nextAt: 20_000 },
      { ...common, attempt: 3 },
    ]);
    expect(events[2]).not.toHaveProperty('nextAt');
  });

  test('counts in the report of a run', async () => {
    const engine = testEngine();
    engine.mock(work, timesOf(engine, failing(2)).body);
    expect((await engine.run(call({ retry: steady }))).get('work').attempts).toBe(3);
    engine.mock(work, timesOf(engine).body);
    expect((await engine.run(call({ retry: steady }))).get('work').attempts).toBe(4);
    engine.mock(work, 'done');
    expect((await engine.run(call({ retry: steady }))).get('work').attempts).toBe(1);
  });

  test('counts a result that cannot be stored as a failed attempt like any other', async () => {
    const engine = testEngine();
    engine.mock(work, sequence(new Error('no'), (() => () => {}) as never));
    expect(keptOf(await engine.run(call({ retry: steady })), 'work')).toEqual([1, 2]);
  });
});
