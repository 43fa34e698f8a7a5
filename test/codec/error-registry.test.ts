import { describe, expect, test } from 'vitest';
import { Codec } from '../../src/codec/codec.js';
import { type ErrorClass, registerError } from '../../src/codec/error-registry.js';
import { UsageError } from '../../src/errors/errors.js';

const codec = new Codec({ maxValueBytes: 10_000 });

function codeOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).code;
  }
  return 'nothing was thrown';
}

describe('registerError', () => {
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['an Object', {}],
    ['an Error', new Error('x')],
    ['a function, which does not extend Error', (() => () => {})()],
    ['Foo, which does not extend Error', class Foo {}],
    ['Aborted, which extends DOMException: none of those can be made without its constructor', class Aborted extends DOMException {}],
    ['a class, which extends DOMException: none of those can be made without its constructor', (() => class extends DOMException {})()],
  ])('refuses %s', (what, given) => {
    expect(() => registerError(given as ErrorClass)).toThrow(
      expect.objectContaining({
        name: 'UsageError',
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(`registerError() was given ${what}. Give it a class that extends Error.`),
      }),
    );
  });

  test('refuses a class without a name, unless one is given', () => {
    const anonymous = (() => class extends Error {})();
    expect(codeOf(() => registerError(anonymous))).toBe('INVALID_ARGUMENT');
    registerError(anonymous, 'registry.test/Anonymous');
    expect(codec.decodeError(codec.encodeError(new anonymous('x')))).toBeInstanceOf(anonymous);
  });

  test('refuses another class under a taken name', () => {
    registerError(class extends Error {}, 'registry.test/Taken');
    expect(codeOf(() => registerError(class extends Error {}, 'registry.test/Taken'))).toBe('NAME_TAKEN');
    expect(codeOf(() => registerError(class extends Error {}, 'TypeError'))).toBe('NAME_TAKEN');
  });

  test('takes the same class again', () => {
    class Twice extends Error {}
    registerError(Twice);
    registerError(Twice);
    registerError(TypeError);
    registerError(DOMException);
    expect(codec.decodeError(codec.encodeError(new Twice('x')))).toBeInstanceOf(Twice);
  });

  test('takes a class of the program that is called like one of perdure', () => {
    class TimeoutError extends Error {}
    registerError(TimeoutError);
    expect(codec.decodeError(codec.encodeError(new TimeoutError('x')))).toBeInstanceOf(TimeoutError);
  });

  test('reads a renamed class under its former name as well', () => {
    class Former extends Error {}
    registerError(Former, 'registry.test/Former');
    const text = codec.encodeError(new Former('x')).replace('registry.test/Former', 'registry.test/Older');
    expect(Object.getPrototypeOf(codec.decodeError(text))).toBe(Error.prototype);
    registerError(Former, 'registry.test/Older');
    expect(codec.decodeError(text)).toBeInstanceOf(Former);
    expect(codec.encodeError(new Former('x'))).toContain('registry.test/Former');
  });
});
