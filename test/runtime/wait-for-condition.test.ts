import {
  type Action,
  action,
  actionContext,
  type Duration,
  FIRST_COMPLETED,
  flowContext,
  NonRetryableError,
  type PollDecision,
  parallel,
  RetryPresets,
  sleep,
  type UsageError,
  wait,
  waitForCondition,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { crashEverywhere, sequence } from '../../src/testing.js';
import { inFlow, nextEvent, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { cancelRun, FAULTS, senders, sendingEngine, step } from './senders.js';

interface Job {
  readonly looks: number;
  readonly done?: boolean;
}

/** Finds one more each time. */
const look: Action<[Job], Job> = action(unique('look'), async ({ looks }: Job) => ({ looks: looks + 1, done: looks + 1 === 4 }));
const initial: Job = { looks: 0 };
const until =
  (looks: number, delay: Duration = '10s') =>
  (state: Job): PollDecision => ({ continue: state.looks < looks, delay });

describe('waitForCondition()', () => {
  test('gives each look the state of the last, and comes to the state that was waited for', async () => {
    const engine = testEngine();
    const startedAt = engine.now();
    const { result } = await engine.run(aFlow(async () => waitForCondition(look, { initial, strategy: until(4) })));
    expect(result).toEqual({ looks: 4, done: true });
    expect(engine.calls(look)).toEqual([
      [{ looks: 0 }],
      [{ looks: 1, done: false }],
      [{ looks: 2, done: false }],
      [{ looks: 3, done: false }],
    ]);
    expect(engine.now() - startedAt).toBe(30_000);
    await engine.assertReplays();
  });

  test('tells the strategy the state and the number of the look, from 1', async () => {
    const seen: unknown[] = [];
    const engine = testEngine();
    await engine.run(
      aFlow(async () =>
        waitForCondition(look, {
          initial,
          strategy: (state, attempt) => {
            seen.push([state.looks, attempt]);
            return { continue: attempt < 3 };
          },
        }),
      ),
    );
    expect(seen).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  test('waits as long as the strategy says, and not at all when it says nothing', async () => {
    const engine = testEngine();
    const times: number[] = [];
    const looked = action(unique('looked'), async (count: number) => {
      times.push(engine.now());
      return count + 1;
    });
    const startedAt = engine.now();
    const delays = ['1s', 60_000, undefined, '0s', '1d'] as const;
    await engine.run(
      aFlow(async () =>
        waitForCondition(looked, {
          initial: 0,
          strategy: (count) => {
            const delay = delays[count - 1];
            return { continue: count <= delays.length, ...(delay === undefined ? {} : { delay }) };
          },
        }),
      ),
    );
    expect(times.map((time) => time - startedAt)).toEqual([0, 1_000, 61_000, 61_000, 61_000, 61_000 + 86_400_000]);
  });

  test('is done with one look when that is enough', async () => {
    const engine = testEngine();
    const { result } = await engine.run(aFlow(async () => waitForCondition(look, { initial, strategy: () => ({ continue: false }) })));
    expect(result).toEqual({ looks: 1, done: false });
    expect(engine.calls(look)).toHaveLength(1);
  });

  test('is one operation, called as the action or as its name says', async () => {
    const engine = testEngine();
    const report = await engine.run(
      aFlow(async () => {
        await waitForCondition(look, { initial, strategy: until(2) });
        await waitForCondition(look, { initial, strategy: until(2), name: 'the job' });
      }),
    );
    expect(report.operations.map(({ id, kind, name }) => [id, kind, name])).toEqual([
      ['0', 'action', look.name],
      ['1', 'action', 'the job'],
    ]);
  });

  test('keeps the last look alone: what is recorded does not grow', async () => {
    const sizes = await Promise.all(
      [2, 50].map(async (looks) => {
        const engine = testEngine();
        const { journal } = await engine.run(
          aFlow(async () => waitForCondition(look, { initial, strategy: (state) => ({ continue: state.looks < looks, delay: '1s' }) })),
        );
        expect(journal).toHaveLength(2);
        return JSON.stringify(journal[1]).length;
      }),
    );
    const [few = 0, many = 0] = sizes;
    expect(many - few).toBeLessThan(20);
  });

  test('keeps the last look alone while it waits', async () => {
    const engine = testEngine({ autoAdvance: false });
    const future = engine.start(
      aFlow(async () => waitForCondition(look, { initial, strategy: () => ({ continue: true, delay: '1s' }) })),
      [],
    );
    const sizeAfter = async (seconds: number): Promise<number> => {
      await engine.advance(seconds * 1000);
      return JSON.stringify((await engine.report(future.id)).journal.at(-1)).length;
    };
    const [early, late] = [await sizeAfter(3), await sizeAfter(60)];
    expect(engine.calls(look).length).toBeGreaterThan(50);
    expect(late - early).toBeLessThan(20);
  });

  test('gives looks and strategy copies of the state', async () => {
    const engine = testEngine();
    const grow = action(unique('grow'), async (list: number[]) => [...list, list.push(0)]);
    const { result } = await engine.run(
      aFlow(async () =>
        waitForCondition(grow, {
          initial: [] as number[],
          strategy: (list) => {
            list.push(99);
            return { continue: list.length < 5 };
          },
        }),
      ),
    );
    expect(result).not.toContain(99);
  });

  test('is a future when it is started, and races', async () => {
    const body = aFlow(async () => {
      const waiting = waitForCondition.start(look, { initial, strategy: until(4, '20m') });
      const { done, notDone } = await wait([waiting, sleep.start('30m')], FIRST_COMPLETED);
      for (const loser of notDone) loser.cancel();
      return [[...done].map(({ kind }) => kind), waiting.status];
    });
    await crashEverywhere(body, [], { faults: FAULTS, invariant: ({ result }) => expect(result).toEqual([['timer'], 'CANCELLED']) });
  });

  test('works in branches', async () => {
    const body = aFlow(async () => {
      const batch = await parallel([
        () => waitForCondition(look, { initial, strategy: until(3) }),
        () => waitForCondition(look, { initial, strategy: until(4) }),
      ]);
      return batch.getResults().map(({ looks }) => looks);
    });
    await crashEverywhere(body, [], { faults: FAULTS, invariant: ({ result }) => expect(result).toEqual([3, 4]) });
  });

  test('goes on with the last state after a crash, and makes no look again that was recorded', async () => {
    let looks: number[] = [];
    const noted = action(unique('noted'), async (count: number) => {
      looks.push(count);
      return count + 1;
    });
    const body = aFlow(async () => waitForCondition(noted, { initial: 0, strategy: (count) => ({ continue: count < 4, delay: '1h' }) }));
    const report = await crashEverywhere(body, [], {
      faults: FAULTS,
      reset: () => {
        looks = [];
      },
      invariant: ({ result }) => {
        expect(result).toBe(4);
        expect(looks).toEqual([...looks].sort());
        expect(looks.length).toBeLessThanOrEqual(5);
      },
    });
    expect(report.commits).toBeGreaterThan(4);
  });
});

describe('a look that fails', () => {
  test('is the failure of the whole', async () => {
    const engine = testEngine();
    engine.mock(look, sequence({ looks: 1 }, new RangeError('gone')));
    const { error } = await engine.run(aFlow(async () => waitForCondition(look, { initial, strategy: until(4) })));
    expect(error).toBeInstanceOf(RangeError);
    expect(engine.calls(look)).toHaveLength(2);
    await engine.assertReplays();
  });

  test('is made again when the action is retried, from the same state', async () => {
    let fails = 0;
    const engine = testEngine();
    const shaky = action(
      unique('shaky'),
      async (count: number) => {
        if (count === 1 && fails < 2) {
          fails += 1;
          throw new Error('shaky');
        }
        return count + 1;
      },
      { retry: (_, attempt) => ({ retry: attempt < 4, delay: '5s' }) },
    );
    const startedAt = engine.now();
    const report = await engine.run(
      aFlow(async () => waitForCondition(shaky, { initial: 0, strategy: (count) => ({ continue: count < 3, delay: '1m' }) })),
    );
    expect(report.result).toBe(3);
    expect(engine.calls(shaky)).toEqual([[0], [1], [1], [1], [2]]);
    expect(engine.now() - startedAt).toBe(120_000 + 10_000);
    await engine.assertReplays();
  });

  test('counts its attempts by itself: another look has all of them again', async () => {
    const engine = testEngine();
    const everySecond = action(
      unique('everySecond'),
      async (count: number) => {
        if (actionContext().attempt === 1) throw new Error('the first attempt fails');
        return count + 1;
      },
      { retry: (_, attempt) => ({ retry: attempt < 2 }) },
    );
    const { result } = await engine.run(
      aFlow(async () => waitForCondition(everySecond, { initial: 0, strategy: (count) => ({ continue: count < 5 }) })),
    );
    expect(result).toBe(5);
  });

  test('is final with NonRetryableError', async () => {
    const engine = testEngine();
    const final = action(
      unique('final'),
      async (_: number) => {
        throw new NonRetryableError('never');
      },
      { retry: RetryPresets.default() },
    );
    const { error } = await engine.run(
      aFlow(async () => waitForCondition(final as Action<[number], number>, { initial: 0, strategy: () => ({ continue: true }) })),
    );
    expect(error).toBeInstanceOf(NonRetryableError);
    expect(engine.calls(final)).toHaveLength(1);
  });

  test('with retries comes to the same end wherever it crashes', async () => {
    const shaky = action(
      unique('shaky'),
      async (count: number) => {
        if (actionContext().attempt === 1) throw new Error('the first attempt fails');
        return count + 1;
      },
      { retry: () => ({ retry: true, delay: '1m' }) },
    );
    const body = aFlow(async () => waitForCondition(shaky, { initial: 0, strategy: (count) => ({ continue: count < 3, delay: '1h' }) }));
    await crashEverywhere(body, [], { faults: FAULTS, invariant: ({ result }) => expect(result).toBe(3) });
  });

  test('because its state cannot be stored is not made again', async () => {
    const engine = testEngine();
    const bad = action(
      unique('bad'),
      async (_: unknown): Promise<unknown> =>
        () =>
          1,
      { retry: () => ({ retry: true }) },
    );
    const { error } = await engine.run(aFlow(async () => waitForCondition(bad, { initial: 0, strategy: () => ({ continue: true }) })));
    expect(error).toMatchObject({ code: 'VALUE_NOT_SERIALIZABLE' });
    expect(engine.calls(bad)).toHaveLength(1);
  });
});

describe('a strategy', () => {
  test('that throws is the failure of the whole', async () => {
    const engine = testEngine();
    const { error } = await engine.run(
      aFlow(async () =>
        waitForCondition(look, {
          initial,
          strategy: () => {
            throw new RangeError('no plan');
          },
        }),
      ),
    );
    expect(error).toMatchObject({ name: 'RangeError', message: 'no plan' });
    await engine.assertReplays();
  });

  test.each<[unknown, string]>([
    [undefined, 'INVALID_ARGUMENT'],
    [true, 'INVALID_ARGUMENT'],
    [{}, 'INVALID_ARGUMENT'],
    [{ continue: 'yes' }, 'INVALID_ARGUMENT'],
    [Promise.resolve({ continue: false }), 'INVALID_ARGUMENT'],
    [{ continue: true, delay: 'soon' }, 'INVALID_DURATION'],
    [{ continue: true, delay: -1 }, 'INVALID_DURATION'],
  ])('that returns %o lets it fail with %s', async (decision, code) => {
    const engine = testEngine();
    const { error } = await engine.run(aFlow(async () => waitForCondition(look, { initial, strategy: () => decision as PollDecision })));
    expect(error).toMatchObject({ name: 'UsageError', code });
    expect(engine.calls(look)).toHaveLength(1);
  });
});

describe('a time-out', () => {
  test('counts the waits, and says which limit of which operation', async () => {
    const engine = testEngine();
    const startedAt = engine.now();
    const { error, runId } = await engine.run(
      aFlow(async () => waitForCondition(look, { initial, strategy: () => ({ continue: true, delay: '10m' }), timeout: '1h' })),
    );
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'ACTION_TIMEOUT' });
    for (const part of [look.name, runId, '3600000 ms']) expect(error?.message).toContain(part);
    expect(engine.now() - startedAt).toBe(3_600_000);
    await engine.assertReplays();
  });

  test('counts from the start, wherever it crashes', async () => {
    const body = aFlow(async () => {
      const waiting = waitForCondition.start(look, { initial, strategy: () => ({ continue: true, delay: '25m' }), timeout: '1h' });
      const error = (await waiting.exception()) as { code?: string };
      return error.code;
    });
    await crashEverywhere(body, [], { faults: FAULTS, invariant: ({ result }) => expect(result).toBe('ACTION_TIMEOUT') });
  });

  test('of the action counts for each look', async () => {
    const engine = testEngine();
    const limited = action(unique('limited'), async (count: number) => count + 1, { timeout: '1m' });
    const body = aFlow(async () => waitForCondition(limited, { initial: 0, strategy: (count) => ({ continue: count < 3 }) }));
    engine.mock(limited, (count) => count + 1, { latency: '50s' });
    expect((await engine.run(body)).result).toBe(3);
    engine.mock(limited, (count) => count + 1, { latency: '70s' });
    const { error } = await engine.run(body);
    expect(error).toMatchObject({ code: 'ACTION_TIMEOUT', message: expect.stringContaining('its timeout of 60000 ms') });
  });
});

describe('a cancellation', () => {
  test('ends the waits at once', async () => {
    const engine = testEngine({ autoAdvance: false });
    const future = engine.start(
      aFlow(async () => {
        const waiting = waitForCondition.start(look, { initial, strategy: () => ({ continue: true, delay: '1h' }) });
        await sleep('10m');
        waiting.cancel('enough');
        return [(await waiting.exception())?.message, await sleep('1d')];
      }),
      [],
    );
    await engine.advance('2d');
    const [message] = await future;
    expect(message).toContain('enough');
    expect(engine.calls(look)).toHaveLength(1);
    await engine.assertReplays();
  });

  test('fires the signal of the look that is under way', async () => {
    const engine = sendingEngine();
    const reasons: unknown[] = [];
    const hang = action(unique('hang'), async (_: number): Promise<number> => {
      const { signal } = actionContext();
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push((signal.reason as Error).message);
          reject(signal.reason);
        });
      });
    });
    const future = engine.start(
      aFlow(async () => {
        const waiting = waitForCondition.start(hang, { initial: 0, strategy: () => ({ continue: true }) });
        await step('under way');
        await cancelRun(flowContext().runId, 'stop it');
        await waiting;
      }),
      [],
    );
    await nextEvent(engine, 'run:finished');
    expect(future.status).toBe('CANCELLED');
    expect(reasons).toEqual([expect.stringContaining('stop it')]);
  });

  test('of the run comes to the same end wherever it crashes', async () => {
    const body = aFlow(async () => {
      const waiting = waitForCondition.start(look, { initial, strategy: () => ({ continue: true, delay: '1h' }) });
      await sleep('150m');
      await cancelRun(flowContext().runId, 'stop it');
      await waiting;
    });
    await crashEverywhere(body, [], { ...senders, faults: FAULTS, invariant: ({ status }) => expect(status).toBe('CANCELLED') });
  });
});

