import {
  asCompleted,
  type CompletionConfig,
  type DurableFuture,
  type Engine,
  type EngineEvents,
  type Flow,
  flow,
  memoryStore,
  open,
  parallel,
  shield,
  UsageError,
  wait,
} from 'perdure';
import type { Store } from 'perdure/store';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { unique } from '../api/with-engine.js';
import { cancelRun, cancelThrough, endOf, hang, work } from './crash-case.js';
import { crashingStore } from './crashing-store.js';
import { observe } from './observer.js';
import { Recorder } from './recorder.js';
import { expectWellFormed } from './well-formed.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const RUN_ID = 'run';
const first: CompletionConfig = { minSuccessful: 1 };

/** How a run ended, and the leaks that the last process has told of. */
interface End {
  readonly end: string;
  readonly leaks: readonly EngineEvents['leak'][];
}

async function openOn(store: Store): Promise<Engine> {
  const engine = await open({ store, default: false, logger: SILENT, leaks: 'error' });
  onTestFinished(() => engine.close({ timeout: 0 }).catch(() => undefined));
  cancelThrough(engine);
  return engine;
}

/** Runs a flow in processes that end after these commits, and a last one that lives. Says of each of the former whether it came to that commit. */
async function runThrough(of: Flow<[], unknown>, commits: readonly number[] = []): Promise<End & { readonly ended: boolean[] }> {
  const store = memoryStore();
  const ended: boolean[] = [];
  for (const [index, number] of commits.entries()) {
    ended.push(false);
    const engine = await openOn(crashingStore(store, { number, when: 'after' }, () => (ended[index] = true)));
    await endOf(engine.start(of, [], { id: RUN_ID }));
    await engine.close({ timeout: 0 }).catch(() => undefined);
  }
  const engine = await openOn(store);
  const leaks: EngineEvents['leak'][] = [];
  engine.on('leak', (event) => leaks.push(event));
  const end = await endOf(engine.start(of, [], { id: RUN_ID }));
  await expectWellFormed(store);
  await engine.close();
  return { end, leaks, ended };
}

/** Runs a flow through a crash after each of its commits, with another after each commit of the process that recovers it. */
async function throughAnyTwoCrashes(of: Flow<[], unknown>): Promise<End[]> {
  const ends: End[] = [];
  for (let one = 1; one < 100; one += 1) {
    for (let two = 1; two < 100; two += 1) {
      const { ended, ...end } = await runThrough(of, [one, two]);
      if (ended[0] !== true) return ends;
      ends.push(end);
      if (ended[1] !== true) break;
    }
  }
  throw new Error('it does not come to its end');
}

beforeEach(() => {
  onTestFinished(observe(new Recorder()));
});

describe('a future of the flow is taken delivery of', () => {
  const ways: readonly [string, (outer: DurableFuture<unknown>) => Promise<unknown>][] = [
    [
      'in a branch of a branch',
      async (outer) => {
        await parallel([
          async () => {
            await parallel([async () => void (await outer), () => work('beside', 3)]);
            await work('inside', 3);
          },
          () => work('outside', 12),
        ]);
      },
    ],
    [
      'three branches deep',
      async (outer) => {
        const three = () => parallel([async () => void (await outer), () => work('beside', 3)]);
        const two = () => parallel([three, () => work('inside', 6)]);
        await parallel([two, () => work('outside', 12)]);
      },
    ],
    [
      'in a branch of a branch that still has a handler on it',
      async (outer) => {
        await parallel([
          async () => {
            await parallel([() => Promise.race([outer, work('before', 0)])]);
            await work('inside', 3);
          },
          () => work('outside', 12),
        ]);
      },
    ],
  ];

  test.each(ways)('%s: it counts as taken, after any two crashes', async (_way, body) => {
    const of = flow(unique('taken in branches'), async () => {
      const outer = work.start('outer', 1);
      await body(outer);
      return work('after');
    });
    expect(await runThrough(of)).toMatchObject({ end: '"after!"', leaks: [] });
    const ends = await throughAnyTwoCrashes(of);
    expect(ends.length).toBeGreaterThan(10);
    for (const end of ends) expect(end).toStrictEqual({ end: '"after!"', leaks: [] });
  });
});

