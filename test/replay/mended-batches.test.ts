import { action, actionContext, type BatchResult, CompletionConfig, map, NonDeterminismError, parallel } from 'perdure';
import { beforeEach, expect, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { atRest, Generations } from './generations.js';

/** What bodies of actions and of branches did, and whether the gate lets through. */
let calls: string[] = [];
let open = false;

const one = action('one of a batch', async (input: string) => {
  calls.push(`one ${input}`);
  return input;
});
const failing = action('failing of a batch', async (input: string) => {
  calls.push(`failing ${input}`);
  throw new RangeError(`no ${input}`);
});
const gate = action('gate of a batch', async (input: string) => {
  calls.push(`gate ${input}`);
  const { signal } = actionContext();
  if (!open) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return `${input} through`;
});

beforeEach(() => {
  calls = [];
  open = false;
});

function toldOf({ completionReason, all }: BatchResult<unknown>): string {
  const items = all.map((item) => (item.status === 'SUCCEEDED' ? String(item.result) : item.status));
  return `${completionReason}: ${items.join(', ')}`;
}

/** Runs one code until it comes to rest, then the process ends, and another code takes over, before which everybody may pass. */
async function recordThenRun(recorded: () => Promise<unknown>, mended: () => Promise<unknown>): Promise<unknown> {
  const generations = new Generations();
  await generations.record(recorded);
  calls = [];
  open = true;
  await generations.reopen(mended);
  return generations.engine.future(generations.runId);
}

const limited = (maxConcurrency?: number) => async () => {
  const body = async (item: string): Promise<string> => {
    calls.push(`begins ${item}`);
    return gate(item);
  };
  const first = await map(['a', 'b', 'c'], body, maxConcurrency === undefined ? {} : { maxConcurrency });
  calls.push('and then');
  const second = await map(['d', 'e'], body, maxConcurrency === undefined ? {} : { maxConcurrency });
  return [first, second].map(toldOf);
};

test.each([
  { was: 1, is: 3 },
  { was: 1, is: undefined },
])(
  'a batch keeps the maxConcurrency of $was that it was recorded with, though the code says $is; a new one does not',
  async ({ was, is }) => {
    const result = await recordThenRun(limited(was), limited(is));
    expect(result).toEqual(['ALL_COMPLETED: a through, b through, c through', 'ALL_COMPLETED: d through, e through']);
    expect(calls).toEqual([
      ...['begins a', 'gate a', 'begins b', 'gate b', 'begins c', 'gate c'],
      ...['and then', 'begins d', 'begins e', 'gate d', 'gate e'],
    ]);
  },
);

test('a batch without a maxConcurrency goes on without one, though the code gives one now', async () => {
  await recordThenRun(limited(), limited(1));
  expect(calls.slice(0, 3)).toEqual(['begins a', 'begins b', 'begins c']);
  expect(calls.slice(-4)).toEqual(['begins d', 'gate d', 'begins e', 'gate e']);
});

const completing = (completionConfig?: CompletionConfig) => async () => {
  const items = await map(
    ['x', 'y', 'z'],
    (item) => (item === 'x' ? failing(item) : gate(item)),
    completionConfig === undefined ? {} : { completionConfig },
  );
  return toldOf(items);
};

test.each([
  { was: undefined, is: { toleratedFailureCount: 0 }, result: 'ALL_COMPLETED: FAILED, y through, z through' },
  { was: undefined, is: CompletionConfig.firstSuccessful(), result: 'ALL_COMPLETED: FAILED, y through, z through' },
  { was: { minSuccessful: 1 }, is: undefined, result: 'MIN_SUCCESSFUL_REACHED: FAILED, y through, STARTED' },
  {
    was: { toleratedFailurePercentage: 40, minSuccessful: 1 },
    is: { minSuccessful: 2 },
    result: 'MIN_SUCCESSFUL_REACHED: FAILED, y through, STARTED',
  },
  {
    was: { minSuccessful: 1 },
    is: {
      shouldComplete: () => {
        throw new Error('not asked');
      },
    },
    result: 'MIN_SUCCESSFUL_REACHED: FAILED, y through, STARTED',
  },
])('a batch keeps the limits that it was recorded with ($was), though the code says $is', async ({ was, is, result }) => {
  expect(await recordThenRun(completing(was), completing(is))).toBe(result);
});

const leaving = (unfinished: 'cancel' | 'leave') => async () => {
  const result = await parallel(
    [
      () => one('x'),
      async () => {
        await gate('left');
        return one('after the gate');
      },
    ],
    { unfinished, completionConfig: { minSuccessful: 1 } },
  );
  await gate('outside');
  await one('meanwhile');
  return toldOf(result);
};

test.each([
  { was: 'leave', is: 'cancel', goesOn: ['one after the gate'] },
  { was: 'cancel', is: 'leave', goesOn: [] },
] as const)('branches are dealt with as $was was recorded, though the code says $is', async ({ was, is, goesOn }) => {
  expect(await recordThenRun(leaving(was), leaving(is))).toBe('MIN_SUCCESSFUL_REACHED: x, STARTED');
  expect(calls.filter((call) => call === 'one after the gate')).toEqual(goesOn);
});

test('a branch that ended after its batch because it was left stays so, though the code would cancel it', async () => {
  const body = (unfinished: 'cancel' | 'leave') => async () => {
    const result = await parallel([() => one('x'), async () => [await one('y'), await one('z')]], {
      unfinished,
      completionConfig: { minSuccessful: 1 },
    });
    await one('some');
    await one('steps');
    await gate('end');
    return toldOf(result);
  };
  expect(await recordThenRun(body('leave'), body('cancel'))).toBe('MIN_SUCCESSFUL_REACHED: x, STARTED');
  expect(calls).toEqual(['gate end']);
});

const ruled = (shouldComplete: NonNullable<CompletionConfig['shouldComplete']>) => async () => {
  const result = await parallel([() => one('x'), () => gate('y'), () => gate('z')], { completionConfig: { shouldComplete } });
  return [toldOf(result), await gate('end')];
};

test.each([
  {
    now: 'throws',
    rule: () => {
      throw new Error('the rule is not asked again');
    },
  },
  { now: 'would go on', rule: () => false },
  { now: 'would fail', rule: () => 'FAILED' as const },
])('a decision that was recorded is not made again, when its rule now $now', async ({ rule }) => {
  const result = await recordThenRun(
    ruled(({ succeeded }) => succeeded === 1),
    ruled(rule),
  );
  expect(result).toEqual(['CUSTOM_COMPLETION_SUCCEEDED: x, STARTED, STARTED', 'end through']);
  expect(calls).toEqual(['gate end']);
});

test('a decision that was not made yet is made by the rule of today, over what was recorded before as well', async () => {
  const seen: string[] = [];
  const result = await recordThenRun(
    ruled(() => false),
    ruled(({ succeeded, items }) => {
      seen.push(items.map(({ status }) => status).join());
      return succeeded === 2 && 'FAILED';
    }),
  );
  expect(result).toEqual(['CUSTOM_COMPLETION_FAILED: x, y through, STARTED', 'end through']);
  expect(seen).toEqual(['SUCCEEDED,SUCCEEDED,STARTED']);
});

test('the summary of a large result is not made again', async () => {
  const large = (summaryGenerator: () => string) => async () => {
    const result = await parallel([() => 'x'.repeat(300_000)], { summaryGenerator });
    return [result.summary, await gate('end')];
  };
  const result = await recordThenRun(
    large(() => 'as recorded'),
    large(() => {
      throw new Error('it is not asked again');
    }),
  );
  expect(result).toEqual(['as recorded', 'end through']);
});

const named = (names: readonly string[], name?: string) => async () => {
  const result = await parallel(
    names.map((each) => ({ name: each, run: () => (each === names[0] ? one('x') : gate('y')) })),
    name === undefined ? {} : { name },
  );
  return toldOf(result);
};
const mapped =
  (items: readonly unknown[], itemNamer = (_item: unknown, index: number): string => `item ${index}`) =>
  async () =>
    toldOf(await map(items, (_item, index) => (index === 0 ? one('x') : gate('y')), { itemNamer, name: 'mapped' }));
const inside = (ofFirst: string, ofSecond: string) => async () => {
  const result = await parallel([() => one(ofFirst), async () => [await one(ofSecond), await gate('y')].join()]);
  return toldOf(result);
};

interface Change {
  readonly change: string;
  readonly recorded: () => Promise<unknown>;
  readonly mended: () => Promise<unknown>;
  /** What is asked for, against what is recorded. */
  readonly says: readonly RegExp[];
}

const CHANGES: readonly Change[] = [
  {
    change: 'a branch of another name',
    recorded: named(['a', 'b']),
    mended: named(['a', 'c']),
    says: [/as operation 0\./, /expected: parallel "parallel" .*\["a","b"\]/s, /same operation with another input/],
  },
  { change: 'branches in another order', recorded: named(['a', 'b']), mended: named(['b', 'a']), says: [/as operation 0\./] },
  { change: 'one branch more', recorded: named(['a', 'b']), mended: named(['a', 'b', 'c']), says: [/as operation 0\./] },
  { change: 'one branch less', recorded: named(['a', 'b']), mended: named(['a']), says: [/as operation 0\./] },
  {
    change: 'another name of the batch',
    recorded: named(['a', 'b']),
    mended: named(['a', 'b'], 'renamed'),
    says: [/another operation/, /actual: +parallel "renamed"/],
  },
  {
    change: 'another item',
    recorded: mapped(['p', 'q']),
    mended: mapped(['p', 'r']),
    says: [/as operation 0\./, /expected: map "mapped" .*\["p","q"\]/s],
  },
  { change: 'one item more', recorded: mapped(['p', 'q']), mended: mapped(['p', 'q', 'r']), says: [/as operation 0\./] },
  { change: 'items in another order', recorded: mapped(['p', 'q']), mended: mapped(['q', 'p']), says: [/as operation 0\./] },
  { change: 'an item of another type', recorded: mapped(['p', 1]), mended: mapped(['p', 1n]), says: [/as operation 0\./] },
  {
    change: 'another name of an item that is done',
    recorded: mapped(['p', 'q']),
    mended: mapped(['p', 'q'], (_item, index) => `renamed ${index}`),
    says: [/as operation 0\.0\./, /expected: branch "item 0"/, /actual: +branch "renamed 0"/],
  },
  {
    change: 'a parallel for a map',
    recorded: mapped(['p', 'q']),
    mended: named(['item 0', 'item 1'], 'mapped'),
    says: [/expected: map "mapped"/, /actual: +parallel "mapped"/],
  },
  {
    change: 'another step in a branch that is not done',
    recorded: inside('x', 'y'),
    mended: inside('x', 'z'),
    says: [/as operation 0\.1\.0\./, /input \["y"\]/],
  },
  {
    change: 'a step less in a branch that is not done',
    recorded: inside('x', 'y'),
    mended: async () => toldOf(await parallel([() => one('x'), () => new Promise<string>(() => {})])),
    says: [/without asking for operation 0\.1\.0/],
  },
];

test.each(CHANGES)('a run blocks on $change, keeps its journal, and finishes after a retry under mended code', async (given) => {
  const { recorded, mended, says } = given;
  const generations = new Generations();
  const journal = await generations.record(recorded);
  calls = [];
  generations.code(mended);
  await generations.open();
  await atRest(generations.engine);
  const { status, blockedCode, error } = await generations.engine.get(generations.runId);
  expect({ status, blockedCode }).toEqual({ status: 'BLOCKED', blockedCode: 'NON_DETERMINISM' });
  expect(error).toBeInstanceOf(NonDeterminismError);
  for (const words of says) expect((error as Error).message).toMatch(words);
  expect(await journalOf(generations.store, generations.runId)).toEqual(journal);
  expect(calls).toEqual([]);
  open = true;
  generations.code(recorded);
  const future = generations.engine.future<string>(generations.runId);
  await generations.engine.retry(generations.runId);
  expect(await future).toMatch(/^ALL_COMPLETED: x, .*through$/);
  expect(calls).toEqual(['gate y']);
});

test('a change in the body of a branch that is done concerns nobody', async () => {
  expect(await recordThenRun(inside('x', 'y'), inside('another', 'y'))).toBe('ALL_COMPLETED: x, y,y through');
  expect(calls).toEqual(['gate y']);
});

test('a branch that was not begun need not do what it would have done', async () => {
  const body = (ofSecond: string) => async () => {
    const result = await map(['p', 'q'], async (item) => (item === 'p' ? gate(item) : one(ofSecond)), { maxConcurrency: 1 });
    return toldOf(result);
  };
  expect(await recordThenRun(body('old'), body('new'))).toBe('ALL_COMPLETED: p through, new');
});
