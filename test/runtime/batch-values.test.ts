import { deserialize, serialize } from 'node:v8';
import {
  action,
  type BatchResult,
  CancelledError,
  flow,
  map,
  NonRetryableError,
  parallel,
  registerError,
  type Serdes,
  TimeoutError,
  UsageError,
} from 'perdure';
import superjson from 'superjson';
import { describe, expect, test } from 'vitest';
import { inFlow, nextEvent, openEngine, unique } from '../api/with-engine.js';
import { runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async <T>(value: T): Promise<T> => value);

class PaymentError extends Error {
  override readonly name = 'PaymentError';
  readonly cents: number;

  constructor(message: string, cents: number, options?: ErrorOptions) {
    super(message, options);
    this.cents = cents;
  }
}
registerError(PaymentError);

class Unknown extends Error {
  override readonly name = 'Unknown';
  readonly detail = { at: new Date(5) };
}

/** The error of a branch that throws this. */
async function errorOf(thrown: unknown): Promise<Error> {
  const result = await inFlow(async () => map([1], () => Promise.reject(thrown)));
  return result.getErrors()[0] as Error;
}

describe('the value of a branch', () => {
  const values: readonly [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['0', 0],
    ['-0', -0],
    ['NaN', Number.NaN],
    ['an empty text', ''],
    ['false', false],
    ['a bigint', 12n],
    ['a Date', new Date(7)],
    ['a Map', new Map([['k', new Set([1])]])],
    ['a RegExp', /x/g],
    ['a URL', new URL('https://example.org/')],
    ['an array with undefined in it', [undefined, null]],
    ['an object with undefined in it', { a: undefined }],
    ['an Error, returned and not thrown', new RangeError('a value')],
  ];

  test.each(values)('%s comes back as it is', async (_what, value) => {
    const result = await inFlow(async () => parallel([() => value, async () => value, () => noop(value)]));
    expect(result.getResults()).toStrictEqual([value, value, value]);
    expect(result.successCount).toBe(3);
  });

  test('of a branch without a return statement is undefined and counted', async () => {
    const result = await inFlow(async () => parallel([() => {}, async () => {}]));
    expect(result.all.map((item) => ('result' in item ? [item.result] : 'none'))).toStrictEqual([[undefined], [undefined]]);
  });

  test('that is a future is its result', async () => {
    const result = await inFlow(async () => parallel([() => noop.start(1), () => parallel.start([() => 2])]), { leaks: 'error' });
    expect(result.all).toMatchObject([{ result: 1 }, { result: { completionReason: 'ALL_COMPLETED' } }]);
  });

  test('is a copy: what the branch keeps does not change it', async () => {
    const seen = await inFlow(async () => {
      const kept: number[][] = [];
      const result = await parallel([
        () => {
          const mine = [1];
          kept.push(mine);
          return mine;
        },
      ]);
      kept[0]?.push(2);
      return result.getResults()[0];
    });
    expect(seen).toStrictEqual([1]);
  });

  const refused: readonly [string, () => unknown][] = [
    ['a function', () => () => 1],
    ['a symbol deep inside', () => ({ deep: { symbol: Symbol('s') } })],
    ['an instance of a class of its own', () => new (class Own {})()],
  ];

  test.each(refused)('%s fails the branch that returned it, and no other', async (_what, make) => {
    const result = await inFlow(async () => map([0, 1], (item) => (item === 0 ? make() : item)));
    expect(result.all.map(({ status }) => status)).toStrictEqual(['FAILED', 'SUCCEEDED']);
    expect(result.getErrors()[0]).toBeInstanceOf(UsageError);
    expect(result.getErrors()[0]).toMatchObject({ code: 'VALUE_NOT_SERIALIZABLE', message: expect.stringContaining('map-item-0') });
  });

  test('that is too large fails the branch', async () => {
    const result = await inFlow(async () => map([10, 5000], (length) => 'x'.repeat(length)), { maxValueBytes: 2000 });
    expect(result.getErrors()).toMatchObject([{ code: 'VALUE_TOO_LARGE' }]);
  });
});

