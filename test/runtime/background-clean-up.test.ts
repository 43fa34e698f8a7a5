import { action, CancelledError, type DurableFuture, flow, map, parallel, shield, sleep } from 'perdure';
import { crashEverywhere } from 'perdure/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { openEngine, settle, startFlow, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

let done: string[] = [];
beforeEach(() => {
  done = [];
});

const undo = action(unique('undo'), async (what: string) => {
  done.push(what);
  return what;
});
const charge = action(unique('charge'), async () => {
  throw new RangeError('declined');
});
const noop = action(unique('noop'), async () => undefined);

/** A branch that holds something, and gives it back when it is cancelled. */
const holding = (what: string) => async (): Promise<void> => {
  try {
    await sleep('1h');
  } catch (error) {
    await shield(() => undo(`${what}: ${(error as Error).name}`));
    throw error;
  } finally {
    await shield(async () => {
      await undo(`${what}: finally`);
      await sleep('1m');
      await undo(`${what}: later`);
    });
  }
};
const brief = (): Promise<void> => sleep('1h').finally(() => shield(() => undo('brief')));
const cleaned = (what: string): string[] => [`${what}: CancelledError`, `${what}: finally`, `${what}: later`];

/** Flows that leave code of branches behind, what that has to do, and how they end. */
const WAYS: readonly { readonly way: string; body(): Promise<unknown>; readonly undone: readonly string[]; readonly ends?: string }[] = [
  {
    way: 'a batch that is awaited beside what fails',
    body: () => Promise.all([parallel([holding('a'), holding('b')]), charge()]),
    undone: [...cleaned('a'), ...cleaned('b')],
    ends: 'FAILED',
  },
  {
    way: 'a batch in the background of a flow that throws',
    body: async () => {
      parallel.start([holding('a')]);
      await noop();
      throw new RangeError('own');
    },
    undone: cleaned('a'),
    ends: 'FAILED',
  },
  {
    way: 'a map in the background of a flow that returns',
    body: async () => {
      map.start(['a', 'b'], (item) => holding(item)());
      await noop();
    },
    undone: [...cleaned('a'), ...cleaned('b')],
  },
  {
    way: 'a batch begun in the last turn',
    body: async () => {
      await noop();
      parallel.start([holding('a')]);
    },
    undone: cleaned('a'),
  },
  {
    way: 'the rest of a batch that was left to go on',
    body: () => parallel([() => noop(), holding('a')], { unfinished: 'leave', completionConfig: { minSuccessful: 1 } }).then(() => noop()),
    undone: cleaned('a'),
  },
  {
    way: 'nested batches',
    body: async () => {
      parallel.start([holding('a'), () => map(['b'], (item) => parallel([holding(item)]))]);
      await noop();
    },
    undone: [...cleaned('a'), ...cleaned('b')],
  },
  {
    way: 'a detached batch',
    body: async () => {
      parallel.start([holding('a')]).detach();
      await noop();
    },
    undone: cleaned('a'),
  },
  {
    way: 'a detached batch in a branch that is cancelled',
    body: async () => {
      const loser = async (): Promise<void> => {
        parallel.start([holding('a')]).detach();
        await sleep('1h');
      };
      await parallel([loser, () => noop()], { completionConfig: { minSuccessful: 1 } });
      await sleep('2m');
    },
    undone: cleaned('a'),
  },
  {
    way: 'a batch in a branch that throws',
    body: () => parallel([() => Promise.all([parallel([holding('a')]), charge()])]).then(({ failureCount }) => failureCount),
    undone: cleaned('a'),
  },
  {
    way: 'a batch in a branch that returns',
    body: () =>
      parallel([
        async () => {
          map.start(['a'], (item) => holding(item)());
          await noop();
        },
      ]).then(({ status }) => status),
    undone: cleaned('a'),
  },
  {
    way: 'a batch that was started in a shield, when that has ended',
    body: async () => {
      await shield(async () => void parallel.start([holding('a')]));
      await noop();
    },
    undone: cleaned('a'),
  },
  {
    way: 'a batch that was started in a shield of a branch which comes to no end',
    body: async () => {
      const stays = async (): Promise<void> => {
        await shield(async () => void parallel.start([holding('a')]));
        await sleep('1h').catch(() => new Promise(() => {}));
      };
      parallel.start([stays]);
      await noop();
    },
    undone: cleaned('a'),
  },
  {
    way: 'a batch begun by the clean-up of another',
    body: async () => {
      parallel.start([
        async () => {
          try {
            await sleep('1h');
          } finally {
            await shield(async () => void parallel.start([holding('a')]));
          }
        },
      ]);
      await noop();
    },
    undone: cleaned('a'),
  },
  {
    way: 'a closure that waits for a batch',
    body: () =>
      Promise.all([
        (async () => {
          try {
            await parallel([holding('a')]);
          } catch (error) {
            await shield(() => undo(`closure: ${(error as Error).name}`));
          }
        })(),
        charge(),
      ]),
    undone: [...cleaned('a'), 'closure: CancelledError'],
    ends: 'FAILED',
  },
];

