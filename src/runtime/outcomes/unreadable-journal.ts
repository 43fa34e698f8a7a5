import { isRecordedDecision } from '../../batch/batch-decision.js';
import { areBranchNotes } from '../../batch/branch-notes.js';
import { isRecordedPolicy } from '../../batch/recorded-policy.js';
import { Slices } from '../../clock/slices.js';
import type { ExecutionError } from '../../errors/errors.js';
import { columnUnreadable, valueUnreadable } from '../../errors/value-unreadable.js';
import { areAttempts } from '../../journal/attempt-notes.js';
import { CANCEL_ENTRY_ID, messageEntryId, patchEntryId } from '../../journal/numbering.js';
import { messageOf } from '../../journal/read-entry.js';
import { isMoment, isText, isTime, jsonOf, oneOf, orNull, withFields } from '../../model/forms.js';
import type { OperationRecord, RunRecord } from '../../model/records.js';
import { isEnded, type OperationKind } from '../../model/statuses.js';
import { rowDamage } from '../../store/stored-run.js';
import { areRunOptions } from '../identity/new-run.js';

/**
 * Looks through what is recorded of a run, entry by entry, before anything goes by it. Another program may have written into the store, or a newer version of
 * perdure: such a run is not to be executed, and harms no other. Values are not looked at: they are decoded where they are needed.
 */
class JournalCheck {
  readonly #run: RunRecord;
  readonly #seqs = new Set<number>();
  #lastSeq = 0;
  readonly #messages = new Set<string>();
  /** The messages that events have taken, and the events. */
  readonly #taken = new Map<string, OperationRecord>();
  #unreadable: ExecutionError | undefined;

  constructor(run: RunRecord) {
    this.#run = run;
    this.#unreadable = rowDamage(run);
    if (!areRunOptions(run.options)) this.#blame(`the row of run ${run.id}`, 'options', run.options);
  }

