import type { Codec } from '../../codec/codec.js';
import type { OperationRequest } from '../definitions.js';
import type { BatchShape } from './batch.js';

/**
 * A batch of one branch an item: recognised by its list, which is recorded once. The branches get copies of the items, live as on replay.
 *
 * @throws {UsageError} `VALUE_NOT_SERIALIZABLE` or `VALUE_TOO_LARGE`.
 */
export function mapShape(request: Extract<OperationRequest, { kind: 'map' }>, codec: Codec, runId: string): BatchShape {
  const { name, items, itemName, call } = request;
  const content = codec.encode(items, () => `the items of map "${name}" (run ${runId})`);
  let copy: readonly unknown[] | undefined;
  return {
    content,
    digest: codec.digest(items, content),
    total: items.length,
    nameOf: itemName,
    run: (index) => {
      copy ??= Object.freeze(codec.decode(content) as unknown[]);
      return call(copy[index], index, copy);
    },
  };
}
