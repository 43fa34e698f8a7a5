import {
  action,
  actionContext,
  FIRST_COMPLETED,
  flow,
  LeakedFuturesError,
  memoryStore,
  now,
  parallel,
  sleep,
  sleepUntil,
  TimeoutError,
  UsageError,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { createTestEngine, type TestEngine } from '../../src/testing.js';
import { collectingLogger, deferred, nextEvent, settle, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from './with-test-engine.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const echo = action(unique('echo'), async (value: string) => value);
const hung = action(unique('hung'), () => new Promise<string>(() => {}));

/** An engine for one test, closed after it. */
/** Milliseconds of the machine that something takes. */
async function took(what: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await what();
  return performance.now() - begun;
}

describe('virtual time', () => {
  test('lets a flow sleep a year in milliseconds', async () => {
    const engine = testEngine();
    const begun = engine.now();
    const year = aFlow(async () => {
      await sleep('365d');
      return 'rested';
    });
    expect(
      await took(async () => {
        expect(await engine.run(year)).toMatchObject({ status: 'SUCCEEDED', result: 'rested', error: undefined });
      }),
    ).toBeLessThan(1_000);
    expect(engine.now() - begun).toBe(365 * DAY_MS);
  });

  test('lets a wait of an hour beat one of three', async () => {
    const body = aFlow(async () => {
      const [three, one] = [sleep.start('3h'), sleep.start('1h')];
      const { done, notDone } = await wait([three, one], FIRST_COMPLETED);
      for (const future of notDone) future.cancel();
      return [done.has(one), notDone.has(three), now()];
    });
    const engine = testEngine({ startTime: 0 });
    expect((await engine.run(body)).result).toStrictEqual([true, true, HOUR_MS]);
  });

  test('lets Promise.race go to the timer that is due first', async () => {
    const body = aFlow(async () => {
      const slow = sleep.start('3h');
      const first = await Promise.race([slow.result().then(() => 'three'), sleep('1h').then(() => 'one')]);
      slow.cancel();
      return first;
    });
    expect((await testEngine({ leaks: 'ignore' }).run(body)).result).toBe('one');
  });

  test('calls the timers of several runs in due order', async () => {
    const engine = testEngine();
    const order: number[] = [];
    const note = action(unique('note'), async (hours: number) => void order.push(hours));
    const sleeper = aFlow(async (hours: number) => {
      await sleep(hours * HOUR_MS);
      await note(hours);
    });
    await Promise.all([5, 1, 4, 2, 3].map((hours) => engine.run(sleeper, [hours])));
    expect(order).toStrictEqual([1, 2, 3, 4, 5]);
  });

  test('goes on within each branch of a batch', async () => {
    const engine = testEngine({ startTime: 0 });
    const body = aFlow(async () => {
      const order: string[] = [];
      await parallel(
        ([3, 1, 2] as const).map((hours) => async () => {
          await sleep(hours * HOUR_MS);
          order.push(`${hours}h at ${now() / HOUR_MS}`);
        }),
      );
      return order;
    });
    expect((await engine.run(body)).result).toStrictEqual(['1h at 1', '2h at 2', '3h at 3']);
    expect(engine.now()).toBe(3 * HOUR_MS);
  });

  test('begins on the first day of 2025', () => {
    expect(testEngine().now()).toBe(Date.UTC(2025, 0, 1));
  });

  test.each([
    ['a date', new Date('2030-06-01T12:00:00Z')],
    ['milliseconds', Date.UTC(2030, 5, 1, 12)],
  ])('begins at the start time that is given as %s', async (_what, startTime) => {
    const engine = testEngine({ startTime });
    expect(engine.now()).toBe(Date.UTC(2030, 5, 1, 12));
    const report = await engine.run(aFlow(async () => now()));
    expect(report.result).toBe(Date.UTC(2030, 5, 1, 12));
  });

  test('is what sleepUntil() sleeps until, and what now() shows', async () => {
    const engine = testEngine({ startTime: 0 });
    const report = await engine.run(
      aFlow(async () => {
        await sleepUntil(new Date(DAY_MS));
        const first = now();
        await sleepUntil(HOUR_MS);
        return [first, now()];
      }),
    );
    expect(report.result).toStrictEqual([DAY_MS, DAY_MS]);
  });

  test('stands still while actions are done', async () => {
    const engine = testEngine();
    const begun = engine.now();
    await engine.run(
      aFlow(async () => {
        for (const value of ['a', 'b', 'c']) await echo(value);
      }),
    );
    expect(engine.now()).toBe(begun);
  });

  test('waits for an action that is not mocked and reads a file of the machine', async () => {
    const engine = testEngine({ startTime: 0, patience: '10s' });
    const { readFile } = await import('node:fs/promises');
    const read = action(unique('read'), async () => (await readFile(new URL(import.meta.url), 'utf8')).length);
    const body = aFlow(async () => {
      const [file, limit] = [read.start(), sleep.start('1h')];
      const { done } = await wait([file, limit], FIRST_COMPLETED);
      limit.cancel();
      return [done.has(file), now()];
    });
    expect((await engine.run(body)).result).toStrictEqual([true, 0]);
  });

  test('lets 1,000 sleeps of an hour pass in about a second', async () => {
    const engine = testEngine();
    const body = aFlow(async () => {
      for (let hour = 0; hour < 1_000; hour += 1) await sleep('1h');
    });
    const begun = engine.now();
    expect(await took(async () => expect((await engine.run(body)).status).toBe('SUCCEEDED'))).toBeLessThan(3_000);
    expect(engine.now() - begun).toBe(1_000 * HOUR_MS);
  });

  test('lets 10,000 actions be done in about a second', async () => {
    const engine = testEngine();
    const body = aFlow(async () => {
      for (let count = 0; count < 10_000; count += 1) await echo('x');
    });
    expect(await took(async () => expect((await engine.run(body)).status).toBe('SUCCEEDED'))).toBeLessThan(4_000);
    expect(engine.calls(echo)).toHaveLength(10_000);
  });

  test('lets 10,000 sleeps next to each other pass', async () => {
    const engine = testEngine({ startTime: 0 });
    const body = aFlow(async () => {
      await Promise.all(Array.from({ length: 10_000 }, (_, index) => sleep(index + 1)));
    });
    expect(await took(() => engine.run(body))).toBeLessThan(10_000);
    expect(engine.now()).toBe(10_000);
  });
});

describe('an action that hangs', () => {
  test('is overtaken by the time-out of result()', async () => {
    const engine = testEngine({ startTime: 0, leaks: 'ignore' });
    const body = aFlow(async () => {
      const error = await thrownBy(() => hung.start().result({ timeout: '1h' }));
      return [error instanceof TimeoutError, error.code, now()];
    });
    expect((await engine.run(body)).result).toStrictEqual([true, 'WAIT_TIMEOUT', HOUR_MS]);
  });

  test('is overtaken by the time-out of wait()', async () => {
    const engine = testEngine({ startTime: 0 });
    const body = aFlow(async () => {
      const future = hung.start();
      const { notDone } = await wait([future], { timeout: '1h' });
      const left = notDone.has(future);
      future.cancel();
      return left;
    });
    expect((await engine.run(body)).result).toBe(true);
    expect(engine.now()).toBe(HOUR_MS);
  });

  test('costs the patience once, and not for each timer', async () => {
    const engine = testEngine({ leaks: 'ignore', patience: '200ms' });
    const body = aFlow(async () => {
      hung.start().detach();
      for (let hour = 0; hour < 100; hour += 1) await sleep('1h');
    });
    expect(await took(() => engine.run(body))).toBeLessThan(2_000);
  });

  test('is waited for as long as the patience lasts', async () => {
    const engine = testEngine({ startTime: 0, patience: '150ms' });
    const body = aFlow(async () => {
      const future = hung.start();
      await wait([future], { timeout: '1h' });
      future.cancel();
    });
    expect(await took(() => engine.run(body))).toBeGreaterThanOrEqual(149);
  });

  test('that ends after all has its outcome delivered', async () => {
    const gate = deferred<string>();
    const gated = action(unique('gated'), () => gate.promise);
    const engine = testEngine({ patience: 5 });
    const release = action(unique('release'), async () => gate.resolve('late'));
    const body = aFlow(async () => {
      const future = gated.start();
      await sleep('1h');
      await release();
      return future;
    });
    expect((await engine.run(body)).result).toBe('late');
  });
});

describe('advance()', () => {
  test('moves the time of an engine that has nothing to do', async () => {
    const engine = testEngine({ startTime: 0 });
    await engine.advance('90m');
    expect(engine.now()).toBe(1.5 * HOUR_MS);
    await engine.advance(500);
    expect(engine.now()).toBe(1.5 * HOUR_MS + 500);
  });

  test('moves it before a run is started, which begins then', async () => {
    const engine = testEngine({ startTime: 0 });
    await engine.advance('1d');
    expect((await engine.run(aFlow(async () => now()))).result).toBe(DAY_MS);
  });

  test('lets what is due by then happen to a run that was started', async () => {
    const engine = testEngine();
    const body = aFlow(async () => {
      await sleep('1h');
      return echo('done');
    });
    const future = engine.start(body, []);
    await engine.advance('1h');
    await settle();
    expect(engine.calls(echo)).toStrictEqual([['done']]);
    expect(await future).toBe('done');
  });

  test('lets an action that hangs be overtaken', async () => {
    const engine = testEngine({ startTime: 0, leaks: 'ignore' });
    const future = engine.start(
      aFlow(async () => (await thrownBy(() => hung.start().result({ timeout: '1h' }))).name),
      [],
    );
    await engine.advance('2h');
    expect(await future).toBe('TimeoutError');
    expect(engine.now()).toBe(2 * HOUR_MS);
  });

  test('ends where it is told to, with a run that ends on the way', async () => {
    const engine = testEngine({ startTime: 0 });
    const future = engine.start(
      aFlow(() => sleep('1h')),
      [],
    );
    await engine.advance('3h');
    expect(engine.now()).toBe(3 * HOUR_MS);
    await future;
  });

  test('is the only thing that moves the time under autoAdvance: false', async () => {
    const engine = testEngine({ startTime: 0, autoAdvance: false });
    const body = aFlow(async () => {
      await sleep('1h');
      await echo('first');
      await sleep('1h');
      return now();
    });
    const future = engine.start(body, []);
    await future.recorded();
    await settle();
    expect([engine.now(), engine.calls(echo)]).toStrictEqual([0, []]);
    await engine.advance('59m');
    expect([engine.now(), engine.calls(echo)]).toStrictEqual([59 * 60_000, []]);
    await engine.advance('1m');
    expect([engine.now(), engine.calls(echo)]).toStrictEqual([HOUR_MS, [['first']]]);
    expect(future.done()).toBe(false);
    await engine.advance('5h');
    expect([engine.now(), await future]).toStrictEqual([6 * HOUR_MS, 2 * HOUR_MS]);
  });

  test('brings the latency of mocks to an end under autoAdvance: false', async () => {
    const engine = testEngine({ startTime: 0, autoAdvance: false });
    engine.mock(echo, 'mocked', { latency: '1h' });
    const future = engine.start(
      aFlow(() => echo('x')),
      [],
    );
    await engine.advance('30m');
    expect(future.done()).toBe(false);
    await engine.advance('30m');
    expect(await future).toBe('mocked');
  });

  test.each([-1, Number.NaN, 'soon' as '1h', undefined as unknown as number])('refuses %s', async (duration) => {
    expect(await thrownBy(() => testEngine().advance(duration))).toMatchObject({ code: 'INVALID_DURATION' });
  });
});

describe('two engines', () => {
  test('have times of their own', async () => {
    const [early, late] = [testEngine({ startTime: 0 }), testEngine({ startTime: 1_000_000 })];
    const body = aFlow(async (hours: number) => {
      await sleep(hours * HOUR_MS);
      return now();
    });
    const reports = await Promise.all([early.run(body, [1]), late.run(body, [5])]);
    expect(reports.map(({ result }) => result)).toStrictEqual([HOUR_MS, 1_000_000 + 5 * HOUR_MS]);
    expect([early.now(), late.now()]).toStrictEqual([HOUR_MS, 1_000_000 + 5 * HOUR_MS]);
    await early.advance('1d');
    expect(late.now()).toBe(1_000_000 + 5 * HOUR_MS);
  });

  test('have stores and calls of their own', async () => {
    const [one, other] = [testEngine(), testEngine()];
    const body = aFlow(async (value: string) => echo(value));
    const { runId } = await one.run(body, ['mine']);
    expect([one.calls(echo), other.calls(echo)]).toStrictEqual([[['mine']], []]);
    expect(await thrownBy(() => other.report(runId))).toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  test('do not wait for each other', async () => {
    const [stuck, free] = [testEngine({ patience: '10s' }), testEngine({ patience: '10s' })];
    stuck.start(
      aFlow(() => hung()),
      [],
    );
    expect(await took(() => free.run(aFlow(() => sleep('30d'))))).toBeLessThan(2_000);
  });

  test('work twenty at a time', async () => {
    const body = aFlow(async (hours: number) => {
      for (let hour = 0; hour < hours; hour += 1) await sleep('1h');
      return now() / HOUR_MS;
    });
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => (await testEngine({ startTime: 0 }).run(body, [index])).result),
    );
    expect(results).toStrictEqual(Array.from({ length: 20 }, (_, index) => index));
  });
});

describe('mistakes of a flow', () => {
  test('fail it: a future that nobody takes delivery of', async () => {
    const report = await testEngine().run(aFlow(async () => void sleep.start('7d')));
    expect(report).toMatchObject({ status: 'FAILED', result: undefined });
    expect(report.error).toBeInstanceOf(LeakedFuturesError);
    expect(report.error).toMatchObject({ code: 'LEAKED_FUTURES' });
  });

  test('fail it: going on after something that is not durable', async () => {
    const report = await testEngine({ leaks: 'ignore' }).run(
      aFlow(async () => {
        const pending = sleep.start('1h');
        await new Promise((resolve) => setImmediate(resolve));
        await echo('x');
        await pending;
      }),
    );
    expect(report).toMatchObject({ status: 'FAILED', error: { name: 'UsageError', code: 'NON_DURABLE_AWAIT' } });
  });

  test('fail it: going on after something that is not durable, with nothing else pending', async () => {
    const report = await testEngine().run(
      aFlow(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        await echo('x');
      }),
    );
    expect(report).toMatchObject({ status: 'FAILED', error: { name: 'UsageError', code: 'NON_DURABLE_AWAIT' } });
  });

  test('are let pass where the options say so', async () => {
    const engine = testEngine({ leaks: 'ignore', nonDurableAwait: 'ignore' });
    const report = await engine.run(
      aFlow(async () => {
        sleep.start('7d');
        await new Promise((resolve) => setImmediate(resolve));
        return echo('x');
      }),
    );
    expect(report).toMatchObject({ status: 'SUCCEEDED', result: 'x' });
  });

  test('are told of to a logger that is given, and to nobody else', async () => {
    const { logger, lines } = collectingLogger();
    await testEngine({ logger, leaks: 'warn' }).run(aFlow(async () => void sleep.start('7d')));
    expect(lines.map(({ level }) => level)).toContain('warn');
  });

  test('reject run() when nothing can wake the flow', async () => {
    const engine = testEngine();
    const error = await thrownBy(() =>
      engine.run(
        aFlow(async () => {
          await echo('before');
          await new Promise(() => {});
        }),
      ),
    );
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: 'NON_DURABLE_AWAIT', message: expect.stringContaining(echo.name) });
  });

  test('reject run() when a flow waits for nothing before its first operation', async () => {
    const error = await thrownBy(() => testEngine().run(aFlow(() => new Promise<void>(() => {}))));
    expect(error).toMatchObject({ code: 'NON_DURABLE_AWAIT', message: expect.stringContaining('none') });
  });

  test('in one run leave the others alone', async () => {
    const engine = testEngine();
    const [stuck, fine] = await Promise.allSettled([
      engine.run(aFlow(() => new Promise<void>(() => {}))),
      engine.run(
        aFlow(async () => {
          await sleep('1h');
          return 'fine';
        }),
      ),
    ]);
    expect(stuck.status).toBe('rejected');
    expect(fine).toMatchObject({ status: 'fulfilled', value: { result: 'fine' } });
  });

  test('reject run() when a child flow stands still', { timeout: 3_000 }, async () => {
    const child = aFlow(() => new Promise<void>(() => {}));
    const error = await thrownBy(() => testEngine().run(aFlow(() => child())));
    expect(error).toMatchObject({ code: 'NON_DURABLE_AWAIT' });
  });
});

