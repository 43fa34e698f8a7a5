import { isDeepStrictEqual } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Codec } from '../../src/codec/codec.js';

const codec = new Codec({ maxValueBytes: 4 * 1024 * 1024 });
const roundTrip = <T>(value: T): T => codec.decode(codec.encode(value, () => 'the value')) as T;

describe('plain JSON', () => {
  test.each<[unknown, string]>([
    [undefined, ''],
    [null, 'null'],
    [1, '1'],
    ['abc', '"abc"'],
    [true, 'true'],
    [[1, ['a']], '[1,["a"]]'],
    [{ a: { b: null } }, '{"a":{"b":null}}'],
    [
      JSON.parse('{"__proto__":1,"constructor":2,"prototype":3,"a.b":4,"a\\\\.b":5,"":6}'),
      '{"__proto__":1,"constructor":2,"prototype":3,"a.b":4,"a\\\\.b":5,"":6}',
    ],
  ])('%j becomes the text %s', (value, text) => {
    expect(codec.encode(value, () => 'the value')).toBe(text);
    expect(codec.decode(text)).toStrictEqual(value);
  });

  test('any JSON comes back equal, as JSON text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (generated) => {
        // fast-check makes -0, which JSON has not.
        const value: unknown = JSON.parse(JSON.stringify(generated));
        expect(codec.encode(value, () => 'the value')).toBe(JSON.stringify(value));
        expect(roundTrip(value)).toStrictEqual(value);
      }),
    );
  });

  test.each<[string, object, unknown]>([
    ['an object', { total: 5 }, { total: 5 }],
    ['an array', [1, 2], [1, 2]],
  ])('%s whose toJSON is no field comes back as it is', (_, value, expected) => {
    Object.defineProperty(value, 'toJSON', { value: () => 'gone' });
    expect(roundTrip(value)).toStrictEqual(expected);
    expect(roundTrip([{ within: value }])).toStrictEqual([{ within: expected }]);
  });

  test('an object without prototype counts as plain', () => {
    const value = Object.assign(Object.create(null) as object, { a: 1 });
    expect(codec.encode(value, () => 'the value')).toBe('{"a":1}');
  });

  test('objects of another realm count as plain', () => {
    const value: unknown = runInNewContext('({ a: [1, { b: 2 }] })');
    expect(codec.encode(value, () => 'the value')).toBe('{"a":[1,{"b":2}]}');
  });
});

