import { action, type EngineEvents, flow, flowContext, map, now, parallel, random, sleep, uuid } from 'perdure';
import { describe, expect, test } from 'vitest';
import { inFlow, openEngine, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async (value?: unknown) => value);
const strict = { leaks: 'error', nonDurableAwait: 'error' } as const;

/** A few draws, of which no two are the same. */
const draws = (): readonly unknown[] => [random(), uuid(), random()];

describe('the ids', () => {
  test('of what a branch starts are numbered within the branch, whatever the order in which branches go on', async () => {
    const gates = new Gates();
    const { journal } = await runBatch(async () => {
      await noop('before');
      await map(['a', 'b', 'c'], async (key, index) => {
        if (index > 0) await noop('earlier');
        if (index === 0) await gates.pass(key);
        if (index === 2) gates.open('a');
        await noop('later');
      });
      await noop('after');
    }, strict);
    expect([...journal].map(([id, { kind }]) => `${id} ${kind}`).sort()).toStrictEqual([
      '0 action',
      '1 map',
      '1.0 branch',
      '1.0.0 action',
      '1.0.1 action',
      '1.1 branch',
      '1.1.0 action',
      '1.1.1 action',
      '1.2 branch',
      '1.2.0 action',
      '1.2.1 action',
      '2 action',
    ]);
  });

  test('of nested batches are paths', async () => {
    const { journal } = await runBatch(
      async () =>
        parallel([() => noop(), () => map([1, 2], async (item) => (item === 2 ? parallel([() => noop()]) : undefined))]).then(
          () => undefined,
        ),
      strict,
    );
    expect([...journal.keys()].sort()).toStrictEqual([
      '0',
      '0.0',
      '0.0.0',
      '0.1',
      '0.1.0',
      '0.1.0.0',
      '0.1.0.1',
      '0.1.0.1.0',
      '0.1.0.1.0.0',
      '0.1.0.1.0.0.0',
    ]);
  });

  test('of branches carry their names in the journal', async () => {
    const { journal } = await runBatch(async () => {
      await parallel({ inventory: () => 1, payment: () => 2 });
      await parallel([() => 1, { name: 'named', run: () => 2 }]);
      await map(['x'], noop);
      await map(['x'], noop, { itemNamer: (item, index) => `${item}-${index}` });
      await parallel([() => 1], { itemNamer: (_branch, index) => `branch ${index}` });
    });
    const names = [...journal.values()].filter(({ kind }) => kind === 'branch').map(({ id, name }) => `${id} ${name}`);
    expect(names.sort()).toStrictEqual([
      '0.0 inventory',
      '0.1 payment',
      '1.0 parallel-branch-0',
      '1.1 named',
      '2.0 map-item-0',
      '3.0 x-0',
      '4.0 branch 0',
    ]);
  });

  test('of child flows started in branches are their own', async () => {
    const child = flow(unique('child'), async (value: number) => [value, flowContext().runId] as const);
    const { result, runId } = await runBatch(async () => (await map([1, 2], child)).getResults(), strict);
    expect(result?.map(([value]) => value)).toStrictEqual([1, 2]);
    expect(new Set([runId, ...(result ?? []).map(([, id]) => id)]).size).toBe(3);
  });

  test('of a batch 50 levels deep work', async () => {
    const nest = async (depth: number): Promise<number> =>
      depth === 0 ? ((await noop(0)) as number) : ((await parallel([() => nest(depth - 1)])).getResults()[0] as number) + 1;
    expect(await inFlow(() => nest(50), strict)).toBe(50);
  });
});

