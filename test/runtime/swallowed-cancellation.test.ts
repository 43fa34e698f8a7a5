import {
  action,
  asCompleted,
  CompletionConfig,
  callback,
  type DurableFuture,
  event,
  FIRST_COMPLETED,
  flow,
  map,
  parallel,
  shield,
  sleep,
  wait,
  waitForCondition,
} from 'perdure';
import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deferred, inFlow, openEngine, settle, thrownBy, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

const poll = action(unique('poll'), async (state?: unknown) => state);
const child = flow(unique('child'), async () => sleep('1h'));
const first = { completionConfig: CompletionConfig.firstSuccessful() };

/** What a loop asks for in each round, swallowing whatever that throws. */
const ROUNDS: readonly { readonly what: string; round(kept: DurableFuture<unknown>): unknown }[] = [
  { what: 'an action', round: () => poll() },
  { what: 'a sleep', round: () => sleep('1h') },
  { what: 'an action and a sleep', round: async () => [await poll(), await sleep('1h')] },
  { what: 'a started action', round: () => poll.start().result() },
  { what: 'a started action, awaited', round: async () => await poll.start() },
  { what: 'exception()', round: () => sleep.start('1h').exception() },
  { what: 'a future that is cancelled besides', round: async () => [sleep.start('1h')].map((future) => [future.cancel(), future])[0]?.[1] },
  { what: 'a future that is detached', round: async () => [child.start()].map((future) => [future.detach(), future])[0]?.[1] },
  { what: 'the same future over and over', round: (kept) => kept },
  { what: 'the exception of the same future over and over', round: (kept) => kept.exception() },
  { what: 'wait()', round: () => wait([sleep.start('1h')], FIRST_COMPLETED) },
  { what: 'wait() for nothing', round: () => wait([]) },
  { what: 'a wait() with a limit', round: () => wait([sleep.start('1h')], { timeout: '1m' }) },
  { what: 'a result() with a limit', round: () => sleep.start('1h').result({ timeout: '1m' }) },
  { what: 'an event', round: () => event('news') },
  { what: 'a callback', round: () => callback().future },
  { what: 'a child flow', round: () => child() },
  { what: 'waitForCondition()', round: () => waitForCondition(poll, { initial: 0, strategy: () => ({ continue: true, delay: '1m' }) }) },
  { what: 'parallel()', round: () => parallel([() => sleep('1h')]) },
  { what: 'map()', round: () => map([1], () => sleep('1h')) },
  { what: 'Promise.race', round: () => Promise.race([sleep('1h'), poll()]) },
  { what: 'Promise.allSettled', round: () => Promise.allSettled([sleep('1h'), poll()]) },
  { what: 'a function that catches by itself', round: async () => await sleep('1h').catch(() => undefined) },
  {
    what: 'asCompleted',
    round: async () => {
      for await (const future of asCompleted([sleep.start('1h')])) await future.result();
    },
  },
];

/** Which of them are tried in branches, too. */
const IN_BRANCHES = new Set([
  'an action and a sleep',
  'exception()',
  'the same future over and over',
  'wait()',
  'parallel()',
  'asCompleted',
]);

/** A loop that goes on in spite of everything. */
async function swallowing(round: (kept: DurableFuture<unknown>) => unknown): Promise<void> {
  const kept = sleep.start('1h');
  await kept.exception();
  for (;;) {
    try {
      await round(kept);
    } catch {}
  }
}

describe.each(ROUNDS)('a loop around $what that swallows its cancellation', ({ what, round }) => {
  test('ends with its run, CANCELLED, and says so', async () => {
    const { engine, lines } = await openEngine();
    const begun = deferred();
    const run = engine.start(
      flow(unique('swallowing'), async () => {
        begun.resolve();
        await swallowing(round);
      }),
      [],
    );
    await begun.promise;
    await settle();
    await engine.cancel(run.id);
    expect((await run.exception())?.name).toBe('CancelledError');
    expect(run.status).toBe('CANCELLED');
    const warnings = lines.filter(({ level }) => level === 'warn');
    expect(warnings.map(({ message }) => message)).toStrictEqual([expect.stringContaining('was cancelled, and went on asking')]);
  });

  test.runIf(IN_BRANCHES.has(what))('ends with the branch that loses, which is unfinished', async () => {
    const { result, status, journal, leaks } = await runBatch(
      async () => {
        const batch = await parallel([() => swallowing(round), () => sleep(5)], first);
        await poll();
        return batch;
      },
      { leaks: 'error' },
    );
    expect([status, result?.all.map((item) => item.status)]).toStrictEqual(['SUCCEEDED', ['STARTED', 'SUCCEEDED']]);
    expect([journal.has('0.0'), leaks]).toStrictEqual([false, []]);
  });
});

