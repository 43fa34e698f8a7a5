import type { Codec } from '../../codec/codec.js';
import type { OperationRequest } from '../definitions.js';
import type { BatchShape } from './batch.js';

/**
 * A batch of one branch an item: recognised by its list, which is recorded once. Each branch gets a copy of its own of its item, live as on replay, and
 * of the list nothing that another can see it change.
 *
 * @throws {UsageError} `VALUE_NOT_SERIALIZABLE` or `VALUE_TOO_LARGE`.
 */
export function mapShape(request: Extract<OperationRequest, { kind: 'map' }>, codec: Codec, runId: string): BatchShape {
  const { name, items, itemName, call } = request;
  const content = codec.encode(items, () => `the items of map "${name}" (run ${runId})`, 'Pass');
  let list: readonly unknown[] | undefined;
  let shareable = false;
  return {
    content,
    digest: codec.digest(items, content),
    total: items.length,
    isSame: (recorded) => codec.sameValue(content, recorded),
    nameOf: itemName,
    run: (index) => {
      if (list === undefined) {
        list = codec.decode(content) as unknown[];
        shareable = deepFreeze(list);
      }
      if (shareable || call.length < 3) return call(copyOf(list[index], codec), index, list);
      const own = Object.freeze(codec.decode(content) as unknown[]);
      return call(own[index], index, own);
    },
  };
}

/** Items of one list may have objects in common. */
function copyOf(item: unknown, codec: Codec): unknown {
  return typeof item === 'object' && item !== null ? codec.decode(codec.encode(item, () => 'an item of a map')) : item;
}

/** Freezes arrays and plain objects, down to the last. Returns whether there is nothing else in them that could be changed. */
function deepFreeze(list: object): boolean {
  const containers: object[] = [list];
  let complete = true;
  for (let container = containers.pop(); container !== undefined; container = containers.pop()) {
    Object.freeze(container);
    for (const value of Object.values(container)) {
      if (typeof value !== 'object' || value === null || Object.isFrozen(value)) continue;
      const prototype: unknown = Object.getPrototypeOf(value);
      if (Array.isArray(value) || prototype === Object.prototype || prototype === null) containers.push(value);
      else complete = false;
    }
  }
  return complete;
}