describe.each(WAYS)('$way', ({ body, undone, ends = 'SUCCEEDED' }) => {
  test.each(['warn', 'error', 'ignore'] as const)("cleans up before its scope is over, under '%s', whatever crashes", async (leaks) => {
    const left = flow(unique('left'), async () => {
      await body();
      return 'value';
    });
    const report = await crashEverywhere(left, [], {
      engine: { leaks },
      reset: () => {
        done = [];
      },
      invariant: ({ status }) => {
        // An action whose outcome a crash has lost is done again.
        expect([...new Set(done)].sort()).toStrictEqual([...undone].sort());
        if (leaks !== 'error') expect(status).toBe(ends);
      },
    });
    expect(report.crashes).toBeGreaterThan(4);
  });
});

describe('a run that leaves code behind', () => {
  test('has not ended before that has cleaned up, and is then what it was without', async () => {
    const gates = new Gates();
    const { engine, future } = await startFlow(async () => {
      parallel.start([
        async () => {
          try {
            await sleep('1h');
          } finally {
            await shield(() => gates.pass('clean up'));
          }
        },
      ]);
      await noop();
      throw new RangeError('own');
    });
    const run = future[0] as DurableFuture<unknown>;
    await gates.begun('clean up');
    await settle();
    expect([run.done(), (await engine.get(run.id)).status]).toStrictEqual([false, 'RUNNING']);
    gates.open('clean up');
    expect(await run.exception()).toMatchObject({ name: 'RangeError', message: 'own' });
    expect(run.status).toBe('FAILED');
  });

  test('waits for no cancelled child of it', async () => {
    const gates = new Gates();
    const child = flow(unique('child'), () => shield(() => gates.pass('child')));
    const { status } = await runBatch(async () => {
      parallel.start([() => child()]);
      await gates.begun('child');
    });
    expect(status).toBe('SUCCEEDED');
    gates.open('child');
  });

  test('waits for no code of it that comes to no end', async () => {
    const { status, journal } = await runBatch(async () => {
      parallel.start([() => sleep('1h').catch(() => new Promise(() => {}))]);
      await noop();
    });
    expect([status, journal.get('0')?.status, journal.has('0.0')]).toStrictEqual(['SUCCEEDED', 'CANCELLED', false]);
  });

  test('tells its code why it is cancelled', async () => {
    const errors: Error[] = [];
    await runBatch(async () => {
      parallel.start([() => sleep('1h').catch((error: Error) => errors.push(error))]);
      await noop();
    });
    expect(errors[0]).toBeInstanceOf(CancelledError);
    expect(errors[0]?.message).toContain('it has ended');
  });

  test.each([
    ['started', () => void parallel.start([brief]), 'parallel RUNNING'],
    ['awaited in a race', () => Promise.race([parallel([brief]), noop()]), 'parallel RUNNING'],
    ['called, with its await forgotten', () => void map(['a'], brief), 'map RUNNING'],
    ['awaited by a closure', () => void (async () => void (await parallel([brief])))(), 'parallel RUNNING'],
  ])(
    'reports the batch as the leak that it is, once: %s',
    async (_what, leave, leak) => {
      const gates = new Gates();
      const body = async (): Promise<void> => {
        await leave();
        gates.start('an action that is left behind');
      };
      const { leaks } = await runBatch(body);
      expect(leaks.flatMap(({ futures }) => futures.map(({ kind, state }) => `${kind} ${state}`))).toStrictEqual([leak, 'action RUNNING']);
    },
    70_000,
  );

  test('warns of clean-up that fails', async () => {
    const { lines, status, leaks } = await runBatch(async () => {
      const batch = parallel.start([
        { name: 'shaky', run: () => sleep('1h').catch(() => Promise.reject(new SyntaxError('no clean-up'))) },
        { name: 'fine', run: brief },
      ]);
      batch.detach();
      await noop();
    });
    const told = lines.filter(({ level }) => level !== 'debug');
    expect([status, leaks.length]).toStrictEqual(['SUCCEEDED', 0]);
    expect(told).toMatchObject([{ level: 'warn', fields: { error: { message: 'no clean-up' } } }]);
  });
});

