import { types } from 'node:util';

/** Objects that are looked into, at most: what was refused may be tied to half of the program. */
const MOST_OBJECTS = 100_000;

/**
 * A value that was refused, or that came too late: the rejections of promises in it, however deep, have no owner any more, and must not end the process.
 * No getter is called.
 */
export function ignoreRejection(value: unknown): void {
  const found = new Set<object>();
  const add = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    if (types.isPromise(part)) handle(part);
    else if (found.size < MOST_OBJECTS && !types.isProxy(part) && !ArrayBuffer.isView(part)) found.add(part);
  };
  add(value);
  // A set is gone through in the order of its additions, those made meanwhile included.
  for (const object of found) addParts(object, add);
}

function handle(promise: Promise<unknown>): void {
  try {
    Promise.prototype.then.call(promise, undefined, () => {});
  } catch {
    // A class of promises of the program's own cannot make another: nothing more can be done.
  }
}

function addParts(object: object, add: (part: unknown) => void): void {
  if (types.isMap(object)) {
    for (const [key, value] of Map.prototype.entries.call(object) as Iterable<[unknown, unknown]>) {
      add(key);
      add(value);
    }
  }
  if (types.isSet(object)) for (const element of Set.prototype.values.call(object) as Iterable<unknown>) add(element);
  for (const key of Reflect.ownKeys(object)) add(Reflect.getOwnPropertyDescriptor(object, key)?.value);
}
