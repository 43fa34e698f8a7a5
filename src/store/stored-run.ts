import { ownErrorText } from '../codec/own-error-text.js';
import type { ExecutionError } from '../errors/errors.js';
import { columnUnreadable, valueUnreadable } from '../errors/value-unreadable.js';
import { isCount, isMoment, isOrdinal, isText, isTime, oneOf, orNull } from '../model/forms.js';
import type { RunRecord } from '../model/records.js';
import { isEnded, RUN_STATUSES } from '../model/statuses.js';

/** What a row of a run holds, whoever wrote it. */
export type RunRow = { readonly [Column in keyof RunRecord]: unknown };

const isStatus = oneOf(RUN_STATUSES);
const isTextOrNull = orNull(isText);
const isTimeOrNull = orNull(isTime);

/**
 * The run in a row. One that cannot be read is `BLOCKED` with `VALUE_UNREADABLE` and the reason, whatever its row says, and has what can be read of it: it is
 * not to be executed, and has no outcome, until the row is mended. The row itself stays as it is.
 */
export function storedRun(row: RunRow): RunRecord {
  const reason = whyUnreadable(row);
  return reason === undefined ? meant(row as RunRecord) : blocked(row, reason);
}

/** Why a row cannot be read; `undefined` when it can. */
export function whyUnreadable(row: RunRow): ExecutionError | undefined {
  const column = damagedColumn(row);
  if (column === undefined) return undefined;
  const id = textOf(row.id);
  return valueUnreadable(id, `the row of run ${id}`, columnUnreadable(column, row[column]));
}

/** The field that cannot be read; `undefined` when all can. */
function damagedColumn(row: RunRow): keyof RunRecord | undefined {
  if (!isText(row.id) || row.id === '') return 'id';
  if (!isText(row.flow)) return 'flow';
  if (!isOrdinal(row.version)) return 'version';
  if (!isStatus(row.status)) return 'status';
  if (!isText(row.input)) return 'input';
  if (!isText(row.digest)) return 'digest';
  if (!isText(row.seed)) return 'seed';
  if (!isTextOrNull(row.options)) return 'options';
  if (!isTextOrNull(row.workerId)) return 'workerId';
  if (!isTime(row.createdAt)) return 'createdAt';
  if (!isTimeOrNull(row.finishedAt)) return 'finishedAt';
  if (!isCount(row.crashes)) return 'crashes';
  return strayParent(row as RunRecord) ?? contradiction(row as RunRecord);
}

/** What does not go with the status. */
function contradiction({ status, outcome, blockedCode, finishedAt, workerId }: RunRecord): keyof RunRecord | undefined {
  if (isEnded(status)) return !isText(outcome) ? 'outcome' : finishedAt === null ? 'finishedAt' : undefined;
  if (finishedAt !== null) return 'finishedAt';
  if (status === 'SUSPENDED') return workerId === null ? undefined : 'workerId';
  if (status !== 'BLOCKED' || (isTextOrNull(outcome) && isTextOrNull(blockedCode))) return undefined;
  return isTextOrNull(outcome) ? 'blockedCode' : 'outcome';
}

/** Without what means nothing by the status, whatever it is: it is written anew with the next one. */
function meant(run: RunRecord): RunRecord {
  const { status, outcome, blockedCode, wakeAt } = run;
  const mayHaveOutcome = status === 'BLOCKED' || isEnded(status);
  if (mayHaveOutcome && blockedCode === null && wakeAt === null) return run;
  return {
    ...run,
    outcome: mayHaveOutcome ? outcome : null,
    blockedCode: status === 'BLOCKED' ? blockedCode : null,
    wakeAt: status === 'SUSPENDED' && isMoment(wakeAt) ? wakeAt : null,
  };
}

/** How an id ends that the engine makes: with the operation, and the number of a later attempt. */
const MADE_ID = /\/\/(\d+(?:\.\d+)*)(?:~\d+)?$/;

/** A child that was given no id is called by its parent and the operation there: where one of them fits and the other does not, that is not the parent. */
function strayParent({ id, parentRunId, parentOperationId }: RunRecord): keyof RunRecord | undefined {
  if (!isTextOrNull(parentRunId)) return 'parentRunId';
  if (!isTextOrNull(parentOperationId)) return 'parentOperationId';
  const made = MADE_ID.exec(id);
  if (made !== null) {
    const ofParent = parentRunId !== null && isGenerationOf(id.slice(0, made.index), parentRunId);
    const ofOperation = made[1] === parentOperationId;
    if (ofParent !== ofOperation) return ofParent ? 'parentOperationId' : 'parentRunId';
  }
  if ((parentRunId === null) === (parentOperationId === null)) return undefined;
  return parentRunId === null ? 'parentRunId' : 'parentOperationId';
}

function isGenerationOf(name: string, runId: string): boolean {
  return name === runId || (name.startsWith(`${runId}#`) && /^\d+$/.test(name.slice(runId.length + 1)));
}

function blocked(row: RunRow, reason: ExecutionError): RunRecord {
  return {
    id: textOf(row.id),
    flow: textOf(row.flow),
    version: numberOf(row.version),
    status: 'BLOCKED',
    input: isText(row.input) ? (row.input as string) : '',
    digest: textOf(row.digest),
    seed: textOf(row.seed),
    options: textOrNull(row.options),
    parentRunId: textOrNull(row.parentRunId),
    parentOperationId: textOrNull(row.parentOperationId),
    workerId: textOrNull(row.workerId),
    outcome: ownErrorText(reason),
    blockedCode: 'VALUE_UNREADABLE',
    createdAt: numberOf(row.createdAt),
    finishedAt: isTime(row.finishedAt) ? (row.finishedAt as number) : null,
    crashes: 0,
    wakeAt: null,
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}
