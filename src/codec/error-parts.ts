import { inspect } from 'node:util';
import { isError } from '../model/value-kinds.js';
import { DOM_EXCEPTION, errorClassName, errorPrototype } from './error-registry.js';

/** What an error is made of, when it is stored. */
export interface ErrorParts {
  /** The registered name of its class, `null` for other classes. */
  readonly className: string | null;
  /** `error.name` as the catcher reads it, wherever it is defined. */
  readonly name: string;
  /** Own properties that are not enumerable, as `message`, `stack`, `cause` and `errors` usually are; of the others those that hold a value. */
  readonly hidden: readonly ErrorProperty[];
  /** Own enumerable properties. */
  readonly fields: readonly ErrorProperty[];
}

/** A property and its value. */
export type ErrorProperty = readonly [key: string, value: unknown];

/** Those of the built-in classes, in the order they are written in. */
const SPECIAL_KEYS: readonly string[] = ['message', 'stack', 'cause', 'errors'];
/** A code longer than this is no code. */
const MAX_CODE_LENGTH = 64;
const MAX_NAME_LENGTH = 100;
const MAX_DESCRIPTION_LENGTH = 200;

/** Takes an error apart. Properties that throw when they are read are left out. */
export function takeApart(error: Error): ErrorParts {
  const hidden: ErrorProperty[] = [];
  const fields: ErrorProperty[] = [];
  const enumerable = Object.keys(error);
  for (const key of SPECIAL_KEYS) {
    if (enumerable.includes(key)) continue;
    const value = read(error, key);
    // A class may define `message` or `stack` for all its errors; `Error` defines an empty message.
    const inherited = (key === 'message' || key === 'stack') && typeof value === 'string' && value !== '';
    if (value !== UNREADABLE && (inherited || Object.hasOwn(error, key))) hidden.push([key, value]);
  }
  for (const key of Object.getOwnPropertyNames(error)) {
    if (key === 'name' || SPECIAL_KEYS.includes(key) || enumerable.includes(key)) continue;
    const property = Object.getOwnPropertyDescriptor(error, key);
    if (property !== undefined && 'value' in property) hidden.push([key, property.value]);
  }
  for (const key of enumerable) {
    const value = read(error, key);
    if (value !== UNREADABLE) fields.push([key, value]);
  }
  const name = read(error, 'name');
  return {
    className: errorClassName(error),
    name: typeof name === 'string' ? name : 'Error',
    hidden,
    fields,
  };
}

const UNREADABLE = Symbol('unreadable');

function read(error: Error, key: string): unknown {
  try {
    return (error as unknown as Readonly<Record<string, unknown>>)[key];
  } catch {
    return UNREADABLE;
  }
}

/** An error object with the right class and nothing in it yet; `putTogether` fills it. */
export function emptyError(className: string | null, name: string, message: unknown): Error {
  if (className === DOM_EXCEPTION) return new DOMException(typeof message === 'string' ? message : '', name);
  const error = withoutStackTrace(() => new Error());
  Object.setPrototypeOf(error, errorPrototype(className));
  return error;
}

/** Gives an empty error its properties. */
export function putTogether(error: Error, { className, name, hidden, fields }: ErrorParts): void {
  // The engine's own: what was thrown may have had none.
  Reflect.deleteProperty(error, 'stack');
  for (const [key, value] of hidden) {
    if (className !== DOM_EXCEPTION || key !== 'message') define(error, key, value, false);
  }
  for (const [key, value] of fields) define(error, key, value, true);
  if (read(error, 'name') !== name) define(error, 'name', name, false);
}

function define(error: Error, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
}

/** Capturing a trace that is thrown away costs more than all the rest. */
function withoutStackTrace<T>(make: () => T): T {
  const limit = Error.stackTraceLimit;
  // `Reflect.set` does not throw where the intrinsics are frozen.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return make();
  } finally {
    Reflect.set(Error, 'stackTraceLimit', limit);
  }
}

/** What was thrown, as an error: itself, or an `Error` whose `cause` it is and whose message says what it is. */
export function thrownError(thrown: unknown): Error {
  if (isError(thrown)) return thrown;
  const message = `a value that is not an error was thrown: ${describeThrown(thrown)}`;
  return withoutStackTrace(() => new Error(message, { cause: thrown }));
}

function describeThrown(thrown: unknown): string {
  try {
    const text = inspect(thrown, { depth: 1, breakLength: Infinity, customInspect: false, maxStringLength: MAX_DESCRIPTION_LENGTH });
    return cut(text, MAX_DESCRIPTION_LENGTH);
  } catch {
    return 'one that cannot be read';
  }
}

/** The error without cause, inner errors and fields (but for a short `code`), its texts cut to `maxTextLength` each. */
export function shortened(parts: ErrorParts, maxTextLength: number): ErrorParts {
  const texts = parts.hidden.filter(([key, value]) => (key === 'message' || key === 'stack') && typeof value === 'string');
  return {
    className: parts.className,
    name: cut(parts.name, MAX_NAME_LENGTH),
    hidden: texts.map(([key, value]) => [key, cut(value as string, maxTextLength)] as const),
    fields: parts.fields.filter(([key, value]) => key === 'code' && isShortCode(value)),
  };
}

function isShortCode(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && value.length <= MAX_CODE_LENGTH);
}

function cut(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}… [${text.length - maxLength} more characters]`;
}
