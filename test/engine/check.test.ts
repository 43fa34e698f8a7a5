import { action, actionContext, callback, continueAsNew, event, flow, map, memoryStore, parallel, patched, shield, sleep } from 'perdure';
import type { Store } from 'perdure/store';
import { beforeEach, describe, expect, test } from 'vitest';
import { type History, historyOf } from '../../src/testing/well-formed.js';
import { inFlow, openEngine, settle, thrownBy, unique } from '../api/with-engine.js';
import { batchOf, workerOf } from '../store/records.js';
import { testEngine } from '../testing/with-test-engine.js';

/** The bodies of actions that were called. */
let calls: string[] = [];

const act = action('checked act', async (input: string) => {
  calls.push(input);
  return input;
});
const other = action('checked other', async (input: string) => {
  calls.push(`other ${input}`);
  return input;
});
const failing = action('checked failing', async () => {
  calls.push('failing');
  throw new RangeError('no');
});
const hang = action('checked hang', async () => {
  calls.push('hang');
  const { signal } = actionContext();
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
});
const child = flow('checked child', async (input: string) => [await act(`${input}1`), await act(`${input}2`)]);

beforeEach(() => {
  calls = [];
});

/** A flow whose code can be changed. */
class Checked {
  readonly name: string = unique('checked');
  readonly store: Store = memoryStore();

  code(body: (...args: never[]) => Promise<unknown>, version = 1) {
    return flow(this.name, body, { replace: true, version });
  }

  /** Starts a run under this code and lets it come to rest; then the process ends. */
  async record(
    body: (...args: never[]) => Promise<unknown>,
    meanwhile?: (engine: Engine, runId: string) => Promise<unknown>,
  ): Promise<string> {
    const { engine } = await openEngine({ store: this.store, leaks: 'ignore' });
    const { id } = engine.start(this.code(body), []);
    await settle();
    await meanwhile?.(engine, id);
    await settle();
    await engine.close({ timeout: 0 });
    return id;
  }

  /** Checks the runs against this code, in a process that has no code of them before; nothing may change by it. */
  async check(body: (...args: never[]) => Promise<unknown>) {
    const before = await this.history();
    calls = [];
    // A process that executes nothing: it knows the flows of the runs by their names alone when it opens.
    const target = this.code(body);
    const { engine } = await openEngine({ store: await copyOf(before), leaks: 'error' });
    const report = await engine.check(target);
    expect(calls).toEqual([]);
    await engine.close({ timeout: 0 });
    return report;
  }

  async history(): Promise<History> {
    await this.store.open();
    try {
      return await historyOf(this.store);
    } finally {
      await this.store.close();
    }
  }
}

type Engine = Awaited<ReturnType<typeof openEngine>>['engine'];

/** A store with the same records, whose unfinished runs belong to a process that lives. */
async function copyOf({ runs, journals }: History): Promise<Store> {
  const store = memoryStore();
  await store.open();
  await store.registerWorker(workerOf('alive', Number.MAX_SAFE_INTEGER));
  await store.commit(
    batchOf({
      workerId: 'alive',
      creates: [...runs.values()]
        .reverse()
        .map((run) => ({ run: run.status === 'PENDING' ? { ...run, status: 'RUNNING' as const, workerId: 'alive' } : run })),
      operations: [...journals.values()].flat(),
    }),
  );
  return store;
}

const CLEAN = { checked: 1, mismatches: [] };

