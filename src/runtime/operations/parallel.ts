import type { Codec } from '../../codec/codec.js';
import type { OperationRequest } from '../definitions.js';
import type { BatchShape } from './batch.js';

/** A batch of branches: recognised by their names. */
export function parallelShape({ branches }: Extract<OperationRequest, { kind: 'parallel' }>, codec: Codec): BatchShape {
  const names = branches.map(({ name }) => name);
  const content = JSON.stringify(names);
  const renamed = branches.some(({ name, key = name }) => key !== name);
  return {
    content,
    digest: codec.own.digest(names, content),
    total: branches.length,
    isSame: (recorded) => recorded === content,
    keys: renamed ? branches.map(({ name, key = name }) => key) : undefined,
    nameOf: (index) => names[index] as string,
    run: (index) => branches[index]?.run(),
  };
}