describe('the error of a branch', () => {
  test('of a registered class comes back as an instance, with fields and causes', async () => {
    const error = await errorOf(new PaymentError('declined', 42, { cause: new RangeError('limit', { cause: 'text' }) }));
    expect(error).toBeInstanceOf(PaymentError);
    expect(error).toMatchObject({ name: 'PaymentError', message: 'declined', cents: 42, cause: { message: 'limit', cause: 'text' } });
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.stack).toContain('batch-values.test');
  });

  test('of an unknown class is an Error of that name, with its fields', async () => {
    const error = await errorOf(new Unknown('who'));
    expect(error).not.toBeInstanceOf(Unknown);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'Unknown', message: 'who', detail: { at: new Date(5) } });
  });

  test.each([
    ['AggregateError', new AggregateError([new TypeError('one')], 'many'), AggregateError],
    ['CancelledError', new CancelledError('own'), CancelledError],
    ['NonRetryableError', new NonRetryableError('own'), NonRetryableError],
    ['TimeoutError', new TimeoutError('WAIT_TIMEOUT', 'own'), TimeoutError],
  ] as const)('of class %s is FAILED like any other', async (name, thrown, type) => {
    const result = await inFlow(async () => parallel([() => Promise.reject(thrown)]));
    expect(result.all[0]?.status).toBe('FAILED');
    expect(result.getErrors()[0]).toBeInstanceOf(type);
    expect(result.getErrors()[0]?.name).toBe(name);
  });

  test.each([['a text'], [undefined], [null], [0], [{ code: 5 }]])('that is no error (%j) is the cause of one', async (thrown) => {
    const error = await errorOf(thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error.cause).toStrictEqual(thrown);
  });

  test('thrown synchronously is no different', async () => {
    const result = await inFlow(async () =>
      parallel([
        () => {
          throw new PaymentError('at once', 1);
        },
      ]),
    );
    expect(result.getErrors()[0]).toBeInstanceOf(PaymentError);
  });

  test('of an action or a child flow is its own; throwIfError() throws the first by index', async () => {
    const pay = action(unique('pay'), async (cents: number) => {
      if (cents > 0) throw new PaymentError(`no ${cents}`, cents);
    });
    const child = flow(unique('child'), (cents: number) => pay(cents));
    const { error } = await runBatch(async () => {
      const result = await map([0, 3, 2], child);
      expect(result.getErrors().map((each) => each instanceof PaymentError)).toStrictEqual([true, true]);
      result.throwIfError();
    });
    expect(error).toBeInstanceOf(PaymentError);
    expect(error).toMatchObject({ message: 'no 3', cents: 3 });
  });
});

