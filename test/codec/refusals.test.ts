import { describe, expect, test } from 'vitest';
import { Codec } from '../../src/codec/codec.js';
import { UsageError } from '../../src/errors/errors.js';

const codec = new Codec({ maxValueBytes: 1_000 });

function failureOf(value: unknown, using: Codec = codec): UsageError {
  try {
    using.encode(value, () => 'the result of action "charge"');
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return error as UsageError;
  }
  throw new Error('the value was not refused');
}

class Foo {}
class OwnMap extends Map<unknown, unknown> {}
class OwnArray extends Array<unknown> {}
const noop = (): void => {};
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

describe('a value that could not come back is refused, with its path', () => {
  test.each<[string, unknown]>([
    ['the value is a function', noop],
    ['the value is a symbol', Symbol('s')],
    ['the value is an instance of class Foo', new Foo()],
    ['[0].items[2].onDone is a function', [{ items: [1, 2, { onDone: noop }] }]],
    ['.map<"key"> is a symbol', { map: new Map([['key', Symbol('s')]]) }],
    ['.map<"key">.x[0] is a function', { map: new Map([['key', { x: [noop] }]]) }],
    ['<key an object>.f is a function', new Map([[{ f: noop }, 1]])],
    ['.set<1> is a function', { set: new Set<unknown>([1, noop]) }],
    ['["on done"].x is a function', { 'on done': { x: noop } }],
    ['.__proto__ is a function', Object.defineProperty({}, '__proto__', { value: noop, enumerable: true })],
    ['.a is an instance of class Foo', { a: new Foo(), at: new Date(1) }],
    ['.a is an instance of class OwnMap', { a: new OwnMap() }],
    ['.a is an instance of class OwnArray', { a: OwnArray.from([1]) }],
    ['.a is a Buffer', { a: Buffer.from('x') }],
    ['.a is a Promise', { a: Promise.resolve(1) }],
    ['.a is a WeakMap', { a: new WeakMap() }],
    ['.a is an ArrayBuffer', { a: new ArrayBuffer(1) }],
    ['.a is a DataView', { a: new DataView(new ArrayBuffer(1)) }],
    ['.a is a Number', { a: Object(1) as unknown }],
    ['.a is an object with a prototype of its own', { a: Object.create({ b: 1 }) as unknown }],
    ['.a is an invalid Date', { a: new Date(NaN) }],
    ['[1] is a hole in an array', Object.assign([1], { 2: 3 })],
    ['.a.index is a field of an array', { a: /b/.exec('abc') }],
    ['.note is a field of a Uint8Array', Object.assign(new Uint8Array(2), { note: 1 })],
    ['.a.note is a field of an Int8Array', { a: Object.assign(new Int8Array(), { note: 1 }) }],
    ['[Symbol(s)] is a field whose key is a symbol', Object.assign(new Uint8Array(1), { [Symbol('s')]: 1 })],
    ['.note is a field of a Map', Object.assign(new Map(), { note: 1 })],
    ['.a[Symbol(s)] is a field whose key is a symbol', { a: { [Symbol('s')]: 1 } }],
    ['[Symbol(s)] is a field whose key is a symbol', Object.assign([1], { [Symbol('s')]: 1 })],
    ['.toJSON is a function', { toJSON: () => 1 }],
  ])('%s', (what, value) => {
    const error = failureOf(value);
    expect(error.code).toBe('VALUE_NOT_SERIALIZABLE');
    expect(error.message).toBe(
      `the result of action "charge" cannot be stored: ${what}. Return plain data, register error classes with registerError(), or give a \`serdes\`.`,
    );
  });

  test('a symbol key is refused beside values of every kind', () => {
    expect(failureOf({ [Symbol('s')]: 1, at: new Date(1) }).message).toContain('whose key is a symbol');
  });

  test('a symbol key that is not enumerable is no field, as a name that is not', () => {
    const value = Object.defineProperties({ at: new Date(1) }, { [Symbol('s')]: { value: 1 }, hidden: { value: 2 } });
    expect(codec.decode(codec.encode(value, () => ''))).toStrictEqual({ at: new Date(1) });
  });

  test('a function within a cycle is refused', () => {
    const value: Record<string, unknown> = { at: new Date(1) };
    value.self = value;
    value.list = [value, noop];
    expect(failureOf(value).message).toContain('.list[1] is a function');
  });

  test.each<[string, unknown]>([
    [
      'a getter that throws',
      Object.defineProperty({}, 'x', {
        enumerable: true,
        get: () => {
          throw new Error('locked');
        },
      }),
    ],
    ['a revoked proxy', revoked()],
    ['an object that only pretends to be a Map', Object.create(Map.prototype)],
    ['an object that only pretends to be a Date', Object.create(Date.prototype)],
  ])('%s is refused, and the cause is kept', (_, value) => {
    const error = failureOf(value);
    expect(error.code).toBe('VALUE_NOT_SERIALIZABLE');
    expect(error.message).toContain('reading it failed');
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('a long path and a long key are shortened', () => {
    let value: unknown = noop;
    for (let level = 0; level < 200; level++) value = { [`k${'x'.repeat(100)}`]: value };
    expect(failureOf(value).message.length).toBeLessThan(3_000);
  });
});

describe('a text over the limit is refused', () => {
  test.each<[string, number]>([
    ['x', 1],
    ['é', 2],
    ['€', 3],
  ])('counting %j as %d bytes', (character, bytes) => {
    const most = Math.floor((1_000 - 2) / bytes);
    expect(codec.decode(codec.encode(character.repeat(most), () => ''))).toBe(character.repeat(most));
    const error = failureOf(character.repeat(most + 1));
    expect(error.code).toBe('VALUE_TOO_LARGE');
    expect(error.message).toContain(`takes ${(most + 1) * bytes + 2} bytes; the limit is 1000.`);
  });

  test('whatever serdes made it', () => {
    const wordy = codec.withSerdes({ serialize: () => 'x'.repeat(1_001), deserialize: () => undefined });
    expect(failureOf(1, wordy).code).toBe('VALUE_TOO_LARGE');
  });
});
