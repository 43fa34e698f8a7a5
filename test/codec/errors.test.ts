import { types } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Codec } from '../../src/codec/codec.js';
import { registerError } from '../../src/codec/error-registry.js';
import * as perdureErrors from '../../src/errors/errors.js';

const codec = new Codec({ maxValueBytes: 1024 * 1024 });
const again = (thrown: unknown): Error => codec.decodeError(codec.encodeError(thrown));
const valueAgain = <T>(value: T): T => codec.decode(codec.encode(value, () => 'the value')) as T;

class Declined extends Error {
  override name = 'Declined';
  readonly reason: string;
  constructor(reason: string) {
    super(`declined: ${reason}`);
    this.reason = reason;
  }
  explain(): string {
    return `because of ${this.reason}`;
  }
}
registerError(Declined, 'errors.test/Declined');

class DeclinedTwice extends Declined {}

class Unregistered extends TypeError {
  code = 'E_UNREGISTERED';
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('a registered class', () => {
  test.each([Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError])('%o comes back as itself', (Class) => {
    const original = new Class('no');
    const copy = again(original);
    expect(Object.getPrototypeOf(copy)).toBe(Class.prototype);
    expect(types.isNativeError(copy)).toBe(true);
    expect(copy.message).toBe('no');
    expect(copy.stack).toBe(original.stack);
    expect(Reflect.ownKeys(copy).sort()).toStrictEqual(Reflect.ownKeys(original).sort());
    expect(Object.keys(copy)).toStrictEqual([]);
  });

  test('AggregateError comes back with its errors', () => {
    const inner = new Declined('funds');
    const copy = again(new AggregateError([new TypeError('a'), inner, 'text'], 'all failed')) as AggregateError;
    expect(copy).toBeInstanceOf(AggregateError);
    expect(copy.errors[0]).toBeInstanceOf(TypeError);
    expect((copy.errors[1] as Declined).explain()).toBe('because of funds');
    expect(copy.errors[2]).toBe('text');
    expect(Object.keys(copy)).toStrictEqual([]);
  });

  const made: Record<string, () => perdureErrors.PerdureError> = {
    PerdureError: () => new perdureErrors.PerdureError('EXECUTION_FAILED', 'x'),
    UsageError: () => new perdureErrors.UsageError('INVALID_OPTION', 'x'),
    ExecutionError: () => new perdureErrors.ExecutionError('EXECUTION_FAILED', 'x'),
    StorageError: () => new perdureErrors.StorageError('STORE_BUSY', 'x'),
    TimeoutError: () => new perdureErrors.TimeoutError('WAIT_TIMEOUT', 'x'),
    CancelledError: () => new perdureErrors.CancelledError('x'),
    InterruptedError: () => new perdureErrors.InterruptedError('x'),
    LeakedFuturesError: () => new perdureErrors.LeakedFuturesError('x'),
    NonDeterminismError: () => new perdureErrors.NonDeterminismError('x'),
    NonRetryableError: () => new perdureErrors.NonRetryableError('x', { cause: new Declined('y') }),
  };

  test.each(Object.entries(perdureErrors).filter(([, it]) => typeof it === 'function'))(
    '%s of perdure comes back as itself',
    (name, Class) => {
      const original = made[name]!();
      const copy = again(original) as perdureErrors.PerdureError;
      expect(Object.getPrototypeOf(copy)).toBe(Class.prototype);
      expect([copy.name, copy.code, copy.stack]).toStrictEqual([name, original.code, original.stack]);
      expect(Object.hasOwn(copy, 'name')).toBe(false);
      if (original.cause !== undefined) expect(copy.cause).toBeInstanceOf(Declined);
    },
  );

  test('of the program comes back with its methods and fields, and its constructor is not called', () => {
    let calls = 0;
    class Counted extends Error {
      constructor() {
        super('counted');
        calls++;
      }
    }
    registerError(Counted);
    const original = new Counted();
    expect(again(original)).toBeInstanceOf(Counted);
    expect(calls).toBe(1);
    const declined = again(new Declined('funds')) as Declined;
    expect([declined.explain(), declined.name]).toStrictEqual(['because of funds', 'Declined']);
    expect(Object.keys(declined)).toStrictEqual(Object.keys(new Declined('funds')));
  });

  test('does not speak for its subclasses', () => {
    const copy = again(new DeclinedTwice('funds'));
    expect(Object.getPrototypeOf(copy)).toBe(Error.prototype);
    expect([copy.name, (copy as Declined).reason]).toStrictEqual(['Declined', 'funds']);
  });

  test('of another realm comes back as ours', () => {
    const copy = again(runInNewContext("Object.assign(new RangeError('far'), { n: 1, cause: new Error('c') })"));
    expect(copy).toBeInstanceOf(RangeError);
    expect(copy.cause).toBeInstanceOf(Error);
    expect((copy as unknown as { n: number }).n).toBe(1);
  });

  test.each<[string, ErrorConstructor, () => unknown]>([
    ['TypeError', TypeError, () => Buffer.alloc('x' as never)],
    ['RangeError', RangeError, () => Buffer.alloc(8).readInt32LE(99)],
  ])("stands for Node's own errors of it: %s", (_, Class, fail) => {
    const original = thrownBy(fail) as NodeJS.ErrnoException;
    expect(Object.getPrototypeOf(original)).not.toBe(Class.prototype);
    const copy = again(original) as NodeJS.ErrnoException;
    expect(Object.getPrototypeOf(copy)).toBe(Class.prototype);
    expect([copy.name, copy.message, copy.stack, copy.code]).toStrictEqual([
      original.name,
      original.message,
      original.stack,
      original.code,
    ]);
  });

  test.runIf('SuppressedError' in globalThis)('SuppressedError comes back with both errors', () => {
    type Suppressed = Error & { readonly error: unknown; readonly suppressed: unknown };
    const Class = Reflect.get(globalThis, 'SuppressedError') as new (error: unknown, suppressed: unknown, message: string) => Suppressed;
    const copy = again(new Class(new RangeError('at the end'), new Declined('funds'), 'both')) as Suppressed;
    expect(copy).toBeInstanceOf(Class);
    expect([copy.message, Object.keys(copy)]).toStrictEqual(['both', []]);
    expect(copy.error).toBeInstanceOf(RangeError);
    expect((copy.suppressed as Declined).explain()).toBe('because of funds');
  });

  test('DOMException comes back with its code', () => {
    const controller = new AbortController();
    controller.abort();
    const copy = again(controller.signal.reason) as DOMException;
    expect(copy).toBeInstanceOf(DOMException);
    expect([copy.name, copy.code, copy.message]).toStrictEqual(['AbortError', 20, controller.signal.reason.message]);
    expect(copy.stack).toBe(controller.signal.reason.stack);
  });
});

describe('an unregistered class', () => {
  test('comes back as Error with the same name, message, stack, cause and fields', () => {
    const original = new Unregistered('no', { cause: new Declined('funds') });
    const copy = again(original) as Unregistered;
    expect(Object.getPrototypeOf(copy)).toBe(Error.prototype);
    expect([copy.name, copy.message, copy.stack, copy.code]).toStrictEqual(['TypeError', 'no', original.stack, 'E_UNREGISTERED']);
    expect(copy.cause).toBeInstanceOf(Declined);
    expect(Object.keys(copy)).toStrictEqual(['code']);
  });

  test('keeps a name that its prototype has', () => {
    class Named extends Error {
      static {
        Named.prototype.name = 'Named';
      }
    }
    expect(again(new Named('x')).name).toBe('Named');
  });

  test('keeps a message that its prototype has', () => {
    class Computed extends Error {
      override get message(): string {
        return 'computed';
      }
    }
    expect(again(new Computed()).message).toBe('computed');
  });
});

describe('what an error has', () => {
  test('not comes back as not', () => {
    const bare = new Error();
    Reflect.deleteProperty(bare, 'stack');
    expect(Reflect.ownKeys(again(bare))).toStrictEqual([]);
  });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'why'],
    ['an object', { at: new Date(1) }],
  ])('as cause comes back: %s', (_, cause) => {
    const copy = again(new Error('x', { cause }));
    expect(Object.getOwnPropertyDescriptor(copy, 'cause')).toStrictEqual({
      value: cause,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  });

  test('as fields comes back, errors and containers and risky keys among them', () => {
    const original = Object.assign(new Error('x'), {
      when: new Date(1),
      map: new Map<unknown, unknown>([['e', new Declined('funds')]]),
      list: [new Set([new RangeError('r')])],
      constructor: 'odd',
      'a.b': -0,
      nothing: undefined,
    });
    Object.defineProperty(original, '__proto__', { value: 1, enumerable: true });
    const copy = again(original) as typeof original;
    expect(Object.keys(copy)).toStrictEqual(Object.keys(original));
    expect(copy.when).toStrictEqual(new Date(1));
    expect((copy.map.get('e') as Declined).explain()).toBe('because of funds');
    expect([...copy.list[0]!][0]).toBeInstanceOf(RangeError);
    expect(Object.is(copy['a.b'], -0)).toBe(true);
    expect(Object.getPrototypeOf(copy)).toBe(Error.prototype);
  });

  test('as fields that are not enumerable comes back so, without what is computed', () => {
    const original = new RangeError('x');
    Object.defineProperty(original, 'status', { value: 403 });
    Object.defineProperty(original, 'inner', { value: new Declined('funds') });
    Object.defineProperty(original, 'name', { value: 'Denied' });
    Object.defineProperty(original, 'computed', { get: () => 1 });
    const copy = again(original) as RangeError & { status: number; inner: Declined };
    expect(copy).toBeInstanceOf(RangeError);
    expect([copy.status, copy.inner.explain(), copy.name]).toStrictEqual([403, 'because of funds', 'Denied']);
    expect('computed' in copy).toBe(false);
    expect(Object.keys(copy)).toStrictEqual([]);
  });

  test('and cannot be stored is left out, alone', () => {
    const original = Object.assign(new Error('x', { cause: () => 1 }), {
      before: 1,
      socket: { on: () => {} },
      deep: Object.assign(new Error('inner'), { fn: () => {}, kept: [1] }),
      after: { n: 2 },
    });
    Object.defineProperty(original, 'locked', {
      enumerable: true,
      get: () => {
        throw new Error('locked');
      },
    });
    const copy = again(original) as typeof original;
    expect(Object.keys(copy)).toStrictEqual(['before', 'deep', 'after']);
    expect(Object.keys(copy.deep)).toStrictEqual(['kept']);
    expect([copy.before, copy.after, copy.deep.kept]).toStrictEqual([1, { n: 2 }, [1]]);
    expect('cause' in copy).toBe(false);
  });

  test('as inner errors and cannot be stored is described in its place', () => {
    const copy = again(new AggregateError([() => 1, new Declined('funds'), Symbol('s'), 5])) as AggregateError;
    expect(copy.errors).toHaveLength(4);
    expect((copy.errors[0] as Error).message).toContain('[Function');
    expect(copy.errors[1]).toBeInstanceOf(Declined);
    expect((copy.errors[2] as Error).message).toContain('Symbol(s)');
    expect(copy.errors[3]).toBe(5);
  });

  test('left out leaves objects shared with what is kept whole', () => {
    const shared = { n: 1 };
    const copy = again(Object.assign(new Error('x'), { bad: [shared, () => 1], good: shared, also: [shared] })) as Error & {
      good: unknown;
      also: unknown[];
    };
    expect(copy.good).toStrictEqual({ n: 1 });
    expect(copy.also[0]).toBe(copy.good);
    expect('bad' in copy).toBe(false);
  });

  test('as cycle comes back', () => {
    const a = new Error('a');
    const b = new Error('b', { cause: a });
    a.cause = b;
    Object.assign(a, { self: a });
    const copy = again(a) as Error & { self: unknown };
    expect((copy.cause as Error).message).toBe('b');
    expect((copy.cause as Error).cause).toBe(copy);
    expect(copy.self).toBe(copy);
  });

  test('as a chain of thousands of causes is cut, not refused', () => {
    let error = new Error('0');
    for (let n = 1; n < 10_000; n++) error = new Error(String(n), { cause: error });
    let copy: unknown = again(error);
    let length = 0;
    for (; copy instanceof Error; copy = copy.cause) length++;
    expect(length).toBeGreaterThan(10);
    expect(length).toBeLessThan(100);
  });
});