describe('a blocked run', () => {
  test('has a report with the status BLOCKED and the reason', async () => {
    const store = memoryStore();
    const name = unique('changing');
    const first = testEngine({ store });
    const before = flow(name, async () => hung());
    const future = first.start(before, [], { id: 'changing' });
    await future.recorded();
    await settle();
    await first.close({ timeout: 0 });
    future.exception().catch(() => undefined);

    const after = flow(name, async () => echo('x'), { replace: true });
    const second = testEngine({ store });
    const report = await second.run(after, [], { id: 'changing' });
    expect(report).toMatchObject({ status: 'BLOCKED', result: undefined, error: { code: 'NON_DETERMINISM' } });
  });

  test('that is blocked already has a report too', { timeout: 3_000 }, async () => {
    const store = memoryStore();
    const name = unique('changing');
    const first = testEngine({ store });
    const future = first.start(
      flow(name, async () => hung()),
      [],
      { id: 'blocked' },
    );
    await future.recorded();
    await settle();
    await first.close({ timeout: 0 });

    const after = flow(name, async () => echo('x'), { replace: true });
    const second = testEngine({ store });
    const blocked = nextEvent(second, 'run:blocked');
    await second.open();
    await blocked;
    await settle();
    expect((await second.run(after, [], { id: 'blocked' })).status).toBe('BLOCKED');
  });
});

