import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { plainError, plainField, plainValue } from '../../src/runtime/notices/plain-value.js';

const stack = expect.any(String);

describe('a value as plain JSON', () => {
  const circular: Record<string, unknown> = { list: [] };
  (circular['list'] as unknown[]).push(circular);
  const map = new Map<unknown, unknown>();
  map.set('self', map);

  test.each<[string, unknown, unknown]>([
    ['a plain one', { a: [1, 'x', null, true] }, { a: [1, 'x', null, true] }],
    ['undefined', { left: undefined, list: [undefined] }, { list: [null] }],
    ['numbers that JSON does not know', [Number.NaN, Number.POSITIVE_INFINITY], ['NaN', 'Infinity']],
    ['a bigint, a symbol', [1n, Symbol('s')], ['1', 'Symbol(s)']],
    ['functions', [function named() {}, () => {}], ['[function named]', '[function]']],
    ['a map with texts as keys', new Map([['k', new Map([['l', 1]])]]), { k: { l: 1 } }],
    ['a map with other keys', new Map<unknown, unknown>([[{ id: 1 }, 'one']]), [[{ id: 1 }, 'one']]],
    ['a set', new Set([1, new Set(['x'])]), [1, ['x']]],
    ['a map of another realm', runInNewContext('new Map([["k", 1]])'), { k: 1 }],
    ['a date, a URL', [new Date(0), new URL('https://example.com/')], ['1970-01-01T00:00:00.000Z', 'https://example.com/']],
    ['a regular expression', /x/g, '/x/g'],
    ['what has a toJSON', { toJSON: () => ({ shown: new Set([1]) }) }, { shown: [1] }],
    ['a boxed primitive', [Object('text'), Object(1)], ['text', 1]],
    ['what contains itself', circular, { list: ['[circular]'] }],
    ['a map that contains itself', map, { self: '[circular]' }],
    ['what is there twice', [circular.list, circular.list], [[{ list: '[circular]' }], [{ list: '[circular]' }]]],
    ['a key __proto__', JSON.parse('{"__proto__": 1}'), JSON.parse('{"__proto__": 1}')],
    [
      'what throws when it is read',
      {
        get x() {
          throw new Error('no');
        },
      },
      '[unreadable: no]',
    ],
  ])('%s', (_what, value, shown) => {
    expect(plainValue(value)).toStrictEqual(shown);
    expect(JSON.parse(JSON.stringify(plainValue(value)))).toStrictEqual(shown);
  });

  test('is nothing where JSON leaves a field out', () => {
    expect([plainField(undefined), plainField({ toJSON: () => undefined })]).toStrictEqual([undefined, undefined]);
  });
});

describe('an error as plain JSON', () => {
  test('has its chain of causes, whatever they are', () => {
    const error = new Error('outer', { cause: new TypeError('inner', { cause: { status: 503, body: new Map([['k', 1]]) } }) });
    expect(plainError(error)).toStrictEqual({
      name: 'Error',
      message: 'outer',
      stack,
      cause: { name: 'TypeError', message: 'inner', stack, cause: { status: 503, body: { k: 1 } } },
    });
  });

  test.each<[unknown, unknown]>([
    ['a text', 'a text'],
    [0, 0],
    [null, null],
    [new Set([1]), [1]],
  ])('has a cause that is %j', (cause, shown) => {
    expect(plainError(new Error('told', { cause })).cause).toStrictEqual(shown);
  });

  test('has its code, and the errors within it', () => {
    const coded = Object.assign(new Error('first'), { code: 'E_FIRST' });
    expect(plainError(new AggregateError([coded, { status: 1 }], 'several'))).toStrictEqual({
      name: 'AggregateError',
      message: 'several',
      stack,
      errors: [{ name: 'Error', message: 'first', stack, code: 'E_FIRST' }, { status: 1 }],
    });
  });

  test('says where a cause contains it', () => {
    const error = new Error('told');
    error.cause = { of: error };
    expect(plainError(error).cause).toStrictEqual({ of: '[circular]' });
    const other = new Error('other');
    other.cause = new Error('between', { cause: other });
    expect(plainError(other).cause).toMatchObject({ message: 'between', cause: '[circular]' });
  });

  test('is shown to some depth where its chain is long', () => {
    let error = new Error('0');
    for (let number = 1; number < 10_000; number += 1) error = new Error(String(number), { cause: error });
    expect(JSON.stringify(plainError(error))).toContain('[nested too deeply]');
  });

  test.each<[string, unknown, string]>([
    ['a text', 'no', 'no'],
    ['an object', { status: 503 }, '{"status":503}'],
    ['nothing', undefined, 'undefined'],
  ])('stands for %s that was thrown', (_what, thrown, message) => {
    expect(plainError(thrown)).toStrictEqual({ name: 'Error', message });
  });

  test('stands for what cannot be read', () => {
    const { proxy, revoke } = Proxy.revocable(new Error('gone'), {});
    revoke();
    expect(plainError(proxy)).toStrictEqual({ name: 'Error', message: 'an error that cannot be read' });
  });
});
