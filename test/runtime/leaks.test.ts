import {
  action,
  actionContext,
  asCompleted,
  CancelledError,
  type DurableFuture,
  type EngineEvents,
  type EngineOptions,
  FIRST_COMPLETED,
  flow,
  type LeakedFuture,
  LeakedFuturesError,
  type LeakPolicy,
  sleep,
  sleepUntil,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { runChild } from '../api/run-child.js';
import { besideFailures, deferred, type LogLine, nextEvent, openEngine, unique } from '../api/with-engine.js';

const fast = action(unique('fast'), async (value: string) => value);
const failing = action(unique('failing'), async (): Promise<string> => {
  throw new RangeError('lost');
});
const sleeper = flow(unique('sleeper'), async () => {
  await sleep('7d');
});
const napper = flow(unique('napper'), async (ms: number) => sleep(ms));
const quick = flow(unique('quick'), async () => 'quick');

/** Ways to wait for a timer and to leave it behind. */
const TIMERS_WAITED_FOR: readonly [string, () => Promise<unknown>][] = [
  ['a sleep that lost a race', () => Promise.race([fast('x'), sleep('7d')])],
  ['a sleepUntil that lost a race', () => Promise.race([fast('x'), sleepUntil(Date.now() + 1e6)])],
  ['a timer that lost a race', () => Promise.race([fast.start('x'), sleep.start('7d')])],
  ['a sleep that lost against a failure', () => Promise.all([failing(), sleep('7d')]).catch(() => undefined)],
  ['a timer with a handler', async () => void sleep.start('7d').then(() => undefined)],
  ['a sleep with a handler', async () => void sleep('7d').catch(() => undefined)],
  ['a timer that a closure waits for', async () => void (async () => await sleep('7d'))()],
  ['a timer whose result was asked for', async () => void sleep.start('7d').result()],
  ['a timer whose exception was asked for', async () => void sleep.start('7d').exception()],
  [
    'a timer whose wait ran out of time',
    () =>
      sleep
        .start('7d')
        .result({ timeout: 1 })
        .catch(() => undefined),
  ],
  ['a timer that is only in notDone', async () => void (await wait([sleep.start('7d'), fast.start('x')], FIRST_COMPLETED))],
  ['a timer in notDone of a wait that ran out of time', async () => void (await wait([sleep.start('7d')], { timeout: 1 }))],
  [
    'a timer that was in notDone and came later',
    async () => {
      await wait([fast.start('x'), sleep.start(5)], FIRST_COMPLETED);
      await sleep(50);
    },
  ],
];

/** Runs a body as a flow, and collects its leak reports. */
async function leaksOf<R>(
  body: () => Promise<R>,
  options: EngineOptions = {},
): Promise<{
  leaks: readonly LeakedFuture[];
  events: EngineEvents['leak'][];
  lines: LogLine[];
  exception: Error | undefined;
  status: string;
}> {
  const { engine, lines } = await openEngine(options);
  const events: EngineEvents['leak'][] = [];
  engine.on('leak', (event) => events.push(event));
  const future = engine.start(flow(unique('leaking'), body), []);
  const exception = await future.exception();
  return { leaks: events.flatMap(({ futures }) => futures), events, lines: besideFailures(lines), exception, status: future.status };
}

const states = (leaks: readonly LeakedFuture[]): string[] => leaks.map(({ kind, state }) => `${kind} ${state}`);

describe('what is a leak', () => {
  const leaking: readonly [string, () => Promise<unknown>, string[]][] = [
    ['an action whose outcome was not delivered', async () => void sleep.start('7d'), ['timer RUNNING']],
    [
      'a child flow that still runs',
      async () => {
        sleeper.start();
        await sleep(1);
      },
      ['flow RUNNING'],
    ],
    [
      'an outcome that was delivered to nobody',
      async () => {
        fast.start('x');
        await sleep(10);
      },
      ['action UNOBSERVED'],
    ],
    [
      'a failure that nobody saw',
      async () => {
        failing.start();
        await sleep(10);
      },
      ['action UNOBSERVED'],
    ],
    [
      'a child flow that nobody asked',
      async () => {
        quick.start();
        await sleep(10);
      },
      ['flow UNOBSERVED'],
    ],
    [
      'a pending loser of Promise.race',
      async () => {
        await Promise.race([fast.start('x'), sleeper.start()]);
      },
      ['flow RUNNING'],
    ],
    [
      'a future that is only in notDone',
      async () => {
        await wait([sleeper.start(), fast.start('x')], FIRST_COMPLETED);
      },
      ['flow RUNNING'],
    ],
    [
      'a future that was in notDone and came later',
      async () => {
        const [first, second] = [fast.start('x'), napper.start(5)];
        await wait([first, second], FIRST_COMPLETED);
        await sleep(100);
      },
      ['flow UNOBSERVED'],
    ],
    [
      'a future whose wait ran out of time',
      async () => {
        await sleeper
          .start()
          .result({ timeout: 1 })
          .catch(() => undefined);
      },
      ['flow RUNNING'],
    ],
    ...(['result', 'exception'] as const).map((ask): [string, () => Promise<unknown>, string[]] => [
      `a future that came when nobody waited any more: ${ask}() had run out of time`,
      async () => {
        const future = napper.start(100);
        await future[ask]({ timeout: 1 }).catch(() => undefined);
        await sleep(200);
      },
      ['flow UNOBSERVED'],
    ]),
    ['a sleep that was not awaited', async () => void sleep('7d'), ['timer RUNNING']],
    ['a sleepUntil that was not awaited', async () => void sleepUntil(Date.now() + 1e6), ['timer RUNNING']],
    [
      'a timer that came and was never waited for',
      async () => {
        void sleep(1);
        sleep.start(1);
        await sleep(20);
      },
      ['timer UNOBSERVED', 'timer UNOBSERVED'],
    ],
    [
      'a future that asCompleted has not yielded',
      async () => {
        for await (const _future of asCompleted([fast.start('x'), sleep.start('7d')])) break;
      },
      ['timer RUNNING'],
    ],
    [
      'a future that was only asked for its status',
      async () => {
        const future = fast.start('x');
        await sleep(10);
        return [future.done(), future.status, future.id];
      },
      ['action UNOBSERVED'],
    ],
    [
      'a future left by a flow that throws',
      async () => {
        sleep.start('7d');
        throw new Error('own');
      },
      ['timer RUNNING'],
    ],
  ];
  test.each(leaking)('%s', async (_what, body, expected) => {
    const { leaks, events } = await leaksOf(body);
    expect(states(leaks)).toStrictEqual(expected);
    expect(events).toHaveLength(1);
  });
});

describe('what is no leak', () => {
  const clean: readonly [string, () => Promise<unknown>][] = [
    ['an awaited future', async () => fast.start('x')],
    ['a future asked for its result', async () => fast.start('x').result()],
    ['a failure asked for with exception()', async () => failing.start().exception()],
    ['a failure that was caught', async () => failing().catch(() => undefined)],
    ['a future in done', async () => (await wait([fast.start('x'), failing.start()])).done.size],
    [
      'a future that asCompleted has yielded',
      async () => {
        for await (const _future of asCompleted([fast.start('x'), failing.start()]));
      },
    ],
    ['a joined future', async () => Promise.allSettled([fast.start('x'), failing.start()])],
    ['a cancelled timer', async () => void sleep.start('7d').cancel()],
    ['a cancelled action', async () => void fast.start('x').cancel()],
    ['a cancelled child flow', async () => void sleeper.start().cancel()],
    ['a detached child flow', async () => void quick.start().detach()],
    ['a detached action', async () => void fast.start('x').detach()],
    ...TIMERS_WAITED_FOR,
    ['a limit on waiting that did not run out', async () => fast.start('x').result({ timeout: '7d' })],
    ['a wait with a time-out that did not run out', async () => (await wait([fast.start('x')], { timeout: '7d' })).done.size],
    [
      'a future that was done, and then asked',
      async () => {
        const future = fast.start('x');
        await sleep(10);
        return future;
      },
    ],
  ];
  test.each(clean)('%s', async (_what, body) => {
    const { leaks, exception, lines } = await leaksOf(body, { leaks: 'error' });
    expect(leaks).toStrictEqual([]);
    expect(exception).toBeUndefined();
    expect(besideFailures(lines)).toStrictEqual([]);
  });
});

describe('the report', () => {
  test('is one log line and one event that name each future', async () => {
    const { events, lines, status } = await leaksOf(async () => {
      fast.with({ name: 'first' }).start('x');
      failing.with({ name: 'second' }).start();
      await sleep(10);
      sleep.start('7d');
    });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ runId: expect.any(String), flow: expect.any(String), scope: expect.any(String) });
    expect(events[0]?.futures).toMatchObject([
      { id: '0', name: 'first', kind: 'action', state: 'UNOBSERVED' },
      { id: '1', name: 'second', kind: 'action', state: 'UNOBSERVED', error: { name: 'RangeError', message: 'lost' } },
      { id: '3', name: 'sleep', kind: 'timer', state: 'RUNNING' },
    ]);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.level).toBe('warn');
    for (const text of ['first', 'second', 'sleep', 'RangeError', 'lost', 'leaks.test.ts']) expect(lines[0]?.message).toContain(text);
    expect(status).toBe('SUCCEEDED');
  });

  test('says how old each future is', async () => {
    const { leaks } = await leaksOf(async () => {
      fast.start('x');
      await sleep(20);
    });
    expect(leaks[0]?.ageMs).toBeGreaterThanOrEqual(19);
  });

  test('names the call site of start()', async () => {
    const { leaks } = await leaksOf(async function leakingHere() {
      fast.start('action');
      sleep.start('7d');
      sleeper.start();
      await fast('x');
    });
    expect(leaks).toHaveLength(3);
    for (const { callSite } of leaks) {
      expect(callSite).toContain('leakingHere');
      expect(callSite).toContain('leaks.test.ts');
    }
  });

  test('names the call sites of the first 100 starts only', async () => {
    const { leaks } = await leaksOf(async () => {
      for (let start = 0; start < 105; start += 1) fast.start('x');
      await sleep(50);
    });
    expect(leaks).toHaveLength(105);
    expect(leaks.filter(({ callSite }) => callSite !== undefined)).toHaveLength(100);
  });

  test('the event is plain JSON', async () => {
    const { events } = await leaksOf(async () => {
      failing.start();
      await sleep(10);
    });
    expect(JSON.parse(JSON.stringify(events))).toStrictEqual(events);
  });
});

