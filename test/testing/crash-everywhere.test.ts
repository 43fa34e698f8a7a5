import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  action,
  actionContext,
  CompletionConfig,
  flow,
  map,
  memoryStore,
  now,
  parallel,
  random,
  shield,
  sleep,
  sqliteStore,
  uuid,
  wait,
} from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { wrappedStore } from '../../src/testing/wrapped-store.js';
import { assertWellFormed, crashEverywhere, createTestEngine, type RunReport } from '../../src/testing.js';
import { thrownBy, unique } from '../api/with-engine.js';

const work = action('crash-everywhere-work', async (text: string) => `${text}!`);

const child = flow('crash-everywhere-child', async (text: string) => work(text));

describe('passes a flow', () => {
  test('of actions, sleeps and child runs', async () => {
    const main = flow(unique('main'), async (text: string) => {
      const first = await work(text);
      await sleep('3d');
      return [first, await child('child'), await Promise.race([work('a'), sleep('1h')])];
    });
    const report = await crashEverywhere(main, ['x']);
    expect(report.crashes).toBe(2 * report.commits);
    expect(report.commits).toBeGreaterThan(4);
  });

  test('of batches, whose losers clean up', async () => {
    const main = flow(unique('main'), async () => {
      const first = await parallel(
        [
          async () => {
            await sleep('1h');
            return work('fast');
          },
          async () => {
            try {
              await sleep('30d');
            } finally {
              await shield(() => work('clean'));
            }
          },
        ],
        { completionConfig: CompletionConfig.firstSuccessful() },
      );
      const rest = await map(['a', 'b', 'c'], work, { maxConcurrency: 2 });
      return [first.all.map(({ status }) => status), rest.getResults()];
    });
    const { commits } = await crashEverywhere(main, [], { faults: { slow: 3 } });
    expect(commits).toBeGreaterThan(5);
  });

  test('that returns errors, whose stacks differ from run to run', async () => {
    let calls = 0;
    const here = (): Error => new RangeError('no');
    const there = (): Error => new RangeError('no');
    const failing = action(unique('failing'), async () => {
      calls += 1;
      throw calls % 2 === 0 ? here() : there();
    });
    const main = flow(unique('main'), async () => map([1], failing));
    const reset = (): void => {
      calls = 0;
    };
    await crashEverywhere(main, [], { reset });
  });

  test('that takes a child run up again while the end of that is being written', async () => {
    const kid = flow(unique('kid'), async () => {
      await work('kid');
      await sleep(5);
      return 'kid';
    });
    const main = flow(unique('main'), async () => {
      await sleep(42);
      const first = kid.start();
      await work('a');
      await work('b');
      return Promise.race([first, sleep(39)]);
    });
    await crashEverywhere(main, [], { engine: { leaks: 'ignore' } });
  });

  test('that fails, and is prepared by a setup', async () => {
    const main = flow(unique('main'), async () => {
      const waited = await wait([work.start('slow')], { timeout: '1h' });
      await Promise.all(waited.done);
      return work('other');
    });
    await crashEverywhere(main, [], { setup: (engine) => void engine.mock(work, new RangeError('no'), { latency: '2s' }) });
  });
});

