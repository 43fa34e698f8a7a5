import { describe, expect, test } from 'vitest';
import { Codec } from '../../src/codec/codec.js';
import type { Serdes } from '../../src/codec/serdes.js';
import { ExecutionError, type PerdureError, UsageError } from '../../src/errors/errors.js';

let nonce = 0;
/** Like encryption: another text each time, and nothing that perdure could read. */
const sealed: Serdes = {
  serialize: (value) => `${nonce++}|${value === undefined ? '' : JSON.stringify(value)}`,
  deserialize: (text) => {
    const json = text.slice(text.indexOf('|') + 1);
    return json === '' ? undefined : JSON.parse(json);
  },
};
const plain = new Codec({ maxValueBytes: 10_000 });
const codec = plain.withSerdes(sealed);
const describeValue = (): string => 'the arguments of flow "order"';

function thrownBy(act: () => unknown, family: typeof ExecutionError = UsageError): PerdureError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(family);
    return error as PerdureError;
  }
  throw new Error('nothing was thrown');
}

function unreadableBy(act: () => unknown): PerdureError {
  const error = thrownBy(act, ExecutionError);
  expect(error.code).toBe('VALUE_UNREADABLE');
  return error;
}

describe('a serdes', () => {
  test.each([undefined, null, 1, { a: [1] }])('writes and reads %j', (value) => {
    const text = codec.encode(value, describeValue);
    expect(text).toContain('|');
    expect(codec.decode(text)).toStrictEqual(value);
  });

  test('decides alone what can be stored', () => {
    expect(
      codec.decode(
        codec.encode(
          new (class Foo {
            a = 1;
          })(),
          describeValue,
        ),
      ),
    ).toStrictEqual({ a: 1 });
  });

  test('that is given to the constructor is used', () => {
    expect(new Codec({ maxValueBytes: 100, serdes: sealed }).encode(1, describeValue)).toContain('|1');
  });

  test('that is not given leaves the codec as it is', () => {
    expect(codec.withSerdes(undefined)).toBe(codec);
  });

  test('whose serialize throws makes the value not serializable, with the cause', () => {
    const cause = new Error('no key');
    const broken = plain.withSerdes({
      ...sealed,
      serialize: () => {
        throw cause;
      },
    });
    const error = thrownBy(() => broken.encode(1, describeValue));
    expect(error.code).toBe('VALUE_NOT_SERIALIZABLE');
    expect(error.message).toContain('the arguments of flow "order" cannot be stored: its serdes failed: no key');
    expect(error.cause).toBe(cause);
  });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['a Promise', Promise.resolve('x')],
    ['a Buffer', Buffer.from('x')],
  ])('whose serialize returns %s is an invalid option', (what, returned) => {
    const broken = plain.withSerdes({ ...sealed, serialize: () => returned as string });
    const error = thrownBy(() => broken.encode(1, describeValue));
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toContain(`returned ${what}. It must`);
  });

  test('whose deserialize throws says so, with the cause', () => {
    const cause = new Error('wrong key');
    const broken = plain.withSerdes({
      ...sealed,
      deserialize: () => {
        throw cause;
      },
    });
    const error = unreadableBy(() => broken.decode('0|1'));
    expect(error.message).toContain('wrong key');
    expect(error.cause).toBe(cause);
  });

  test('whose deserialize returns a promise cannot read, and the promise is nobody’s any more', () => {
    const broken = plain.withSerdes({ ...sealed, deserialize: () => Promise.reject(new Error('no key')) });
    const error = unreadableBy(() => broken.decode('0|1'));
    expect(error.message).toContain('`deserialize` of its serdes returned a Promise');
  });

  test.each<[string, unknown]>([
    ['a string', 'abc'],
    ['undefined', undefined],
  ])('that brings back arguments as %s says so', (what, returned) => {
    const broken = plain.withSerdes({ ...sealed, deserialize: () => returned });
    const error = unreadableBy(() => broken.decodeArguments('0|[1]'));
    expect(error.message).toContain(`\`deserialize\` of the given \`serdes\` returned ${what} for what was an array`);
  });

  test('does not touch errors', () => {
    const text = codec.encodeError(new TypeError('x'));
    expect(plain.decodeError(text)).toBeInstanceOf(TypeError);
  });
});

test('a text that perdure did not write is refused with advice', () => {
  const error = unreadableBy(() => plain.decode('0|{"a":1}'));
  expect(error.message).toContain('Was it written with another `serdes`, or another key?');
});

describe('a digest', () => {
  const digestOf = (using: Codec, value: unknown): string => using.digest(value, using.encode(value, describeValue));

  test.each<[string, Codec]>([
    ['of the default encoding', plain],
    ['with a serdes whose text differs each time', codec],
  ])('%s is the same for equal values and differs for others', (_, using) => {
    expect(digestOf(using, [{ a: 1 }])).toBe(digestOf(using, [{ a: 1 }]));
    expect(digestOf(using, [{ a: 1 }])).not.toBe(digestOf(using, [{ a: 2 }]));
    expect(digestOf(using, [{ a: 1 }])).toMatch(/^[\w-]{22}$/);
  });

  test('of undefined exists', () => {
    expect(digestOf(plain, undefined)).not.toBe(digestOf(plain, null));
    expect(digestOf(codec, undefined)).not.toBe(digestOf(codec, null));
  });

  test('of an error does not depend on its stack trace, only on what it says', () => {
    const errorWith = (message: string, stack: string): Error => Object.assign(new Error(message), { stack });
    const atLine1 = { error: errorWith('x', 'Error: x\n    at flow.ts:1') };
    expect(digestOf(plain, { error: errorWith('x', 'Error: x\n    at flow.ts:2') })).toBe(digestOf(plain, atLine1));
    expect(digestOf(plain, { error: errorWith('y', 'Error: x\n    at flow.ts:1') })).not.toBe(digestOf(plain, atLine1));
  });

  test('tells shared from equal objects apart in the default encoding', () => {
    const one = { a: 1 };
    expect(digestOf(plain, [one, one])).not.toBe(digestOf(plain, [one, { a: 1 }]));
  });

  test.each<[string, unknown]>([
    ['a key that superjson refuses', JSON.parse('{"constructor":{"at":1}}')],
    ['a function', () => 1],
    ['bigints in a typed array', new BigInt64Array(1)],
    [
      'a getter that throws',
      Object.defineProperty({}, 'x', {
        enumerable: true,
        get: () => {
          throw new Error('locked');
        },
      }),
    ],
  ])('with a serdes is made even of %s', (_, value) => {
    expect(codec.digest(value, 'text')).toMatch(/^[\w-]{22}$/);
  });
});