describe('policies', () => {
  const leak = async (): Promise<string> => {
    sleep.start('7d');
    return 'value';
  };
  const outcomes: Record<LeakPolicy, { status: string; events: number; lines: number }> = {
    warn: { status: 'SUCCEEDED', events: 1, lines: 1 },
    error: { status: 'FAILED', events: 1, lines: 1 },
    ignore: { status: 'SUCCEEDED', events: 0, lines: 0 },
  };

  /** Which policy holds, given what the engine, the flow and the call say. */
  const levels: readonly [LeakPolicy | undefined, LeakPolicy | undefined, LeakPolicy | undefined, LeakPolicy][] = [
    [undefined, undefined, undefined, 'warn'],
    ['warn', undefined, undefined, 'warn'],
    ['error', undefined, undefined, 'error'],
    ['ignore', undefined, undefined, 'ignore'],
    ['warn', 'error', undefined, 'error'],
    ['error', 'ignore', undefined, 'ignore'],
    ['error', 'warn', undefined, 'warn'],
    ['ignore', 'ignore', 'error', 'error'],
    ['error', 'error', 'ignore', 'ignore'],
    ['error', undefined, 'warn', 'warn'],
  ];
  test.each(levels)('engine %s, flow %s, call %s: %s holds', async (onEngine, onFlow, onCall, holds) => {
    const { engine, lines } = await openEngine(onEngine === undefined ? {} : { leaks: onEngine });
    const events: unknown[] = [];
    engine.on('leak', (event) => events.push(event));
    const run = flow(unique('leaking'), leak, onFlow === undefined ? {} : { leaks: onFlow });
    const future = engine.start(onCall === undefined ? run : run.with({ leaks: onCall }), []);
    await future.exception();
    expect({ status: future.status, events: events.length, lines: besideFailures(lines).length }).toMatchObject({ ...outcomes[holds] });
  });

  test('engine.start takes a policy as well', async () => {
    const { engine } = await openEngine();
    const future = engine.start(flow(unique('leaking'), leak), [], { leaks: 'error' });
    expect(await future.exception()).toBeInstanceOf(LeakedFuturesError);
  });

  test('a child has the policy of its call', async () => {
    const child = flow(unique('child'), leak);
    const { exception } = await leaksOf(async () => {
      const error = await child.with({ leaks: 'error' }).start().exception();
      throw error as Error;
    });
    expect(exception).toBeInstanceOf(LeakedFuturesError);
  });

  test("under 'error' the flow fails with LeakedFuturesError that names the futures and says what to do", async () => {
    const { exception, status } = await leaksOf(leak, { leaks: 'error' });
    expect(exception).toBeInstanceOf(LeakedFuturesError);
    expect(exception).toMatchObject({ name: 'LeakedFuturesError', code: 'LEAKED_FUTURES' });
    for (const text of ['sleep', 'RUNNING', 'detach']) expect(exception?.message).toContain(text);
    expect(status).toBe('FAILED');
  });

  test("under 'error' the own error of a flow that throws comes first", async () => {
    const { exception, leaks } = await leaksOf(
      async () => {
        sleep.start('7d');
        throw new RangeError('own');
      },
      { leaks: 'error' },
    );
    expect(exception).toBeInstanceOf(RangeError);
    expect(leaks).toHaveLength(1);
  });

  test.each(['warn', 'error', 'ignore'] as const)(
    "under '%s' a leaked action that still runs is cancelled and its signal fires",
    async (policy) => {
      const [running, aborted] = [deferred(), deferred<unknown>()];
      const act = action(unique('act'), async () => {
        const { signal } = actionContext();
        signal.addEventListener('abort', () => aborted.resolve(signal.reason));
        running.resolve();
        await aborted.promise;
      });
      const gate = action(unique('gate'), () => running.promise);
      await leaksOf(
        async () => {
          act.start();
          await gate();
        },
        { leaks: policy },
      );
      expect(await aborted.promise).toBeInstanceOf(CancelledError);
    },
  );

  test.each(['warn', 'error', 'ignore'] as const)("under '%s' a leaked child that still runs is cancelled", async (policy) => {
    const { engine } = await openEngine({ leaks: policy });
    const id = unique('leaked-child');
    const run = flow(unique('leaking'), async () => {
      sleeper.with({ id }).start();
      await sleep(1);
    });
    await engine.start(run, []).exception();
    expect(await engine.future(id).exception()).toBeInstanceOf(CancelledError);
  });
});