describe('a run that the code fits', () => {
  const FITTING: readonly {
    readonly run: string;
    readonly status: string;
    readonly body: () => Promise<unknown>;
    readonly meanwhile?: Meanwhile;
  }[] = [
    { run: 'that has succeeded', status: 'SUCCEEDED', body: async () => [await act('a'), await child('c')] },
    { run: 'without operations', status: 'SUCCEEDED', body: async () => undefined },
    {
      run: 'that has failed',
      status: 'FAILED',
      body: async () => {
        await act('a');
        await failing();
      },
    },
    { run: 'that waits for an event', status: 'PENDING', body: async () => [await act('a'), await event('never')] },
    { run: 'that waits for a callback', status: 'PENDING', body: async () => callback({ timeout: '1d' }).future },
    { run: 'that sleeps', status: 'PENDING', body: async () => [await act('a'), await sleep('30d'), await act('b')] },
    { run: 'whose action is under way', status: 'PENDING', body: async () => [await act('a'), await hang()] },
    { run: 'whose child is under way', status: 'PENDING', body: async () => flowThatWaits() },
    {
      run: 'that has taken messages',
      status: 'PENDING',
      body: async () => [await event('n'), await event('n'), await event('n')],
      meanwhile: sendTwice,
    },
    {
      run: 'that was cancelled',
      status: 'CANCELLED',
      body: async () => {
        try {
          await event('never');
        } finally {
          await shield(async () => act('clean'));
        }
      },
      meanwhile: async (engine, id) => engine.cancel(id, 'enough'),
    },
    {
      run: 'that leaks',
      status: 'SUCCEEDED',
      body: async () => {
        sleep.start('1d');
        hang.start();
        return act('a');
      },
    },
    {
      run: 'with batches',
      status: 'SUCCEEDED',
      body: async () => {
        const raced = await parallel([() => act('a'), async () => sleep('1d'), async () => hang()], {
          completionConfig: { minSuccessful: 1 },
        });
        const mapped = await map(['x', 'y', 'z'], async (item) => [await act(item), await child(item)], { maxConcurrency: 2 });
        return [raced, mapped];
      },
    },
    { run: 'with a batch under way', status: 'PENDING', body: async () => map([1, 2], async (n) => (n === 1 ? act('a') : event('never'))) },
    {
      run: 'that has begun anew',
      status: 'PENDING',
      body: async () => {
        await act('a');
        await event('n');
        return continueAsNew();
      },
      meanwhile: sendTwice,
    },
    {
      run: 'that has a change',
      status: 'PENDING',
      body: async () => [patched('p') ? await act('new') : 0, await event('never'), patched('q')],
    },
  ];

  test.each(FITTING)('$run', async ({ body, status, meanwhile }) => {
    const checked = new Checked();
    const runId = await checked.record(body, meanwhile);
    expect((await checked.history()).runs.get(runId)?.status).toBe(status);
    expect(await checked.check(body)).toEqual(CLEAN);
  });

  test('that had ended before a change at its end', async () => {
    const checked = new Checked();
    await checked.record(async () => act('a'));
    expect(await checked.check(async () => (patched('more') ? [await act('a'), await act('b')] : act('a')))).toEqual(CLEAN);
    expect(
      await checked.check(async () => {
        const first = await act('a');
        return patched('more') ? [first, await act('b')] : first;
      }),
    ).toEqual(CLEAN);
  });

  test('that failed for its leaks', async () => {
    const checked = new Checked();
    const body = async (): Promise<unknown> => {
      sleep.start('1d');
      return act('a');
    };
    const { engine } = await openEngine({ store: checked.store, leaks: 'error' });
    const error = await engine.start(checked.code(body), []).exception();
    expect(error?.name).toBe('LeakedFuturesError');
    await engine.close();
    expect(await checked.check(body)).toEqual(CLEAN);
  });

  test('that failed by its time-out', async () => {
    const checked = new Checked();
    const body = async (): Promise<unknown> => event('never');
    const { engine } = await openEngine({ store: checked.store });
    const error = await engine.start(checked.code(body).with({ timeout: 1 }), []).exception();
    expect(error).toMatchObject({ code: 'FLOW_TIMEOUT' });
    await engine.close();
    expect(await checked.check(body)).toEqual(CLEAN);
  });

  test('that is suspended', async () => {
    const checked = new Checked();
    const engine = testEngine({ store: checked.store, maxResidentRuns: 1, autoAdvance: false });
    const body = async (): Promise<unknown> => [await act('a'), await sleep('30d')];
    const target = checked.code(body);
    for (const id of ['one', 'two', 'three']) engine.start(target, [], { id });
    for (let turns = 0; turns < 3; turns += 1) await engine.advance(1000);
    expect((await engine.list({ status: 'SUSPENDED' })).length).toBeGreaterThan(0);
    await engine.close({ timeout: 0 });
    expect(await checked.check(body)).toEqual({ checked: 3, mismatches: [] });
  });
});