describe('the refusals of a cancelled run', () => {
  /** A run that is cancelled after a second of virtual time, and counts what it is refused. */
  async function refusedIn(body: (count: () => void) => Promise<unknown>): Promise<{ count: number; status: string; turns: number }> {
    let count = 0;
    let turns = 0;
    const engine = createTestEngine();
    onTestFinished(() => engine.close({ timeout: 0 }));
    const future = engine.start(flow(unique('counted'), () => body(() => (count += 1))).with({ timeout: '1s' }), []);
    let over = false;
    const watch = (): void => {
      turns += 1;
      if (!over) setImmediate(watch);
    };
    setImmediate(watch);
    await future.exception();
    over = true;
    return { count, status: future.status, turns };
  }

  test('are 10,000, the first hundred of which come at once', async () => {
    const loop = async (count: () => void): Promise<void> => {
      for (;;) await sleep('1h').catch(count);
    };
    const { count, status, turns } = await refusedIn(loop);
    // The first cancellation is delivered, and not refused.
    expect(count).toBe(10_001);
    expect(status).toBe('FAILED');
    expect(turns).toBeGreaterThan(9_900);
  });

  test('are answered to the last of a program that asks so often and no more, and its shields are waited for', async () => {
    const seen: unknown[] = [];
    const { count } = await refusedIn(async (counted) => {
      await sleep('1h').catch(() => undefined);
      const closures = Array.from({ length: 500 }, async () => {
        await poll().catch(counted);
        await poll().catch(counted);
      });
      await Promise.all(closures);
      seen.push(await shield(() => poll('clean')));
    });
    expect([count, seen]).toStrictEqual([1_000, ['clean']]);
  });

  test('give a future that is STARTED for a turn, from the 101st on', async () => {
    const statuses: string[] = [];
    await refusedIn(async () => {
      await sleep('1h').catch(() => undefined);
      const futures = Array.from({ length: 102 }, () => poll.start());
      statuses.push(...futures.slice(99).map(({ status }) => status));
      statuses.push(`${futures[101]?.cancel()}`, (await futures[101]?.exception())?.name ?? '', futures[101]?.status ?? '');
    });
    expect(statuses).toStrictEqual(['CANCELLED', 'STARTED', 'STARTED', 'true', 'CancelledError', 'CANCELLED']);
  });

  test('wait for shields, of branches as well', async () => {
    const gates = new Gates();
    const seen: string[] = [];
    const { engine } = await openEngine();
    const run = engine.start(
      flow(unique('shielded'), async () => {
        const shielded = shield(() => gates.pass('shield')).then(() => seen.push('shield'));
        for (let round = 0; round < 200; round += 1) await sleep('1h').catch(() => undefined);
        seen.push('loop');
        await shielded;
      }),
      [],
    );
    await gates.begun('shield');
    await engine.cancel(run.id);
    await settle();
    expect(seen).toStrictEqual([]);
    gates.open('shield');
    await run;
    expect(seen).toStrictEqual(['shield', 'loop']);
  });

  test('do not wait for a shield that itself waits for what is refused', async () => {
    const { engine } = await openEngine();
    const begun = deferred();
    const run = engine.start(
      flow(unique('waiting'), async () => {
        const loop = (async () => {
          begun.resolve();
          for (let round = 0; round < 300; round += 1) await sleep('1h').catch(() => undefined);
          return 'looped';
        })();
        return shield(async () => [await loop, await poll('clean')]);
      }),
      [],
    );
    await begun.promise;
    await settle();
    await engine.cancel(run.id);
    expect(await run).toStrictEqual(['looped', 'clean']);
  });

  test('do not concern futures that are cancelled: many can be looked at, several times', async () => {
    const { engine } = await openEngine();
    const begun = deferred();
    const run = engine.start(
      flow(unique('many'), async () => {
        const futures = Array.from({ length: 12_000 }, () => sleep.start('1h'));
        begun.resolve();
        await Promise.all(futures).catch(() => undefined);
        const settled = await Promise.allSettled(futures);
        for (const future of futures) await future.exception();
        return settled.length;
      }),
      [],
    );
    await begun.promise;
    await settle();
    await engine.cancel(run.id);
    expect(await run).toBe(12_000);
  });
});

