import { AssertionError } from 'node:assert';
import { systemClock } from '../clock/system-clock.js';
import { Codec } from '../codec/codec.js';
import type { Serdes } from '../codec/serdes.js';
import { SERDES_OPTION } from '../engine/options.js';
import { registry } from '../engine/registry.js';
import { requireFlow } from '../engine/startables.js';
import { LeakedFuturesError, UsageError } from '../errors/errors.js';
import { checkOptions } from '../errors/options.js';
import type { RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import type { FlowDefinition } from '../runtime/definitions.js';
import { rehearse } from '../worker/rehearsal.js';
import { type RecordedRun, readJournal } from './run-journal.js';

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
  const problem = await replayProblem(recorded, definition, options.serdes);
  if (problem !== undefined) throw new AssertionError({ ...problem, operator: 'assertReplays' });
}

/** How a replay differs from what is recorded. */
export interface ReplayProblem {
  readonly message: string;
  readonly expected?: string;
  readonly actual?: string;
}

/** Replays a run against its journal; tells how it differs, if it does. */
export async function replayProblem(
  { run, operations }: RecordedRun,
  definition: FlowDefinition,
  serdes?: Serdes,
): Promise<ReplayProblem | undefined> {
  const codec = kitCodec(serdes);
  const expected = isEnded(run.status) ? endText(run, serdes) : undefined;
  const rehearsed = await rehearse({
    record: run,
    journal: [...operations].sort((a, b) => (a.seq ?? Number.POSITIVE_INFINITY) - (b.seq ?? Number.POSITIVE_INFINITY)),
    definition,
    // Whether leaks made it fail is seen in how it ended.
    leaks: expected?.includes(': LeakedFuturesError: ') === true ? 'error' : 'ignore',
    clock: systemClock,
    codec,
  });
  if (rehearsed.kind === 'differs') return { message: codec.withSerdes(definition.serdes).decodeError(rehearsed.error).message };
  if (expected === undefined) return undefined;
  const actual = rehearsed.kind === 'waits' ? 'it waits for what is not in its journal' : endText({ ...run, ...rehearsed }, serdes);
  return actual === expected ? undefined : otherEnd(`the replay of run ${run.id} came to another end`, expected, actual);
}

/** That something ended in another way than it should. */
export function otherEnd(what: string, expected: string, actual: string): ReplayProblem {
  return { message: `${what}\n  expected: ${expected}\n  actual:   ${actual}`, expected, actual };
}

/** What the values of an engine are read with. */
export function kitCodec(serdes: Serdes | undefined): Codec {
  return new Codec({ maxValueBytes: Number.MAX_SAFE_INTEGER, serdes });
}

/** How a run ended, as a text that can be compared: its status, and its encoded value, or its error without the stack. */
export function endText(
  { flow, version, status, outcome }: Pick<RunRecord, 'flow' | 'version' | 'status' | 'outcome'>,
  serdes: Serdes | undefined,
): string {
  if (status === 'SUCCEEDED' || outcome === null) return `${status}: ${outcome ?? ''}`;
  const { name, message } = kitCodec(serdes).withSerdes(registry.find(flow, version)?.serdes).decodeError(outcome);
  return `${status}: ${name}: ${name === LeakedFuturesError.name ? withoutCircumstances(message) : message}`;
}

/** Leaks without their age and where they were started: a replay takes no time, and lines of code move. */
function withoutCircumstances(message: string): string {
  return message.replaceAll(/, -?\d+ ms old/g, '').replaceAll(/, started at .*?(?=, failed with |\)(?:; |$))/gm, '');
}