type Meanwhile = (engine: Engine, runId: string) => Promise<unknown>;

async function sendTwice(engine: Engine, runId: string): Promise<void> {
  await engine.send(runId, 'n', 1);
  await settle();
  await engine.send(runId, 'n', 2);
}

const flowThatWaits = flow('checked child that waits', async () => [await act('in child'), await event('never')]);

describe('a run that the code does not fit', () => {
  const recorded = async (): Promise<unknown> => [await act('a'), await act('b'), await event('never')];
  const CHANGES: readonly { readonly change: string; readonly body: () => Promise<unknown>; readonly problem: RegExp }[] = [
    {
      change: 'a renamed action',
      body: async () => [await other('a'), await act('b'), await event('never')],
      problem: /another operation.*as operation 0.*"checked act".*"checked other"/s,
    },
    {
      change: 'another input',
      body: async () => [await act('a'), await act('c'), await event('never')],
      problem: /another input.*as operation 1/s,
    },
    {
      change: 'an operation before',
      body: async () => [await sleep(1), await act('a'), await act('b')],
      problem: /as operation 0.*timer "sleep"/s,
    },
    {
      change: 'a missing operation',
      body: async () => [await act('a'), await new Promise(() => {})],
      problem: /waits without asking for operation 1/,
    },
    { change: 'an end that comes too soon', body: async () => [await act('a')], problem: /has ended without asking for operation 1/ },
    {
      change: 'an error of its own',
      body: async () => Promise.reject(new RangeError('at once')),
      problem: /has ended without asking for operation 0/,
    },
    {
      change: 'a new beginning',
      body: async () => continueAsNew(),
      problem: /has ended without asking for operation 0/,
    },
  ];

  test.each(CHANGES)('$change', async ({ body, problem }) => {
    const checked = new Checked();
    const runId = await checked.record(recorded);
    const { checked: count, mismatches } = await checked.check(body);
    expect(count).toBe(1);
    expect(mismatches).toEqual([{ runId, version: 1, status: 'RUNNING', problem: expect.stringMatching(problem) }]);
  });

  const ENDS: readonly {
    readonly end: string;
    readonly recorded: () => Promise<unknown>;
    readonly body: () => Promise<unknown>;
    readonly expected: string;
    readonly actual: string;
  }[] = [
    {
      end: 'another value',
      recorded: async () => act('a'),
      body: async () => (await act('a')).toUpperCase(),
      expected: 'SUCCEEDED: "a"',
      actual: 'SUCCEEDED: "A"',
    },
    {
      end: 'an error',
      recorded: async () => act('a'),
      body: async () => {
        throw new RangeError(await act('a'));
      },
      expected: 'SUCCEEDED: "a"',
      actual: 'FAILED: RangeError: a',
    },
    {
      end: 'a value in place of its error',
      recorded: async () => failing(),
      body: async () => failing().catch(() => 'ok'),
      expected: 'FAILED: RangeError: no',
      actual: 'SUCCEEDED: "ok"',
    },
    {
      end: 'no end',
      recorded: async () => act('a'),
      body: async () => [await act('a'), await act('b')],
      expected: 'SUCCEEDED: "a"',
      actual: 'it waits for what is not in its journal',
    },
    {
      end: 'a new beginning',
      recorded: async () => act('a'),
      body: async () => {
        await act('a');
        return continueAsNew();
      },
      expected: 'SUCCEEDED: "a"',
      actual: 'it continues as new',
    },
  ];

  test.each(ENDS)('a run that has ended comes to $end', async ({ recorded: before, body, expected, actual }) => {
    const checked = new Checked();
    await checked.record(before);
    const { mismatches } = await checked.check(body);
    expect(mismatches).toHaveLength(1);
    expect(mismatches[0]?.problem).toContain(`expected: ${expected}`);
    expect(mismatches[0]?.problem).toContain(`actual:   ${actual}`);
  });

  test('in a batch that has ended: its branches are not run again unless the code waits for them', async () => {
    const checked = new Checked();
    await checked.record(async () => [(await parallel([() => act('a')])).getResults(), await event('never')]);
    expect(await checked.check(async () => [(await parallel([() => other('a')])).getResults(), await event('never')])).toEqual(CLEAN);
    const { mismatches } = await checked.check(async () => [(await map(['a'], act)).getResults(), await event('never')]);
    expect(mismatches).toHaveLength(1);
  });

  test('in a branch that is under way', async () => {
    const checked = new Checked();
    const body = (first: typeof act) => async (): Promise<unknown> =>
      parallel([async () => [await first('a'), await event('never')], () => act('b')]);
    await checked.record(body(act));
    expect(await checked.check(body(act))).toEqual(CLEAN);
    expect((await checked.check(body(other))).mismatches[0]?.problem).toMatch(/as operation 0\.0\.0/);
  });

  test('a change without patched() and the same with it', async () => {
    const checked = new Checked();
    await checked.record(async () => [await act('a'), await event('never')]);
    expect((await checked.check(async () => [await other('a'), await event('never')])).mismatches).toHaveLength(1);
    expect(await checked.check(async () => [patched('p') ? await other('a') : await act('a'), await event('never')])).toEqual(CLEAN);
  });
});

