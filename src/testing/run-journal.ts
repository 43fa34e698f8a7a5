import type { RecordedRun } from '../engine/replay-problem.js';
import { UsageError } from '../errors/errors.js';
import type { OperationRecord, RunRecord } from '../model/records.js';

/** How journals are written down: a later format has another number. */
const FORMAT = 1;

/** The first entry of a journal: the run itself, with its input, and its end when it has one. */
export interface RunEntry extends Omit<RunRecord, 'workerId' | 'wakeAt' | 'crashes'> {
  readonly kind: 'run';
  readonly format: typeof FORMAT;
}

/** All that is recorded of a run, as plain JSON: the run, then its operations, outcomes in their order first. */
export type RunJournal = readonly [RunEntry, ...OperationRecord[]];

/** The journal of a run, of a store's records. */
export function runJournal(
  { workerId: _owner, wakeAt: _when, crashes: _crashes, ...run }: RunRecord,
  operations: readonly OperationRecord[],
): RunJournal {
  return [{ kind: 'run', format: FORMAT, ...run }, ...operations];
}

const RUN_TEXTS = ['id', 'flow', 'status', 'input', 'digest', 'seed'];
const OPERATION_TEXTS = ['runId', 'id', 'kind', 'name', 'digest', 'status'];

/**
 * Reads a journal that was kept.
 *
 * @throws {UsageError} `INVALID_ARGUMENT` when it is none.
 */
export function readJournal(caller: string, journal: readonly unknown[]): RecordedRun {
  if (!Array.isArray(journal)) throw notAJournal(caller, 'it is not an array');
  const [first, ...operations] = journal as readonly Record<string, unknown>[];
  if (first?.['kind'] !== 'run') throw notAJournal(caller, 'its first entry is not that of the run');
  if (first['format'] !== FORMAT) throw notAJournal(caller, `its format is ${String(first['format'])}, and this release reads ${FORMAT}`);
  for (const [index, entry] of journal.entries()) {
    const missing = (index === 0 ? RUN_TEXTS : OPERATION_TEXTS).find((key) => typeof entry?.[key] !== 'string');
    if (missing !== undefined) throw notAJournal(caller, `"${missing}" of entry ${index} is not a text`);
  }
  const { kind: _kind, format: _format, ...run } = first;
  return {
    run: { ...run, workerId: null, wakeAt: null, crashes: 0 } as unknown as RunRecord,
    operations: operations as unknown as OperationRecord[],
  };
}

function notAJournal(caller: string, why: string): UsageError {
  return new UsageError(
    'INVALID_ARGUMENT',
    `${caller} takes the journal of a run, such as report.journal, or one read from a file: ${why}`,
  );
}