describe('wrong arguments', () => {
  const strategy = () => ({ continue: false });
  test.each<[string, unknown[], string]>([
    ['no action', [async (n: number) => n, { initial: 0, strategy }], 'NOT_STARTABLE'],
    ['a flow', [aFlow(async (n: number) => n), { initial: 0, strategy }], 'NOT_STARTABLE'],
    ['nothing', [], 'NOT_STARTABLE'],
    ['no strategy', [look, { initial }], 'INVALID_OPTION'],
    ['no state', [look, { strategy }], 'INVALID_OPTION'],
    ['a strategy that is no function', [look, { initial, strategy: 1 }], 'INVALID_OPTION'],
    ['an unknown option', [look, { initial, strategy, delay: '1s' }], 'INVALID_OPTION'],
    ['a name that is empty', [look, { initial, strategy, name: '' }], 'INVALID_OPTION'],
    ['a time-out that is no duration', [look, { initial, strategy, timeout: 'soon' }], 'INVALID_DURATION'],
    ['options that are no object', [look, 3], 'INVALID_OPTION'],
    ['a state that cannot be stored', [look, { initial: () => 1, strategy }], 'VALUE_NOT_SERIALIZABLE'],
    ['no options', [look], 'INVALID_OPTION'],
  ])('%s: refused', async (_, args, code) => {
    for (const call of [waitForCondition, waitForCondition.start] as ((...args: unknown[]) => Promise<unknown>)[]) {
      expect(await thrownBy(() => inFlow(async () => call(...args)))).toMatchObject({ name: 'UsageError', code });
    }
  });

  test('outside of flows: refused', async () => {
    expect(await thrownBy(() => waitForCondition(look, { initial, strategy }))).toMatchObject({ code: 'NOT_IN_FLOW' });
  });
});