describe('while a shield is open', () => {
  test('branches are told in the turn after the body, and get no outcome from then on; what is shielded goes on', async () => {
    const gates = new Gates();
    const seen: string[] = [];
    const { engine, future } = await startFlow(
      async () => {
        parallel.start([
          async () => {
            await gates.pass('branch').catch((error: Error) => seen.push(`branch: ${error.name}`));
            return 'unheard';
          },
        ]);
        void shield(async () => {
          const { all } = await map(['one', 'two'], (item) => gates.pass(item));
          seen.push(`shielded: ${all.map(({ status }) => status)}`);
        });
        await gates.pass('body');
        seen.push('body');
      },
      { leaks: 'ignore' },
    );
    const run = future[0] as DurableFuture<unknown>;
    await Promise.all(['branch', 'one', 'two', 'body'].map((key) => gates.begun(key)));
    gates.open('body');
    expect(await gates.aborted('branch')).toBeInstanceOf(CancelledError);
    await settle();
    expect(seen).toStrictEqual(['body', 'branch: CancelledError']);
    expect(run.done()).toBe(false);
    gates.open('one');
    gates.open('two');
    await run;
    expect(seen).toStrictEqual(['body', 'branch: CancelledError', 'shielded: SUCCEEDED,SUCCEEDED']);
    const [batch, shielded] = await engine.operations(run.id);
    expect([batch?.status, batch?.children.map(({ status }) => status)]).toStrictEqual(['CANCELLED', ['CANCELLED']]);
    expect(shielded?.status).toBe('SUCCEEDED');
  });

  test('a batch that was started in a shield and left behind is told when no shield is open', async () => {
    const gates = new Gates();
    const { future } = await startFlow(
      async () => {
        await shield(async () => void parallel.start([() => gates.pass('left')]));
        void shield(() => gates.pass('open'));
        await gates.pass('body');
      },
      { leaks: 'ignore' },
    );
    await Promise.all(['left', 'open', 'body'].map((key) => gates.begun(key)));
    gates.open('body');
    let aborted = false;
    void gates.aborted('left').then(() => (aborted = true));
    await settle();
    expect(aborted).toBe(false);
    gates.open('open');
    await future[0];
    expect(await gates.aborted('left')).toBeInstanceOf(CancelledError);
  });
});

test('a cancellation that comes while code in the background cleans up does not interrupt that', async () => {
  const gates = new Gates();
  const { engine } = await openEngine({ leaks: 'ignore' });
  const run = engine.start(
    flow(unique('left'), async () => {
      parallel.start([() => sleep('1h').finally(() => shield(() => gates.pass('clean up')))]);
      await noop();
      return 'value';
    }),
    [],
  );
  await gates.begun('clean up');
  await engine.cancel(run.id);
  await settle();
  expect(run.done()).toBe(false);
  gates.open('clean up');
  expect(await run).toBe('value');
});
