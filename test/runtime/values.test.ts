import { action, flow, now, random, type Serdes, sleep, sleepUntil, uuid } from 'perdure';
import { describe, expect, test } from 'vitest';
import { inFlow, openEngine, thrownBy, unique } from '../api/with-engine.js';

const identity = action(unique('identity'), async (value: unknown) => value);
const child = flow(unique('child'), async (value: unknown) => value);

describe('values', () => {
  const rich = {
    date: new Date(5),
    map: new Map([['a', new Set([1n])]]),
    expression: /x/g,
    url: new URL('https://example.com/'),
    nothing: undefined,
    numbers: [Number.NaN, -0, Number.POSITIVE_INFINITY],
    ['__proto_key']: null,
  };

  test.each([
    ['an action', identity],
    ['a child flow', child],
  ])('go through %s as they are', async (_what, operation) => {
    const seen = await inFlow(async () => operation(rich));
    expect(seen).toStrictEqual(rich);
    expect(Object.is((seen as typeof rich).numbers[1], -0)).toBe(true);
  });

  test.each([undefined, null, 0, '', false, Number.NaN])('%s is a result like any other', async (value) => {
    expect(await inFlow(async () => identity(value))).toStrictEqual(value);
  });

  test('arguments are encoded at the start: later changes do not count', async () => {
    const seen = await inFlow(async () => {
      const value = { list: [1] };
      const future = identity.start(value);
      value.list.push(2);
      return [await future, value];
    });
    expect(seen).toStrictEqual([{ list: [1] }, { list: [1, 2] }]);
  });

  test('bodies get copies of their arguments', async () => {
    const mutating = action(unique('mutating'), async (value: { n: number }) => {
      value.n = 99;
      return value;
    });
    const seen = await inFlow(async () => {
      const value = { n: 1 };
      return [await mutating(value), value];
    });
    expect(seen).toStrictEqual([{ n: 99 }, { n: 1 }]);
  });

  test('results are copies of what the body returned', async () => {
    const kept = { n: 1 };
    const returning = action(unique('returning'), async () => kept);
    const seen = await inFlow(async () => {
      const value = await returning();
      value.n = 2;
      return [value, await returning()];
    });
    expect(seen).toStrictEqual([{ n: 2 }, { n: 1 }]);
    expect(kept).toStrictEqual({ n: 1 });
  });

  test('a run gets a copy of its arguments, and gives a copy of its result', async () => {
    const { engine } = await openEngine();
    const argument = { n: 1 };
    let inside: unknown;
    const run = flow(unique('run'), async (value: { n: number }) => {
      value.n += 1;
      inside = value;
      return value;
    });
    const future = engine.start(run, [argument]);
    argument.n = 50;
    const result = await future;
    expect(result).toStrictEqual({ n: 2 });
    expect(result).not.toBe(inside);
  });
});

describe('what cannot be stored', () => {
  class Plain {}
  const unserialisable: readonly [string, () => unknown][] = [
    ['a function', () => () => 1],
    ['an instance of a class', () => new Plain()],
    ['a symbol', () => Symbol('s')],
    ['a Buffer', () => Buffer.from('x')],
    ['a nested one', () => ({ deep: [{ fn: () => 1 }] })],
  ];

  test.each(unserialisable)('%s as an argument is refused by start()', async (_what, make) => {
    const seen = await inFlow(async () => {
      const errors = [await thrownBy(() => identity.start(make())), await thrownBy(() => child.start(make()))];
      return errors.map(({ name, code }) => `${name} ${code}`);
    });
    expect(seen).toStrictEqual(['UsageError VALUE_NOT_SERIALIZABLE', 'UsageError VALUE_NOT_SERIALIZABLE']);
  });

  test.each(unserialisable)('%s as an argument of a run is refused by start()', async (_what, make) => {
    const { engine } = await openEngine();
    expect(() => engine.start(child, [make()])).toThrow(expect.objectContaining({ code: 'VALUE_NOT_SERIALIZABLE' }));
  });

  test.each(unserialisable)('%s as a result fails the operation', async (_what, make) => {
    const act = action(unique('act'), async () => make());
    const run = flow(unique('run'), async () => make());
    const codes = await inFlow(async () => {
      const futures = [act.start(), run.start()];
      const errors = await Promise.all(futures.map((future) => future.exception() as Promise<Error & { code: string }>));
      return [errors.map(({ code }) => code), futures.map(({ status }) => status)];
    });
    expect(codes).toStrictEqual([
      ['VALUE_NOT_SERIALIZABLE', 'VALUE_NOT_SERIALIZABLE'],
      ['FAILED', 'FAILED'],
    ]);
  });

  test('the message names the path', async () => {
    const { engine } = await openEngine();
    const error = await thrownBy(() => engine.start(child, [{ deep: [{ callback: () => 1 }] }]));
    expect(error.message).toContain('deep');
    expect(error.message).toContain('callback');
  });

  test('an argument that is refused takes no number', async () => {
    const ids = await inFlow(async () => {
      await thrownBy(() => identity.start(() => 1));
      const future = identity.start(1);
      await future;
      return future.id;
    });
    expect(ids).toBe('0');
  });
});

