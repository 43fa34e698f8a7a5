import { action, CompletionConfig, type EngineEvents, flow, LeakedFuturesError, map, parallel, shield, sleep } from 'perdure';
import { crashEverywhere } from 'perdure/testing';
import { describe, expect, test } from 'vitest';
import { besideFailures, settle, startFlow, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async (value?: unknown) => value);
const failing = action(unique('failing'), async () => {
  throw new RangeError('lost');
});
const quick = flow(unique('quick'), async () => 'quick');
const napper = flow(unique('napper'), async (ms: number) => sleep(ms));

/** What leak events tell, in short. */
const short = (leaks: readonly EngineEvents['leak'][]): string[] =>
  leaks.map(({ scope, branch, futures }) => `${scope} ${branch}: ${futures.map(({ kind, state }) => `${kind} ${state}`).join(', ')}`);

describe('futures that a branch leaves behind', () => {
  const leaking: readonly [string, () => unknown, string][] = [
    ['a running action', () => void new Gates().start('never'), 'action RUNNING'],
    ['a running timer', () => void sleep.start('7d'), 'timer RUNNING'],
    ['a running child flow', () => void quick.start(), 'flow RUNNING'],
    ['a running batch', () => void parallel.start([() => sleep('7d')]), 'parallel RUNNING'],
    [
      'an outcome that nobody took',
      async () => {
        noop.start();
        await noop();
      },
      'action UNOBSERVED',
    ],
    [
      'a failure that nobody took',
      async () => {
        failing.start();
        await noop();
      },
      'action UNOBSERVED',
    ],
    [
      'a batch that nobody took',
      async () => {
        map.start([1], noop);
        await map([1], noop);
      },
      'map UNOBSERVED',
    ],
    ['a pending loser of a race', () => Promise.race([new Gates().start('never'), noop.start()]), 'action RUNNING'],
    ['a sleep that was not awaited', () => void sleep('7d'), 'timer RUNNING'],
    ['a rejection that nobody handles', () => void Promise.reject(new Error('lost')), 'rejection REJECTED'],
    [
      'several',
      async () => {
        noop.start();
        sleep.start('7d');
        await noop();
      },
      'action UNOBSERVED, timer RUNNING',
    ],
  ];

  test.each(leaking)('%s: told once, with the name of the branch, and the branch has succeeded', async (_what, body, expected) => {
    const { status, leaks, lines, result } = await runBatch(async () =>
      parallel([
        { name: 'tidy', run: () => noop('tidy') },
        { name: 'careless', run: body },
      ]),
    );
    expect([status, result?.status]).toStrictEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(short(leaks)).toStrictEqual([`0.1 careless: ${expected}`]);
    const warnings = besideFailures(lines);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toContain('careless');
  });

  test.each(leaking)("%s: fails that branch only, under 'error'", async (_what, body, expected) => {
    const { status, leaks, result } = await runBatch(
      async () => map(['tidy', 'careless'], async (item) => (item === 'careless' ? body() : noop('tidy')), { itemNamer: (item) => item }),
      { leaks: 'error' },
    );
    expect([status, result?.all.map((item) => item.status)]).toStrictEqual(['SUCCEEDED', ['SUCCEEDED', 'FAILED']]);
    const [error] = result?.getErrors() ?? [];
    expect(error).toBeInstanceOf(LeakedFuturesError);
    expect(error?.message).toContain('careless');
    expect(short(leaks)).toStrictEqual([`0.1 careless: ${expected}`]);
  });

  test.each(leaking)("%s: is not told under 'ignore'", async (_what, body) => {
    const { status, leaks, lines, result } = await runBatch(async () => parallel([body]), { leaks: 'ignore' });
    expect([status, result?.status, leaks]).toStrictEqual(['SUCCEEDED', 'SUCCEEDED', []]);
    expect(besideFailures(lines)).toStrictEqual([]);
  });

  test.each(['warn', 'error', 'ignore'] as const)("an action is stopped, under '%s'", async (leaks) => {
    const gates = new Gates();
    const { journal } = await runBatch(async () => parallel([async () => void gates.start('leaked')]), { leaks });
    expect(journal.get('0.0.0')?.status ?? 'CANCELLED').toBe('CANCELLED');
    if (journal.has('0.0.0')) expect(await gates.aborted('leaked')).toMatchObject({ name: 'CancelledError' });
  });

  test('are told with call site, age and error', async () => {
    const { leaks } = await runBatch(async () =>
      parallel([
        async () => {
          failing.start();
          await noop();
        },
      ]),
    );
    expect(leaks[0]?.futures[0]).toMatchObject({
      id: '0.0.0',
      ageMs: expect.any(Number),
      callSite: expect.stringContaining('batch-leaks.test'),
      error: { name: 'RangeError', message: 'lost' },
    });
    expect(JSON.parse(JSON.stringify(leaks))).toStrictEqual(leaks);
  });

  test("of a branch that throws: the branch fails with its own error, under 'error' too", async () => {
    const body = async (): Promise<void> => {
      sleep.start('7d');
      await noop();
      throw new RangeError('own');
    };
    const { result, leaks } = await runBatch(async () => parallel([body]), { leaks: 'error' });
    expect(result?.getErrors()[0]).toBeInstanceOf(RangeError);
    expect(short(leaks)).toStrictEqual(['0.0 parallel-branch-0: timer RUNNING']);
  });

  test("the policy 'error' ends a parallel as a failure does", async () => {
    const { result } = await runBatch(async () => parallel([async () => void sleep.start('7d'), () => sleep('7d')]), { leaks: 'error' });
    expect([result?.completionReason, result?.startedCount]).toStrictEqual(['FAILURE_TOLERANCE_EXCEEDED', 1]);
  });

  test('are told for each branch of its own, nested ones included, and for the run', async () => {
    const { leaks } = await runBatch(async () => {
      await map(['a', 'b'], async (item) => {
        sleep.start('7d');
        if (item === 'b') await parallel({ inner: async () => void sleep.start('7d') });
      });
      sleep.start('7d');
    });
    expect(short(leaks).sort()).toStrictEqual([
      ' null: timer RUNNING',
      '0.0 map-item-0: timer RUNNING',
      '0.1 map-item-1: timer RUNNING',
      '0.1.1.0 inner: timer RUNNING',
    ]);
  });

  test('the policy of the run goes for its branches', async () => {
    const { engine } = await runBatch(async () => undefined);
    const careless = flow(unique('careless'), async () => parallel([async () => void sleep.start('7d')]), { leaks: 'error' });
    expect((await engine.start(careless, [])).getErrors()[0]?.name).toBe('LeakedFuturesError');
    expect((await engine.start(careless, [], { leaks: 'ignore' })).getErrors()).toStrictEqual([]);
  });

  test('a branch that leaves a shield behind ends when the shield does (V1)', async () => {
    const gates = new Gates();
    const seen: unknown[] = [];
    const { future } = await startFlow(
      async () => {
        const batch = parallel.start([async () => void shield(async () => seen.push(await gates.pass('shielded')))]);
        await gates.pass('other');
        seen.push(batch.done());
        await batch;
        seen.push('batch');
      },
      { leaks: 'error' },
    );
    await gates.begun('other');
    gates.open('other');
    await settle();
    gates.open('shielded', 'shielded');
    await future[0];
    expect(seen).toStrictEqual([false, 'shielded', 'batch']);
  });
});

