import { action, actionContext, flow, map, memoryStore, now, random, sleep } from 'perdure';
import type { OperationRecord, Store } from 'perdure/store';
import { describe, expect, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { withCommit } from '../../src/testing/wrapped-store.js';
import { assertReplays, crashEverywhere, explore, type StoreCase, storeConformance } from '../../src/testing.js';
import { thrownBy, unique } from '../api/with-engine.js';
import { journalsBy } from './journals-by.js';
import { testEngine } from './with-test-engine.js';

/** What an assertion of the kit says; fails when it says nothing, or throws something else. */
async function finding(call: () => Promise<unknown>): Promise<string> {
  const error = await thrownBy(call);
  expect(error.name).toBe('AssertionError');
  return error.message;
}

const work = action(unique('work'), async (text: string) => `${text}!`);

describe('a flow that reads the clock of the machine', () => {
  let clock = 0;
  /** Goes on with each look, as `Date.now()` and `performance.now()` do sooner or later. */
  const look = (): number => {
    clock += 1;
    return clock;
  };
  const faulty = flow(unique('clock'), async () => `${await work('a')} at ${look()}`);
  const reallyFaulty = flow(unique('date'), async () => [await work('a'), Date.now() + performance.now()]);
  const sound = flow(unique('now'), async () => [await work('a'), now(), random()]);

  test('is found by crashEverywhere', async () => {
    expect(await finding(() => crashEverywhere(faulty, []))).toMatch(
      /^after a crash right (before|after) commit \d+ of \d+ the run came to another end\n {2}expected: SUCCEEDED: "a! at \d+"\n {2}actual: {3}SUCCEEDED: "a! at \d+"$/,
    );
    expect(await finding(() => crashEverywhere(reallyFaulty, []))).toMatch(/ the run came to another end\n/);
  });

  test('is found by explore', async () => {
    expect(await finding(() => explore(faulty, [], { seed: 1 }))).toMatch(
      /^the replay of run explored came to another end\n {2}expected: SUCCEEDED: "a! at \d+"\n {2}actual: {3}SUCCEEDED: "a! at \d+"\n {2}seed 1, run 1 of 100\n/,
    );
    expect(await finding(() => explore(reallyFaulty, []))).toMatch(/^the replay of run explored came to another end\n/);
  });

  test('is found by assertReplays, with and without an engine', async () => {
    const engine = testEngine();
    const { journal } = await engine.run(faulty, [], { id: 'clock' });
    expect(await finding(() => engine.assertReplays())).toMatch(/^the replay of run clock came to another end\n/);
    expect(await finding(() => assertReplays(faulty, journal))).toMatch(/^the replay of run clock came to another end\n/);
  });

  test('passes with now() and random()', async () => {
    await crashEverywhere(sound, []);
    await explore(sound, []);
  });
});

describe('a flow that races an action against a timer of the machine', () => {
  /** As short as a timer of the machine can be: it fires while the action is under way, and never while it is replayed. */
  const faulty = flow(unique('native-race'), async () =>
    Promise.race([work('a'), new Promise<string>((resolve) => setImmediate(() => setImmediate(() => resolve('timed out'))))]),
  );
  /** Slower than any timer. */
  const slow = action(unique('slow'), () => new Promise<string>(() => {}));
  const withTimeout = flow(unique('native-time-out'), async () =>
    Promise.race([slow(), new Promise<string>((resolve) => setTimeout(resolve, 0, 'timed out'))]),
  );
  const sound = flow(unique('sound-race'), async () => {
    const limit = sleep.start('1h');
    const first = await Promise.race([work('a'), limit.result().then(() => 'timed out')]);
    limit.cancel();
    return first;
  });
  const engine = { leaks: 'ignore' } as const;

  test('is found by explore', async () => {
    expect(await finding(() => explore(faulty, [], { seed: 1, engine }))).toMatch(
      /^the replay of run explored came to another end\n {2}expected: SUCCEEDED: "timed out"\n {2}actual: {3}it waits for what is not in its journal\n {2}seed 1, run \d+ of 100\n/,
    );
  });

  test('is found by explore, with a timer of no milliseconds', async () => {
    await finding(() =>
      explore(withTimeout, [], { seed: 1, engine: { ...engine, patience: 5 }, invariant: ({ result }) => result === 'a!' }),
    );
  });

  test('is found by assertReplays', async () => {
    const kit = testEngine(engine);
    kit.mock(work, 'mocked', { latency: '1h' });
    const { result } = await kit.run(faulty, [], { id: 'race' });
    expect(result).toBe('timed out');
    expect(await finding(() => kit.assertReplays())).toMatch(
      /^the replay of run race came to another end\n {2}expected: SUCCEEDED: "timed out"\n {2}actual: {3}it waits for what is not in its journal$/,
    );
  });

  test('passes with sleep()', async () => {
    await explore(sound, [], { engine, invariant: ({ result }) => ['a!', 'timed out'].includes(result) });
    await crashEverywhere(sound, [], { engine });
  });
});

describe('a flow that leaves a future behind', () => {
  const faulty = flow(unique('leaking'), async () => {
    work.start('left behind');
    return work('a');
  });
  const sound = flow(unique('tidy'), async () => {
    const other = work.start('kept');
    return [await work('a'), await other];
  });

  test('is found by the run itself, and by assertNoLeaks', async () => {
    const engine = testEngine();
    const { status, error } = await engine.run(faulty);
    expect(status).toBe('FAILED');
    expect(error?.message).toMatch(
      /^flow "leaking-\d+" \(run \S+\) ended with a leak \(unawaited\): nobody took delivery of action "work-\d+" \(0, /,
    );
    expect(await finding(async () => engine.assertNoLeaks())).toMatch(
      /^futures were left behind: flow "leaking-\d+" left action "work-\d+" \((RUNNING|UNOBSERVED)\)$/,
    );
  });

  test('is found by explore with an invariant', async () => {
    const message = await finding(() => explore(faulty, [], { seed: 1, invariant: ({ error }) => Promise.reject(error) }));
    expect(message).toMatch(
      /^flow "leaking-\d+" \(run explored\) ended with a leak \(unawaited\): nobody took delivery of action "work-\d+"/,
    );
  });

  test('is found by crashEverywhere with an invariant', async () => {
    const message = await finding(() => crashEverywhere(faulty, [], { invariant: ({ status }) => status === 'SUCCEEDED' }));
    expect(message).toMatch(/^the run broke the invariant: the invariant does not hold for\nflow "leaking-\d+" \(crashed\) FAILED\n/);
  });

  test('passes when it awaits it', async () => {
    const engine = testEngine();
    expect((await engine.run(sound)).status).toBe('SUCCEEDED');
    engine.assertNoLeaks();
    await explore(sound, [], { invariant: ({ status }) => status === 'SUCCEEDED' });
  });
});

describe('an action that is not idempotent', () => {
  const charges = new Map<string, number>();
  const twice = action(unique('charge'), async (order: string) => {
    charges.set(order, (charges.get(order) ?? 0) + 400);
  });
  const keyed = action(unique('charge-by-key'), async () => {
    charges.set(actionContext().idempotencyKey, 400);
  });
  const faulty = flow(unique('charging-twice'), async () => {
    await twice('order-1');
    await sleep('1h');
  });
  const sound = flow(unique('charging-once'), async () => {
    await keyed();
    await sleep('1h');
  });
  const world = { reset: () => charges.clear(), invariant: () => expect([...charges.values()]).toStrictEqual([400]) };

  test('is found by crashEverywhere with an invariant', async () => {
    expect(await finding(() => crashEverywhere(faulty, [], world))).toMatch(
      /^after a crash right before commit \d+ of \d+ the run broke the invariant: expected \[ 800 \] to strictly equal \[ 400 \]/,
    );
  });

  test('passes when it goes by its idempotency key', async () => {
    await crashEverywhere(sound, [], { ...world, faults: { failingCommit: true, lostWorker: true } });
  });
});

/** A store with some methods of its own. */
function instead(store: Store, methods: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      const own: unknown = Reflect.get(methods, key);
      if (own !== undefined) return own;
      const member: unknown = Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** The cases that a store fails, by what they are called. */
async function failuresOver(store: () => Store): Promise<string[]> {
  const failures: string[] = [];
  const runCase = async ({ area, name, run }: StoreCase): Promise<void> => {
    const data = store();
    await run(() => data).catch((error: Error) => {
      expect(error.name).toBe('AssertionError');
      failures.push(`${area}: ${name}`);
    });
  };
  for (const each of storeConformance) await runCase(each);
  return failures;
}

/** Its order of outcomes is that of what is raced: a replay that hears of them in another order takes another way. */
const racing = flow(unique('racing'), async () => {
  const first = await Promise.race([work('slow'), work('fast')]);
  return [first, await work('more'), (await map(['a', 'b'], work)).getResults(), await sleep('1h')];
});
const RACING = {
  setup: (engine: ReturnType<typeof testEngine>): void => {
    engine.mock(work, (text) => `${text}!`, { latency: (text) => (text === 'slow' ? 2_000 : 1_000) });
  },
  engine: { leaks: 'ignore' },
} as const;

describe('a store that reorders outcomes', () => {
  /** Hands outcomes back in the order in which they were asked for. */
  const reordering = (): Store => {
    const store = memoryStore();
    const byId = (a: OperationRecord, b: OperationRecord): number => a.id.localeCompare(b.id, 'en', { numeric: true });
    return instead(store, { loadJournals: journalsBy(async (runId) => (await journalOf(store, runId)).sort(byId)) });
  };

  test('is found by crashEverywhere', async () => {
    expect(await finding(() => crashEverywhere(racing, [], { ...RACING, store: reordering }))).toMatch(
      /^after a crash right (before|after) commit \d+ of \d+ the run came to another end\n {2}expected: SUCCEEDED: .*"fast!",.*\n {2}actual: {3}SUCCEEDED: .*"slow!",/,
    );
  });

  test('is found by storeConformance', async () => {
    expect(await failuresOver(reordering)).toContain('journal: outcomes come in the order of seq, starts after them');
  });
});

describe('a store that says a commit is durable before it is written', () => {
  /** Keeps the last commit in a buffer that the end of the process loses, and a proper close too. */
  const buffering = (): Store => {
    const store = memoryStore();
    let buffered: (() => Promise<unknown>) | undefined;
    const flush = async (): Promise<void> => {
      const write = buffered;
      buffered = undefined;
      await write?.();
    };
    return instead(
      withCommit(store, async (batch, commit) => {
        await flush();
        const known = await store.getRuns(batch.creates.map(({ run }) => run.id));
        if (known.length > 0) return commit(batch);
        buffered = () => commit(batch);
        return { taken: [] };
      }),
      {
        close: () => {
          buffered = undefined;
          return store.close();
        },
      },
    );
  };

  test('is found by crashEverywhere', async () => {
    const main = flow(unique('buffered'), async () => [await work('a'), await work('b')]);
    expect(await finding(() => crashEverywhere(main, [], { store: buffering }))).toMatch(
      /^after a crash right after commit \d+ of \d+ the run did actions again whose outcome was recorded: action "work-\d+" \(\d\) of run crashed$/,
    );
  });

  test('is found by storeConformance', async () => {
    expect(await failuresOver(buffering)).toContain(
      'batches: what was committed is there for another process once the commit resolves (S2, S4)',
    );
  });
});

describe('a sound store', () => {
  test('passes crashEverywhere and storeConformance', async () => {
    await crashEverywhere(racing, [], { ...RACING, store: memoryStore, faults: { slow: 2, failingCommit: true, lostWorker: true } });
    expect(await failuresOver(memoryStore)).toStrictEqual([]);
  });
});