describe('maxValueBytes', () => {
  test('an argument beyond it is refused by start()', async () => {
    const { engine } = await openEngine({ maxValueBytes: 100 });
    expect(() => engine.start(child, ['x'.repeat(200)])).toThrow(
      expect.objectContaining({ name: 'UsageError', code: 'VALUE_TOO_LARGE', message: expect.stringContaining('100') }),
    );
  });

  test('a result beyond it fails the operation', async () => {
    const long = action(unique('long'), async () => 'x'.repeat(200));
    const error = await inFlow(async () => ((await long.start().exception()) as { code?: string }).code, { maxValueBytes: 100 });
    expect(error).toBe('VALUE_TOO_LARGE');
  });

  test('bytes count, not characters', async () => {
    const { engine } = await openEngine({ maxValueBytes: 100 });
    expect(() => engine.start(child, ['€'.repeat(40)])).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }));
    expect(await engine.start(child, ['x'.repeat(40)])).toBe('x'.repeat(40));
  });

  test('is 4 MiB by default', async () => {
    const { engine } = await openEngine();
    expect(() => engine.start(child, ['x'.repeat(4 * 1024 * 1024 + 1)])).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }));
    expect(await engine.start(child, ['x'.repeat(4 * 1024 * 1024 - 100)])).toHaveLength(4 * 1024 * 1024 - 100);
  });
});

describe('serdes', () => {
  const json: Serdes = { serialize: (value) => JSON.stringify(value), deserialize: (text) => JSON.parse(text) as unknown };
  const marking = (mark: string): Serdes => ({
    serialize: (value) => mark + JSON.stringify(value),
    deserialize: (text) => {
      if (!text.startsWith(mark)) throw new Error(`not written by ${mark}`);
      return `${mark}${JSON.parse(text.slice(mark.length))}`;
    },
  });

  test('of the engine is used for all values', async () => {
    expect(await inFlow(async () => identity(new Date(0)), { serdes: json })).toBe('1970-01-01T00:00:00.000Z');
  });

  test('of an action goes before the one of the engine', async () => {
    const act = action(unique('act'), async () => 'a', {
      serdes: { ...json, deserialize: (text) => (text === '[]' ? [] : `own ${text}`) },
    });
    expect(await inFlow(async () => act(), { serdes: json })).toBe('own "a"');
  });

  test('of a flow is used for its arguments and result', async () => {
    const serdes: Serdes = { serialize: json.serialize, deserialize: (text) => (text === '[1]' ? ['decoded'] : `result ${text}`) };
    const run = flow(unique('run'), async (value: unknown) => value, { serdes });
    const { engine } = await openEngine();
    const future = engine.start(run, [1]);
    expect(await future).toBe('result "decoded"');
    expect(await inFlow(async () => run(1))).toBe('result "decoded"');
    expect(await engine.get(future.id)).toMatchObject({ args: ['decoded'], result: 'result "decoded"' });
  });

  test('of a call goes before the one of the function', async () => {
    const act = action(unique('act'), async () => 'a', { serdes: marking('function:') });
    const call: Serdes = { serialize: json.serialize, deserialize: (text) => (text === '[]' ? [] : `call ${text}`) };
    expect(await inFlow(async () => act.with({ serdes: call })())).toBe('call "a"');
  });

  test('of the engine does not disturb timers and time-outs', async () => {
    const seen = await inFlow(
      async () => {
        await sleep(1);
        const timer = sleep.start(1);
        await timer.result({ timeout: '1h' });
        return timer.status;
      },
      { serdes: json },
    );
    expect(seen).toBe('SUCCEEDED');
  });

  test('of the engine does not disturb the cancellation of a run without a reason', async () => {
    const { engine } = await openEngine({ serdes: json });
    const future = engine.start(
      flow(unique('run'), async () => sleep('7d')),
      [],
    );
    await future.recorded();
    await engine.cancel(future.id);
    expect(await future.exception()).toMatchObject({ code: 'CANCELLED' });
  });

  test('that throws fails the operation with VALUE_NOT_SERIALIZABLE', async () => {
    const serdes: Serdes = {
      serialize: () => {
        throw new Error('cannot write');
      },
      deserialize: json.deserialize,
    };
    const { code, message } = await inFlow(async () => {
      const error = await thrownBy(() => identity.with({ serdes }).start(1));
      return { code: error.code, message: error.message };
    });
    expect(code).toBe('VALUE_NOT_SERIALIZABLE');
    expect(message).toContain('cannot write');
  });

  test('that is asynchronous is refused', async () => {
    const serdes = { serialize: async () => 'text', deserialize: json.deserialize } as unknown as Serdes;
    const { message } = await inFlow(async () => {
      const error = await thrownBy(() => identity.with({ serdes }).start(1));
      return { message: error.message };
    });
    expect(message).toContain('promise');
  });
});