describe('code that a branch leaves behind', () => {
  test('and that waits for futures of the flow takes them, done or not, after any two crashes', async () => {
    const of = flow(unique('left waiting'), async () => {
      const [quick, slow] = [work.start('quick', 1), work.start('slow', 12)];
      await parallel([
        async () => {
          void wait([quick, slow]);
          await work('inside', 4);
        },
      ]);
      return work('after', 24);
    });
    expect(await runThrough(of)).toMatchObject({ end: '"after!"', leaks: [] });
    const ends = await throughAnyTwoCrashes(of);
    expect(ends.length).toBeGreaterThan(10);
    for (const end of ends) expect(end).toStrictEqual({ end: '"after!"', leaks: [] });
  });

  test('and that goes through futures of the flow gets the next, and no more, after any two crashes', async () => {
    const got: string[] = [];
    const of = flow(unique('left in a loop'), async () => {
      const futures = [work.start('quick', 1), work.start('slow', 12), work.start('slower', 16)];
      const loop = async (): Promise<void> => {
        for await (const future of asCompleted(futures)) got.push(future.id);
      };
      const inBranch = async (): Promise<void> => {
        loop().catch((error: { code?: string }) => got.push(error.code as string));
        await work('inside', 4);
      };
      await parallel([inBranch]);
      return work('after', 24);
    });
    expect(await runThrough(of)).toMatchObject({ end: '"after!"', leaks: [] });
    expect(got).toEqual(['0', '1', 'RUN_ENDED']);
    const ends = await throughAnyTwoCrashes(of);
    expect(ends.length).toBeGreaterThan(10);
    for (const end of ends) expect(end).toStrictEqual({ end: '"after!"', leaks: [] });
  });

  test.each(['result', 'exception'] as const)(
    'asks for %s() of a future of the flow when the branch has ended: it is refused, after any two crashes',
    async (ask) => {
      const told: string[] = [];
      const of = flow(unique('left asking'), async () => {
        const [quick, slow] = [work.start('quick', 1), work.start('slow', 12)];
        const left = async (): Promise<void> => {
          await slow;
          await quick[ask]().catch((error: { code?: string }) => told.push(error.code as string));
        };
        await parallel([
          async () => {
            left().catch((error: { code?: string }) => told.push(error.code as string));
            await work('inside', 4);
          },
        ]);
        return work('after', 24);
      });
      const once = await runThrough(of);
      expect(told).toEqual(['RUN_ENDED']);
      expect(once.leaks.map(({ futures }) => futures.map(({ id, state }) => `${id} ${state}`))).toEqual([['0 UNOBSERVED']]);
      expect(once.end).toContain('LeakedFuturesError');
      const ends = await throughAnyTwoCrashes(of);
      expect(ends.length).toBeGreaterThan(10);
      for (const { end } of ends) expect(end).toContain('LeakedFuturesError');
    },
  );
});

/** What it answers, or the code of what it throws. */
function answerOf(ask: () => unknown): unknown {
  try {
    return ask();
  } catch (error) {
    return error instanceof UsageError ? error.code : error;
  }
}

describe('a branch decides about a future of the flow that a sibling has taken delivery of', () => {
  const asked: readonly [string, (outer: DurableFuture<unknown>) => unknown, string][] = [
    ['detach() is refused', (outer) => outer.detach(), '["FOREIGN_FUTURE","FOREIGN_FUTURE","FOREIGN_FUTURE"]'],
    ['cancel() is refused until it is done', (outer) => outer.cancel(), '["FOREIGN_FUTURE",false,false]'],
  ];

  test.each(asked)('%s, after any two crashes', async (_what, ask, expected) => {
    const of = flow(unique('deciding in branches'), async () => {
      const outer = work.start('outer', 1);
      const result = await parallel([
        async () => {
          await outer;
          return work('taken');
        },
        async () => {
          const before = answerOf(() => ask(outer));
          await work('later', 6);
          const after = answerOf(() => ask(outer));
          await work('last', 2);
          return [before, after, answerOf(() => ask(outer))];
        },
      ]);
      return result.getResults()[1];
    });
    expect(await runThrough(of)).toMatchObject({ end: expected, leaks: [] });
    const ends = await throughAnyTwoCrashes(of);
    expect(ends.length).toBeGreaterThan(10);
    for (const end of ends) expect(end).toStrictEqual({ end: expected, leaks: [] });
  });
});

test('a batch that was detached after a branch has taken delivery of it is not touched by a cancellation, after any two crashes', async () => {
  const of = flow(unique('detaching a batch'), async () => {
    let told = 'nothing';
    const left = async (): Promise<void> => {
      told = await work('left', 8).catch((error: Error) => error.name);
      await hang();
    };
    const batch = parallel.start([() => work('quick'), left], { unfinished: 'leave', completionConfig: first });
    await parallel([async () => void (await batch)]);
    batch.detach();
    await cancelRun('enough').catch(() => undefined);
    return shield(async () => {
      await work('after', 16);
      return told;
    });
  });
  const expected = { end: '"left!"', leaks: [] };
  expect(await runThrough(of)).toMatchObject(expected);
  const ends = await throughAnyTwoCrashes(of);
  expect(ends.length).toBeGreaterThan(10);
  for (const end of ends) expect(end).toStrictEqual(expected);
});

test('a rejection in a branch that loses is told with that branch, after any two crashes', async () => {
  const of = flow(unique('losing'), async () => {
    const loser = async (): Promise<void> => {
      void Promise.reject(new RangeError('lost'));
      await work('loser', 12);
    };
    await parallel([loser, () => work('winner')], { completionConfig: first });
    return work('after', 3);
  });
  const told = { end: '"after!"', leaks: [['0.0', 'lost']] };
  const shape = ({ end, leaks }: End) => ({
    end,
    leaks: leaks.flatMap(({ scope, futures }) => futures.map(({ error }) => [scope, error?.message])),
  });
  expect(shape(await runThrough(of))).toStrictEqual(told);
  // A process that finds the run ended tells of nothing.
  const ends = (await throughAnyTwoCrashes(of)).map(shape).filter(({ leaks }) => leaks.length > 0);
  expect(ends.length).toBeGreaterThan(3);
  for (const end of ends) expect(end).toStrictEqual(told);
});