describe('run()', () => {
  test('gives the arguments to the flow, and needs none where it has none', async () => {
    const engine = testEngine();
    const sum = aFlow(async (a: number, b: number) => a + b);
    expect((await engine.run(sum, [1, 2])).result).toBe(3);
    expect((await engine.run(aFlow(async () => 'none'))).result).toBe('none');
  });

  test('takes the id of the run; the same id is the same run', async () => {
    const engine = testEngine();
    const body = aFlow(async (value: string) => echo(value));
    const first = await engine.run(body, ['x'], { id: 'order-1' });
    const again = await engine.run(body, ['x'], { id: 'order-1' });
    expect([first.runId, again.runId]).toStrictEqual(['order-1', 'order-1']);
    expect(again.result).toBe('x');
    expect(engine.calls(echo)).toStrictEqual([['x']]);
  });

  test('rejects when the id belongs to a run with other arguments', async () => {
    const engine = testEngine();
    const body = aFlow(async (value: string) => echo(value));
    await engine.run(body, ['x'], { id: 'order-1' });
    expect(await thrownBy(() => engine.run(body, ['y'], { id: 'order-1' }))).toMatchObject({ code: 'RUN_ID_TAKEN' });
  });

  test.each([
    [async () => 1, []],
    [aFlow(async () => 1), 'x'],
  ])('speaks for itself when it is given what it cannot run', async (body, args) => {
    const error = await thrownBy(() => testEngine().run(body, args as never));
    expect(error.message).toMatch(/^engine\.run\(flow, args\)/);
  });

  test.each([
    ['what is no flow', (engine: TestEngine) => engine.run((async () => 1) as never), 'NOT_STARTABLE'],
    ['an action', (engine: TestEngine) => engine.run(echo, ['x']), 'NOT_STARTABLE'],
    ['arguments that are no array', (engine: TestEngine) => engine.run(aFlow(async () => 1) as never, 'x' as never), 'INVALID_ARGUMENT'],
    [
      'an unknown option',
      (engine: TestEngine) =>
        engine.run(
          aFlow(async () => 1),
          [],
          { ids: 'x' } as never,
        ),
      'INVALID_OPTION',
    ],
    [
      'a leak policy, which is for engine.start() and for the engine',
      (engine: TestEngine) =>
        engine.run(
          aFlow(async () => 1),
          [],
          { leaks: 'ignore' } as never,
        ),
      'INVALID_OPTION',
    ],
    [
      'an empty id',
      (engine: TestEngine) =>
        engine.run(
          aFlow(async () => 1),
          [],
          { id: '' },
        ),
      'INVALID_OPTION',
    ],
  ])('refuses %s', async (_what, call, code) => {
    const error = await thrownBy(() => call(testEngine()));
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(/^engine\.run\(/) });
  });

  test('works when it is taken off the engine', async () => {
    const { run, now: time, advance, calls, mock, restore } = testEngine({ startTime: 0 });
    mock(echo, 'mocked');
    expect((await run(aFlow(() => echo('x')))).result).toBe('mocked');
    restore();
    await advance(5);
    expect([time(), calls(echo)]).toStrictEqual([5, [['x']]]);
  });

  test('reports a run that is cancelled from outside', async () => {
    const engine = testEngine();
    const body = aFlow(() => hung());
    const running = engine.run(body, [], { id: 'to-cancel' });
    await nextEvent(engine, 'operation:started');
    await engine.cancel('to-cancel', 'enough');
    expect(await running).toMatchObject({ status: 'CANCELLED', error: { code: 'CANCELLED' } });
  });

  test('leaves no listener behind', async () => {
    const engine = testEngine();
    for (let count = 0; count < 20; count += 1) await engine.run(aFlow(async () => count));
    await thrownBy(() => engine.run(aFlow(() => new Promise<void>(() => {}))));
    expect((await engine.run(aFlow(async () => 'still fine'))).result).toBe('still fine');
  });
});

