import { PERDURE_ERRORS, UsageError } from '../errors/errors.js';
import { HOT_RELOAD_ADVICE, hotReload } from '../errors/hot-reload.js';
import { requireOneVersion } from '../errors/one-version.js';
import { nameIsTakenFrom } from '../errors/short-names.js';
import { describeKind, foreignBuiltinName } from '../model/value-kinds.js';
import { refuseMore } from '../options/extra-arguments.js';
import { shared } from '../realm/realm.js';

/** A class of errors, whatever its constructor takes: it is never called. */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** Since Node 24. */
const { SuppressedError } = globalThis as { readonly SuppressedError?: ErrorClass };

const BUILTIN_CLASSES: readonly ErrorClass[] = [
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
  AggregateError,
  ...(SuppressedError === undefined ? [] : [SuppressedError]),
];

/** The stored name of `DOMException`, which is the platform's own and must be constructed. */
export const DOM_EXCEPTION: string = 'DOMException';

const { prototypeByName, nameByPrototype } = shared('error classes', () => ({
  prototypeByName: new Map<string, object>(),
  nameByPrototype: new WeakMap<object, string>(),
}));

function add(name: string, prototype: object): void {
  prototypeByName.set(name, prototype);
  // Under a second name a class can be read; it is written under its first.
  if (!nameByPrototype.has(prototype)) nameByPrototype.set(prototype, name);
}

for (const builtin of BUILTIN_CLASSES) add(builtin.name, builtin.prototype as object);
add(DOM_EXCEPTION, DOMException.prototype);
// In a space of their own: a program may well have a `TimeoutError` of its own to register.
for (const [name, own] of Object.entries(PERDURE_ERRORS)) add(`perdure/${name}`, own.prototype as object);

/**
 * Makes errors of a class come back from the journal as instances of it. Without this they come back as `Error`, with the same `name`, `message`,
 * `stack`, `cause` and fields. The constructor is not called, so private `#fields` do not come back. Subclasses are registered one by one. Call it
 * where the class is defined, so that every process which reads the journal has it.
 *
 * @param errorClass - A class that extends `Error`, but not `DOMException`, whose instances only its constructor can make.
 * @param givenName - What the journal calls it; the class's name when left out. Give one where a minifier renames classes, or register a renamed class
 * a second time under its former name.
 * @throws {UsageError} when `errorClass` is no class that extends `Error`, extends `DOMException` or has no name (`INVALID_ARGUMENT`), and when
 * another class has the name (`NAME_TAKEN`).
 * @example
 * ```ts
 * class PaymentDeclined extends Error {
 *   readonly reason: string;
 *   constructor(reason: string) {
 *     super(`declined: ${reason}`);
 *     this.reason = reason;
 *   }
 * }
 * registerError(PaymentDeclined);
 * ```
 */
export function registerError(errorClass: ErrorClass, givenName?: string): void {
  requireOneVersion();
  refuseMore('registerError(errorClass, name)', arguments);
  const unusable = whyUnusable(errorClass);
  if (unusable !== undefined) {
    throw new UsageError('INVALID_ARGUMENT', `registerError() was given ${unusable}. Give it a class that extends Error.`);
  }
  const name: unknown = givenName ?? (errorClass as { readonly name?: unknown }).name;
  if (typeof name !== 'string' || name === '') {
    throw new UsageError(
      'INVALID_ARGUMENT',
      'registerError() needs a name for a class without one. Pass it as the second argument: a text.',
    );
  }
  const prototype = errorClass.prototype as object;
  const holder = prototypeByName.get(name);
  if (!hotReload() && holder !== undefined && holder !== prototype) {
    throw new UsageError(
      'NAME_TAKEN',
      `registerError(): another class is registered as "${name}". Give one of the two another name: registerError(Class, 'name'); ${HOT_RELOAD_ADVICE}.`,
    );
  }
  if (givenName === undefined) nameIsTakenFrom(name, `error class "${name}"`);
  add(name, prototype);
}

/** What was given, and why it is no class of errors that can be registered; `undefined` when it is one. */
function whyUnusable(given: unknown): string | undefined {
  if (typeof given !== 'function') return describeKind(given);
  const prototype: unknown = given.prototype;
  if (prototype !== Error.prototype && !(prototype instanceof Error)) return `${given.name || 'a function'}, which does not extend Error`;
  if (!(prototype instanceof DOMException)) return undefined;
  return `${given.name || 'a class'}, which extends DOMException: none of those can be made without its constructor`;
}

/** The stored name of an error's own class; `null` when it is not registered. */
export function errorClassName(error: Error): string | null {
  const prototype = Object.getPrototypeOf(error) as object | null;
  if (prototype === null) return null;
  const name = nameByPrototype.get(prototype);
  if (name !== undefined) return name;
  const standsFor = builtinStoodFor(prototype);
  if (standsFor !== undefined) return standsFor.name;
  const foreign = foreignBuiltinName(prototype);
  return foreign !== undefined && BUILTIN_CLASSES.some((builtin) => builtin.name === foreign) ? foreign : null;
}

/** The errors of Node itself have prototypes of their own, which derive from a built-in class and give that as their `constructor`. */
function builtinStoodFor(prototype: object): ErrorClass | undefined {
  const type: unknown = prototype.constructor;
  return BUILTIN_CLASSES.find((builtin) => builtin === type && prototype instanceof builtin);
}

/** What an error of a stored class name inherits from: `Error.prototype` when this process does not know the class. */
export function errorPrototype(className: string | null): object {
  return (className === null ? undefined : prototypeByName.get(className)) ?? Error.prototype;
}