test('a held unhandled rejection is reported as a leak, and the process survives', async () => {
  const { code, stdout } = await runChild('held-rejection.ts');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toStrictEqual({
    result: 'survived',
    leaks: [{ kind: 'rejection', state: 'REJECTED', error: 'RangeError: nobody handles this' }],
  });
});

test('an unhandled rejection outside of flows keeps ending the process', async () => {
  const { code, stderr } = await runChild('foreign-rejection.ts');
  expect(code).toBe(1);
  expect(stderr).toContain('nobody handles this either');
});

test('an unhandled rejection in an action keeps ending the process', async () => {
  const { code, stderr } = await runChild('action-rejection.ts');
  expect(code).toBe(1);
  expect(stderr).toContain('nobody handles this in the action');
});

test("a held rejection fails the flow under 'error'", async () => {
  const { code, stdout } = await runChild('held-rejection.ts', { args: ['error'] });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ result: 'LeakedFuturesError' });
});

describe('detach()', () => {
  test('a detached child flow outlives its parent', async () => {
    const gate = deferred<string>();
    const gated = action(unique('gated'), () => gate.promise);
    const child = flow(unique('child'), async () => gated());
    const { engine } = await openEngine({ leaks: 'error' });
    const parent = flow(unique('parent'), async () => {
      const future = child.start();
      future.detach();
      return future.id;
    });
    const childId = await engine.start(parent, []);
    expect((await engine.get(childId)).status).toBe('RUNNING');
    gate.resolve('independent');
    expect(await engine.future(childId)).toBe('independent');
  });

  test('a detached action outlives its run and gets its outcome', async () => {
    const [gate, ended] = [deferred(), deferred<string>()];
    const act = action(unique('act'), async (text: string) => {
      await gate.promise;
      ended.resolve(actionContext().signal.aborted ? 'aborted' : text);
      return text;
    });
    const { engine } = await openEngine({ leaks: 'error' });
    const parent = flow(unique('parent'), async () => {
      act.start('went on').detach();
      await sleep(1);
      return 'ended';
    });
    const root = engine.start(parent, []);
    expect(await root).toBe('ended');
    const [carrier] = (await engine.list()).filter((run) => run.parent?.runId === root.id);
    gate.resolve();
    expect(await ended.promise).toBe('went on');
    expect(await engine.future((carrier as { id: string }).id)).toBe('went on');
  });

  test('a detached action that was not begun when its run ended is done all the same', async () => {
    const ended = deferred<string>();
    const act = action(unique('act'), async () => ended.resolve('done'));
    const { engine } = await openEngine({ leaks: 'error' });
    const parent = flow(unique('parent'), async () => act.start().detach());
    await engine.start(parent, []);
    expect(await ended.promise).toBe('done');
  });

  test('a detached future can still be awaited', async () => {
    const { engine } = await openEngine({ leaks: 'error' });
    const run = flow(unique('run'), async () => {
      const futures = [fast.start('x'), quick.start()];
      for (const future of futures) future.detach();
      return Promise.all(futures);
    });
    expect(await engine.start(run, [])).toStrictEqual(['x', 'quick']);
  });

  test('a detached child is not cancelled with its parent', async () => {
    const { engine } = await openEngine({ leaks: 'error' });
    const id = unique('detached');
    const parent = flow(unique('parent'), async () => {
      const child = sleeper.with({ id }).start();
      child.detach();
      await sleep('7d');
    });
    const begun = nextEvent(engine, 'run:started', ({ runId }) => runId === id);
    const root: DurableFuture<void> = engine.start(parent, []);
    await begun;
    await engine.cancel(root.id);
    expect(await root.exception()).toBeInstanceOf(CancelledError);
    expect((await engine.get(id)).status).toBe('RUNNING');
  });
});