describe('what JSON has not', () => {
  test.each<[string, unknown]>([
    ['a Date', new Date(1_700_000_000_123)],
    ['a Date before Christ', new Date(-1e14)],
    [
      'a Map',
      new Map<unknown, unknown>([
        ['a', 1],
        [{ k: 1 }, new Set([1])],
        [NaN, NaN],
        [undefined, undefined],
        [new Date(0), 2n],
      ]),
    ],
    ['a Set', new Set<unknown>([NaN, 'b', 1n, null, undefined, [1n, NaN], 'z'])],
    [
      'equal bigints and NaNs in containers that keep an order',
      {
        m: new Map<unknown, unknown>([
          [NaN, 1],
          ['x', 2],
          [5n, 3],
        ]),
        s: new Set([NaN, 5n, 'x']),
        n: NaN,
        b: 5n,
      },
    ],
    ['a bigint', 2n ** 70n],
    ['a RegExp', /a\/b[/]\n/giu],
    ['a URL', new URL('https://example.com/ä?q=1#h')],
    ['NaN', NaN],
    ['minus zero', -0],
    ['infinities', [Infinity, -Infinity]],
    ['undefined in an object', { a: undefined, b: 1 }],
    ['undefined in an array', [undefined, 1, undefined]],
    ['an empty Map and Set', [new Map(), new Set()]],
    ['integers in typed arrays', [new Uint8Array([1, 255]), new Int32Array([-1]), new Uint8ClampedArray(2)]],
    ['odd numbers in typed arrays', [new Float64Array([NaN, -0, Infinity, 0.1]), new Float32Array([-Infinity])]],
    ['bigints in typed arrays', { a: new BigInt64Array([-1n]), b: new BigUint64Array([2n ** 64n - 1n]) }],
    ['an empty typed array of bigints', new BigInt64Array()],
    ['a part of a buffer', new Uint16Array(new ArrayBuffer(16), 4, 3)],
    ['lone surrogates', { '\ud800': '\udc00', at: new Date(1) }],
  ])('%s comes back', (_, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
  });

  test('a Map keeps its order beside shared keys', () => {
    const key = { k: 1 };
    const copy = roundTrip({
      key,
      map: new Map<unknown, number>([
        [key, 1],
        ['b', 2],
      ]),
      set: new Set<unknown>([key, 'b']),
    });
    expect([...copy.map.keys()]).toStrictEqual([{ k: 1 }, 'b']);
    expect([...copy.map.keys()][0]).toBe(copy.key);
    expect([...copy.set]).toStrictEqual([{ k: 1 }, 'b']);
    expect([...copy.set][0]).toBe(copy.key);
  });

  test.each(['__proto__', 'constructor', 'prototype', 'a.b', 'a\\.b', 'a\\', '\\', '.', '', '0', 'toString', 'ключ', '\ud800'])(
    'the key %j comes back beside a Date',
    (key) => {
      const value = Object.defineProperty({ at: new Date(0) }, key, {
        value: { [key === '__proto__' ? 'x' : key]: [new Date(1)] },
        enumerable: true,
        writable: true,
        configurable: true,
      });
      const copy = roundTrip(value);
      expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
      // Vitest takes an own `constructor` for the class.
      expect(isDeepStrictEqual(copy, value)).toBe(true);
      expect(Object.keys(copy)).toStrictEqual(Object.keys(value));
    },
  );

  test('built-in objects of another realm come back as ours', () => {
    const value: unknown = runInNewContext('({ m: new Map([[1, new Date(5)]]), s: new Set([/x/g]), f: new Float64Array([0.5]), n: NaN })');
    expect(roundTrip(value)).toStrictEqual({ m: new Map([[1, new Date(5)]]), s: new Set([/x/g]), f: new Float64Array([0.5]), n: NaN });
  });
});

describe('identity', () => {
  test('an object that occurs twice comes back as one', () => {
    const shared = { n: 1 };
    const copy = roundTrip({ a: shared, b: [shared] });
    expect(copy).toStrictEqual({ a: { n: 1 }, b: [{ n: 1 }] });
    expect(copy.b[0]).toBe(copy.a);
  });

  test('equal objects stay two', () => {
    const copy = roundTrip({ a: { at: new Date(1) }, b: { at: new Date(1) } });
    expect(copy.a).not.toBe(copy.b);
    expect(copy.a.at).not.toBe(copy.b.at);
  });

  test.each([0, 3, 57])('object %d among many is found again', (index) => {
    const many = Array.from({ length: 100 }, (_, n) => ({ n }));
    const copy = roundTrip([...many, many[index]]);
    expect(copy[100]).toBe(copy[index]);
    expect(copy[99]).toStrictEqual({ n: 99 });
  });

  test('a shared Date comes back as one', () => {
    const at = new Date(1);
    const copy = roundTrip([at, at]);
    expect(copy[0]).toBe(copy[1]);
  });

  test.each<[string, () => Record<string, unknown>]>([
    ['an object', () => ({})],
    ['an object with a Date', () => ({ at: new Date(1) })],
  ])('a cycle through %s comes back', (_, make) => {
    const value = make();
    value.self = value;
    const copy = roundTrip(value);
    expect(copy.self).toBe(copy);
  });

  test('a cycle through an array, a Map and a Set comes back', () => {
    const array: unknown[] = [];
    array.push(
      new Map<unknown, unknown>([
        ['k', new Set([array])],
        [array, 1],
      ]),
    );
    const copy = roundTrip(array);
    const map = copy[0] as Map<unknown, unknown>;
    expect(map.has(copy)).toBe(true);
    expect((map.get('k') as Set<unknown>).has(copy)).toBe(true);
  });

  test('an object that is shared and part of a cycle comes back whole', () => {
    const a: Record<string, unknown> = {};
    a.b = { a };
    const copy = roundTrip({ x: a, y: a.b }) as { x: { b: unknown }; y: { a: unknown } };
    expect(copy.y.a).toBe(copy.x);
    expect(copy.x.b).toBe(copy.y);
  });
});