test('the first state may be undefined', async () => {
  const engine = testEngine();
  const count = action(unique('count'), async (before: number | undefined): Promise<number | undefined> => (before ?? 0) + 1);
  const body = aFlow(async () => waitForCondition(count, { initial: undefined, strategy: (state) => ({ continue: state !== 2 }) }));
  expect((await engine.run(body)).result).toBe(2);
});

test('detach() is refused: nobody could go by the strategy when the flow has ended', async () => {
  const engine = testEngine();
  const { result } = await engine.run(
    aFlow(async () => {
      const waiting = waitForCondition.start(look, { initial, strategy: until(2) });
      const { name, code, message } = (await thrownBy(() => waiting.detach())) as UsageError;
      return { name, code, message, ...(await waiting) };
    }),
  );
  expect(result).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT', message: expect.stringContaining('child flow'), looks: 2 });
  await engine.assertReplays();
});

test('the options that an action is given by with() hold for its looks', async () => {
  const engine = testEngine();
  const flaky = action(unique('flaky'), async (count: number) => {
    if (actionContext().attempt === 1) throw new Error('the first attempt fails');
    return count + 1;
  });
  const { result } = await engine.run(
    aFlow(async () =>
      waitForCondition(flaky.with({ retry: () => ({ retry: true }), name: 'looks' }), {
        initial: 0,
        strategy: (count) => ({ continue: count < 2 }),
      }),
    ),
  );
  expect(result).toBe(2);
});
