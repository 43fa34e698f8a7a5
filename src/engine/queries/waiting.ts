import type { BatchProgress } from '../../batch/batch-progress.js';
import type { Slices } from '../../clock/slices.js';
import type { Codec } from '../../codec/codec.js';
import { type AttemptNotes, decodeAttempts, lastRunOf, nextAttemptAt } from '../../journal/attempt-notes.js';
import { scopeOf } from '../../journal/numbering.js';
import { pendingRecords } from '../../journal/pending-records.js';
import { readEntry } from '../../journal/read-entry.js';
import { assertNever } from '../../model/assert-never.js';
import type { OperationRecord, RunRecord } from '../../model/records.js';
import type { OperationKind } from '../../model/statuses.js';
import { cycleText } from '../../worker/wait-cycles.js';
import { PathOrder } from './path-order.js';
import { told, toldError } from './told.js';

/** An operation that a run waits for, and what that waits for in turn. */
export interface PendingOperation {
  /** Scope path and ordinal, such as `3` or `4.0.2`. */
  readonly id: string;
  readonly kind: OperationKind;
  readonly name: string;
  /** When it was started. */
  readonly since: Date;
  /** What it waits for: a text for people. */
  readonly waitsFor: string;
  /** Actions and child runs: the number of the attempt that is under way or comes next, from 1. */
  readonly attempt?: number;
  /** How many attempts there may be; left out while none has failed, and where the strategy does not say. */
  readonly maxAttempts?: number;
  /** When the next attempt, or the next look of `waitForCondition`, is due; left out while one is under way. */
  readonly nextAttemptAt?: Date;
  /** What the last failed attempt threw. */
  readonly lastError?: Error;
  /** Timers: when they are due. Events with a timeout: when that runs out. */
  readonly dueAt?: Date;
  /** Events: the name under which a value is to be sent. */
  readonly event?: string;
  /** Child runs: the run whose end it waits for. */
  readonly childRunId?: string;
  /** Child runs: where that run waits for this one in turn, the runs that wait for each other, beginning with this one. None of them can end. */
  readonly cycle?: readonly string[];
  /** Batches: how many of their branches have ended, and are under way. */
  readonly progress?: BatchProgress;
}

/** What has to be known, besides a journal, to tell what its operations wait for. */
export interface Surroundings {
  readonly codec: Codec;
  readonly nowMs: number;
  /** The runs that operations of the journal wait for, by their ids. */
  readonly runs: ReadonlyMap<string, RunRecord>;
  /** Cycles of runs that wait for each other, by the awaited run that each goes through. */
  readonly cycles?: ReadonlyMap<string, readonly string[]>;
  /** Whether an action waits for a slot, as far as this process knows. */
  readonly queued: (runId: string, operationId: string) => boolean;
}

type Detail = Omit<PendingOperation, 'id' | 'kind' | 'name' | 'since'>;

/** The entries that a run waits for, in the order in which its code asked. */
export interface Pending {
  readonly run: RunRecord;
  readonly records: readonly OperationRecord[];
  /** How many branches of a batch have ended, by its id; left out where none has. */
  readonly endedBranches: ReadonlyMap<string, number>;
  /** How far batches have come, by their ids, where that is known. */
  readonly progress?: ReadonlyMap<string, BatchProgress>;
}

/** Finds what a run waits for. */
export async function pendingIn(run: RunRecord, journal: readonly OperationRecord[], slices: Slices): Promise<Pending> {
  const pending = await pendingRecords(run, journal, slices);
  const endedBranches = new Map<string, number>();
  if (pending.length === 0) return { run, records: pending, endedBranches };
  await slices.each(journal, ({ kind, id }) => {
    if (kind === 'branch') endedBranches.set(scopeOf(id), (endedBranches.get(scopeOf(id)) ?? 0) + 1);
  });
  return { run, records: await inPathOrder(pending, slices), endedBranches };
}

/** Entries in the order in which their code asked. */
export async function inPathOrder(records: readonly OperationRecord[], slices: Slices): Promise<readonly OperationRecord[]> {
  if (records.length <= 1) return records;
  const ordered: OperationRecord[] = [];
  const order = await PathOrder.of(records, slices);
  for await (const record of order.all(slices)) ordered.push(record);
  return ordered;
}

/** Tells of what a run waits for. */
export async function pendingOperations(pending: Pending, surroundings: Surroundings, slices: Slices): Promise<PendingOperation[]> {
  const operations: PendingOperation[] = [];
  await slices.each(pending.records, (record) => {
    const { id, kind, name, startedAt } = record;
    operations.push(
      told({ id, kind: kind as OperationKind, name, since: new Date(startedAt), ...waitOf(record, { ...pending, surroundings }) }),
    );
  });
  return operations;
}

interface Context extends Omit<Pending, 'records'> {
  readonly surroundings: Surroundings;
}