describe('itemSerdes and serdes', () => {
  /** Writes JSON with a mark before it, and counts. */
  function marked(mark: string): Serdes & { readonly written: string[] } {
    const written: string[] = [];
    return {
      written,
      serialize: (value) => {
        const text = `${mark}${JSON.stringify(value)}`;
        written.push(text);
        return text;
      },
      deserialize: (text) => {
        if (!text.startsWith(mark)) throw new Error(`not written with ${mark}: ${text}`);
        return JSON.parse(text.slice(mark.length));
      },
    };
  }

  test('itemSerdes writes and reads each value, and not the list', async () => {
    const serdes = marked('item:');
    const { result, journal } = await runBatch(async () => (await map([1, 2], (item) => ({ item }), { itemSerdes: serdes })).getResults());
    expect(result).toStrictEqual([{ item: 1 }, { item: 2 }]);
    expect(serdes.written).toStrictEqual(['item:{"item":1}', 'item:{"item":2}']);
    expect(journal.get('0')?.input).not.toContain('item:');
    expect(journal.get('0.0')?.outcome).toContain('item:');
  });

  test('serdes writes and reads the whole result, once', async () => {
    const serdes = marked('all:');
    const { result, journal } = await runBatch(async () => {
      const batch = await parallel([() => 1, () => Promise.reject(new PaymentError('no', 3))], { serdes });
      return [batch.getResults(), batch.getErrors()[0] instanceof PaymentError, batch.completionReason];
    });
    expect(result).toStrictEqual([[1], true, 'FAILURE_TOLERANCE_EXCEEDED']);
    expect(serdes.written).toHaveLength(1);
    expect(journal.get('0')?.outcome).toContain('all:');
  });

  test('serdes may bring back what it was given, and change it', async () => {
    const kept: BatchResult<unknown>[] = [];
    const serdes: Serdes = {
      serialize: (value) => String(kept.push(value as BatchResult<unknown>) - 1),
      deserialize: (text) => ({ ...(kept[Number(text)] as BatchResult<unknown>).toJSON(), summary: 'by serdes' }),
    };
    const result = await inFlow(async () => parallel([() => 1, () => new Date(3)], { serdes }));
    expect([result.getResults(), result.summary]).toStrictEqual([[1, new Date(3)], 'by serdes']);
  });

  const rich: Serdes = { serialize: (value) => superjson.stringify(value), deserialize: (text) => superjson.parse(text) };

  test('superjson can be either of them: rich values and errors come back', async () => {
    const values = (): readonly unknown[] => [new Date(3), new Map([['k', 1n]]), undefined];
    for (const options of [{ itemSerdes: rich }, { serdes: rich }]) {
      const result = await inFlow(async () =>
        parallel([values, () => Promise.reject(new Error('no', { cause: new RangeError('why') }))], options),
      );
      expect(result.getResults()).toStrictEqual([values()]);
      expect(result.getErrors()[0]).toMatchObject({ name: 'Error', message: 'no', cause: { message: 'why' } });
    }
  });

  test('a serdes that brings back errors as errors keeps them as they are', async () => {
    const cloning: Serdes = {
      serialize: (value) => serialize(value).toString('base64'),
      deserialize: (text) => deserialize(Buffer.from(text, 'base64')),
    };
    const result = await inFlow(async () =>
      parallel([() => new Date(3), () => Promise.reject(new TypeError('no', { cause: new RangeError('why') }))], { serdes: cloning }),
    );
    expect(result.getResults()).toStrictEqual([new Date(3)]);
    expect(result.getErrors()[0]).toBeInstanceOf(TypeError);
    expect(result.getErrors()[0]?.cause).toMatchObject({ message: 'why' });
  });

  test.each(['serdes', 'itemSerdes'] as const)('an error that %s throws in writing fails the batch, or the item', async (option) => {
    const broken: Serdes = {
      serialize: () => {
        throw new PaymentError('cannot write', 1);
      },
      deserialize: () => undefined,
    };
    const { result, error, status } = await runBatch(async () => parallel([() => 1], { [option]: broken }));
    const failure = option === 'serdes' ? error : result?.getErrors()[0];
    expect(failure).toBeInstanceOf(Error);
    expect([failure, (failure as Error).cause].some((each) => each instanceof Error && each.message.includes('cannot write'))).toBe(true);
    expect(status).toBe(option === 'serdes' ? 'FAILED' : 'SUCCEEDED');
  });

  test('a serdes that brings back something else blocks the run', async () => {
    const serdes: Serdes = { serialize: () => 'x', deserialize: () => 'no result' };
    const { engine } = await openEngine();
    const blocked = nextEvent(engine, 'run:blocked');
    engine.start(
      flow(unique('body'), async () => parallel([() => 1], { serdes })),
      [],
    );
    expect((await blocked).error.message).toContain('batch result');
  });

  test("the engine's serdes is used for items and values", async () => {
    const serdes = marked('engine:');
    const { engine } = await openEngine({ serdes });
    const body = flow(unique('body'), async () => (await map([1, 2], (item) => item * 2)).getResults());
    expect(await engine.start(body, [])).toStrictEqual([2, 4]);
    expect(serdes.written).toContain('engine:[1,2]');
    expect(serdes.written).toContain('engine:4');
  });
});
