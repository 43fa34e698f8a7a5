import { shared } from '../realm/realm.js';

/**
 * Classes of perdure's own whose instances can be stored: as their enumerable fields, and made again without a constructor. They are registered by the
 * rooms that have them; what a program can register are classes of errors.
 */
const { names, prototypes } = shared('own classes', () => ({
  names: new WeakMap<object, string>(),
  prototypes: new Map<string, object>(),
}));

export function registerOwnClass(name: string, prototype: object): void {
  names.set(prototype, name);
  prototypes.set(name, prototype);
}

/** The name of the own class that an object is a direct instance of. */
export function ownClassName(object: object): string | undefined {
  return names.get(Object.getPrototypeOf(object) as object);
}

/** @throws {TypeError} when there is none of this name. */
export function emptyInstance(name: string): object {
  const prototype = prototypes.get(name);
  if (prototype === undefined) throw new TypeError(`an encoded value has an instance of an unknown class: ${name}`);
  return Object.create(prototype) as object;
}
