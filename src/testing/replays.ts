import { AssertionError } from 'node:assert';
import type { Serdes } from '../codec/serdes.js';
import { engineCodec } from '../engine/options.js';
import { flowNotRegistered, registry } from '../engine/registry.js';
import { replayProblem } from '../engine/replay-problem.js';
import { requireFlow } from '../engine/startables.js';
import { UsageError } from '../errors/errors.js';
import { refuseMore } from '../options/extra-arguments.js';
import { MAX_VALUE_BYTES_OPTION, readOptions, SERDES_OPTION } from '../options/read-options.js';
import { readJournal } from './run-journal.js';

/** Options of `assertReplays`. */
export interface ReplayOptions {
  /** That of the engine which wrote the journal, if it had one. */
  readonly serdes?: Serdes;
  /** That of the engine which wrote the journal, in bytes. Default 4 MiB, as for `open()`. */
  readonly maxValueBytes?: number;
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
  options?: ReplayOptions,
): Promise<void> {
  refuseMore('assertReplays(flow, journal, options)', arguments);
  const { name } = requireFlow(flow, 'assertReplays(flow, journal)').definition;
  const given = readOptions('assertReplays()', options, { serdes: SERDES_OPTION, maxValueBytes: MAX_VALUE_BYTES_OPTION });
  const recorded = readJournal('assertReplays(flow, journal)', journal);
  const { run } = recorded;
  if (run.flow !== name)
    throw new UsageError('INVALID_ARGUMENT', `assertReplays(): the journal is of flow "${run.flow}", not of "${name}"`);
  const definition = registry.find(name, run.version);
  if (definition === undefined) throw flowNotRegistered('assertReplays()', name, run.version);
  const problem = await replayProblem(recorded, definition, engineCodec(given));
  if (problem !== undefined) throw new AssertionError({ ...problem, operator: 'assertReplays' });
}
