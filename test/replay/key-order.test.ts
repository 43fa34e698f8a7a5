import { action, flow, map, parallel, type Serdes, waitForCondition } from 'perdure';
import { describe, expect, test } from 'vitest';
import { sameValue } from '../../src/codec/same-value.js';
import { createTestEngine } from '../../src/testing.js';
import { unique } from '../api/with-engine.js';
import { atRest, Generations } from './generations.js';

/** Another text for the same value each time, as encryption makes it. */
let salt = 0;
const salted: Serdes = {
  serialize: (value) => {
    salt += 1;
    return `${salt}:${JSON.stringify(value)}`;
  },
  deserialize: (text) => JSON.parse(text.slice(text.indexOf(':') + 1)),
};

const save = action('save in key order', async (order: unknown, _more?: unknown) => order);
const seal = action('seal in key order', async (order: unknown) => order, { serdes: salted });
const look = action('look in key order', async (state: unknown) => state);
const child = flow('child in key order', async (order: unknown) => order);
const gate = action('gate in key order', async () => new Promise(() => {}));

const RECORDED = { id: 7, lines: [{ sku: 'a', count: 2 }], of: { name: 'Ada', tags: { x: 1, y: 2 } } };
const MENDED = { of: { tags: { y: 2, x: 1 }, name: 'Ada' }, lines: [{ count: 2, sku: 'a' }], id: 7 };

function failed(fields: object): Error {
  return Object.assign(new RangeError('no'), fields);
}

const ASKING: Readonly<Record<string, (order: unknown) => Promise<unknown>>> = {
  'an action': (order) => save(order),
  'an action with several arguments': (order) => save(1, order),
  'an action with a serdes that makes another text each time': (order) => seal(order),
  'a child run': (order) => child(order),
  'a condition that is waited for': (order) => waitForCondition(look, { initial: order, strategy: () => ({ continue: false }) }),
  'a map': async (order) => (await map([order, { b: 1 }], save)).getResults().length,
  'a map of a map': async (order) => (await map([new Map([['k', order]])], save)).getResults().length,
  'a branch': async (order) => (await parallel([() => save(order)])).getResults().length,
};

/** What has become of a run whose code has been changed. */
async function statusAfter(recorded: () => Promise<unknown>, mended: () => Promise<unknown>): Promise<readonly [string, string]> {
  const generations = new Generations();
  await generations.record(async () => [await recorded(), await gate()]);
  await generations.reopen(async () => [await mended(), 'gone on']);
  await atRest(generations.engine);
  const { status, error } = await generations.engine.get(generations.runId);
  return [status, error?.message ?? ''];
}

describe('a run goes on when the keys of objects have another order in', () => {
  test.each(Object.entries(ASKING))('%s', async (_, ask) => {
    const [status, problem] = await statusAfter(
      () => ask(RECORDED),
      async () => {
        await ask(MENDED);
        return gate.start().cancel();
      },
    );
    expect([status, problem]).toEqual(['SUCCEEDED', '']);
  });

  test('an action that had begun and is done again', async () => {
    const generations = new Generations();
    const slow = action(unique('slow'), async (order: unknown) =>
      new Promise((resolve) => generations.engine.on('run:finished', resolve)).then(() => order),
    );
    await generations.record(() => slow(RECORDED));
    const quick = action(slow.name, async (order: unknown) => order, { replace: true });
    await generations.reopen(() => quick(MENDED));
    expect(await generations.engine.future(generations.runId)).toEqual(RECORDED);
    expect((await generations.journal()).map(({ kind, status }) => [kind, status])).toEqual([['action', 'SUCCEEDED']]);
  });
});

describe('a run is blocked when something else has another order:', () => {
  test.each<[string, unknown, unknown]>([
    ['the elements of an array', { list: [1, 2] }, { list: [2, 1] }],
    [
      'the entries of a map',
      new Map([
        [1, { a: 1 }],
        [2, { a: 2 }],
      ]),
      new Map([
        [2, { a: 2 }],
        [1, { a: 1 }],
      ]),
    ],
    ['the elements of a set', new Set(['a', 'b']), new Set(['b', 'a'])],
    ['a value beside a key', { a: 1, b: 2 }, { b: 1, a: 2 }],
    ['a key that is there', { a: undefined }, {}],
    ['the sign of zero', { a: 0 }, { a: -0 }],
  ])('%s', async (_, recorded, mended) => {
    const [status, problem] = await statusAfter(
      () => save(recorded),
      () => save(mended),
    );
    expect(status).toBe('BLOCKED');
    expect(problem).toContain('asked for the same operation with another input');
  });

  test('the branches of an object', async () => {
    const [status] = await statusAfter(
      () => parallel({ a: () => save('a'), b: () => save('b') }),
      () => parallel({ b: () => save('b'), a: () => save('a') }),
    );
    expect(status).toBe('BLOCKED');
  });
});

