import { UsageError } from '../errors/errors.js';
import { insideEndedBranch } from '../journal/branch-notes.js';
import { scopeOf } from '../journal/numbering.js';
import { isOperation, type OperationRecord, type RunRecord } from '../model/records.js';
import { isBatch } from '../model/statuses.js';
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
  const kept = before(journal, place);
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
  const { seq, kind, input } = entry;
  if (seq !== null) return isBatch(kind) ? placeOfDecision(journal, operationId, seq) : seq;
  const taken = kind === 'event' ? journal.find(({ id }) => id === input) : undefined;
  return taken?.seq ?? placeOfCancellation(journal, entry);
}

/** The outcome of a batch comes right behind that of the branch which decided it: they are done again together. */
function placeOfDecision(journal: readonly OperationRecord[], batchId: string, seq: number): number {
  const before = journal.find((each) => each.seq === seq - 1);
  return before?.kind === 'branch' && scopeOf(before.id) === batchId ? seq - 1 : seq;
}

/** What was under way when the run was cancelled has its place there. */
function placeOfCancellation(journal: readonly OperationRecord[], { startedAt, finishedAt }: OperationRecord): number {
  const cancel = journal.find(({ kind }) => kind === 'cancel');
  const cancelledAt = cancel?.finishedAt ?? Number.NEGATIVE_INFINITY;
  const underWay = startedAt <= cancelledAt && (finishedAt ?? cancelledAt) >= cancelledAt;
  return underWay ? (cancel?.seq as number) : Number.POSITIVE_INFINITY;
}

/**
 * Outcomes and messages before the place, and what goes with them. An event asks for its message again, but in a branch that has ended: nobody does so there.
 */
function before(journal: readonly OperationRecord[], place: number): OperationRecord[] {
  const kept = journal.filter(({ kind, seq }) => kind === 'patch' || (seq !== null && seq < place));
  const skipped = insideEndedBranch(kept);
  const taken = skipped === undefined ? [] : journal.filter((entry) => entry.kind === 'event' && entry.seq === null && skipped(entry));
  return [...kept, ...taken];
}

function childPrefix(run: RunRecord): string {
  const { generation } = runOptions(run);
  return generation === undefined ? run.id : `${run.id}#${generation.number}`;
}
