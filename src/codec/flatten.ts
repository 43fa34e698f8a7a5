import { ignoreRejection } from '../model/ignored-rejection.js';
import { builtinName, describeKind, isError, isOfThisRealm, typedArrayConstructor } from '../model/value-kinds.js';
import { type ErrorParts, type ErrorProperty, takeApart, thrownError } from './error-parts.js';
import { ownClassName } from './own-classes.js';
import { isPlainPrimitive } from './plain-json.js';
import { Refusal, step, type Trail } from './value-path.js';

/** How the text of nodes begins; see `default-encoding.ts`. */
export const NODES_MARK: string = '*';

/**
 * The slow walk: everything in a value, each object once, as a list of nodes that refer to each other by number. It refuses what could not
 * come back, and says whether the list is needed at all: superjson alone is right for trees of values it knows, but it loses the inside of
 * objects that are both shared and part of a cycle, reorders sets and drops map entries whose keys are shared, has no way to write the keys
 * `__proto__`, `constructor` and `prototype`, and flattens errors.
 *
 * A node is an array: its tag, then its contents. A slot in a node is a value without identity, or `[number of a node]`.
 *
 *   ['o', key, slot, key, slot, …]   object        ['a', slot, …]                      array
 *   ['m', slot, slot, …]             Map           ['s', slot, …]                      Set
 *   ['v', value]                     Date, RegExp, URL                                 ['t', class, element, …]  typed array
 *   ['e', class | null, name, n, key, slot, …]     error; the first n properties are not enumerable
 *   ['c', class, key, slot, …]       an instance of a class of perdure's own, and its fields
 */
export type FlatNode = unknown[];

/** A value as nodes; the first is the root. */
export interface Flattened {
  readonly nodes: FlatNode[];
  /** Whether superjson alone would not bring the value back exactly. */
  readonly needed: boolean;
}

interface FlattenOptions {
  readonly stacks: boolean;
  readonly sorted?: boolean;
}

/** The text of such paths is quadratic in superjson. */
const MAX_TREE_DEPTH = 100;
/** Errors within errors beyond this are left out. */
const MAX_ERROR_DEPTH = 50;
const RISKY_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Flattens a value that is an object.
 *
 * @param options.stacks - `false` leaves out the stack traces of errors, which differ between a run and its replay.
 * @param options.sorted - Whether the fields of objects are in the order of their keys, and not in their own.
 * @throws {Refusal} at the first thing that could not come back. Within an error only its field is left out.
 */
export function flatten(root: object, options: FlattenOptions): Flattened {
  const flattener = new Flattener(options);
  flattener.run(() => flattener.slot(root, undefined));
  return { nodes: flattener.nodes, needed: flattener.needed };
}

/** A node for the parts of an error that have no objects in them. */
export function bareErrorNode({ className, name, hidden, fields }: ErrorParts): FlatNode {
  return ['e', className, name, hidden.length, ...hidden.flat(), ...fields.flat()];
}

interface Pending {
  readonly object: object;
  readonly node: FlatNode;
  readonly trail: Trail | undefined;
}

class Flattener {
  readonly nodes: FlatNode[] = [];
  needed = false;
  readonly #stacks: boolean;
  readonly #sorted: boolean;
  /** Parallel to `nodes`. */
  readonly #objects: object[] = [];
  readonly #numbers = new Map<object, number>();
  #pending: Pending[] = [];
  #errorDepth = 0;

  constructor({ stacks, sorted = false }: FlattenOptions) {
    this.#stacks = stacks;
    this.#sorted = sorted;
  }

  /** Makes a slot and everything that is reached from it. A list of what is pending takes the place of recursion: depth costs no stack. */
  run<T>(makeSlot: () => T): T {
    const outer = this.#pending;
    const pending: Pending[] = [];
    this.#pending = pending;
    try {
      const slot = makeSlot();
      for (let next = 0; next < pending.length; next++) this.#expand(pending[next] as Pending);
      return slot;
    } finally {
      this.#pending = outer;
    }
  }