describe('the outcomes in the journal', () => {
  test("have a branch's sequence number right before that of the batch it decides (BA2)", async () => {
    const { journal } = await runBatch(async () => {
      await parallel([() => noop(), () => noop()]);
    });
    const last = Math.max(...['0.0', '0.1'].map((id) => journal.get(id)?.seq as number));
    expect(journal.get('0')?.seq).toBe(last + 1);
  });

  test('hold the values once, with the branches (BA4)', async () => {
    const { journal } = await runBatch(async () => void (await map(['needle'], (item) => `${item} in hay`)));
    const holding = [...journal.values()].filter(({ outcome }) => outcome?.includes('needle in hay'));
    expect(holding.map(({ id }) => id)).toStrictEqual(['0.0']);
    expect(JSON.parse(journal.get('0')?.outcome as string)).toStrictEqual({ reason: 'ALL_COMPLETED', items: 'S' });
  });

  test('a decision has a letter for each branch', async () => {
    const { journal } = await runBatch(async () => {
      await parallel([() => sleep('7d'), () => noop(), () => Promise.reject(new Error('no')), () => noop()], { maxConcurrency: 2 });
    });
    expect(JSON.parse(journal.get('0')?.outcome as string)).toStrictEqual({ reason: 'FAILURE_TOLERANCE_EXCEEDED', items: 'RSFN' });
  });
});

describe('random() and uuid()', () => {
  test('draw from each branch and each run on its own', async () => {
    const drawing = flow(unique('drawing'), async () => {
      const batch = await map([0, 1], async () => {
        const own = draws();
        await noop();
        const inner = await parallel([draws]);
        return [...own, ...(inner.getResults()[0] ?? []), ...draws()];
      });
      return [...draws(), ...batch.getResults().flat()];
    });
    const { engine } = await openEngine(strict);
    const all = [...(await engine.start(drawing, [])), ...(await engine.start(drawing, []))];
    expect(all).toHaveLength(2 * 21);
    expect(new Set(all).size).toBe(all.length);
  });

  test('do not depend on what other branches draw, nor on the order in which they go on', async () => {
    const gates = new Gates();
    const { engine } = await openEngine(strict);
    const drawing = flow(unique('drawing'), async () => {
      const batch = await map(['a', 'b'], async (key) => {
        await gates.pass(key);
        return draws();
      });
      return [batch.getResults(), draws()];
    });
    const future = engine.start(drawing, [], { id: 'one' });
    await gates.begun('b');
    gates.open('b');
    gates.open('a');
    const [[a, b]] = (await future) as [unknown[][], unknown[]];
    expect(a).not.toStrictEqual(b);
  });
});

describe('now()', () => {
  test('in a branch is the time of the last outcome, and goes back in none', async () => {
    const times = await inFlow(async () => {
      const seen = [now()];
      await parallel([
        async () => {
          seen.push(now());
          await sleep(10);
          seen.push(now());
        },
        async () => {
          seen.push(now());
          await sleep(5);
          seen.push(now());
        },
      ]);
      seen.push(now());
      return seen.map(Number);
    }, strict);
    expect(times).toStrictEqual([...times].sort((one, other) => one - other));
    expect(times[0]).toBe(times[1]);
    expect((times.at(-1) as number) - (times[0] as number)).toBeGreaterThanOrEqual(10);
  });
});

describe('operation events', () => {
  test('tell of batches and of branches, with their outcomes', async () => {
    const { engine } = await openEngine();
    const seen: string[] = [];
    const tell = (what: string) => (event: EngineEvents['operation:started'] | EngineEvents['operation:finished']) => {
      const status = 'status' in event ? ` ${event.status}` : '';
      const error = 'error' in event ? ` ${event.error?.message}` : '';
      seen.push(`${what} ${event.operationId} ${event.kind} ${event.name}${status}${error}`);
      expect(JSON.parse(JSON.stringify(event))).toStrictEqual(event);
    };
    engine.on('operation:started', tell('started'));
    engine.on('operation:finished', tell('finished'));
    const body = async (): Promise<void> => {
      await parallel(
        {
          good: () => noop(),
          bad: async () => {
            throw new Error('no');
          },
          never: () => 1,
        },
        { maxConcurrency: 1, name: 'checks' },
      );
    };
    await engine.start(flow(unique('telling'), body), []);
    expect(seen).toStrictEqual([
      'started 0 parallel checks',
      'started 0.0 branch good',
      `started 0.0.0 action ${noop.name}`,
      `finished 0.0.0 action ${noop.name} SUCCEEDED`,
      'finished 0.0 branch good SUCCEEDED',
      'started 0.1 branch bad',
      'finished 0.1 branch bad FAILED no',
      'finished 0 parallel checks SUCCEEDED',
    ]);
  });
});
