import type { Codec } from '../../codec/codec.js';
import { ExecutionError, type PerdureError, UsageError } from '../../errors/errors.js';
import type { RunRecord } from '../../model/records.js';
import { runOptions } from './new-run.js';

type Wanted = Pick<RunRecord, 'id' | 'flow' | 'digest' | 'input'>;

/**
 * The same id asks for the same run: of the same flow, with the same arguments. The error when it does not (`RUN_ID_TAKEN`), and when that cannot be
 * told (`VALUE_UNREADABLE`).
 */
export function runIdTaken(wanted: Wanted, taken: RunRecord, codec: Codec): PerdureError | undefined {
  const sameFlow = wanted.flow === taken.flow;
  try {
    if (sameFlow && sameInput(wanted, taken, codec)) return undefined;
  } catch (error) {
    const { message } = error as Error;
    return new ExecutionError('VALUE_UNREADABLE', `what run ${taken.id} was started with cannot be compared: ${message}`, { cause: error });
  }
  const differs = sameFlow ? 'with other arguments' : `of flow "${taken.flow}"`;
  return new UsageError(
    'RUN_ID_TAKEN',
    `flow "${wanted.flow}" cannot start as run ${wanted.id}: that id belongs to a run ${differs}; choose another id, or start it with the same flow and arguments to attach to it`,
  );
}

/** Digests differ with the order of keys, which means nothing to the caller. */
function sameInput(wanted: Wanted, taken: RunRecord, codec: Codec): boolean {
  const first = runOptions(taken).generation?.firstInput ?? taken.input;
  return wanted.digest === taken.digest || codec.sameValue(wanted.input, first);
}