describe('what is said of two inputs that differ', () => {
  test('shows both', async () => {
    const [, problem] = await statusAfter(
      () => save({ id: 7 }),
      () => save({ id: 8 }),
    );
    expect(problem).toMatch(/expected: action "save in key order" \(input digest .+, input \[\{"id":7\}\]\)/);
    expect(problem).toMatch(/actual: {3}action "save in key order" \(input digest .+, input \[\{"id":8\}\]\)/);
  });

  test('shows of long ones what differs', async () => {
    const long = 'x'.repeat(5000);
    const [, problem] = await statusAfter(
      () => save(long, { id: 'recorded', long }),
      () => save(long, { id: 'asked for', long }),
    );
    const lines = problem.split('\n');
    expect(lines[1]).toMatch(/input …x{10,}.*"recorded".*…\)$/);
    expect(lines[2]).toMatch(/input …x{10,}.*"asked for".*…\)$/);
    for (const line of lines) expect(line.length).toBeLessThan(350);
  });

  test('shows of a batch what its branches are', async () => {
    const [, problem] = await statusAfter(
      () => map([1, 2], save),
      () => map([1, 3], save),
    );
    expect(problem).toContain(', input [1,2])');
    expect(problem).toContain(', input [1,3])');
  });
});

test('an end is the same whatever the order of its keys', async () => {
  await using engine = createTestEngine();
  const name = unique('ending');
  await engine.run(flow(name, async () => ({ a: 1, b: { c: 2, d: [3] } })));
  flow(name, async () => ({ b: { d: [3], c: 2 }, a: 1 }), { replace: true });
  await engine.assertReplays();
  flow(name, async () => ({ b: { d: [4], c: 2 }, a: 1 }), { replace: true });
  await expect(engine.assertReplays()).rejects.toThrow('came to another end');
});

describe('sameValue()', () => {
  const shared = { x: 1, y: 2 };
  class Money {
    readonly cents: number;
    constructor(cents: number) {
      this.cents = cents;
    }
  }
  test.each<[string, unknown, unknown]>([
    ['objects at any depth', RECORDED, MENDED],
    [
      'objects in maps and sets',
      new Map([[{ a: 1, b: 2 }, new Set([{ c: 3, d: 4 }])]]),
      new Map([[{ b: 2, a: 1 }, new Set([{ d: 4, c: 3 }])]]),
    ],
    ['errors, wherever they were made', failed({ code: 1, at: 2 }), failed({ at: 2, code: 1 })],
    ['what is shared', { a: shared, b: shared }, { b: shared, a: shared }],
    [
      'keys of all kinds',
      JSON.parse('{"__proto__":1,"constructor":2,"10":3,"9":4}'),
      JSON.parse('{"9":4,"10":3,"constructor":2,"__proto__":1}'),
    ],
    ['dates and numbers', { a: new Date(1), b: Number.NaN, c: 1n }, { c: 1n, b: Number.NaN, a: new Date(1) }],
    ['what perdure cannot write itself', { a: new Money(1), b: 2 }, { b: 2, a: new Money(1) }],
  ])('holds of %s', (_, a, b) => {
    expect(sameValue(a, b)).toBe(true);
  });

  test.each<[string, unknown, unknown]>([
    ['texts and numbers', '1', 1],
    ['errors with other messages', new Error('a'), new Error('b')],
    ['errors of other classes', new RangeError('a'), new TypeError('a')],
    ['URLs', new URL('http://a'), new URL('http://b')],
    ['what perdure cannot write itself', { a: new Money(1) }, { a: new Money(2) }],
    ['null and undefined', null, undefined],
  ])('does not hold of %s that differ', (_, a, b) => {
    expect(sameValue(a, b)).toBe(false);
  });
});
