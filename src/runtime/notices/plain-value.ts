import { types } from 'node:util';
import { isError } from '../../model/value-kinds.js';

/** What JSON can hold. */
export type PlainValue = null | boolean | number | string | readonly PlainValue[] | { readonly [key: string]: PlainValue };

/** An error as plain JSON. */
export type PlainError = {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  /** The error that it was caused by, or whatever was given as the cause. */
  readonly cause?: PlainError | PlainValue;
  /** Of an `AggregateError`: what is in it. */
  readonly errors?: readonly (PlainError | PlainValue)[];
};

/** How deep a value is shown. */
const DEPTH = 100;

/** Whatever was thrown, as plain JSON. It never throws, whatever getters the value has. */
export function plainError(thrown: unknown): PlainError {
  try {
    if (isError(thrown)) return errorParts(thrown, []);
    const text = plainText(thrown);
    return { name: 'Error', message: text === '[object Object]' ? JSON.stringify(plain(thrown, [])) : text };
  } catch {
    return { name: 'Error', message: 'an error that cannot be read' };
  }
}

/** Any value as plain JSON: what JSON cannot hold becomes text. It never throws. */
export function plainValue(value: unknown): PlainValue {
  return plainField(value) ?? null;
}

/** As `plainValue`; `undefined` for what JSON leaves out of an object. */
export function plainField(value: unknown): PlainValue | undefined {
  try {
    return plain(value, []);
  } catch (error) {
    return unreadable(error);
  }
}

/** What is shown in place of a value that threw when it was read. */
export function unreadable(thrown: unknown): string {
  return `[unreadable: ${plainError(thrown).message}]`;
}

/** @param around - The objects that it lies in. */
function plain(value: unknown, around: object[]): PlainValue | undefined {
  switch (typeof value) {
    case 'undefined':
      return undefined;
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'object':
      return value === null ? null : plainObject(value, around);
    case 'function':
      return value.name === '' ? '[function]' : `[function ${value.name}]`;
    default:
      return String(value);
  }
}

function plainObject(object: object, around: object[]): PlainValue | undefined {
  if (around.includes(object)) return '[circular]';
  if (around.length === DEPTH) return '[nested too deeply]';
  around.push(object);
  const shown = plainParts(object, around);
  around.pop();
  return shown;
}

function plainParts(object: object, around: object[]): PlainValue | undefined {
  if (isError(object)) return errorParts(object, around);
  const { toJSON } = object as { readonly toJSON?: unknown };
  if (typeof toJSON === 'function') return plain(toJSON.call(object, ''), around);
  if (Array.isArray(object)) return object.map((element) => plain(element, around) ?? null);
  if (types.isSet(object)) return [...object].map((element) => plain(element, around) ?? null);
  if (types.isMap(object)) return plainMap(object, around);
  if (types.isRegExp(object)) return String(object);
  if (types.isBoxedPrimitive(object)) return plain(object.valueOf(), around);
  return plainFields(Object.entries(object), around);
}

/** With keys that are texts as an object, with others as pairs. */
function plainMap(map: ReadonlyMap<unknown, unknown>, around: object[]): PlainValue {
  const entries = [...map];
  if (entries.every((entry): entry is [string, unknown] => typeof entry[0] === 'string')) return plainFields(entries, around);
  return entries.map(([key, value]) => [plain(key, around) ?? null, plain(value, around) ?? null]);
}

function plainFields(entries: readonly (readonly [string, unknown])[], around: object[]): Record<string, PlainValue> {
  const fields: (readonly [string, PlainValue])[] = [];
  for (const [key, value] of entries) {
    const shown = plain(value, around);
    if (shown !== undefined) fields.push([key, shown]);
  }
  return Object.fromEntries(fields);
}

function errorParts(error: Error, around: object[]): PlainError {
  const { name, message, stack, cause } = error;
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  const within = around.at(-1) === error ? around : [...around, error];
  const shownCause = plain(cause, within);
  return {
    name: plainText(name),
    message: plainText(message),
    ...(typeof stack === 'string' ? { stack } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(shownCause === undefined ? {} : { cause: shownCause }),
    ...(Array.isArray(errors) ? { errors: errors.map((one) => plain(one, within) ?? null) } : {}),
  };
}

function plainText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'something that cannot be described';
  }
}