/** What a pending operation waits for. */
export function waitOf(record: OperationRecord, context: Context): Detail {
  const { id, name } = record;
  const kind = record.kind as OperationKind;
  switch (kind) {
    case 'action':
      return actionDetail(record, context);
    case 'flow':
      return childRunDetail(record, context);
    case 'timer': {
      const dueAt = new Date(record.dueAt as number);
      return { waitsFor: `the time ${timeText(dueAt)}`, dueAt };
    }
    case 'event':
      if (readEntry(record).kind === 'callback') return { waitsFor: `an answer by the token of callback "${name}"${lastSign(record)}` };
      return eventDetail(record);
    case 'parallel':
    case 'map':
    case 'branch': {
      const ended = context.endedBranches.get(id) ?? 0;
      const progress = context.progress?.get(id);
      return {
        waitsFor: `its branches (${ended} ${ended === 1 ? 'has' : 'have'} ended)`,
        ...(progress === undefined ? {} : { progress }),
      };
    }
    default:
      return assertNever(kind);
  }
}

function eventDetail({ runId, name, dueAt }: OperationRecord): Detail {
  const sent = `engine.send("${runId}", "${name}", value)`;
  if (dueAt === null) return { waitsFor: sent, event: name };
  const until = new Date(dueAt);
  return { waitsFor: `${sent}, until ${timeText(until)}`, event: name, dueAt: until };
}

function actionDetail(record: OperationRecord, { run, surroundings }: Context): Detail {
  const { codec, nowMs, queued } = surroundings;
  const notes = decodeAttempts(record.attempts);
  const what = attemptOf(notes);
  const [failed, shared] = attemptDetail(notes, codec);
  const nextAt = nextAttemptAt(notes, record, nowMs);
  if (nextAt !== undefined) {
    const nextAttemptAt = new Date(nextAt);
    return { waitsFor: `${what}, at ${timeText(nextAttemptAt)}${failed}`, ...shared, nextAttemptAt };
  }
  return { waitsFor: `${began()}${failed}`, ...shared };

  function began(): string {
    if (run.status !== 'RUNNING') return `${what}, when the run goes on`;
    return queued(run.id, record.id) ? `a place for ${what}: as many actions are under way as may be` : `${what} to end`;
  }
}

function childRunDetail(record: OperationRecord, { surroundings }: Context): Detail {
  const { codec, nowMs, runs, cycles } = surroundings;
  const notes = decodeAttempts(record.attempts);
  const [failed, shared] = attemptDetail(notes, codec);
  const nextAt = nextAttemptAt(notes, record, nowMs);
  if (nextAt !== undefined) {
    const nextAttemptAt = new Date(nextAt);
    const when = nextAt > nowMs ? 'at' : 'due since';
    return { waitsFor: `${attemptOf(notes)}, ${when} ${timeText(nextAttemptAt)}${failed}`, ...shared, nextAttemptAt };
  }
  const childRunId = lastRunOf(record) as string;
  const which = notes.failures === 0 ? '' : ` (${attemptOf(notes)})`;
  const cycle = cycles?.get(childRunId);
  const waitsFor = `run ${childRunId}${which}${stateOf(runs.get(childRunId))}${cycle === undefined ? '' : deadlockOf(cycle)}${failed}`;
  return { waitsFor, ...shared, childRunId, ...(cycle === undefined ? {} : { cycle }) };
}

/** A limit may lie beyond all dates. */
function timeText(time: Date): string {
  return Number.isNaN(time.getTime()) ? 'that never comes' : time.toISOString();
}

function deadlockOf(cycle: readonly string[]): string {
  const who = cycle.length === 1 ? 'it waits for itself, and' : 'these runs wait for each other, and none of them';
  return `; a cycle (${cycleText(cycle)}): ${who} can end, unless it is cancelled`;
}

function stateOf(run: RunRecord | undefined): string {
  if (run === undefined) return '';
  return `, which is ${run.status}${run.blockedCode === null ? '' : ` (${run.blockedCode})`}`;
}

/** Such as `attempt 2 of 3`; of a condition such as `look 4`. */
function attemptOf({ failures, maxAttempts, polls }: AttemptNotes): string {
  const attempt = `attempt ${failures + 1}${maxAttempts === undefined ? '' : ` of ${maxAttempts}`}`;
  if (polls === undefined) return attempt;
  return `look ${polls.count + 1}${failures === 0 ? '' : `, ${attempt}`}`;
}

/** What the last failure was, for people and for programs. */
function attemptDetail({ failures, kept, maxAttempts }: AttemptNotes, codec: Codec): [string, Omit<Detail, 'waitsFor'>] {
  const known = { attempt: failures + 1, ...(maxAttempts === undefined ? {} : { maxAttempts }) };
  const last = kept.at(-1);
  if (last === undefined) return ['', known];
  const lastError = toldError(() => codec.decodeError(last.error));
  return [`; attempt ${last.attempt} failed: ${lastError.name}: ${lastError.message.split('\n')[0]}`, { ...known, lastError }];
}

function lastSign({ attempts }: OperationRecord): string {
  const { heartbeatAt } = decodeAttempts(attempts);
  return heartbeatAt === undefined ? '' : `; its last heartbeat was at ${new Date(heartbeatAt).toISOString()}`;
}