describe('faults', () => {
  const ALL = { slow: 2, failingCommit: true, lostWorker: true };

  test.each<[string, () => Promise<unknown>]>([
    ['actions', async () => [await work('a'), ...(await Promise.all([work('b'), work('c')]))]],
    ['timers', async () => [await sleep('1h'), await Promise.race([sleep('2h'), work('a')])]],
    ['child runs', async () => [await child('a'), ...(await Promise.all([child('b'), work('c')]))]],
    ['batches', async () => (await map(['a', 'b', 'c'], async (text) => child(text), { maxConcurrency: 2 })).getResults()],
    [
      'batches with losers that clean up',
      async () => {
        const done = await parallel(
          [
            () => work('fast'),
            async () => {
              try {
                await sleep('30d');
              } finally {
                await shield(() => work('clean'));
              }
            },
          ],
          { completionConfig: CompletionConfig.firstSuccessful() },
        );
        return done.all.map(({ status }) => status);
      },
    ],
    ['draws', async () => [random(), uuid(), await work(uuid())]],
  ])('do no harm to a flow of %s', async (_what, body) => {
    const { commits, crashes, faults } = await crashEverywhere(flow(unique('main'), body), [], {
      faults: ALL,
      engine: { leaks: 'ignore' },
    });
    expect({ crashes, faults }).toStrictEqual({ crashes: 2 * commits, faults: 4 * commits });
  });

  const main = flow(unique('main'), async () => [await work('a'), await sleep('1h'), await work('b')]);

  test.each([
    [{}, 0],
    [{ slow: 5 }, 0],
    [{ failingCommit: true }, 2],
    [{ lostWorker: true }, 2],
    [{ failingCommit: true, lostWorker: true }, 4],
    [{ failingCommit: false, lostWorker: false }, 0],
  ])('%j are counted for each commit: %i', async (faults, each) => {
    const report = await crashEverywhere(main, [], { faults });
    expect(report).toStrictEqual({ commits: report.commits, crashes: 2 * report.commits, faults: each * report.commits });
  });

  test('are a commit that is not written, one that is, and a worker taken for dead before and after one', async () => {
    const seen: string[][] = [];
    const store = (): Store => {
      const calls: string[] = [];
      seen.push(calls);
      return wrappedStore(memoryStore(), async (method, call) => {
        const result = await call();
        if (method === 'commit') calls.push('commit');
        if (method === 'reapWorkers' && (result as string[]).length > 0) calls.push('reaped');
        return result;
      });
    };
    const { commits } = await crashEverywhere(
      flow(unique('main'), async () => work('a')),
      [],
      { store, faults: { failingCommit: true, lostWorker: true } },
    );
    // The run that nothing disturbs, two that are crashed at the first commit, and then the four that are disturbed at it.
    const [sound, , , unwritten, written, lostBefore, lostAfter] = seen;
    expect(sound).toStrictEqual(Array.from({ length: commits }, () => 'commit'));
    expect(unwritten).toStrictEqual(sound);
    expect(written).toStrictEqual(['commit', ...(sound ?? [])]);
    expect(lostBefore?.[0]).toBe('reaped');
    expect(lostAfter?.slice(0, 2)).toStrictEqual(['commit', 'reaped']);
  });

  test.each([
    ['failingCommit', 'a failure'],
    ['lostWorker', 'the loss of the worker'],
  ])('of %s are named when a flow does not come through', async (fault, what) => {
    let runs = 0;
    // The first run, and the two that are crashed at the first commit, come to one end, and those after them to another.
    const late = flow(unique('main'), async () => `${await work('a')} ${runs > 3}`);
    const error = await thrownBy(() =>
      crashEverywhere(late, [], {
        faults: { [fault]: true },
        reset: () => {
          runs += 1;
        },
      }),
    );
    expect(error.message).toMatch(
      new RegExp(`^after ${what} right before commit 1 of \\d+ the run came to another end\n  expected: SUCCEEDED: "a! false"\n`),
    );
  });
});