describe('depth', () => {
  const nest = (depth: number, leaf: unknown): unknown => {
    let value = leaf;
    for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { value };
    return value;
  };
  const depthOf = (value: unknown): number => {
    let depth = 0;
    for (let at = value; typeof at === 'object' && at !== null && !(at instanceof Date); depth++) {
      at = Array.isArray(at) ? at[0] : (at as { value: unknown }).value;
    }
    return depth;
  };

  test.each([10, 499, 501, 20_000])('%d levels of plain JSON come back', (depth) => {
    expect(depthOf(roundTrip(nest(depth, 1)))).toBe(depth);
  });

  test.each([99, 101, 20_000])('%d levels around a Date come back', (depth) => {
    expect(depthOf(roundTrip(nest(depth, new Date(1))))).toBe(depth);
  });
});

describe('any supported value', () => {
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('__proto__', 'constructor', 'prototype', 'a.b', 'a\\.b', '', '0', '\\'),
  );
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(undefined, null, NaN, -0, 0, Infinity, -Infinity, true, false),
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.constantFrom(/a/g, /\/\\/u).map((regexp) => new RegExp(regexp)),
    fc.webUrl().map((url) => new URL(url)),
    fc.uint8Array({ maxLength: 4 }),
    fc.float64Array({ maxLength: 4 }),
  );
  const object = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.array(fc.tuple(key, value), { maxLength: 4 }).map((entries) => Object.fromEntries(entries));
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      object(tie('value')),
      fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
      fc.array(tie('value'), { maxLength: 4 }).map((elements) => new Set(elements)),
      // The same object twice.
      tie('value').map((twice) => [twice, { twice }]),
    ),
  }));

  /** Order, `-0`, own keys and identity, which `toStrictEqual` does not look at in maps and sets. */
  function shape(root: unknown): string {
    const seen = new Map<object, number>();
    const describeOne = (one: unknown): string => {
      if (typeof one !== 'object' || one === null)
        return Object.is(one, -0) ? '-0' : `${typeof one} ${typeof one === 'string' ? JSON.stringify(one) : String(one)}`;
      const known = seen.get(one);
      if (known !== undefined) return `#${known}`;
      seen.set(one, seen.size);
      const name = (Object.getPrototypeOf(one) as { constructor: { name: string } }).constructor.name;
      if (one instanceof Date) return `Date ${one.getTime()}`;
      if (one instanceof RegExp || one instanceof URL) return `${name} ${String(one)}`;
      if (one instanceof Map) return `Map(${[...one].map(([k, v]) => `${describeOne(k)}=>${describeOne(v)}`).join()})`;
      if (one instanceof Set) return `Set(${[...one].map(describeOne).join()})`;
      if (Array.isArray(one)) return `[${one.map(describeOne).join()}]`;
      return `${name}{${Object.entries(one)
        .map(([k, v]) => `${JSON.stringify(k)}:${describeOne(v)}`)
        .join()}}`;
    };
    return describeOne(root);
  }

  test('comes back the same in content, order and identity', () => {
    fc.assert(
      fc.property(value, (original) => {
        expect(shape(roundTrip(original))).toBe(shape(original));
      }),
      { numRuns: 1_000 },
    );
  });

  test('makes the same text after a round trip', () => {
    fc.assert(
      fc.property(value, (original) => {
        const text = codec.encode(original, () => 'the value');
        expect(codec.encode(codec.decode(text), () => 'the value')).toBe(text);
      }),
    );
  });

  test('comes back as a copy that shares no object with the original', () => {
    const objectsOf = (root: unknown, found = new Set<object>()): Set<object> => {
      if (typeof root !== 'object' || root === null || found.has(root)) return found;
      found.add(root);
      const inner = root instanceof Map ? [...root].flat() : root instanceof Set ? [...root] : Object.values(root);
      for (const one of inner) objectsOf(one, found);
      return found;
    };
    fc.assert(
      fc.property(value, (original) => {
        const originals = objectsOf(original);
        const text = codec.encode(original, () => 'the value');
        const first = objectsOf(codec.decode(text));
        const second = objectsOf(codec.decode(text));
        for (const one of first) expect(originals.has(one) || second.has(one)).toBe(false);
      }),
    );
  });
});