test('timers of the process fire, and other runs go on, while code swallows its cancellation', async () => {
  const { engine } = await openEngine();
  const loops = Array.from({ length: 5 }, () =>
    engine.start(
      flow(unique('swallowing'), () => swallowing(() => sleep('1h'))),
      [],
    ),
  );
  await Promise.all(loops.map((run) => run.recorded()));
  await settle();
  let longest = 0;
  let last = performance.now();
  const clock = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  onTestFinished(() => clearInterval(clock));
  await Promise.all(loops.map((run) => engine.cancel(run.id)));
  const other = engine.start(
    flow(unique('other'), async () => [await poll(1), await poll(2), await poll(3)]),
    [],
  );
  expect(await other).toStrictEqual([1, 2, 3]);
  expect(loops.some((run) => !run.done())).toBe(true);
  await Promise.all(loops.map((run) => run.exception()));
  // Fifty where the machine does nothing else.
  expect(longest).toBeLessThan(500);
});

describe('a replay gives the same refusals', () => {
  const cases: readonly [string, () => Promise<unknown>][] = [
    [
      'to a run that cleans up after many',
      async () => {
        let rounds = 0;
        while (rounds < 150) await sleep('1h').catch(() => (rounds += 1));
        await shield(() => poll('one'));
        while (rounds < 300) await poll().catch(() => (rounds += 1));
        return [rounds, await shield(() => poll('two'))];
      },
    ],
    [
      'to a run that cleans up in the loop',
      async () => {
        for (let rounds = 0; rounds < 112; rounds += 1) {
          await poll().catch(() => undefined);
          if (rounds > 105) await shield(() => poll(rounds));
        }
      },
    ],
    [
      'to branches beside each other, whose flow goes on',
      async () => {
        const looping = async (): Promise<void> => {
          for (let rounds = 0; rounds < 200; rounds += 1) {
            await sleep('1h').catch(() => undefined);
            if (rounds === 120 || rounds === 180) await shield(() => poll(rounds));
          }
        };
        await shield(async () => {
          await parallel([looping, looping, () => poll()], first);
          return [await poll(1), await poll(2), await sleep('1m'), await poll(3)];
        });
      },
    ],
    ['to a run that never ends by itself', () => swallowing(() => poll())],
    ['to code in the background of a run that has ended', async () => void parallel.start([() => swallowing(() => poll())])],
  ];
  test.each(cases)('%s', { timeout: 60_000 }, async (_what, body) => {
    const limited = flow(unique('limited'), async () => {
      await poll('begun');
      return body();
    }).with({ timeout: '1m' });
    const report = await crashEverywhere(limited, [], { engine: { leaks: 'ignore' } });
    expect(report.crashes).toBeGreaterThan(0);
  });
});

describe('code that goes on after its end', () => {
  test.each([
    [
      'of its branch',
      async (loop: () => Promise<void>, outer: DurableFuture<unknown>) => {
        await parallel([
          async () => {
            void outer.result().then(loop);
          },
        ]);
        await outer;
        await poll();
      },
    ],
    [
      'of its run',
      async (loop: () => Promise<void>) => {
        void Promise.resolve()
          .then(() => new Promise((resolve) => setTimeout(resolve, 20)))
          .then(loop);
      },
    ],
  ])('%s and swallows what it is told does not block the process', async (_whose, body) => {
    const refused: Error[] = [];
    const stopped = deferred();
    const loop = async (): Promise<void> => {
      for (;;) {
        try {
          await poll();
        } catch (error) {
          refused.push(error as Error);
          if (refused.length === 100) stopped.resolve();
        }
      }
    };
    await inFlow(async () => body(loop, sleep.start(5)), { leaks: 'ignore', nonDurableAwait: 'ignore' });
    await stopped.promise;
    await settle();
    expect(refused).toHaveLength(100);
    expect(new Set(refused.map(({ message }) => message)).size).toBeLessThan(101);
    expect((await thrownBy(() => Promise.reject(refused[0]))).code).toBe('RUN_ENDED');
  });
});
