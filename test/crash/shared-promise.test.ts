import { type EngineEvents, type Flow, flow, map, memoryStore, type NonDurableAwaitPolicy, open, parallel, sleep } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { collectingLogger, deferred, type LogLine } from '../api/with-engine.js';
import { endOf, work } from './crash-case.js';
import { type CrashPoint, crashingStore, watchedStore } from './crashing-store.js';
import { observe, witness } from './observer.js';
import { Recorder } from './recorder.js';
import { expectWellFormed } from './well-formed.js';

const RUN_ID = 'run';

/** Branches that share a promise: one waits for it when the other resolves it. */
const chained = flow('branches sharing a promise', async () => {
  const saw = witness();
  const shared = deferred<string>();
  const result = await parallel({
    a: async () => {
      shared.resolve(await work('a'));
      return 'a';
    },
    b: async () => {
      const value = await shared.promise;
      saw(`b has ${value}`);
      return [await work(`b after ${value}`, 1), await work('b', 1)];
    },
    c: () => work('c', 4),
  });
  return [result.getResults(), await work('after')];
});

const afterwards = flow('a branch that goes on after it has resolved', async () => {
  const saw = witness();
  const shared = deferred<string>();
  const result = await parallel({
    b: async () => {
      const before = work.start('before', 1);
      const value = await shared.promise;
      saw(`b has ${value}`);
      return [value, await before, await work('b', 3)];
    },
    a: async () => {
      await work('a0', 2);
      shared.resolve(await work('a1', 1));
      return work('a2');
    },
  });
  return result.getResults();
});

const threeLong = flow('three branches in a chain', async () => {
  const saw = witness();
  const [first, second] = [deferred<string>(), deferred<string>()];
  const result = await parallel({
    a: async () => {
      first.resolve(await work('a'));
      return 'a';
    },
    b: async () => {
      // It does nothing durable between the two.
      second.resolve(`${await first.promise}b`);
      return 'b';
    },
    c: async () => {
      const value = await second.promise;
      saw(`c has ${value}`);
      return [value, await work('c', 1), await work('d', 1)];
    },
  });
  return result.getResults();
});

const threeSteps = flow('three branches in a chain of steps', async () => {
  const [first, second] = [deferred<string>(), deferred<string>()];
  const result = await parallel({
    a: async () => {
      first.resolve(await work('a'));
      return 'a';
    },
    b: async () => {
      second.resolve(await work(`${await first.promise}b`, 1));
      return 'b';
    },
    c: async () => [await work(`${await second.promise}c`, 1), await work('d', 1)],
  });
  return result.getResults();
});

const threeOnward = flow('three branches in a chain whose middle goes on', async () => {
  const [first, second] = [deferred<string>(), deferred<string>()];
  const result = await parallel({
    a: async () => {
      first.resolve(await work('a'));
      return 'a';
    },
    b: async () => {
      const value = await first.promise;
      second.resolve(`${value}b`);
      return work('b');
    },
    c: async () => [await work(`${await second.promise}c`, 2), await work('d', 1)],
  });
  return result.getResults();
});

const parent = flow('a parent that awaits a promise of a branch', async () => {
  const saw = witness();
  const shared = deferred<string>();
  const batch = parallel.start({
    a: async () => {
      shared.resolve(await work('a'));
      return 'a';
    },
    b: () => work('b', 6),
  });
  const value = await shared.promise;
  saw(`the flow has ${value}`);
  const after = [await work('after', 1), await work('more', 1)];
  return [value, after, (await batch).getResults()];
});

const deep = flow('a branch that awaits a promise of an inner one', async () => {
  const shared = deferred<string>();
  const result = await parallel({
    outer: async () => {
      const inner = await map(['x', 'y'], async (name) => {
        const value = await work(name, name === 'x' ? 1 : 2);
        if (name === 'x') shared.resolve(value);
        return value;
      });
      return inner.getResults();
    },
    b: async () => [await shared.promise, await work('b', 1), await work('c', 2)],
  });
  return result.getResults();
});

interface SharedCase {
  readonly of: Flow<[], unknown>;
  readonly result: unknown;
  /** Which scopes the warning names: the one that went on, and the one that made it. */
  readonly names: readonly [string, string];
}