describe('report()', () => {
  test('tells of a run that is under way', async () => {
    const engine = testEngine({ patience: '10s' });
    const future = engine.start(
      aFlow(() => hung()),
      [],
    );
    await nextEvent(engine, 'operation:started');
    await settle();
    const report = await engine.report(future.id);
    expect(report).toMatchObject({ status: 'RUNNING', result: undefined, error: undefined });
    expect(report.operations).toMatchObject([{ kind: 'action', name: hung.name, status: 'STARTED' }]);
  });

  test('rejects for a run that is not there', async () => {
    expect(await thrownBy(() => testEngine().report('nobody'))).toMatchObject({ code: 'RUN_NOT_FOUND' });
  });
});

describe('bad options', () => {
  test.each([
    ['an unknown one', { stores: memoryStore() }, 'INVALID_OPTION'],
    ['a store that is none', { store: {} }, 'INVALID_OPTION'],
    ['a leak policy that is none', { leaks: 'never' }, 'INVALID_OPTION'],
    ['autoAdvance that is no boolean', { autoAdvance: 'yes' }, 'INVALID_OPTION'],
    ['a lease, which a test engine has not', { leaseMs: 5 }, 'INVALID_OPTION'],
    ['a start time that is no date', { startTime: new Date('never') }, 'INVALID_OPTION'],
    ['a start time that is not finite', { startTime: Number.POSITIVE_INFINITY }, 'INVALID_OPTION'],
    ['a start time that is a text', { startTime: '2025-01-01' }, 'INVALID_OPTION'],
    ['a patience that is no duration', { patience: 'long' }, 'INVALID_DURATION'],
    ['a patience that is negative', { patience: -1 }, 'INVALID_DURATION'],
    ['no object', null, 'INVALID_OPTION'],
  ])('are refused: %s', async (_what, options, code) => {
    const error = await thrownBy(() => createTestEngine(options as never));
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code });
  });

  test.each<[string, unknown]>([
    ['an unknown one', { foo: 1 }],
    ['a lease', { leaseMs: 5 }],
    ['a leak policy', { leaks: 'never' }],
    ['a start time', { startTime: '2025-01-01' }],
    ['a size', { maxValueBytes: 0 }],
    ['a retention', { retention: { days: 3 } }],
    ['half a store', { store: { commit: () => {}, loadJournals: () => {} } }],
    ['null', null],
  ])('are refused in the name of createTestEngine(): %s', async (_what, options) => {
    const { message } = await thrownBy(() => createTestEngine(options as never));
    expect(message).toMatch(/^createTestEngine\(\):/);
    expect(message).not.toContain('leaseMs,');
  });

  test('that are unknown are told those that there are', async () => {
    const { message } = await thrownBy(() => createTestEngine({ foo: 1 } as never));
    expect(message).toMatch(/: there is no option "foo"; the options are .*\bautoAdvance\b/);
    expect(message).toMatch(/\bmaxValueBytes\b/);
    expect(message).not.toContain('leaseMs');
  });

  test('that are undefined count as left out', async () => {
    const options = {
      store: undefined,
      startTime: undefined,
      patience: undefined,
      leaks: undefined,
      logger: undefined,
      default: undefined,
    };
    const engine = testEngine(options as never);
    expect(engine.now()).toBe(Date.UTC(2025, 0, 1));
    expect((await engine.run(aFlow(async () => void sleep.start('7d')))).status).toBe('FAILED');
  });
});

