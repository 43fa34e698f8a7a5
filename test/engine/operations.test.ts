import {
  action,
  CancelledError,
  createRetryStrategy,
  event,
  type Flow,
  flow,
  map,
  memoryStore,
  type OperationInfo,
  parallel,
  type Serdes,
  shield,
  sleep,
  waitForCondition,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import type { TestEngine, TestEngineOptions } from '../../src/testing.js';
import { deferred, openEngine, settle, thrownBy, unique } from '../api/with-engine.js';
import { readerWith } from '../testing/reader-with.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';

const START = Date.UTC(2025, 0, 1);
const inSeconds = (seconds: number): Date => new Date(START + seconds * 1_000);

const hang = action(unique('hang'), () => new Promise<string>(() => {}));
const quick = action(unique('quick'), async (text: string) => `${text}!`);
const refuse = action(unique('refuse'), async (why: string): Promise<string> => {
  throw new RangeError(why);
});
const steady = createRetryStrategy({ maxAttempts: 3, initialDelay: '10s', jitter: 'NONE' });

function still(options: TestEngineOptions = {}): TestEngine {
  return testEngine({ autoAdvance: false, startTime: START, ...options });
}

/** The operations of a body when all has happened that could. */
async function operationsOf(body: () => Promise<unknown>, engine: TestEngine = still()): Promise<OperationInfo[]> {
  const { id } = engine.start(aFlow(body), [], { id: 'told' });
  await settle();
  return engine.operations(id);
}

/** The operations of a body that was run to its end. */
async function operationsAfter(body: () => Promise<unknown>): Promise<OperationInfo[]> {
  const engine = testEngine({ startTime: START });
  const { runId } = await engine.run(aFlow(body));
  return engine.operations(runId);
}

/** The tree as ids, kinds and statuses. */
function outline(operations: readonly OperationInfo[]): unknown[] {
  return operations.map(({ id, kind, status, children }) => {
    const own = `${id} ${kind} ${status}`;
    return children.length === 0 ? own : [own, ...outline(children)];
  });
}

/** Fails so many times, then returns. */
function flaky(engine: TestEngine, failures: number): void {
  let count = 0;
  engine.mock(quick, async (text) => {
    count += 1;
    if (count <= failures) throw new RangeError(`no ${count}`);
    return text;
  });
}

describe('operations()', () => {
  test('tells of each operation what is recorded', async () => {
    const engine = still();
    const told = operationsOf(async () => {
      await quick('a');
      await refuse('broken').catch(() => undefined);
      await sleep('1m');
    }, engine);
    await told;
    await engine.advance('1m');
    await settle();
    const operations = await engine.operations('told');
    expect(operations).toStrictEqual([
      {
        id: '0',
        kind: 'action',
        name: quick.name,
        status: 'SUCCEEDED',
        attempts: 1,
        startedAt: inSeconds(0),
        finishedAt: inSeconds(0),
        input: ['a'],
        output: 'a!',
        children: [],
      },
      {
        id: '1',
        kind: 'action',
        name: refuse.name,
        status: 'FAILED',
        attempts: 1,
        startedAt: inSeconds(0),
        finishedAt: inSeconds(0),
        input: ['broken'],
        error: new RangeError('broken'),
        children: [],
      },
      {
        id: '2',
        kind: 'timer',
        name: 'sleep',
        status: 'SUCCEEDED',
        attempts: 0,
        startedAt: inSeconds(0),
        finishedAt: inSeconds(60),
        output: undefined,
        dueAt: inSeconds(60),
        children: [],
      },
    ]);
  });

  test('tells what an operation waits for while it is pending', async () => {
    const operations = await operationsOf(async () => {
      await quick('a');
      await parallel([() => sleep('1m'), () => event('paid').result()]);
    });
    expect(operations[0]).not.toHaveProperty('waitsFor');
    expect(operations[1]).toMatchObject({
      kind: 'parallel',
      waitsFor: 'its branches (0 have ended)',
      children: [
        { kind: 'branch', status: 'STARTED', children: [{ waitsFor: 'the time 2025-01-01T00:01:00.000Z' }] },
        { kind: 'branch', status: 'STARTED', children: [{ waitsFor: 'engine.send("told", "paid", value)' }] },
      ],
    });
  });

  test('has nothing of a run that asked for nothing', async () => {
    expect(await operationsAfter(async () => 1)).toStrictEqual([]);
  });

  test('of an unknown run is RUN_NOT_FOUND', async () => {
    const { engine } = await openEngine();
    expect(await thrownBy(() => engine.operations('nobody'))).toMatchObject({ name: 'UsageError', code: 'RUN_NOT_FOUND' });
  });

  test('of no text is INVALID_ARGUMENT', async () => {
    const { engine } = await openEngine();
    expect(await thrownBy(() => engine.operations(''))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('inside a flow is ENGINE_IN_FLOW', async () => {
    const { engine } = await openEngine();
    const inside = flow(unique('inside'), async () => (await thrownBy(() => engine.operations('told'))).code);
    expect(await engine.start(inside, [])).toBe('ENGINE_IN_FLOW');
  });

  test('knows a run that was started in this turn', async () => {
    const { engine } = await openEngine();
    const future = engine.start(
      aFlow(() => hang()),
      [],
    );
    expect(await engine.operations(future.id)).toStrictEqual([]);
  });

  test('is the same from another engine on the store', async () => {
    const store = memoryStore();
    const operations = await operationsOf(async () => {
      await map(['a', 'b'], quick);
      await aFlow(async () => sleep('1h'))();
    }, still({ store }));
    const other = still({ store });
    await settle();
    expect(await other.operations('told')).toStrictEqual(operations);
  });
});

describe('attempts', () => {
  test.each([0, 1, 2])('are counted with the one that succeeded: %i failed', async (failures) => {
    const engine = testEngine({ startTime: START });
    flaky(engine, failures);
    await engine.run(
      aFlow(async () => quick.with({ retry: steady })('a')),
      [],
      { id: 'told' },
    );
    const [operation] = await engine.operations('told');
    expect(operation).toMatchObject({ status: 'SUCCEEDED', attempts: failures + 1 });
    expect(operation?.failedAttempts?.map(({ error }) => error.message)).toEqual(
      failures === 0 ? undefined : ['no 1', 'no 2'].slice(0, failures),
    );
  });

  test('that failed have their errors and times', async () => {
    const [operation] = await operationsAfter(async () => refuse.with({ retry: steady })('no'));
    expect(operation).toMatchObject({ status: 'FAILED', attempts: 3, finishedAt: inSeconds(30) });
    expect(operation?.failedAttempts).toStrictEqual(
      [0, 10, 30].map((seconds, index) => ({
        attempt: index + 1,
        error: new RangeError('no'),
        startedAt: inSeconds(seconds),
        failedAt: inSeconds(seconds),
      })),
    );
    expect(operation?.failedAttempts?.[0]?.error).toBeInstanceOf(RangeError);
  });

  test('are those that were begun, while the next is due later', async () => {
    const engine = still();
    const call = (): Promise<string> => refuse.with({ retry: steady })('no') as Promise<string>;
    expect(await operationsOf(call, engine)).toMatchObject([{ status: 'STARTED', attempts: 1 }]);
    await engine.advance('10s');
    await settle();
    const [operation] = await engine.operations('told');
    expect(operation).toMatchObject({ attempts: 2, waitsFor: expect.stringContaining('attempt 3 of 3, at') });
    expect(operation?.failedAttempts).toHaveLength(2);
  });

  test('that were called off before the next are not counted with it', async () => {
    const engine = still();
    await operationsOf(() => refuse.with({ retry: steady })('no') as Promise<string>, engine);
    await engine.cancel('told');
    await settle();
    expect(await engine.operations('told')).toMatchObject([{ status: 'CANCELLED', attempts: 1 }]);
  });

  test('of a condition are its looks', async () => {
    const engine = still();
    const look = action(unique('look'), async (state: number) => state + 1);
    const wait = (): Promise<number> =>
      waitForCondition(look, { initial: 0, strategy: (state) => ({ continue: state < 3, delay: '10s' }) }) as Promise<number>;
    const seen = [(await operationsOf(wait, engine))[0]?.attempts];
    for (let count = 0; count < 2; count += 1) {
      await engine.advance('10s');
      await settle();
      seen.push((await engine.operations('told'))[0]?.attempts);
    }
    expect(seen).toStrictEqual([1, 2, 3]);
    expect(await engine.operations('told')).toMatchObject([{ status: 'SUCCEEDED', output: 3 }]);
  });
});

describe('child runs', () => {
  /** Fails so many times, after an action. */
  function failingFlow(failures: number): Flow<[], string> {
    let count = 0;
    return aFlow(async () => {
      count += 1;
      await quick(`attempt ${count}`);
      if (count <= failures) throw new RangeError(`no ${count}`);
      return 'done';
    });
  }

  test('have their operations below them, and the id of their run', async () => {
    const child = aFlow(async () => void (await quick('a')));
    const operations = await operationsAfter(() => child.with({ id: 'child-1' })());
    expect(operations).toMatchObject([{ kind: 'flow', attempts: 1, childRunId: 'child-1', children: [{ id: '0', output: 'a!' }] }]);
  });

  test('that are retried show the last attempt, and the runs of those that failed', async () => {
    const child = failingFlow(2);
    const engine = testEngine({ startTime: START });
    await engine.run(
      aFlow(() => child.with({ id: 'child-2', retry: steady })()),
      [],
      { id: 'told' },
    );
    const [operation] = await engine.operations('told');
    expect(operation).toMatchObject({ status: 'SUCCEEDED', attempts: 3, childRunId: 'child-2~3', children: [{ input: ['attempt 3'] }] });
    expect(operation?.failedAttempts).toStrictEqual([
      { attempt: 1, error: new RangeError('no 1'), startedAt: inSeconds(0), failedAt: inSeconds(0), childRunId: 'child-2' },
      { attempt: 2, error: new RangeError('no 2'), startedAt: inSeconds(10), failedAt: inSeconds(10), childRunId: 'child-2~2' },
    ]);
    expect(await engine.operations('child-2~2')).toMatchObject([{ input: ['attempt 2'] }]);
  });

  test('that failed for good show the last attempt', async () => {
    const child = failingFlow(9);
    const operations = await operationsAfter(() => child.with({ id: 'child-3', retry: steady })());
    expect(operations).toMatchObject([{ status: 'FAILED', attempts: 3, childRunId: 'child-3~3', children: [{ input: ['attempt 3'] }] }]);
  });

  test('that failed and had one attempt show that', async () => {
    const child = failingFlow(1);
    const operations = await operationsAfter(() => child.with({ id: 'child-4' })());
    expect(operations).toMatchObject([{ status: 'FAILED', attempts: 1, childRunId: 'child-4', children: [{ input: ['attempt 1'] }] }]);
  });

  test('between two attempts show the one that failed', async () => {
    const engine = still();
    const child = failingFlow(1);
    const call = (): Promise<string> => child.with({ id: 'child-5', retry: steady })() as Promise<string>;
    expect(await operationsOf(call, engine)).toMatchObject([{ status: 'STARTED', attempts: 1, childRunId: 'child-5', children: [{}] }]);
    await engine.cancel('told');
    await settle();
    expect(await engine.operations('told')).toMatchObject([{ status: 'CANCELLED', attempts: 1, childRunId: 'child-5' }]);
  });

  test('whose next attempt is due and has not begun show the one that failed', async () => {
    const store = memoryStore();
    const engine = testEngine({ store, autoAdvance: false, startTime: START });
    const child = failingFlow(1);
    await operationsOf(() => child.with({ id: 'child-6', retry: steady })() as Promise<string>, engine);
    await engine.close();
    const later = testEngine({ store, autoAdvance: false, startTime: START + 60_000, execute: false });
    const [operation] = await later.operations('told');
    expect(operation).toMatchObject({ status: 'STARTED', attempts: 1, childRunId: 'child-6', children: [{ input: ['attempt 1'] }] });
    expect(operation?.waitsFor).toMatch(/^attempt 2 of 3, due since 2025-01-01T00:00:10/);
  });

  test('are loaded a level at a time', async () => {
    const grandchild = aFlow(async (text: string) => quick(text));
    const child = aFlow(async (text: string) => [await grandchild(text), await grandchild(text)]);
    const memory = memoryStore();
    const asked: string[][] = [];
    memory.reader = readerWith({ reader: memory.reader.bind(memory) }, (reader) => ({
      records: (query) => {
        asked.push([...(query?.ids ?? [])]);
        return reader.records(query);
      },
    }));
    const engine = still({ store: memory });
    await operationsOf(async () => void (await map(['a', 'b', 'c'], child)), engine);
    asked.length = 0;
    const operations = await engine.operations('told');
    expect(operations[0]?.children.flatMap(({ children }) => children[0]?.children ?? [])).toHaveLength(6);
    expect(asked.map((ids) => ids.length)).toStrictEqual([1, 3, 6]);
  });

  test('that wait for a run above them end the tree', async () => {
    const loop: Flow<[], unknown> = aFlow(async () => again());
    const again = (): Promise<unknown> => loop.with({ id: 'told' })() as Promise<unknown>;
    const engine = still();
    engine.start(loop, [], { id: 'told' });
    await settle();
    expect(await engine.operations('told')).toMatchObject([{ kind: 'flow', childRunId: 'told', children: [] }]);
  });

  test('a detached action has the run that it has become', async () => {
    const started = deferred();
    const work = action(unique('work'), async () => {
      started.resolve();
      await new Promise(() => {});
    });
    const operations = await operationsOf(async () => {
      work.start().detach();
      await started.promise;
    });
    expect(operations).toMatchObject([{ kind: 'action', status: 'STARTED', childRunId: 'told//0' }]);
    expect(operations[0]).not.toHaveProperty('waitsFor');
  });
});

describe('a cancelled run', () => {
  test('shows where it was', async () => {
    const engine = still();
    await operationsOf(async () => {
      await quick('before');
      try {
        await parallel({ slow: () => sleep('1h'), hung: () => hang(), fast: () => quick('fast') });
      } finally {
        await shield(() => quick('clean-up'));
      }
    }, engine);
    await engine.advance('5s');
    await engine.cancel('told', 'no longer wanted');
    await settle();
    const { status, error, cancelledAt } = await engine.get('told');
    expect(status).toBe('CANCELLED');
    const operations = await engine.operations('told');
    expect(outline(operations)).toStrictEqual([
      '0 action SUCCEEDED',
      [
        '1 parallel CANCELLED',
        ['1.0 branch CANCELLED', '1.0.0 timer CANCELLED'],
        ['1.1 branch CANCELLED', '1.1.0 action CANCELLED'],
        ['1.2 branch SUCCEEDED', '1.2.0 action SUCCEEDED'],
      ],
      '2 action SUCCEEDED',
    ]);
    const pending = operations[1]?.children[0]?.children[0];
    expect(pending?.error).toBeInstanceOf(CancelledError);
    expect(pending?.error?.message).toBe(error?.message);
    expect(pending?.finishedAt).toStrictEqual(cancelledAt);
  });

  test('shows what was cancelled before with another error', async () => {
    const engine = still();
    await operationsOf(async () => {
      const early = sleep.start('2h');
      await quick('a');
      early.cancel('too long');
      await early.exception();
      await sleep('1h');
    }, engine);
    await engine.cancel('told', 'no longer wanted');
    await settle();
    const messages = (await engine.operations('told')).map(({ error }) => error?.message);
    expect(messages).toStrictEqual([expect.stringContaining('too long'), undefined, (await engine.get('told')).error?.message]);
  });

  test('shows the child run that it waited for, cancelled as well', async () => {
    const engine = still();
    const child = aFlow(() => sleep('1h'));
    await operationsOf(() => child(), engine);
    await engine.cancel('told');
    await settle();
    expect(outline(await engine.operations('told'))).toStrictEqual([['0 flow CANCELLED', '0 timer CANCELLED']]);
  });
});

describe('branches without an outcome', () => {
  test('are CANCELLED when their batch is complete and did not leave them', async () => {
    const operations = await operationsOf(async () => {
      await parallel([() => quick('fast'), () => hang()], { completionConfig: { minSuccessful: 1 } });
      await sleep('1h');
    });
    expect(operations[0]?.children.map(({ status }) => status)).toStrictEqual(['SUCCEEDED', 'CANCELLED']);
  });

  test('go on when their batch is complete and left them', async () => {
    const engine = still();
    const operations = await operationsOf(async () => {
      await parallel([() => quick('fast'), () => hang()], { completionConfig: { minSuccessful: 1 }, unfinished: 'leave' });
      await sleep('1h');
    }, engine);
    expect(outline(operations)).toStrictEqual([
      ['0 parallel SUCCEEDED', ['0.0 branch SUCCEEDED', '0.0.0 action SUCCEEDED'], ['0.1 branch STARTED', '0.1.0 action STARTED']],
      '1 timer STARTED',
    ]);
    await engine.advance('1h');
    await settle();
    expect((await engine.operations('told'))[0]?.children.map(({ status }) => status)).toStrictEqual(['SUCCEEDED', 'CANCELLED']);
  });

  test('are CANCELLED within a branch that was cancelled', async () => {
    const operations = await operationsOf(async () => {
      await parallel([() => quick('fast'), () => parallel([() => shield(() => hang())])], { completionConfig: { minSuccessful: 1 } });
      await sleep('1h');
    });
    expect(outline(operations)).toStrictEqual([
      [
        '0 parallel SUCCEEDED',
        ['0.0 branch SUCCEEDED', '0.0.0 action SUCCEEDED'],
        ['0.1 branch CANCELLED', ['0.1.0 parallel CANCELLED', ['0.1.0.0 branch CANCELLED', '0.1.0.0.0 action STARTED']]],
      ],
      '1 timer STARTED',
    ]);
  });
});

test('a value that this process cannot decode is its text, and hides nothing else', async () => {
  const sealed: Serdes = {
    serialize: (value) => `sealed ${JSON.stringify(value)}`,
    deserialize: (text) => JSON.parse(text.slice('sealed '.length)) as unknown,
  };
  const { engine } = await openEngine();
  const future = engine.start(
    aFlow(async () => [await quick.with({ serdes: sealed })('a'), await quick('b')]),
    [],
  );
  await future;
  expect(await engine.operations(future.id)).toMatchObject([
    { input: 'sealed ["a"]', output: 'sealed "a!"' },
    { input: ['b'], output: 'b!' },
  ]);
});

describe('long journals', () => {
  /** It takes a millisecond to read a value with it. */
  const slow: Serdes = {
    serialize: (value) => JSON.stringify(value),
    deserialize: (text) => {
      const until = performance.now() + 1;
      while (performance.now() < until);
      return JSON.parse(text) as unknown;
    },
  };

  test('are told of in pieces, between which others have their turn', async () => {
    const { engine } = await openEngine();
    const note = action(unique('note'), async (n: number) => n, { serdes: slow });
    const future = engine.start(
      aFlow(async () =>
        map(
          Array.from({ length: 100 }, (_, n) => n),
          (n) => note(n),
        ),
      ),
      [],
    );
    await future;
    let turns = 0;
    let over = false;
    const turn = (): void => {
      turns += 1;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    const [batch] = await engine.operations(future.id);
    over = true;
    expect(batch?.children.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, n) => `0.${n}`));
    expect(turns).toBeGreaterThan(10);
  });
});