describe('a blocked run', () => {
  test('is told of while the code does not fit, and is not once it is mended', async () => {
    const checked = new Checked();
    const good = async (): Promise<unknown> => [await act('a'), await event('never')];
    const bad = async (): Promise<unknown> => [await other('a'), await event('never')];
    const runId = await checked.record(good);
    checked.code(bad);
    const { engine } = await openEngine({ store: checked.store });
    await settle();
    expect((await engine.get(runId)).status).toBe('BLOCKED');
    const target = checked.code(bad);
    const { mismatches } = await engine.check(target);
    expect(mismatches).toEqual([{ runId, version: 1, status: 'BLOCKED', problem: expect.stringContaining('checked other') }]);
    expect(await engine.check(checked.code(good))).toEqual(CLEAN);
    expect((await engine.get(runId)).status).toBe('BLOCKED');
    await engine.retry(runId);
    expect((await engine.get(runId)).status).toBe('RUNNING');
  });

  test('whose version is missing is told of as that', async () => {
    const checked = new Checked();
    const runId = await checked.record(async () => event('never'));
    await checked.store.open();
    const [run] = await checked.store.getRuns([runId]);
    await checked.store.registerWorker(workerOf('gone', 0));
    await checked.store.commit(
      batchOf({
        workerId: 'gone',
        creates: [{ run: { ...(run as NonNullable<typeof run>), id: 'on nine', version: 9, workerId: 'gone', status: 'RUNNING' } }],
      }),
    );
    await checked.store.close();
    const { engine } = await openEngine({ store: checked.store });
    await settle();
    const { checked: count, mismatches } = await engine.check(checked.code(async () => event('never')));
    expect(count).toBe(2);
    expect(mismatches).toEqual([
      {
        runId: 'on nine',
        version: 9,
        status: 'BLOCKED',
        problem: `run on nine: no flow "${checked.name}" version 9 is registered in this process: import the module that defines it, or keep the old version beside the new one`,
      },
    ]);
  });
});

test('every run of the flow is checked against its own version, and none of others', async () => {
  const checked = new Checked();
  await checked.record(async () => act('one'));
  const { engine } = await openEngine({ store: checked.store });
  const two = checked.code(async () => [await act('one'), await act('two')], 2);
  await engine.start(two, []);
  await engine.start(child, ['of another flow']);
  await engine.start(
    flow(unique('another'), async () => 1),
    [],
  );
  expect(await engine.check(two)).toEqual({ checked: 2, mismatches: [] });
  expect(await engine.check(checked.code(async () => act('changed'), 1))).toMatchObject({ checked: 2, mismatches: [{ version: 1 }] });
});

