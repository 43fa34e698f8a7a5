import { builtinName } from '../model/value-kinds.js';

/** Deeper values take the flat encoding, which needs no stack; `JSON.stringify` would overflow it at some depth. */
const MAX_DEPTH = 500;
/** Up to here a linear search beats a `Set`. */
const FEW = 12;

/** The containers met so far; made only when a container holds another. */
class Met {
  readonly #few: object[] = [];
  #many: Set<object> | undefined;

  /** Whether the container is met for the first time. */
  add(container: object): boolean {
    if (this.#many !== undefined) {
      const before = this.#many.size;
      return this.#many.add(container).size > before;
    }
    if (this.#few.includes(container)) return false;
    this.#few.push(container);
    if (this.#few.length > FEW) this.#many = new Set(this.#few);
    return true;
  }
}

/**
 * Whether `JSON.parse(JSON.stringify(container))` would be an exact copy: `null`, texts, booleans, finite numbers but `-0`, dense arrays and plain
 * objects, each of them once. It says no as soon as it can, and not why: that is the slow walk's part.
 */
export function isPlainJson(container: object): boolean {
  return Array.isArray(container) ? isPlainArray(container, undefined, 0) : isPlainObject(container, undefined, 0);
}

function isPlainArray(array: readonly unknown[], met: Met | undefined, depth: number): boolean {
  if (Object.getPrototypeOf(array) !== Array.prototype && builtinName(array) !== 'Array') return false;
  if (obeysToJson(array)) return false;
  const { length } = array;
  // Holes and fields, which JSON fills and drops. (An array with as many of both fails at the first hole.)
  if (Object.keys(array).length !== length || Object.getOwnPropertySymbols(array).length > 0) return false;
  let known = met;
  for (let index = 0; index < length; index++) {
    const value = array[index];
    if (typeof value === 'object' && value !== null) {
      if (known === undefined) {
        known = new Met();
        known.add(array);
      }
      if (!isPlainContainer(value, known, depth + 1)) return false;
    } else if (!isPlainPrimitive(value)) return false;
  }
  return true;
}

function isPlainObject(object: object, met: Met | undefined, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null && builtinName(object) !== 'Object') return false;
  if (Object.getOwnPropertySymbols(object).length > 0 || obeysToJson(object)) return false;
  let known = met;
  for (const key in object) {
    const value = (object as Readonly<Record<string, unknown>>)[key];
    if (typeof value === 'object' && value !== null) {
      if (known === undefined) {
        known = new Met();
        known.add(object);
      }
      if (!isPlainContainer(value, known, depth + 1)) return false;
    } else if (!isPlainPrimitive(value)) return false;
  }
  return true;
}

/** `JSON.stringify` calls it wherever it is, and so also where it is no field: not enumerable, or inherited. */
function obeysToJson(container: object): boolean {
  return typeof (container as { readonly toJSON?: unknown }).toJSON === 'function';
}

function isPlainContainer(container: object, met: Met, depth: number): boolean {
  if (depth > MAX_DEPTH || !met.add(container)) return false;
  return Array.isArray(container) ? isPlainArray(container, met, depth) : isPlainObject(container, met, depth);
}

/** Whether a value that is no object is exactly what JSON makes of it. */
export function isPlainPrimitive(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return value === 0 ? 1 / value > 0 : Number.isFinite(value);
    default:
      return value === null;
  }
}
