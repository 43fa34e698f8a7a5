import { SuperJSON } from 'superjson';
import { type FlatNode, flatten, inOrderOfKeys, NODES_MARK } from './flatten.js';
import { isPlainJson, isPlainPrimitive } from './plain-json.js';
import { unflatten } from './unflatten.js';

/**
 * perdure's own encoding, the cheapest that brings the value back exactly. The first character tells:
 *
 *   (nothing)          `undefined`
 *   `~`                superjson's text of a tree of values that superjson knows
 *   `*`                the nodes of `flatten`, as an array encoded in one of the other ways
 *   anything else      JSON
 *
 * JSON text begins with none of them. These texts are in journals: a change here needs a new mark.
 */
const TREE_MARK = '~';

/** Our own instance: registrations on superjson's global one are the program's business. */
const superjson = new SuperJSON({ dedupe: false });

/** @throws {Refusal} when the value could not come back as it is. */
export function encodeDefault(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'object' && value !== null) {
    if (isPlainJson(value)) return JSON.stringify(value);
    const { nodes, needed } = flatten(value, { stacks: true });
    return needed ? encodeNodes(nodes) : encodeTree(value);
  }
  if (isPlainPrimitive(value)) return JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'bigint') return encodeTree(value);
  return encodeNodes(flatten(value as object, { stacks: true }).nodes);
}

/** The value of a text, sharing nothing with the one it was made from. */
export function decodeDefault(text: string): unknown {
  switch (text[0]) {
    case undefined:
      return undefined;
    case TREE_MARK:
      return superjson.deserialize(JSON.parse(text.slice(1)) as Parameters<SuperJSON['deserialize']>[0], { inPlace: true });
    case NODES_MARK:
      return unflatten(decodeDefault(text.slice(1)) as FlatNode[]);
    default:
      return JSON.parse(text);
  }
}

/** The text of nodes. */
export function encodeNodes(nodes: readonly FlatNode[]): string {
  return NODES_MARK + (isPlainJson(nodes) ? JSON.stringify(nodes) : encodeTree(nodes));
}

function encodeTree(value: unknown): string {
  const { json, meta } = superjson.serialize(value);
  // In a tree nothing is shared, but superjson takes equal bigints and NaNs for one object, and reorders sets to restore that.
  if (meta !== undefined) delete meta.referentialEqualities;
  return TREE_MARK + JSON.stringify(meta === undefined ? { json } : { json, meta });
}

/**
 * What stands for a value in its digest: its text, but without the stack traces of errors, which differ between a run and its replay.
 */
export function digestText(value: unknown, text: string): string {
  if (!text.startsWith(NODES_MARK) || typeof value !== 'object' || value === null) return text;
  return encodeNodes(flatten(value, { stacks: false }).nodes);
}

/**
 * A text that is the same for equal values: the order of object keys and the stack traces of errors do not count. That of maps and sets does.
 *
 * @throws {Refusal} when something in the value could not be stored as it is.
 */
export function canonicalText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return encodeDefault(value);
  if (isPlainJson(value)) return JSON.stringify(value, (_key, each: unknown) => (isObject(each) ? inOrder(each) : each));
  return encodeNodes(flatten(value, { stacks: false, sorted: true }).nodes);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inOrder(object: object): object {
  return Object.fromEntries(inOrderOfKeys(Object.entries(object)));
}

/** superjson's plain text of a value, which flattens what it does not know; a constant for what it cannot write at all. */
export function flattenedText(value: unknown): string {
  try {
    return superjson.stringify(value) ?? '';
  } catch {
    return 'a value that superjson cannot write';
  }
}
