import { AssertionError } from 'node:assert';
import { Codec } from '../codec/codec.js';
import type { Serdes } from '../codec/serdes.js';
import { SERDES_OPTION } from '../engine/options.js';
import { registry } from '../engine/registry.js';
import { replayProblem } from '../engine/replay-problem.js';
import { requireFlow } from '../engine/startables.js';
import { UsageError } from '../errors/errors.js';
import { checkOptions } from '../errors/options.js';
import { readJournal } from './run-journal.js';

/** Options of `assertReplays`. */
export interface ReplayOptions {
  /** That of the engine which wrote the journal, if it had one. */
  readonly serdes?: Serdes;
}

/**
 * Replays a journal against a flow as it is now, and executes nothing. Asserts that the flow asks for what is recorded, in its order, and comes to the
 * recorded end. A journal of a run that has not ended only has to be replayed as far as it goes.
 *
 * @param journal - `report.journal`, or the same read from a file.
 * @throws {AssertionError} with the first difference.
 * @throws {UsageError} `NOT_STARTABLE`, `INVALID_ARGUMENT` or `INVALID_OPTION`; `FLOW_NOT_REGISTERED` when the version it was recorded with is missing.
 * @example
 * await assertReplays(placeOrder, JSON.parse(readFileSync('golden/order-1.json', 'utf8')));
 */
export async function assertReplays(
  flow: (...args: never) => Promise<unknown>,
  journal: readonly unknown[],
  options: ReplayOptions = {},
): Promise<void> {
  const { name } = requireFlow(flow, 'assertReplays(flow, journal)').definition;
  checkOptions('assertReplays()', options, { serdes: SERDES_OPTION });
  const recorded = readJournal('assertReplays(flow, journal)', journal);
  const { run } = recorded;
  if (run.flow !== name)
    throw new UsageError('INVALID_ARGUMENT', `assertReplays(): the journal is of flow "${run.flow}", not of "${name}"`);
  const definition = registry.find(name, run.version);
  if (definition === undefined) {
    throw new UsageError(
      'FLOW_NOT_REGISTERED',
      `assertReplays(): the journal is of version ${run.version} of flow "${name}", which is not registered`,
    );
  }
  const problem = await replayProblem(recorded, definition, kitCodec(options.serdes));
  if (problem !== undefined) throw new AssertionError({ ...problem, operator: 'assertReplays' });
}

/** What the values of an engine are read with. */
export function kitCodec(serdes: Serdes | undefined): Codec {
  return new Codec({ maxValueBytes: Number.MAX_SAFE_INTEGER, serdes });
}