const CASES: readonly SharedCase[] = [
  { of: chained, result: [['a', ['b after a!!', 'b!'], 'c!'], 'after!'], names: ['branch "b" (0.1)', 'branch "a" (0.0)'] },
  { of: afterwards, result: [['a1!', 'before!', 'b!'], 'a2!'], names: ['branch "b" (0.0)', 'branch "a" (0.1)'] },
  { of: threeLong, result: ['a', 'b', ['a!b', 'c!', 'd!']], names: ['branch "c" (0.2)', 'branch "a" (0.0)'] },
  { of: threeSteps, result: ['a', 'b', ['a!b!c!', 'd!']], names: ['branch "b" (0.1)', 'branch "a" (0.0)'] },
  { of: threeOnward, result: ['a', 'b!', ['a!bc!', 'd!']], names: ['branch "b" (0.1)', 'branch "a" (0.0)'] },
  { of: parent, result: ['a!', ['after!', 'more!'], ['a', 'b!']], names: [`flow "${parent.name}"`, 'branch "a" (0.0)'] },
  {
    of: deep,
    result: [
      ['x!', 'y!'],
      ['x!', 'b!', 'c!'],
    ],
    names: ['branch "b" (0.1)', 'branch "map-item-0" (0.0.0.0)'],
  },
];

interface Ran {
  readonly end: string;
  readonly crashes: number;
  readonly lines: readonly LogLine[];
  readonly recorder: Recorder;
  readonly store: Store;
}

/** Runs a flow in processes that end at these points, and a last one that lives until the run ends, or stands still, or is blocked. */
async function runThrough(of: Flow<[], unknown>, points: readonly CrashPoint[], nonDurableAwait: NonDurableAwaitPolicy): Promise<Ran> {
  const recorder = new Recorder();
  const unobserve = observe(recorder);
  const store = memoryStore();
  const watched = watchedStore(store, { after: (_number, batch) => recorder.committed(batch) });
  const { logger, lines } = collectingLogger();
  let crashes = 0;
  let end = '';
  for (const point of [...points, undefined]) {
    const crashing = point === undefined ? watched : crashingStore(watched, point, () => (crashes += 1));
    const engine = await open({ store: crashing, default: false, logger, nonDurableAwait });
    onTestFinished(() => engine.close({ timeout: 0 }).catch(() => undefined));
    const standstill = new Promise<string>((resolve) => {
      engine.on('run:stuck', ({ runId }: EngineEvents['run:stuck']) => resolve(`STUCK ${runId}`));
      engine.on('run:blocked', ({ code }: EngineEvents['run:blocked']) => resolve(`BLOCKED ${code}`));
    });
    end = await Promise.race([endOf(engine.start(of, [], { id: RUN_ID })), standstill]);
    if (point === undefined) await expectWellFormed(store);
    await engine.close({ timeout: 0 }).catch(() => undefined);
  }
  unobserve();
  return { end, crashes, lines, recorder, store };
}

/** How runs end that are crashed at each of their commits. */
async function endsOf(of: Flow<[], unknown>, when: 'before' | 'after', policy: NonDurableAwaitPolicy): Promise<string[]> {
  const ends: string[] = [];
  for (let number = 1; ; number += 1) {
    const { end, crashes, recorder } = await runThrough(of, [{ number, when }], policy);
    expect(recorder.repeated).toEqual([]);
    if (!end.startsWith('STUCK') && !end.startsWith('BLOCKED')) recorder.expectSamePaths();
    if (crashes === 0) return ends;
    ends.push(end);
  }
}

const warningsOf = (lines: readonly LogLine[]): string[] =>
  lines.filter(({ fields }) => fields['code'] === 'NON_DURABLE_AWAIT').map(({ message }) => message);