describe('a future of the flow that a branch waits for', () => {
  test('is a leak if it comes when the branch has lost', async () => {
    const { leaks } = await runBatch(async () => {
      const outer = napper.start(50);
      await parallel([async () => outer, async () => 'first'], { completionConfig: CompletionConfig.firstSuccessful() });
      await sleep(200);
    });
    expect(short(leaks)).toStrictEqual([' null: flow UNOBSERVED']);
  });

  const ends: readonly [string, () => Promise<unknown>][] = [
    [
      'is a leak if it comes when the branch has given it up',
      async () => {
        const outer = napper.start(50);
        await parallel([() => outer.result({ timeout: 10 }).catch(() => 'given up')]);
        await sleep(200);
      },
    ],
    [
      'is none if it is a timer that the branch has given up',
      async () => {
        const outer = sleep.start('1d');
        await parallel([() => outer.result({ timeout: 10 }).catch(() => 'given up')]);
        await noop();
      },
    ],
    [
      'is none if it comes when the branch has ended, but still has a handler on it',
      async () => {
        const outer = sleep.start(20);
        await parallel([() => Promise.race([outer, sleep(10)])]);
        await sleep(30);
      },
    ],
    [
      'is none if the branch around was run again and the one that waited was not',
      async () => {
        const outer = sleep.start(10);
        await parallel([
          async () => {
            await parallel([async () => outer]);
            await sleep(10);
          },
        ]);
        await sleep(30);
      },
    ],
  ];
  test.each(ends)('%s, after any crash', async (_what, body) => {
    const { leaks } = await runBatch(body);
    expect(short(leaks)).toStrictEqual(_what.startsWith('is a leak') ? [' null: flow UNOBSERVED'] : []);
    const report = await crashEverywhere(flow(unique('outer'), body), [], { engine: { leaks: 'error' } });
    expect(report.crashes).toBeGreaterThan(0);
  });
});

