import { ownErrorText } from '../codec/own-error-text.js';
import type { ExecutionError } from '../errors/errors.js';
import { columnUnreadable, valueUnreadable } from '../errors/value-unreadable.js';
import { type Form, isCount, isMoment, isOrdinal, isText, isTime, oneOf, orNull } from '../model/forms.js';
import type { RunRecord } from '../model/records.js';
import { isEnded, RUN_STATUSES } from '../model/statuses.js';

/** What a row of a run holds, whatever wrote it. */
export type RunRow = { readonly [Column in keyof RunRecord]: unknown };

const isTextOrNull = orNull(isText);

/**
 * The run in a row. One that cannot be read is `BLOCKED` with `VALUE_UNREADABLE` and the reason, whatever its row says, and has what can be read of it: it is
 * not to be executed, and has no outcome, until the row is mended. The row itself stays as it is.
 */
export function storedRun(row: RunRow): RunRecord {
  const reason = whyUnreadable(row);
  if (reason === undefined) return meant(row as RunRecord);
  const run = blocked(row, reason);
  damages.set(run, reason);
  return run;
}

const damages = new WeakMap<RunRecord, ExecutionError>();

/** Why the row of a run that was read cannot be read as a whole, if it cannot. */
export function rowDamage(run: RunRecord): ExecutionError | undefined {
  return damages.get(run);
}

/** Why a row cannot be read; `undefined` when it can. */
function whyUnreadable(row: RunRow): ExecutionError | undefined {
  const column = damagedColumn(row);
  if (column === undefined) return undefined;
  const id = textOf(row.id);
  return valueUnreadable(id, `the row of run ${id}`, columnUnreadable(column, row[column]));
}

/** What each field has to be, whatever the status. The first that is not is named. */
const FORMS = Object.entries({
  id: (value) => isText(value) && value !== '',
  flow: isText,
  version: isOrdinal,
  status: oneOf(RUN_STATUSES),
  input: isText,
  digest: isText,
  seed: isText,
  options: isTextOrNull,
  workerId: isTextOrNull,
  createdAt: isTime,
  finishedAt: orNull(isTime),
  crashes: isCount,
  parentRunId: isTextOrNull,
  parentOperationId: isTextOrNull,
} satisfies Partial<Record<keyof RunRecord, Form>>) as readonly [keyof RunRecord, Form][];

/** The field that cannot be read; `undefined` when all can. */
function damagedColumn(row: RunRow): keyof RunRecord | undefined {
  for (const [field, isRight] of FORMS) if (!isRight(row[field])) return field;
  if ((row.parentRunId === null) !== (row.parentOperationId === null))
    return row.parentRunId === null ? 'parentRunId' : 'parentOperationId';
  return contradiction(row as RunRecord);
}

/** What does not go with the status. */
function contradiction({ status, outcome, blockedCode, finishedAt, workerId }: RunRecord): keyof RunRecord | undefined {
  if (isEnded(status)) return !isText(outcome) ? 'outcome' : finishedAt === null ? 'finishedAt' : undefined;
  if (finishedAt !== null) return 'finishedAt';
  if (status === 'SUSPENDED') return workerId === null ? undefined : 'workerId';
  if (status !== 'BLOCKED' || (isTextOrNull(outcome) && isTextOrNull(blockedCode))) return undefined;
  return isTextOrNull(outcome) ? 'blockedCode' : 'outcome';
}

/** Without what means nothing by the status, whatever it is: it is written again with the next one. */
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