describe('a thrown value that is no error', () => {
  test.each<[unknown, string]>([
    ['boom', "'boom'"],
    [undefined, 'undefined'],
    [null, 'null'],
    [7, '7'],
    [{ code: 5 }, '{ code: 5 }'],
  ])('%j becomes the cause of one whose message says it', (thrown, text) => {
    const copy = again(thrown);
    expect(copy.message).toBe(`a value that is not an error was thrown: ${text}`);
    expect(Object.getOwnPropertyDescriptor(copy, 'cause')?.value).toStrictEqual(thrown);
    expect(Object.getPrototypeOf(copy)).toBe(Error.prototype);
  });

  test.each<[string, unknown, string]>([
    ['a function', function charge() {}, '[Function: charge]'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['an instance', new (class Foo {})(), 'Foo {}'],
  ])('%s is described at least', (_, thrown, text) => {
    const copy = again(thrown);
    expect(copy.message).toContain(text);
    expect('cause' in copy).toBe(false);
  });

  test('and cannot even be read becomes an error all the same', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(again(proxy)).toBeInstanceOf(Error);
  });
});

describe('an error over the limit', () => {
  const maxValueBytes = 2_000;
  const small = new Codec({ maxValueBytes });

  test.each<[string, Error]>([
    ['fields', Object.assign(new Error('kept'), { body: 'x'.repeat(5_000), code: 'E_BIG' })],
    ['cause', new Error('kept', { cause: 'x'.repeat(5_000) })],
    ['stack', Object.assign(new Error('kept'), { stack: '€'.repeat(5_000) })],
    ['message', new Error(`kept${'\u0000'.repeat(5_000)}`)],
    ['name', Object.assign(new Error('kept'), { name: 'x'.repeat(5_000) })],
  ])('for its %s is shortened', (_, error) => {
    const text = small.encodeError(error);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxValueBytes);
    const copy = small.decodeError(text) as Error & { code?: string };
    expect(copy.message.startsWith('kept')).toBe(true);
    expect(copy.code).toBe((error as { code?: string }).code);
  });

  test('keeps its class and the code of perdure', () => {
    const error = new perdureErrors.CancelledError('x'.repeat(5_000));
    const copy = small.decodeError(small.encodeError(error)) as perdureErrors.CancelledError;
    expect(copy).toBeInstanceOf(perdureErrors.CancelledError);
    expect(copy.code).toBe('CANCELLED');
    expect(copy.message).toMatch(/^x+… \[\d+ more characters\]$/);
  });

  test('however small the limit is never refused', () => {
    const tiny = new Codec({ maxValueBytes: 1 });
    expect(tiny.decodeError(tiny.encodeError(new TypeError('a message of some length')))).toBeInstanceOf(TypeError);
  });
});

