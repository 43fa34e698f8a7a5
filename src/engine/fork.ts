import { insideEndedBranch } from '../batch/branch-notes.js';
import { UsageError } from '../errors/errors.js';
import { childRunId, generationId, isMadeFor, scopeOf } from '../journal/numbering.js';
import { messageOf } from '../journal/read-entry.js';
import { isOperation, type OperationRecord, type RunCreation, type RunRecord } from '../model/records.js';
import { isBatch } from '../model/statuses.js';
import { beganAt, encodeRunOptions, runOptions } from '../runtime/identity/new-run.js';

interface ForkInit {
  readonly run: RunRecord;
  readonly journal: readonly OperationRecord[];
  /** The operation that is to be done again, with all that came after it. */
  readonly operationId: string;
  /** The new run's id and time of creation. */
  readonly id: string;
  readonly nowMs: number;
}

/**
 * A run that goes on from a position in another, with what was recorded before the outcome of an operation as its journal. What was under way by then is started again.
 *
 * @throws {UsageError} `INVALID_ARGUMENT` when the run has no such operation.
 */
export function forkOf({ run, journal, operationId, id, nowMs }: ForkInit): RunCreation {
  const place = placeOf(run.id, journal, operationId);
  const kept = before(journal, place);
  // The draws of its code are the same, so the same journal fits; its calls have keys of their own.
  const { idempotencyKey: _key, generation, ...others } = runOptions(run);
  const options = encodeRunOptions({ ...others, forkOf: { runId: run.id, beganAt: beganAt(run) } });
  const from = generationId(run.id, generation?.number);
  return {
    run: {
      ...run,
      id,
      workerId: null,
      options,
      status: 'PENDING',
      parentRunId: null,
      parentOperationId: null,
      outcome: null,
      blockedCode: null,
      createdAt: nowMs,
      finishedAt: null,
      crashes: 0,
      wakeAt: null,
    },
    journal: kept.map((entry) => ({
      ...entry,
      runId: id,
      // One that was given an id keeps it.
      childRunId: isMadeFor(entry.childRunId, from, entry.id) ? childRunId(id, entry.id) : entry.childRunId,
    })),
  };
}

/** Where a run is gone on from: everything before the position is kept, but for one message. */
interface ForkPlace {
  readonly seq: number;
  /** The message that the operation had taken before anything else could happen. */
  readonly without?: string | undefined;
}

/** The position in the order that an operation has or takes up. */
function placeOf(runId: string, journal: readonly OperationRecord[], operationId: string): ForkPlace {
  const entry = journal.find((each) => each.id === operationId && isOperation(each));
  if (entry === undefined)
    throw new UsageError(
      'INVALID_ARGUMENT',
      `engine.fork(): run ${runId} has no operation ${operationId}; engine.operations(runId) tells the ids`,
    );
  const { seq, kind, status, startedAt } = entry;
  const messageId = messageOf(entry);
  // An event that has its message may have a place of its own: that of a time-out which came too late.
  const taken = messageId === undefined ? undefined : journal.find(({ id }) => id === messageId);
  if (taken !== undefined) {
    const before = taken.seq as number;
    const waitedForIt = (taken.finishedAt as number) < startedAt;
    return waitedForIt ? { seq: placeOfAsking(journal, entry, before), without: taken.id } : { seq: before };
  }
  if (seq !== null) return { seq: isBatch(kind) ? placeOfDecision(journal, operationId, seq) : seq };
  return { seq: status === 'CANCELLED' ? placeOfCancellation(journal, entry) : Number.POSITIVE_INFINITY };
}

/** The first outcome that came after an operation was asked for. */
function placeOfAsking(journal: readonly OperationRecord[], { id, startedAt }: OperationRecord, from: number): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { seq, finishedAt, id: other } of journal) {
    if (seq === null || seq <= from || seq >= first) continue;
    if ((finishedAt as number) > startedAt || isAskedAfter(other, id)) first = seq;
  }
  return first;
}

/** Whether an operation was asked for after another of the same scope, or lies in one that was. */
function isAskedAfter(id: string, other: string): boolean {
  const [parts, others] = [id.split('.'), other.split('.')];
  const last = others.length - 1;
  return others.slice(0, last).every((part, index) => parts[index] === part) && Number(parts[last]) > Number(others[last]);
}

/** The outcome of a batch comes right behind that of the branch which decided it: they are done again together. */
function placeOfDecision(journal: readonly OperationRecord[], batchId: string, seq: number): number {
  const before = journal.find((each) => each.seq === seq - 1);
  return before?.kind === 'branch' && scopeOf(before.id) === batchId ? seq - 1 : seq;
}

/** What was under way when the run was cancelled has its position there; what the flow cancelled itself, where it asked for it. */
function placeOfCancellation(journal: readonly OperationRecord[], entry: OperationRecord): number {
  const { startedAt, finishedAt } = entry;
  const cancel = journal.find(({ kind }) => kind === 'cancel');
  const cancelledAt = cancel?.finishedAt ?? Number.NEGATIVE_INFINITY;
  const underWay = startedAt <= cancelledAt && (finishedAt ?? cancelledAt) >= cancelledAt;
  return underWay ? (cancel?.seq as number) : placeOfAsking(journal, entry, 0);
}

/**
 * Outcomes and messages before the position, and what goes with them. An event asks for its message again, but in a branch that has ended, where no code runs.
 * A message says which event took it when it was delivered, so that it goes there again, whatever the rule was by which it did.
 */
function before(journal: readonly OperationRecord[], place: ForkPlace): OperationRecord[] {
  const kept = journal
    .filter(({ id, kind, seq }) => kind === 'patch' || (seq !== null && seq < place.seq && id !== place.without))
    .sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
  const skipped = insideEndedBranch(kept);
  const taken = skipped === undefined ? [] : journal.filter((entry) => entry.kind === 'event' && entry.seq === null && skipped(entry));
  const unnumbered = kept.filter(({ seq }) => seq === null).length;
  const takers = new Map(
    journal.flatMap((entry) => {
      const messageId = messageOf(entry);
      return messageId !== undefined && entry.attempts === null ? [[messageId, entry.id]] : [];
    }),
  );
  const numbered = kept.map((entry, index) => {
    if (entry.seq === null) return entry;
    return { ...entry, digest: takers.get(entry.id) ?? entry.digest, seq: index - unnumbered + 1 };
  });
  return [...numbered, ...taken];
}
