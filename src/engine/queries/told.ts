import { type InspectOptions, inspect, types } from 'node:util';
import { isError } from '../../model/value-kinds.js';
import { type PlainValue, plainError, plainField, unreadable } from '../../runtime/notices/plain-value.js';

/**
 * What `get`, `list` and `operations` tell can be written as JSON: errors have their name, message, code, stack and causes there, at any depth, and what JSON
 * has no form for is text. They stay what they are all the same, of their classes: what is added is neither a field nor seen by what stores or compares them.
 */

function infoJson(this: object): PlainValue {
  const fields = Object.keys(this).map((name) => [name, fieldOf(this, name)] as const);
  return Object.fromEntries(fields.filter(([, shown]) => shown !== undefined)) as PlainValue;
}

function errorJson(this: Error): PlainValue {
  return plainError(this);
}

// Getters: a function among the fields could not be stored, where the program passes on what it was told. One for all, since there may be very many.
const INFO_JSON: PropertyDescriptor = { get: () => infoJson, enumerable: false, configurable: true };
const ERROR_JSON: PropertyDescriptor = { get: () => errorJson, enumerable: false, configurable: true };

/** What stands in an inspected object for a value that cannot be read. */
class Unreadable {
  readonly #text: string;

  constructor(failure: unknown) {
    this.#text = unreadable(failure);
  }

  [inspect.custom](): string {
    return this.#text;
  }
}

function infoInspected(this: object, depth: number | null, options: InspectOptions): string {
  const fields = Object.keys(this).map((name) => {
    try {
      return [name, (this as Readonly<Record<string, unknown>>)[name]] as const;
    } catch (failure) {
      return [name, new Unreadable(failure)] as const;
    }
  });
  return inspect(Object.fromEntries(fields), { ...options, depth });
}

const INFO_INSPECTED: PropertyDescriptor = { get: () => infoInspected, enumerable: false, configurable: true };

/** As `told`, of information whose values are decoded when they are read: `console.log` shows them, and not that there are getters. */
export function toldWhenRead<T extends object>(info: T): T {
  return Object.defineProperty(told(info), inspect.custom, INFO_INSPECTED);
}

/** The information itself: as JSON, what of it cannot be read says so and hides nothing else. */
export function told<T extends object>(info: T): T {
  return Object.defineProperty(info, 'toJSON', INFO_JSON);
}

/** An error that is told of; where it cannot be read, the error of that. */
export function toldError(read: () => Error): Error {
  let error: Error;
  try {
    error = read();
  } catch (failure) {
    error = failure as Error;
  }
  return toldValue(error);
}

/** A value that only the caller has: the errors in it become readable. */
export function toldValue<T>(value: T): T {
  if (typeof value === 'object' && value !== null) makeReadable(value);
  return value;
}

function fieldOf(info: object, name: string): PlainValue | undefined {
  try {
    return plainField((info as Readonly<Record<string, unknown>>)[name]);
  } catch (error) {
    return unreadable(error);
  }
}

/** Not by calling itself: values may lie deep in each other. */
function makeReadable(value: object): void {
  if (!isError(value) && !holdsObjects(value)) return;
  const seen = new Set<object>([value]);
  for (const each of seen) {
    if (isError(each)) {
      if (!('toJSON' in each)) Object.defineProperty(each, 'toJSON', ERROR_JSON);
      const { cause, errors } = each as { readonly cause?: unknown; readonly errors?: unknown };
      for (const part of [cause, errors]) if (isObject(part)) seen.add(part);
    } else if (!ArrayBuffer.isView(each)) {
      for (const part of partsOf(each)) if (isObject(part)) seen.add(part);
    }
  }
}

function partsOf(value: object): Iterable<unknown> {
  if (types.isMap(value)) return [...value.keys(), ...value.values()];
  return types.isSet(value) ? value : Object.values(value);
}

/** Few values do. */
function holdsObjects(value: object): boolean {
  if (types.isMap(value) || types.isSet(value)) return value.size > 0;
  for (const name in value) if (isObject((value as Readonly<Record<string, unknown>>)[name])) return true;
  return false;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