describe('an error within an ordinary value', () => {
  test('comes back as it does when thrown', async () => {
    const settled = await Promise.allSettled([1, Promise.reject(new Declined('funds'))]);
    const copy = valueAgain(settled) as [PromiseFulfilledResult<number>, PromiseRejectedResult];
    expect(copy[0]).toStrictEqual({ status: 'fulfilled', value: 1 });
    expect((copy[1].reason as Declined).explain()).toBe('because of funds');
  });

  test('that occurs twice comes back as one, beside undefined, dates and risky keys', () => {
    const error = new RangeError('r');
    const copy = valueAgain({ error, again: [error, undefined, new Date(1)], constructor: NaN });
    expect(copy.error).toBeInstanceOf(RangeError);
    expect(copy.again[0]).toBe(copy.error);
    expect(copy.again.slice(1)).toStrictEqual([undefined, new Date(1)]);
    expect(copy.constructor).toBe(NaN);
  });

  test('does not excuse the rest of the value', () => {
    expect(() => codec.encode({ error: new Error('x'), fn: () => 1 }, () => 'it')).toThrow('.fn is a function');
  });

  test('alone comes back as an error', () => {
    expect(valueAgain(new Declined('funds'))).toBeInstanceOf(Declined);
  });
});

test('capturing no stack traces leaves the limit as it was', () => {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 7;
  again('boom');
  expect(Error.stackTraceLimit).toBe(7);
  Error.stackTraceLimit = before;
});