describe.each(CASES.map((each) => ({ name: each.of.name, ...each })))('$name', ({ of, result, names }) => {
  test('comes to its result, and one warning names both sides', async () => {
    const { end, lines } = await runThrough(of, [], 'warn');
    expect(JSON.parse(end)).toEqual(result);
    const warnings = warningsOf(lines);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.startsWith(names[0])).toBe(true);
    expect(warnings[0]).toContain(`because of what ${names[1]}`);
  });

  test.each(['before', 'after'] as const)('comes to the same result after a crash %s any commit (R6)', async (when) => {
    const ends = await endsOf(of, when, 'warn');
    expect(ends.length).toBeGreaterThan(3);
    expect(ends).toEqual(ends.map(() => JSON.stringify(result)));
  });

  test('comes to the same result through crash after crash', async () => {
    const points = Array.from({ length: 8 }, (_, index): CrashPoint => ({ number: 2, when: index % 2 === 0 ? 'after' : 'before' }));
    expect(JSON.parse((await runThrough(of, points, 'warn')).end)).toEqual(result);
  });
});

const refused = flow('sharing is refused', async () => {
  const shared = deferred<string>();
  const result = await parallel(
    {
      a: async () => {
        shared.resolve(await work('a'));
        return 'a';
      },
      b: async () => work(`b after ${await shared.promise}`),
      c: () => work('c', 3),
    },
    { completionConfig: { toleratedFailureCount: 1 } },
  );
  const errors = result.getErrors() as (Error & { code?: string })[];
  return [result.getResults(), errors.map(({ name, code }) => `${name} ${code}`)];
});

test.each(['before', 'after'] as const)(
  'under the policy "error" a branch that goes on by the promise of another fails, also after a crash %s any commit',
  async (when) => {
    const expected = JSON.stringify([['a', 'c!'], ['UsageError NON_DURABLE_AWAIT']]);
    expect((await runThrough(refused, [], 'error')).end).toBe(expected);
    const ends = await endsOf(refused, when, 'error');
    expect(ends).toEqual(ends.map(() => expected));
  },
);

/**
 * Not to be noticed while it happens: the promise is settled when the other branch comes to await it, which then goes on in a turn of its own. After a
 * crash it stands still, as the branch that has resolved it is not run again; so the replay is done over with all bodies.
 */
const tooLate = flow('a promise that was resolved before', async () => {
  const saw = witness();
  const shared = deferred<string>();
  const result = await parallel({
    a: async () => {
      shared.resolve(await work('a'));
      return 'a';
    },
    b: async () => {
      saw(await work('b', 8));
      const value = await shared.promise;
      return [await work(`${value} for b`, 1), await sleep(1)];
    },
  });
  return result.getResults();
});

/** What branches share is gone after a crash, and a branch that has ended does not bring it back. */
const counted = flow('a list that branches share', async () => {
  const list: string[] = [];
  const result = await parallel([
    async () => void list.push(await work('a')),
    async () => {
      await work('b', 6);
      return [await work(`of ${list.length}`, 1), await work('c', 1)];
    },
  ]);
  return result.getResults();
});

test.each(['before', 'after'] as const)(
  'a branch that awaits what another one has resolved before comes to the same result after a crash %s any commit, and no warning tells of it',
  async (when) => {
    const live = await runThrough(tooLate, [], 'warn');
    expect(JSON.parse(live.end)).toEqual(['a', ['a! for b!', null]]);
    expect(warningsOf(live.lines)).toEqual([]);
    const ends = await endsOf(tooLate, when, 'warn');
    expect(ends).toEqual(ends.map(() => live.end));
  },
);

test.each(['before', 'after'] as const)(
  'a run whose branches share a list either comes to the result that it would have had, or to that of the list it finds, after a crash %s any commit',
  async (when) => {
    const live = await runThrough(counted, [], 'warn');
    expect(JSON.parse(live.end)).toEqual([null, ['of 1!', 'c!']]);
    // Not to be noticed unless the step that depends on it is recorded: documented as a limit.
    const ends = await endsOf(counted, when, 'warn');
    const found = JSON.stringify([null, ['of 0!', 'c!']]);
    expect([live.end, found]).toEqual(expect.arrayContaining([...new Set(ends)]));
    // Once the step is recorded, the replay that disagrees with it is done over with all bodies.
    expect(ends.slice(ends.lastIndexOf(found) + 1).length).toBeGreaterThan(1);
  },
);