describe('now()', () => {
  test('is the creation time of the run at first', async () => {
    const { engine } = await openEngine();
    const future = engine.start(
      flow(unique('run'), async () => now()),
      [],
    );
    const seen = await future;
    expect(seen).toBe((await engine.get(future.id)).createdAt.getTime());
  });

  test('goes on with outcomes and stands still between them', async () => {
    const [first, second, third] = await inFlow(async () => {
      const before = now();
      await sleep(20);
      return [before, now(), now()] as const;
    });
    expect(second - first).toBeGreaterThanOrEqual(19);
    expect(third).toBe(second);
  });

  test('never goes back', async () => {
    const seen = await inFlow(async () => {
      const times = [now()];
      for (let step = 0; step < 20; step += 1) {
        await identity(step);
        times.push(now());
      }
      return times;
    });
    expect(seen).toStrictEqual(seen.toSorted((a, b) => a - b));
  });
});

describe('random() and uuid()', () => {
  test('random() is in [0, 1) and differs from draw to draw', async () => {
    const draws = await inFlow(async () => Array.from({ length: 200 }, () => random()));
    expect(draws.every((draw) => draw >= 0 && draw < 1)).toBe(true);
    expect(new Set(draws).size).toBe(200);
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    expect(mean).toBeGreaterThan(0.35);
    expect(mean).toBeLessThan(0.65);
  });

  test('uuid() is a UUID of version 4', async () => {
    const draws = await inFlow(async () => Array.from({ length: 50 }, () => uuid()));
    for (const draw of draws) expect(draw).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(draws).size).toBe(50);
  });

  test('two runs draw differently', async () => {
    const { engine } = await openEngine();
    const run = flow(unique('run'), async () => [random(), uuid()]);
    const [one, two] = await Promise.all([engine.start(run, []), engine.start(run, [])]);
    expect(one).not.toStrictEqual(two);
  });

  test('cost no journal entry: they take no number', async () => {
    expect(
      await inFlow(async () => {
        random();
        uuid();
        now();
        const future = identity.start(1);
        await future;
        return future.id;
      }),
    ).toBe('0');
  });
});

describe('sleep', () => {
  test.each([0, 1, '1ms', '0.001s'] as const)('sleep(%j) returns nothing', async (duration) => {
    expect(await inFlow(async () => sleep(duration))).toBeUndefined();
  });

  test('lasts as long as it says', async () => {
    const startedAt = Date.now();
    await inFlow(async () => sleep('30ms'));
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(29);
  });

  test('sleepUntil() takes a date or milliseconds; what has passed is due at once', async () => {
    expect(
      await inFlow(async () => {
        await sleepUntil(new Date(0));
        await sleepUntil(now() + 5);
        await sleepUntil(new Date(now() + 5));
        return 'awake';
      }),
    ).toBe('awake');
  });

  test('timers that are due together ring in the order of their starts, others in due order', async () => {
    const order = await inFlow(async () => {
      const names: string[] = [];
      const note = (name: string, timer: PromiseLike<void>): PromiseLike<unknown> => timer.then(() => names.push(name));
      await Promise.all([
        note('late', sleep.start(15)),
        note('soon', sleep.start(5)),
        note('first at once', sleep.start(0)),
        note('second at once', sleep.start(0)),
      ]);
      return names;
    });
    expect(order).toStrictEqual(['first at once', 'second at once', 'soon', 'late']);
  });

  test('a timer beyond the longest setTimeout does not ring at once', async () => {
    const seen = await inFlow(async () => {
      const timer = sleep.start('60d');
      await sleep(5);
      const { status } = timer;
      timer.cancel();
      return status;
    });
    expect(seen).toBe('STARTED');
  });
});