describe('a batch that nobody awaits', () => {
  test('is a leak of its flow, and its branches are stopped', async () => {
    const gates = new Gates();
    const { leaks, status } = await runBatch(async () => {
      map.start(['a', 'b'], (key) => gates.pass(key), { name: 'forgotten' });
      await sleep(5);
    });
    expect([status, short(leaks), leaks[0]?.futures[0]?.name]).toStrictEqual(['SUCCEEDED', [' null: map RUNNING'], 'forgotten']);
    expect(await Promise.all([gates.aborted('a'), gates.aborted('b')])).toHaveLength(2);
  });

  test('whose branch failed is no leak once it was awaited: the failure is in the result', async () => {
    const { leaks, status } = await runBatch(async () => void (await map([1], failing)), { leaks: 'error' });
    expect([status, leaks]).toStrictEqual(['SUCCEEDED', []]);
  });

  test('that failed as a whole raises no unhandled rejection', async () => {
    const { leaks, status } = await runBatch(async () => {
      map.start([1], noop, {
        completionConfig: {
          shouldComplete: () => {
            throw new RangeError('lost');
          },
        },
      });
      await map([1], noop);
    });
    expect(status).toBe('SUCCEEDED');
    expect(leaks).toMatchObject([{ scope: '', futures: [{ kind: 'map', state: 'UNOBSERVED', error: { name: 'RangeError' } }] }]);
  });

  test('of a flow that throws is stopped', async () => {
    const gates = new Gates();
    const { error, status } = await runBatch(async () => {
      parallel.start([() => gates.pass('a')]);
      await sleep(5);
      throw new RangeError('flow');
    });
    expect([status, error?.message]).toStrictEqual(['FAILED', 'flow']);
    expect(await gates.aborted('a')).toMatchObject({ name: 'CancelledError' });
  });
});

describe('rejections that nobody handles', () => {
  test('in a branch that loses are told, but for cancellations', async () => {
    const { leaks } = await runBatch(async () => {
      await parallel(
        [
          async () => {
            void sleep('7d').catch(() => {
              throw new RangeError('from a loser');
            });
            void sleep('8d');
            await sleep('9d');
          },
          () => sleep(5),
        ],
        { completionConfig: CompletionConfig.firstSuccessful() },
      );
      await sleep(10);
    });
    expect(leaks.flatMap(({ futures }) => futures)).toMatchObject([{ kind: 'rejection', error: { message: 'from a loser' } }]);
  });

  test('that come after the end of the branch are told with the run (V2)', async () => {
    const { leaks, status } = await runBatch(
      async () => {
        const outer = sleep.start(10);
        const batch = await parallel([
          async () => {
            void outer.result().then(() => {
              throw new RangeError('late');
            });
          },
        ]);
        await outer;
        await sleep(5);
        return batch;
      },
      { leaks: 'error' },
    );
    await settle();
    expect(leaks).toMatchObject([{ scope: '', branch: null, futures: [{ kind: 'rejection', error: { message: 'late' } }] }]);
    expect(status).toBe('SUCCEEDED');
  });
});