describe('closing', () => {
  test('refuses further runs', async () => {
    const engine = testEngine();
    await engine.run(aFlow(async () => 1));
    await engine.close();
    expect(await thrownBy(() => engine.run(aFlow(async () => 1)))).toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  test('works at once, before anything has happened', async () => {
    await createTestEngine().close();
  });

  test('is done by await using', async () => {
    let kept: TestEngine;
    {
      await using engine = createTestEngine();
      kept = engine;
      expect((await engine.run(aFlow(async () => 1))).status).toBe('SUCCEEDED');
    }
    expect(await thrownBy(() => kept.get('x'))).toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  test('takes no time of the machine, though an action hangs', async () => {
    const engine = testEngine();
    let aborted = false;
    const listening = action(unique('listening'), () => {
      actionContext().signal.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise<void>(() => {});
    });
    const future = engine.start(
      aFlow(() => listening()),
      [],
    );
    await future.recorded();
    await settle();
    expect(await took(() => engine.close())).toBeLessThan(2_000);
    expect(aborted).toBe(true);
    expect(await thrownBy(() => future)).toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  test('rejects a run that is under way', async () => {
    const engine = testEngine({ patience: '10s' });
    const running = thrownBy(() => engine.run(aFlow(() => hung())));
    await nextEvent(engine, 'operation:started');
    await engine.close({ timeout: 0 });
    expect(await running).toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  test('leaves an unfinished run to the next engine on the store', async () => {
    const store = memoryStore();
    const gate = deferred<string>();
    let tries = 0;
    const gated = action(unique('gated'), () => {
      tries += 1;
      return tries === 1 ? gate.promise : 'second try';
    });
    const body = aFlow(async () => gated());
    const first = testEngine({ store, patience: '10s' });
    first.start(body, [], { id: 'moving' });
    await nextEvent(first, 'operation:started');
    await settle();
    await first.close({ timeout: 0 });
    const report = await testEngine({ store }).run(body, [], { id: 'moving' });
    expect(report).toMatchObject({ status: 'SUCCEEDED', result: 'second try' });
  });

  test('is not needed for the next engine to be the default one', async () => {
    const engine = testEngine({ default: true });
    expect(await aFlow(async () => echo('called'))()).toBe('called');
    expect(engine.calls(echo)).toStrictEqual([['called']]);
  });
});
