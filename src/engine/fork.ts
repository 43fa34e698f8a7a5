import { UsageError } from '../errors/errors.js';
import { isOperation, type OperationRecord, type RunRecord } from '../model/records.js';
import { beganAt, encodeRunOptions, runOptions } from '../runtime/new-run.js';

interface ForkInit {
  readonly run: RunRecord;
  readonly journal: readonly OperationRecord[];
  /** The operation that is to be done again, with all that came after it. */
  readonly operationId: string;
  /** The new run's id, worker and time of creation. */
  readonly id: string;
  readonly workerId: string;
  readonly nowMs: number;
}

/** A run that goes on from a place in another: its record, and what of the other's journal it begins with. */
export interface Fork {
  readonly record: RunRecord;
  readonly journal: readonly OperationRecord[];
}

/**
 * What was recorded before the outcome of an operation, as the journal of a new run. What was under way by then is started again.
 *
 * @throws {UsageError} `INVALID_ARGUMENT` when the run has no such operation.
 */
export function forkOf({ run, journal, operationId, id, workerId, nowMs }: ForkInit): Fork {
  const place = placeOf(run.id, journal, operationId);
  const kept = journal.filter((entry) => isKept(entry, journal, place));
  // The draws of its code are the same, so the same journal fits; its calls have keys of their own.
  const { idempotencyKey: _key, timeoutMs, leaks } = runOptions(run);
  const options = encodeRunOptions({ leaks, timeoutMs, forkOf: { runId: run.id, beganAt: beganAt(run) } });
  const children = `${childPrefix(run)}/`;
  return {
    record: {
      ...run,
      id,
      workerId,
      options,
      status: 'RUNNING',
      parentRunId: null,
      parentOperationId: null,
      outcome: null,
      blockedCode: null,
      createdAt: nowMs,
      finishedAt: null,
      wakeAt: null,
    },
    journal: kept.map((entry) => ({
      ...entry,
      runId: id,
      childRunId: entry.childRunId?.startsWith(children) === true ? `${id}/${entry.childRunId.slice(children.length)}` : entry.childRunId,
    })),
  };
}

/** The place in the order that an operation has or takes up: everything before is kept. */
function placeOf(runId: string, journal: readonly OperationRecord[], operationId: string): number {
  const entry = journal.find((each) => each.id === operationId && isOperation(each));
  if (entry === undefined) throw new UsageError('INVALID_ARGUMENT', `engine.fork(): run ${runId} has no operation ${operationId}`);
  const taken = entry.kind === 'event' ? journal.find(({ id }) => id === entry.input) : undefined;
  return entry.seq ?? taken?.seq ?? Number.POSITIVE_INFINITY;
}

/** Outcomes and messages before the place, and what goes with them. */
function isKept(entry: OperationRecord, journal: readonly OperationRecord[], place: number): boolean {
  if (entry.kind === 'patch') return true;
  if (entry.seq !== null) return entry.seq < place;
  const message = entry.kind === 'event' && entry.input !== null ? journal.find(({ id }) => id === entry.input) : undefined;
  return message !== undefined && (message.seq as number) < place;
}

function childPrefix(run: RunRecord): string {
  const { generation } = runOptions(run);
  return generation === undefined ? run.id : `${run.id}#${generation.number}`;
}
