import { typedArrayConstructor } from '../model/value-kinds.js';
import { type ErrorProperty, emptyError, putTogether } from './error-parts.js';
import type { FlatNode } from './flatten.js';
import { emptyInstance } from './own-classes.js';

/**
 * Makes the value of a list of nodes: first every object, empty, so that cycles and shared objects need no care; then their contents.
 *
 * @throws {TypeError} when the list was not made by `flatten`.
 */
export function unflatten(nodes: readonly FlatNode[]): unknown {
  const objects = nodes.map(emptyObject);
  const resolve = (slot: unknown): unknown => (Array.isArray(slot) ? objects[slot[0] as number] : slot);
  for (const [number, node] of nodes.entries()) fill(objects[number], node, resolve);
  return objects[0];
}

function emptyObject(node: FlatNode): unknown {
  switch (node[0]) {
    case 'o':
      return {};
    case 'a':
      return [];
    case 'm':
      return new Map();
    case 's':
      return new Set();
    case 'v':
      return node[1];
    case 't':
      return typedArray(node[1] as string, node.slice(2) as number[] & bigint[]);
    case 'e':
      return emptyError(node[1] as string | null, node[2] as string, messageOf(node));
    case 'c':
      return emptyInstance(node[1] as string);
    default:
      throw new TypeError(`an encoded value has an unknown node: ${String(node[0])}`);
  }
}

function messageOf(node: FlatNode): unknown {
  for (let at = 4; at < node.length; at += 2) if (node[at] === 'message') return node[at + 1];
  return undefined;
}

function typedArray(name: string, elements: ArrayLike<number> & ArrayLike<bigint>): object {
  const type = typedArrayConstructor(name);
  if (type === undefined) throw new TypeError(`an encoded value has a typed array of an unknown class: ${name}`);
  return new type(elements);
}

function fill(object: unknown, node: FlatNode, resolve: (slot: unknown) => unknown): void {
  switch (node[0]) {
    case 'o':
    case 'c':
      for (let at = node[0] === 'o' ? 1 : 2; at < node.length; at += 2)
        setField(object as object, node[at] as string, resolve(node[at + 1]));
      return;
    case 'a':
      for (let at = 1; at < node.length; at++) (object as unknown[]).push(resolve(node[at]));
      return;
    case 'm':
      for (let at = 1; at < node.length; at += 2) (object as Map<unknown, unknown>).set(resolve(node[at]), resolve(node[at + 1]));
      return;
    case 's':
      for (let at = 1; at < node.length; at++) (object as Set<unknown>).add(resolve(node[at]));
      return;
    case 'e':
      fillError(object as Error, node, resolve);
  }
}

function setField(object: object, key: string, value: unknown): void {
  // Assigning would call the setter every object inherits.
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  else (object as Record<string, unknown>)[key] = value;
}

function fillError(error: Error, node: FlatNode, resolve: (slot: unknown) => unknown): void {
  const [, className, name, hiddenCount] = node as [string, string | null, string, number];
  const properties: ErrorProperty[] = [];
  for (let at = 4; at < node.length; at += 2) properties.push([node[at] as string, resolve(node[at + 1])]);
  putTogether(error, { className, name, hidden: properties.slice(0, hiddenCount), fields: properties.slice(hiddenCount) });
}