  /** The next entry of the run's journal. */
  see(entry: OperationRecord): void {
    if (this.#unreadable !== undefined) return;
    const column = unreadableColumn(entry);
    if (column !== undefined) this.#blame(whichEntry(entry), column, entry[column]);
    else if (entry.runId !== this.#run.id) this.#blame(whichEntry(entry), 'runId', entry.runId);
    else this.#count(entry);
  }

  /** Why the run cannot be executed, once all entries were seen; `undefined` when it can. */
  end(): ExecutionError | undefined {
    if (this.#unreadable === undefined && this.#seqs.size !== this.#lastSeq) {
      const gap = new TypeError(`it has ${this.#seqs.size} outcomes, and the last of them has the place ${this.#lastSeq}`);
      this.#unreadable = valueUnreadable(this.#run.id, `the journal of run ${this.#run.id}`, gap);
    }
    for (const [message, event] of this.#taken) if (!this.#messages.has(message)) this.#blame(whichEntry(event), 'input', message);
    return this.#unreadable;
  }

  #count(entry: OperationRecord): void {
    const { id, kind, seq, status } = entry;
    if (seq !== null) {
      if (this.#seqs.has(seq)) this.#blame(whichEntry(entry), 'seq', seq);
      this.#seqs.add(seq);
      this.#lastSeq = Math.max(this.#lastSeq, seq);
    }
    if (kind === 'message') this.#messages.add(id);
    const messageId = messageOf(entry);
    if (messageId === undefined) return;
    if (this.#taken.has(messageId) || status === 'STARTED') this.#blame(whichEntry(entry), 'input', messageId);
    this.#taken.set(messageId, entry);
  }

  #blame(what: string, column: string, value: unknown): void {
    this.#unreadable ??= valueUnreadable(this.#run.id, what, columnUnreadable(column, value));
  }
}

/** Why a run cannot be executed; `undefined` when it can. */
export async function unreadableJournal(run: RunRecord, journal: readonly OperationRecord[]): Promise<ExecutionError | undefined> {
  const check = new JournalCheck(run);
  await new Slices().each(journal, (entry) => check.see(entry));
  return check.end();
}

/** Why an entry cannot be gone by; `undefined` when it can. */
export function unreadableEntry(entry: OperationRecord): ExecutionError | undefined {
  const column = unreadableColumn(entry);
  if (column === undefined) return undefined;
  return valueUnreadable(String(entry.runId), whichEntry(entry), columnUnreadable(column, entry[column]));
}

/** Whether an entry can be gone by. */
export function isReadable(entry: OperationRecord): boolean {
  return unreadableColumn(entry) === undefined;
}

/** Those that can be gone by. */
export async function readableEntries(journal: readonly OperationRecord[], slices: Slices): Promise<readonly OperationRecord[]> {
  const readable: OperationRecord[] = [];
  await slices.each(journal, (entry) => isReadable(entry) && readable.push(entry));
  return readable;
}

function whichEntry({ runId, id }: OperationRecord): string {
  return `entry ${String(id)} of run ${String(runId)}`;
}

type Column = keyof OperationRecord;

const OPERATION_ID = /^\d{1,15}(\.\d{1,15})*$/;
const isTimeOrNull = orNull(isTime);
const isMomentOrNull = orNull(isMoment);
const isTextOrNull = orNull(isText);
const isStatus = oneOf(['STARTED', 'SUCCEEDED', 'FAILED', 'CANCELLED']);
const isCancelRequest = jsonOf((value) => value === null || typeof value === 'string' || withFields({ timeoutMs: isTime })(value));

/** Written out, and not as a table of forms: there may be a hundred thousand of them. */
function unreadableColumn(entry: OperationRecord): Column | undefined {
  const { kind, id, status, seq, outcome, attempts } = entry;
  if (typeof id !== 'string') return 'id';
  if (typeof entry.name !== 'string') return 'name';
  if (typeof entry.digest !== 'string') return 'digest';
  if (!isTextOrNull(entry.input)) return 'input';
  if (!isTextOrNull(outcome)) return 'outcome';
  if (!isTextOrNull(entry.childRunId)) return 'childRunId';
  if (!isTime(entry.startedAt)) return 'startedAt';
  if (!isTimeOrNull(entry.finishedAt)) return 'finishedAt';
  if (!isMomentOrNull(entry.dueAt)) return 'dueAt';
  if (!isStatus(status)) return 'status';
  if (attempts !== null && !areAttempts(attempts)) return 'attempts';
  if (seq === null ? !mayHaveNoPlace(entry) : !isEnded(status)) return 'status';
  if (seq !== null && (!Number.isSafeInteger(seq) || seq < 1)) return 'seq';
  if (seq !== null && outcome === null) return 'outcome';
  if (seq !== null && entry.finishedAt === null) return 'finishedAt';
  switch (kind) {
    case 'cancel':
      if (id !== CANCEL_ENTRY_ID) return 'id';
      return isCancelRequest(outcome) ? undefined : 'outcome';
    case 'message':
      return id.startsWith(MESSAGES) ? undefined : 'id';
    case 'patch':
      return id.startsWith(PATCHES) ? undefined : 'id';
    default:
      return OPERATION_ID.test(id) ? unreadableOperation(entry, kind) : 'id';
  }
}

const MESSAGES = messageEntryId(0).slice(0, -1);
const PATCHES = patchEntryId('');

/** What has no position in the order was started or cancelled, or has its message; or it is a change of code. */
function mayHaveNoPlace(entry: OperationRecord): boolean {
  const { kind, status } = entry;
  return status === 'STARTED' || status === 'CANCELLED' || kind === 'patch' || messageOf(entry) !== undefined;
}

function unreadableOperation(entry: OperationRecord, kind: OperationKind): Column | undefined {
  const { id, input, outcome, status, childRunId, dueAt } = entry;
  switch (kind) {
    case 'flow':
      return childRunId === null ? 'childRunId' : undefined;
    case 'action':
      return childRunId === null || childRunId.endsWith(`/${id}`) ? undefined : 'childRunId';
    case 'timer':
      return dueAt === null ? 'dueAt' : undefined;
    case 'event':
      return undefined;
    case 'branch':
      return input === null || areBranchNotes(input) ? undefined : 'input';
    case 'parallel':
    case 'map':
      if (!isRecordedPolicy(input)) return 'input';
      return status !== 'SUCCEEDED' || isRecordedDecision(outcome) ? undefined : 'outcome';
    default:
      return 'kind';
  }
}