describe('a world outside', () => {
  const charged = new Map<string, number>();
  const charge = action(unique('charge'), async (key: string) => {
    charged.set(key, (charged.get(key) ?? 0) + 1);
    return key;
  });
  const chargeOnce = action(unique('charge-once'), async () => {
    const { idempotencyKey } = actionContext();
    charged.set(idempotencyKey, 1);
    return 'charged';
  });
  const total = (): number => [...charged.values()].reduce((sum, count) => sum + count, 0);

  test('shows an action that is not idempotent', async () => {
    const main = flow(unique('main'), async () => [await work('a'), await charge('lamp')]);
    const error = await thrownBy(() => crashEverywhere(main, [], { reset: () => charged.clear(), invariant: () => total() === 1 }));
    expect(error.name).toBe('AssertionError');
    expect(error.message).toMatch(
      /^after a crash right before commit \d+ of \d+ the run broke the invariant: the invariant does not hold for\nflow "main-\d+" \(crashed\) SUCCEEDED\n/,
    );
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('is left in order by one that goes by its idempotency key', async () => {
    const main = flow(unique('main'), async () => [await work('a'), await chargeOnce(), await chargeOnce()]);
    const { commits } = await crashEverywhere(main, [], {
      reset: () => charged.clear(),
      invariant: () => total() === 2,
      faults: { failingCommit: true, lostWorker: true },
    });
    expect(commits).toBeGreaterThan(2);
  });

  test('is brought back before each run, and looked at after each', async () => {
    let resets = 0;
    let looks = 0;
    const main = flow(unique('main'), async () => work('a'));
    const { crashes, faults } = await crashEverywhere(main, [], {
      reset: async () => {
        await Promise.resolve();
        resets += 1;
      },
      invariant: ({ result, status }) => {
        looks += 1;
        return status === 'SUCCEEDED' && result === 'a!';
      },
      faults: { failingCommit: true },
    });
    expect([resets, looks]).toStrictEqual([1 + crashes + faults, 1 + crashes + faults]);
  });

  test('that is not in order without any crash is told of', async () => {
    const main = flow(unique('main'), async () => work('a'));
    const invariant = (): never => {
      throw new RangeError('never');
    };
    const error = await thrownBy(() => crashEverywhere(main, [], { invariant }));
    expect(error.message).toBe('the run broke the invariant: never');
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  test('whose reset fails ends it', async () => {
    const main = flow(unique('main'), async () => work('a'));
    await expect(crashEverywhere(main, [], { reset: () => Promise.reject(new RangeError('no')) })).rejects.toThrow(new RangeError('no'));
  });
});

describe('a store', () => {
  test('of SQLite is made for each run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'perdure-crash-everywhere-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    let stores = 0;
    const store = (): Store => {
      stores += 1;
      return sqliteStore(join(folder, `${stores}.db`));
    };
    const main = flow(unique('main'), async () => [await work('a'), (await map(['b', 'c'], child)).getResults(), await sleep('1h')]);
    const { crashes, faults } = await crashEverywhere(main, [], { store, faults: { failingCommit: true, lostWorker: true } });
    expect(stores).toBe(1 + crashes + faults);
  });

  test('is opened and closed by one process after the other', async () => {
    const calls: string[] = [];
    const store = (): Store => {
      calls.push('made');
      return wrappedStore(memoryStore(), async (method, call) => {
        if (method === 'open' || method === 'close') calls.push(method);
        return call();
      });
    };
    await crashEverywhere(
      flow(unique('main'), async () => work('a')),
      [],
      { store },
    );
    // A process each, or two where the first is crashed, and one that looks at the journals.
    expect(calls.slice(0, 5)).toStrictEqual(['made', 'open', 'close', 'open', 'close']);
    expect(calls.slice(5, 12)).toStrictEqual(['made', 'open', 'close', 'open', 'close', 'open', 'close']);
  });
});

test('random() and uuid() may be in what a flow returns', async () => {
  const main = flow(unique('main'), async () => [random(), uuid(), await work(uuid()), random()]);
  const seen = new Set<string>();
  await crashEverywhere(main, [], { invariant: ({ result }) => void seen.add(JSON.stringify(result)), faults: { lostWorker: true } });
  expect(seen.size).toBe(1);
});

test.each([work, async () => 1, undefined])('something that is no flow is refused', async (target) => {
  await expect(crashEverywhere(target as never, [])).rejects.toMatchObject({
    name: 'UsageError',
    code: 'NOT_STARTABLE',
    message: expect.stringContaining('crashEverywhere'),
  });
});

describe('catches', () => {
  test('a flow that goes by the clock of the machine', async () => {
    let clock = 0;
    const main = flow(unique('main'), async () => {
      clock += 1;
      const name = `at ${clock}`;
      return work(name);
    });
    const error = await thrownBy(() => crashEverywhere(main, []));
    expect(error.name).toBe('AssertionError');
    expect(error.message).toMatch(/^after a crash right (before|after) commit \d+ of \d+ the run came to another end/);
  });

  test('an action whose result depends on how often it is done', async () => {
    let done = 0;
    const count = action(unique('count'), async () => {
      done += 1;
      return done;
    });
    const error = await thrownBy(() =>
      crashEverywhere(
        flow(unique('main'), async () => count()),
        [],
      ),
    );
    expect(error.message).toMatch(/the run came to another end/);
  });

  test('a flow that keeps what it knows outside', async () => {
    const seen: string[] = [];
    const main = flow(unique('main'), async () => {
      seen.push(await work('x'));
      await sleep(1);
      return seen.length;
    });
    const error = await thrownBy(() => crashEverywhere(main, []));
    expect(error.message).toMatch(/came to another end/);
  });
});

test('what is no flow, and arguments that are no array, are refused before anything begins', async () => {
  let begun = 0;
  const main = flow(unique('main'), async () => now());
  const reset = (): void => {
    begun += 1;
  };
  for (const [target, args, code] of [
    [work, [], 'NOT_STARTABLE'],
    [main, undefined, 'INVALID_ARGUMENT'],
    [main, 'x', 'INVALID_ARGUMENT'],
  ]) {
    const error = await thrownBy(() => crashEverywhere(target as typeof main, args as never, { reset }));
    expect(error).toMatchObject({ name: 'UsageError', code });
    expect(error.message).toMatch(/^crashEverywhere\(flow, args\)/);
  }
  expect(begun).toBe(0);
});

test('bad options are refused', async () => {
  const main = flow(unique('main'), async () => now());
  for (const options of [
    { setup: 5 },
    { reset: 5 },
    { invariant: false },
    { store: memoryStore() },
    { store: () => ({}) },
    { store: () => ({ commit: () => {}, loadJournals: () => {} }) },
    { store: () => undefined },
    { faults: 5 },
    { faults: null },
    { faults: [] },
    { faults: { slow: -1 } },
    { faults: { slow: 0.5 } },
    { faults: { failingCommit: 1 } },
    { faults: { lostWorker: 'yes' } },
    { faults: { what: true } },
    { engine: 7 },
    { engine: { what: 1 } },
    { engine: { store: memoryStore() } },
    { engine: { startTime: 0 } },
    { engine: { autoAdvance: false } },
    { what: 1 },
    5,
  ]) {
    const error = await thrownBy(() => crashEverywhere(main, [], options as never));
    expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION' });
  }
});

test('what options inherit counts, for the engine and the faults as well', async () => {
  const main = flow(unique('main'), async () => {
    sleep.start('1d');
  });
  const statuses = new Set<string>();
  const options = Object.create({
    engine: Object.create({ leaks: 'ignore' }) as object,
    faults: Object.create({ failingCommit: true }) as object,
    invariant: ({ status }: RunReport<void>) => void statuses.add(status),
  }) as object;
  expect((await crashEverywhere(main, [], options)).faults).toBeGreaterThan(0);
  expect([...statuses]).toEqual(['SUCCEEDED']);
});

test('options of the engine that are undefined count as left out', async () => {
  const main = flow(unique('main'), async () => {
    sleep.start('1d');
  });
  let status: string | undefined;
  await crashEverywhere(main, [], {
    engine: { leaks: undefined } as never,
    invariant: (report) => {
      status = report.status;
    },
  });
  expect(status).toBe('FAILED');
});

test('assertWellFormed passes the journal of a report, and names the rules that another one breaks', async () => {
  await using engine = createTestEngine();
  const main = flow(unique('main'), async () => (await map(['a', 'b'], work)).getResults());
  const { journal } = await engine.run(main);
  assertWellFormed(journal);
  const error = await thrownBy(() =>
    assertWellFormed(journal.map((entry) => (entry.kind === 'run' || entry.seq === null ? entry : { ...entry, seq: entry.seq + 1 }))),
  );
  expect(error.message).toMatch(/not well formed; not so: outcomes are numbered from 1 without gaps/);
});

test('an end is the same when a serdes makes another text of it each time', async () => {
  let salt = 0;
  const serdes = {
    serialize: (value: unknown): string => {
      salt += 1;
      return `${salt}:${JSON.stringify(value)}`;
    },
    deserialize: (text: string): unknown => JSON.parse(text.slice(text.indexOf(':') + 1)),
  };
  const salted = flow(unique('salted'), async () => ({ at: await sleep(1).then(() => 'the end') }), { serdes });
  const report = await crashEverywhere(salted, []);
  expect(report.crashes).toBeGreaterThan(1);
  await using engine = createTestEngine();
  await engine.run(salted);
  await engine.assertReplays();
  expect((await engine.check(salted)).mismatches).toEqual([]);
});