  slot(value: unknown, trail: Trail | undefined): unknown {
    if (isPlainPrimitive(value) || typeof value === 'number' || typeof value === 'bigint' || value === undefined) return value;
    if (typeof value !== 'object') throw new Refusal(describeKind(value), trail);
    return this.#reference(value as object, trail);
  }

  #reference(object: object, trail: Trail | undefined): [number] {
    const known = this.#numbers.get(object);
    if (known !== undefined) {
      this.needed = true;
      return [known];
    }
    if (trail !== undefined && trail.depth > MAX_TREE_DEPTH) this.needed = true;
    const number = this.nodes.length;
    const node: FlatNode = [];
    this.nodes.push(node);
    this.#objects.push(object);
    this.#numbers.set(object, number);
    this.#pending.push({ object, node, trail });
    return [number];
  }

  #expand({ object, node, trail }: Pending): void {
    if (isError(object)) {
      this.#expandError(object, node, trail);
      return;
    }
    const ownClass = ownClassName(object);
    if (ownClass === undefined) {
      this.#expandBuiltin(object, node, trail);
      return;
    }
    this.needed = true;
    node.push('c', ownClass);
    this.#expandFields(object, node, trail);
  }

  #expandBuiltin(object: object, node: FlatNode, trail: Trail | undefined): void {
    const name = builtinName(object);
    if (!isOfThisRealm(object)) this.needed = true;
    switch (name) {
      case 'Object':
        node.push('o');
        this.#expandFields(object, node, trail);
        break;
      case 'Array':
        this.#expandArray(object as readonly unknown[], node, trail);
        break;
      case 'Date':
      case 'RegExp':
      case 'URL':
        refuseFields(object, name, trail);
        node.push('v', copyOfScalar(object as Date | RegExp | URL, name, trail));
        break;
      case 'Map':
        this.#expandMap(object as ReadonlyMap<unknown, unknown>, node, trail);
        break;
      case 'Set':
        this.#expandSet(object as ReadonlySet<unknown>, node, trail);
        break;
      default:
        if (name === undefined || typedArrayConstructor(name) === undefined) throw new Refusal(describeKind(object), trail);
        this.#expandTypedArray(object as Uint8Array, node, name, trail);
    }
  }

  #expandFields(object: object, node: FlatNode, trail: Trail | undefined): void {
    refuseSymbols(object, trail);
    const fields = Object.entries(object);
    for (const [key, value] of this.#sorted ? inOrderOfKeys(fields) : fields) {
      if (RISKY_KEYS.has(key)) this.needed = true;
      node.push(key, this.slot(value, step(trail, 'field', key)));
    }
  }

  #expandArray(array: readonly unknown[], node: FlatNode, trail: Trail | undefined): void {
    node.push('a');
    for (let index = 0; index < array.length; index++) {
      const at = step(trail, 'index', index);
      if (!Object.hasOwn(array, index)) throw new Refusal('a hole in an array', at);
      node.push(this.slot(array[index], at));
    }
    refuseFieldsBeside(array, 'an array', trail);
  }

  #expandMap(map: ReadonlyMap<unknown, unknown>, node: FlatNode, trail: Trail | undefined): void {
    refuseFields(map, 'Map', trail);
    node.push('m');
    for (const [key, value] of Map.prototype.entries.call(map) as Iterable<[unknown, unknown]>) {
      node.push(this.slot(key, step(trail, 'map-key', key)), this.slot(value, step(trail, 'map-value', key)));
    }
  }

  #expandSet(set: ReadonlySet<unknown>, node: FlatNode, trail: Trail | undefined): void {
    refuseFields(set, 'Set', trail);
    node.push('s');
    let position = 0;
    for (const element of Set.prototype.values.call(set) as Iterable<unknown>) {
      node.push(this.slot(element, step(trail, 'element', position++)));
    }
  }

  #expandTypedArray(array: ArrayLike<unknown> & Iterable<number | bigint>, node: FlatNode, name: string, trail: Trail | undefined): void {
    refuseFieldsBeside(array, `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`, trail);
    node.push('t', name);
    for (const element of array) {
      // superjson makes JSON of the elements as they are, and does not know the classes with bigints.
      if (!isPlainPrimitive(element)) this.needed = true;
      node.push(element);
    }
    if (name.startsWith('Big')) this.needed = true;
  }

  #expandError(error: Error, node: FlatNode, trail: Trail | undefined): void {
    this.needed = true;
    const { className, name, hidden, fields } = takeApart(error);
    const keptHidden = this.#properties(hidden, trail);
    const keptFields = this.#properties(this.#sorted ? inOrderOfKeys(fields) : fields, trail);
    node.push('e', className, name, keptHidden.length / 2, ...keptHidden, ...keptFields);
  }

  /** Keys and slots of those properties that can come back. */
  #properties(properties: readonly ErrorProperty[], trail: Trail | undefined): unknown[] {
    const kept: unknown[] = [];
    for (const [key, value] of properties) {
      if (key === 'stack' && !this.#stacks) continue;
      const at = step(trail, 'field', key);
      let slot = this.#attempt(value, at);
      if (slot === LEFT_OUT && key === 'errors' && Array.isArray(value)) {
        // Inner errors keep their positions: one that could not come back is described instead.
        const inner = Array.from(value as unknown[], (one) => (this.#attempt(one, at) === LEFT_OUT ? thrownError(one) : one));
        slot = this.#attempt(inner, at);
      }
      if (slot !== LEFT_OUT) kept.push(key, slot);
    }
    return kept;
  }

  /** The slot of a value, or `LEFT_OUT` with nothing left behind. */
  #attempt(value: unknown, trail: Trail | undefined): unknown {
    if (isPlainPrimitive(value)) return value;
    if (this.#errorDepth >= MAX_ERROR_DEPTH && typeof value === 'object') return leftOut(value);
    const before = this.nodes.length;
    this.#errorDepth++;
    try {
      return this.run(() => this.slot(value, trail));
    } catch {
      this.nodes.length = before;
      for (const object of this.#objects.splice(before)) this.#numbers.delete(object);
      return leftOut(value);
    } finally {
      this.#errorDepth--;
    }
  }
}

const LEFT_OUT = Symbol('left out');

/** Fields in an order that does not depend on how their object was made. */
export function inOrderOfKeys<F extends readonly [key: string, value: unknown]>(fields: readonly F[]): F[] {
  return [...fields].sort(([a], [b]) => (a < b ? -1 : 1));
}

function leftOut(value: unknown): typeof LEFT_OUT {
  ignoreRejection(value);
  return LEFT_OUT;
}

/** As with names, only what is enumerable counts as a field. */
function refuseSymbols(object: object, trail: Trail | undefined): void {
  const symbol = Object.getOwnPropertySymbols(object).find((each) => Object.prototype.propertyIsEnumerable.call(object, each));
  if (symbol !== undefined) throw new Refusal('a field whose key is a symbol', step(trail, 'field', symbol));
}

/** The elements come first among the keys. */
function refuseFieldsBeside(array: ArrayLike<unknown>, what: string, trail: Trail | undefined): void {
  const extra = Object.keys(array)[array.length];
  if (extra !== undefined) throw new Refusal(`a field of ${what}`, step(trail, 'field', extra));
  refuseSymbols(array, trail);
}

function refuseFields(object: object, name: string, trail: Trail | undefined): void {
  const [key] = Object.keys(object);
  if (key !== undefined) throw new Refusal(`a field of a ${name}`, step(trail, 'field', key));
  refuseSymbols(object, trail);
}

/** One of this realm, whatever the realm of the original. */
function copyOfScalar(value: Date | RegExp | URL, name: 'Date' | 'RegExp' | 'URL', trail: Trail | undefined): Date | RegExp | URL {
  if (name === 'RegExp') return new RegExp((value as RegExp).source, (value as RegExp).flags);
  if (name === 'URL') return new URL((value as URL).href);
  const time = Date.prototype.getTime.call(value);
  if (Number.isNaN(time)) throw new Refusal('an invalid Date', trail);
  return new Date(time);
}