test.each(['', '1', '{"message":"x"}', '*[["?"]]', 'nonsense'])('a damaged text %j is reported as such', (text) => {
  expect(() => codec.decodeError(text)).toThrow(expect.objectContaining({ name: 'ExecutionError', code: 'VALUE_UNREADABLE' }));
});

test('any error comes back the same', () => {
  const classes = fc.constantFrom(Error, TypeError, RangeError, Declined, Unregistered);
  const field = fc.string().filter((key) => !['message', 'stack', 'name', 'cause', 'errors', 'reason', 'code', 'explain'].includes(key));
  const { error } = fc.letrec<{ error: Error }>((tie) => ({
    error: fc
      .record(
        {
          Class: classes,
          message: fc.string(),
          cause: fc.oneof({ maxDepth: 3 }, fc.jsonValue(), fc.constant(undefined), tie('error')),
          fields: fc.array(fc.tuple(field, fc.oneof({ maxDepth: 3 }, fc.jsonValue(), tie('error'))), { maxLength: 3 }),
          errors: fc.array(fc.oneof({ maxDepth: 3 }, fc.string(), tie('error')), { maxLength: 2 }),
        },
        { requiredKeys: ['Class', 'message', 'fields'] },
      )
      .map((parts) => {
        const made: Error = new parts.Class(parts.message);
        if ('cause' in parts) made.cause = parts.cause;
        if ('errors' in parts) Object.defineProperty(made, 'errors', { value: parts.errors });
        for (const [key, value] of parts.fields) Object.defineProperty(made, key, { value, enumerable: true, configurable: true });
        return made;
      }),
  }));

  function compare(copy: unknown, original: unknown): void {
    if (!(original instanceof Error)) {
      expect(copy).toEqual(original);
      return;
    }
    const expected = original instanceof Unregistered ? Error : original.constructor;
    expect(Object.getPrototypeOf(copy)).toBe(expected === original.constructor ? Object.getPrototypeOf(original) : Error.prototype);
    expect((copy as Error).name).toBe(original.name);
    expect(Object.keys(copy as Error)).toStrictEqual(Object.keys(original));
    expect(
      Reflect.ownKeys(copy as Error)
        .filter((key) => key !== 'name')
        .sort(),
    ).toStrictEqual(
      Reflect.ownKeys(original)
        .filter((key) => key !== 'name')
        .sort(),
    );
    for (const key of Object.getOwnPropertyNames(original)) {
      const [mine, theirs] = [copy, original].map((one) => (one as Readonly<Record<string, unknown>>)[key]);
      if (Array.isArray(theirs) && key === 'errors')
        for (const [index, inner] of theirs.entries()) compare((mine as unknown[])[index], inner);
      else compare(mine, theirs);
    }
  }

  fc.assert(fc.property(error, (original) => compare(again(original), original)));
  fc.assert(fc.property(error, (original) => compare((valueAgain([original]) as [Error])[0], original)));
});
