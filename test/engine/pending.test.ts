import {
  action,
  callback,
  createRetryStrategy,
  type Engine,
  event,
  type Flow,
  flow,
  map,
  memoryStore,
  type PendingOperation,
  parallel,
  RetryPresets,
  type RetryStrategy,
  type RunDetails,
  shield,
  sleep,
  waitForCondition,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { Codec } from '../../src/codec/codec.js';
import { runDetails } from '../../src/engine/queries/run-details.js';
import type { RunRecord } from '../../src/model/records.js';
import { createTestEngine, type TestEngine, type TestEngineOptions } from '../../src/testing.js';
import { keyedSerdes, settle, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';

const START = Date.UTC(2025, 0, 1);
const inSeconds = (seconds: number): Date => new Date(START + seconds * 1_000);

const hang = action(unique('hang'), () => new Promise<string>(() => {}));
const refuse = action(unique('refuse'), async (why: string): Promise<string> => {
  throw new RangeError(why);
});
const steady = createRetryStrategy({ maxAttempts: 3, initialDelay: '10s', jitter: 'NONE' });

/** An engine whose time stands still. */
function still(options: TestEngineOptions = {}): TestEngine {
  return testEngine({ autoAdvance: false, startTime: START, ...options });
}

/** What is known of a run when all has happened that could. */
async function told(engine: Engine, id: string): Promise<RunDetails> {
  await settle();
  return engine.get(id);
}

/** What a body waits for when all has happened that could. */
async function pendingIn(body: () => Promise<unknown>, engine: TestEngine = still()): Promise<readonly PendingOperation[]> {
  const { id } = engine.start(aFlow(body), [], { id: 'waiting' });
  return (await told(engine, id)).pending;
}

const shown = (pending: readonly PendingOperation[]): string[] => pending.map(({ id, kind, waitsFor }) => `${id} ${kind}: ${waitsFor}`);

describe('a run waits for', () => {
  test('an action under way', async () => {
    expect(await pendingIn(() => hang.with({ name: 'work' })())).toStrictEqual([
      { id: '0', kind: 'action', name: 'work', since: inSeconds(0), waitsFor: 'attempt 1 to end', attempt: 1 },
    ]);
  });

  test('the next attempt of an action', async () => {
    const engine = still();
    const call = async (): Promise<string> => refuse.with({ retry: steady })('first line\nsecond line');
    const first = await pendingIn(call, engine);
    expect(first).toMatchObject([{ attempt: 2, maxAttempts: 3, nextAttemptAt: inSeconds(10), since: inSeconds(0) }]);
    expect(first[0]?.lastError).toBeInstanceOf(RangeError);
    expect(shown(first)).toStrictEqual(['0 action: attempt 2 of 3, at 2025-01-01T00:00:10.000Z; attempt 1 failed: RangeError: first line']);
    await engine.advance('10s');
    expect((await told(engine, 'waiting')).pending).toMatchObject([
      { attempt: 3, maxAttempts: 3, nextAttemptAt: inSeconds(30), since: inSeconds(0) },
    ]);
  });

  test('an attempt under way after one that failed', async () => {
    const engine = still();
    let failed = false;
    engine.mock(hang, () => {
      if (failed) return new Promise<string>(() => {});
      failed = true;
      throw new RangeError('refused');
    });
    await pendingIn(() => hang.with({ retry: steady })(), engine);
    await engine.advance('10s');
    const { pending } = await told(engine, 'waiting');
    expect(pending).toMatchObject([{ attempt: 2, waitsFor: 'attempt 2 of 3 to end; attempt 1 failed: RangeError: refused' }]);
    expect(pending[0]).not.toHaveProperty('nextAttemptAt');
  });

  const strategies: readonly [string, RetryStrategy, number | undefined][] = [
    ['a strategy with a limit', steady, 3],
    ['a strategy without one', createRetryStrategy({ maxAttempts: Number.POSITIVE_INFINITY }), undefined],
    ['RetryPresets.default()', RetryPresets.default(), 6],
    ['RetryPresets.linear()', RetryPresets.linear({ maxAttempts: 4 }), 4],
    ['RetryPresets.fixed()', RetryPresets.fixed(), 5],
    ['a function', () => ({ retry: true, delay: '1s' }), undefined],
    ['a function that says so', Object.assign(() => ({ retry: true, delay: '1s' }) as const, { maxAttempts: 9 }), 9],
  ];
  test.each(strategies)('attempts whose number is known or not: %s', async (_what, retry, expected) => {
    const [pending] = await pendingIn(() => refuse.with({ retry })('refused'));
    expect(pending?.attempt).toBe(2);
    expect(pending?.maxAttempts).toBe(expected);
  });

  test('a place, where as many actions are under way as may be', async () => {
    const narrow = action(unique('narrow'), () => new Promise<string>(() => {}), { concurrency: 1 });
    const engine = still();
    const pending = await pendingIn(async () => void (await Promise.all([narrow(), narrow()])), engine);
    expect(shown(pending)).toStrictEqual([
      '0 action: attempt 1 to end',
      '1 action: a place for attempt 1: as many actions are under way as may be',
    ]);
  });

  test('no place any more, once another action has ended', async () => {
    const release: (() => void)[] = [];
    const narrow = action(unique('narrow'), () => new Promise<void>((resolve) => release.push(resolve)));
    const engine = still({ maxConcurrentActions: 1 });
    await pendingIn(async () => void (await Promise.all([narrow(), narrow()])), engine);
    release[0]?.();
    expect(shown((await told(engine, 'waiting')).pending)).toStrictEqual(['1 action: attempt 1 to end']);
  });

  test('a timer', async () => {
    const engine = still();
    await pendingIn(async () => {
      await sleep('5s');
      await sleep('1m');
    }, engine);
    await engine.advance('5s');
    expect((await told(engine, 'waiting')).pending).toStrictEqual([
      {
        id: '1',
        kind: 'timer',
        name: 'sleep',
        since: inSeconds(5),
        waitsFor: 'the time 2025-01-01T00:01:05.000Z',
        dueAt: inSeconds(65),
      },
    ]);
  });

  test('an event', async () => {
    expect(await pendingIn(() => event('paid').result())).toStrictEqual([
      { id: '0', kind: 'event', name: 'paid', since: inSeconds(0), waitsFor: 'engine.send("waiting", "paid", value)', event: 'paid' },
    ]);
  });

  test('a callback, and says when somebody was last at it', async () => {
    const engine = still();
    let token = '';
    const body = async (): Promise<unknown> => {
      const asked = callback({ name: 'approval', heartbeatTimeout: '1h' });
      token = asked.token;
      return asked.future;
    };
    const [first] = await pendingIn(body, engine);
    expect(first).toStrictEqual({
      id: '0',
      kind: 'event',
      name: 'approval',
      since: inSeconds(0),
      waitsFor: 'an answer by the token of callback "approval"',
    });
    await engine.advance('7s');
    await engine.heartbeat(token);
    expect((await told(engine, 'waiting')).pending[0]?.waitsFor).toBe(
      'an answer by the token of callback "approval"; its last heartbeat was at 2025-01-01T00:00:07.000Z',
    );
  });

  test('the next look of a condition', async () => {
    const engine = still();
    const look = action(unique('look'), async (state: number) => state + 1);
    const body = (): Promise<number> =>
      waitForCondition(look, { initial: 0, strategy: (state) => ({ continue: state < 9, delay: '10s' }) }) as Promise<number>;
    expect(shown(await pendingIn(body, engine))).toStrictEqual(['0 action: look 2, at 2025-01-01T00:00:10.000Z']);
    await engine.advance('10s');
    expect((await told(engine, 'waiting')).pending).toMatchObject([{ nextAttemptAt: inSeconds(20), waitsFor: /^look 3, / }]);
  });

  test('a child run that goes on', async () => {
    const child = aFlow(() => sleep('1h'));
    expect(await pendingIn(() => child.with({ name: 'child', id: 'child-1' })())).toStrictEqual([
      {
        id: '0',
        kind: 'flow',
        name: 'child',
        since: inSeconds(0),
        waitsFor: 'run child-1, which is RUNNING',
        attempt: 1,
        childRunId: 'child-1',
      },
    ]);
  });

  test('the next attempt of a child run, and then for its run', async () => {
    const engine = still();
    let attempts = 0;
    const child = aFlow(async () => {
      attempts += 1;
      if (attempts === 1) throw new RangeError('refused');
      await sleep('1h');
    });
    const backing = await pendingIn(() => child.with({ id: 'child-1', retry: steady })(), engine);
    expect(backing).toMatchObject([{ attempt: 2, maxAttempts: 3, nextAttemptAt: inSeconds(10), lastError: { message: 'refused' } }]);
    expect(backing[0]).not.toHaveProperty('childRunId');
    await engine.advance('10s');
    const { pending } = await told(engine, 'waiting');
    expect(pending).toMatchObject([{ attempt: 2, childRunId: 'child-1~2' }]);
    expect(shown(pending)).toStrictEqual([
      '0 flow: run child-1~2 (attempt 2 of 3), which is RUNNING; attempt 1 failed: RangeError: refused',
    ]);
  });

  test('a batch and what is pending in its branches, in order', async () => {
    const quick = action(unique('quick'), async () => 1);
    const pending = await pendingIn(async () => {
      await map([0, 1, 2], async (index) => {
        await quick();
        if (index > 0) await parallel([() => sleep('1h'), () => quick()]);
      });
    });
    expect(shown(pending)).toStrictEqual([
      '0 map: its branches (1 has ended)',
      '0.1.1 parallel: its branches (1 has ended)',
      '0.1.1.0.0 timer: the time 2025-01-01T01:00:00.000Z',
      '0.2.1 parallel: its branches (1 has ended)',
      '0.2.1.0.0 timer: the time 2025-01-01T01:00:00.000Z',
    ]);
  });

  test('several things, in the order in which they were asked for', async () => {
    const pending = await pendingIn(async () => {
      await Promise.all(Array.from({ length: 11 }, () => sleep('1h')));
    });
    expect(pending.map(({ id }) => id)).toStrictEqual(Array.from({ length: 11 }, (_, index) => String(index)));
  });

  test('its own code', async () => {
    const engine = still();
    let go = (): void => {};
    const { id } = engine.start(
      aFlow(() => new Promise<void>((resolve) => (go = resolve))),
      [],
    );
    const details = await told(engine, id);
    expect(details).toMatchObject({ status: 'RUNNING', pending: [], waitsFor: 'its own code: nothing durable is pending' });
    go();
  });
});

describe('what is not pending', () => {
  test('an operation that has its outcome', async () => {
    const engine = still();
    const quick = action(unique('quick'), async () => 1);
    const pending = await pendingIn(async () => {
      await quick();
      await sleep('1h');
    }, engine);
    expect(pending.map(({ kind }) => kind)).toStrictEqual(['timer']);
  });

  test('the run says nothing of itself while its operations are pending', async () => {
    const engine = still();
    const { id } = engine.start(
      aFlow(() => sleep('1h')),
      [],
    );
    expect(await told(engine, id)).not.toHaveProperty('waitsFor');
  });

  test('what was detached in a branch that has ended', async () => {
    const engine = still();
    const pending = await pendingIn(async () => {
      await parallel([
        async () => {
          hang.start().detach();
        },
      ]);
      await sleep('1h');
    }, engine);
    expect(pending.map(({ kind }) => kind)).toStrictEqual(['timer']);
  });

  const ends: readonly [string, () => Promise<unknown>][] = [
    ['SUCCEEDED', async () => 1],
    ['FAILED', () => refuse('refused')],
  ];
  test.each(ends)('anything of a run that has %s', async (status, body) => {
    const engine = still();
    const { id } = engine.start(aFlow(body), []);
    const details = await told(engine, id);
    expect(details).toMatchObject({ status, pending: [] });
    for (const left of ['waitsFor', 'cancelledAt']) expect(details).not.toHaveProperty(left);
  });

  test('a detached action that has outlived its run', async () => {
    const engine = still();
    const { id } = engine.start(
      aFlow(async () => {
        hang.start().detach();
      }),
      [],
    );
    expect(await told(engine, id)).toMatchObject({ status: 'SUCCEEDED', pending: [] });
    expect(await engine.get(`${id}//0`)).toMatchObject({ status: 'RUNNING', pending: [{ kind: 'action', name: hang.name }] });
  });

  test('engine.list() does not tell it', async () => {
    const engine = still();
    await pendingIn(() => sleep('1h'), engine);
    expect((await engine.list())[0]).not.toHaveProperty('pending');
  });
});

describe('a cancellation', () => {
  test('shows while the run comes to its end, and afterwards', async () => {
    const engine = still();
    const { id } = engine.start(
      aFlow(async () => {
        try {
          await sleep('1h');
        } finally {
          await shield(() => sleep('1m'));
        }
      }),
      [],
    );
    await engine.advance('5s');
    await engine.cancel(id, 'no longer wanted');
    expect(await told(engine, id)).toMatchObject({
      status: 'RUNNING',
      cancelledAt: inSeconds(5),
      pending: [{ id: '1', kind: 'timer', since: inSeconds(5), dueAt: inSeconds(65) }],
    });
    await engine.advance('1m');
    expect(await told(engine, id)).toMatchObject({
      status: 'CANCELLED',
      cancelledAt: inSeconds(5),
      finishedAt: inSeconds(65),
      pending: [],
    });
  });
});

describe('another engine', () => {
  test('tells of a run that it does not execute', async () => {
    const store = memoryStore();
    const owner = still({ store });
    const narrow = action(unique('narrow'), () => new Promise<string>(() => {}), { concurrency: 1 });
    await pendingIn(async () => void (await Promise.all([narrow(), narrow(), sleep('1h')])), owner);
    // It does not know who has a place.
    expect(shown((await told(still({ store }), 'waiting')).pending)).toStrictEqual([
      '0 action: attempt 1 to end',
      '1 action: attempt 1 to end',
      '2 timer: the time 2025-01-01T01:00:00.000Z',
    ]);
  });

  test('that takes a run over tells the same of what it waits for', async () => {
    const store = memoryStore();
    const first = createTestEngine({ store, autoAdvance: false, startTime: START });
    const before = await pendingIn(async () => {
      await Promise.all([sleep('1h'), event('paid'), refuse.with({ retry: steady })('refused')]);
    }, first);
    expect(before).toHaveLength(3);
    await first.close({ timeout: 0 });
    const second = still({ store, startTime: START + 3_000 });
    const { status, pending } = await told(second, 'waiting');
    expect(status).toBe('RUNNING');
    expect(pending).toStrictEqual(before);
  });
});

describe('a run that nobody executes', () => {
  const source = { codec: new Codec({ maxValueBytes: 1_000 }), nowMs: START + 60_000, queued: () => false, awaitedBy: () => undefined };

  /** What is known of a run whose record was changed to something that does not last. */
  async function changed(body: () => Promise<unknown>, change: Partial<RunRecord>): Promise<RunDetails> {
    const store = memoryStore();
    const engine = still({ store });
    await pendingIn(body, engine);
    const [record] = await store.getRuns(['waiting']);
    return runDetails({ ...(record as RunRecord), ...change }, { ...source, store, reader: store.reader(), pendingOf: () => undefined });
  }

  test('waits for a process', async () => {
    const details = await changed(() => hang(), { status: 'PENDING', workerId: null });
    expect(details.waitsFor).toBe('a process that executes it');
    expect(shown(details.pending)).toStrictEqual(['0 action: attempt 1, when the run goes on']);
  });

  test('waits to be tried by itself', async () => {
    const details = await changed(() => hang(), { status: 'PENDING', workerId: null, crashes: 2 });
    expect(details.waitsFor).toBe('its turn to be tried by itself, since its process has ended 2 times while it was under way');
  });

  test('waits for a process that knows its flow', async () => {
    const change = { status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED', flow: 'late', version: 4, workerId: null } as const;
    const details = await changed(() => sleep('1h'), change);
    expect(details).toMatchObject({ waitsFor: 'a process that has registered flow "late" version 4', pending: [{ kind: 'timer' }] });
  });

  test('does not make an attempt that is due', async () => {
    const { pending } = await changed(() => refuse.with({ retry: steady })('refused'), { status: 'PENDING', workerId: null });
    expect(shown(pending)).toStrictEqual(['0 action: attempt 2 of 3, when the run goes on; attempt 1 failed: RangeError: refused']);
  });

  test('does not make an attempt of a child run that is due', async () => {
    const child = aFlow(() => refuse('refused'));
    const { pending } = await changed(() => child.with({ retry: steady })(), { status: 'PENDING', workerId: null });
    expect(pending).toMatchObject([{ waitsFor: expect.stringMatching(/^attempt 2 of 3, due since 2025-01-01T00:00:10.000Z; /) }]);
  });
});

describe('a run that is blocked', () => {
  /** Runs a flow in one engine, and goes on in another with another body. */
  async function mended(recorded: Flow<[], unknown>, id: string, change: () => void): Promise<TestEngine> {
    const store = memoryStore();
    const first = createTestEngine({ store, autoAdvance: false, startTime: START });
    first.start(recorded, [], { id });
    await told(first, id);
    await first.close({ timeout: 0 });
    change();
    const second = still({ store });
    await settle();
    return second;
  }

  test('waits for its code to be mended', async () => {
    const name = unique('changed');
    const recorded = flow(name, async () => sleep('1h'));
    const engine = await mended(recorded, 'blocked-1', () => flow(name, async () => refuse('refused'), { replace: true }));
    expect(await told(engine, 'blocked-1')).toMatchObject({
      status: 'BLOCKED',
      blockedCode: 'NON_DETERMINISM',
      error: { name: 'NonDeterminismError' },
      waitsFor: 'its code to be mended, and engine.retry("blocked-1")',
      pending: [{ id: '0', kind: 'timer' }],
    });
  });

  test('shows in what its parent waits for', async () => {
    const name = unique('changed');
    const child = flow(name, async () => sleep('1h'));
    const parent = aFlow(() => child.with({ id: 'blocked-2' })());
    const engine = await mended(parent, 'parent', () => flow(name, async () => refuse('refused'), { replace: true }));
    expect(shown((await told(engine, 'parent')).pending)).toStrictEqual(['0 flow: run blocked-2, which is BLOCKED (NON_DETERMINISM)']);
  });
});

test('arguments that this process cannot decode hide nothing else', async () => {
  const { serdes, loseKey } = keyedSerdes(new Error('no key'));
  const engine = still();
  const { id } = engine.start(
    flow(unique('encrypted'), async (_secret: string) => sleep('1h'), { serdes }),
    ['secret'],
  );
  expect(await told(engine, id)).toMatchObject({ args: ['secret'], pending: [{ kind: 'timer' }] });
  loseKey();
  const details = await engine.get(id);
  expect(details.pending).toMatchObject([{ kind: 'timer' }]);
  expect(() => details.args).toThrow('no key');
});