test('child runs are checked by their own flow', async () => {
  const checked = new Checked();
  const name = unique('child');
  const small = flow(name, async () => [await act('in child'), await event('never')]);
  const parent = async (): Promise<unknown> => small();
  const runId = await checked.record(parent);
  const { engine } = await openEngine({ store: await copyOf(await checked.history()) });
  const changed = flow(name, async () => [await other('in child'), await event('never')], { replace: true });
  expect(await engine.check(changed)).toMatchObject({ checked: 1, mismatches: [{ runId: `${runId}//0` }] });
  expect(await engine.check(checked.code(parent))).toEqual(CLEAN);
});

test('a store without runs of the flow is clean', async () => {
  const { engine } = await openEngine();
  expect(await engine.check(flow(unique('never ran'), async () => 1))).toEqual({ checked: 0, mismatches: [] });
});

test('more runs than a list has are all checked', async () => {
  const { engine } = await openEngine();
  const body = flow(unique('many'), async (n: number) => act(`${n}`));
  await Promise.all(Array.from({ length: 150 }, (_, n) => engine.start(body, [n]).result()));
  expect(await engine.check(body)).toEqual({ checked: 150, mismatches: [] });
});

test('it executes nothing, and leaves runs, journals and those who listen as they are', async () => {
  const checked = new Checked();
  await checked.record(async () => [await act('a'), await child('c'), await hang()]);
  const copy = await copyOf(await checked.history());
  const before = await historyOf(copy);
  const { engine, lines } = await openEngine({ store: copy });
  const told: unknown[] = [];
  for (const name of ['run:started', 'operation:started', 'operation:finished', 'run:finished', 'run:blocked', 'leak'] as const)
    engine.on(name, (payload) => told.push([name, payload]));
  calls = [];
  const target = checked.code(async () => {
    act.start('a');
    child.start('d');
    hang.start();
    sleep.start(0);
    event('n');
    return act('z');
  });
  expect((await engine.check(target)).mismatches).toHaveLength(1);
  expect(
    (await engine.check(checked.code(async () => [await act('a'), await child('c'), await hang(), await act('b')]))).mismatches,
  ).toEqual([]);
  await settle();
  expect([calls, told, lines]).toEqual([[], [], []]);
  const after = await historyOf(copy);
  expect(after).toEqual(before);
});

test('a run that goes on meanwhile is not disturbed', async () => {
  const { engine } = await openEngine();
  const body = flow(unique('busy'), async () => {
    for (let n = 0; n < 20; n += 1) await act(`${n}`);
    return 'done';
  });
  const future = engine.start(body, []);
  await future.recorded();
  for (let n = 0; n < 5; n += 1) expect((await engine.check(body)).mismatches).toEqual([]);
  expect(await future).toBe('done');
  expect(calls).toHaveLength(20);
});

describe('refused', () => {
  test.each([
    ['nothing', undefined],
    ['a name', 'flow'],
    ['a function', async () => 1],
    ['an action', act],
  ])('%s', async (_, target) => {
    const { engine } = await openEngine();
    expect(await thrownBy(() => engine.check(target as unknown as typeof child))).toMatchObject({
      name: 'UsageError',
      code: 'NOT_STARTABLE',
    });
  });

  test('in a flow', async () => {
    const { engine } = await openEngine();
    expect(await thrownBy(() => inFlow(async () => engine.check(child)))).toMatchObject({ code: 'ENGINE_IN_FLOW' });
  });

  test('when the engine is closed', async () => {
    const { engine } = await openEngine();
    await engine.close();
    expect(await thrownBy(() => engine.check(child))).toMatchObject({ code: 'ENGINE_CLOSED' });
  });
});
