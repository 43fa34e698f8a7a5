import { UsageError } from '../errors/errors.js';
import { oneOf } from '../model/forms.js';
import type { OperationRecord } from '../model/records.js';
import type { OperationStatus } from '../model/statuses.js';
import { isPositiveInteger, isText, mergedOptions, readOptions } from '../options/read-options.js';
import type { OperationLine, OutlineRange } from './reader.js';

/** What an outline is made of. */
export type OutlineEntry = Pick<
  OperationRecord,
  'id' | 'kind' | 'name' | 'status' | 'seq' | 'startedAt' | 'finishedAt' | 'dueAt' | 'childRunId'
>;

/** Ids in the order of texts: from the first on, and before the end. */
export interface IdRange {
  readonly from: string;
  readonly end: string;
}

/** The path of a scope: nothing, or ordinals. */
const SCOPE = /^(\d+(\.\d+)*)?$/;
/** Comes right behind `.` in the order of texts: between what lies in an operation and the next operation. */
const BEHIND_DOT = '/';
/** Behind all digits. What is no operation has an id that begins with a letter. */
const BEHIND_DIGITS = ':';

const isOperationStatus = oneOf(['STARTED', 'SUCCEEDED', 'FAILED', 'CANCELLED'] satisfies OperationStatus[]);

/** @throws {UsageError} `INVALID_OPTION` */
export function readOutlineRange(caller: string, range: OutlineRange): OutlineRange {
  const given = readOptions(caller, range, {
    scope: [
      (value) => typeof value === 'string' && SCOPE.test(value),
      "'' for the run itself, or the id of a batch or a branch, such as '4.0'",
    ],
    status: [isOperationStatus, "'STARTED', 'SUCCEEDED', 'FAILED' or 'CANCELLED'"],
    after: [isText, 'the id of the last line before'],
    limit: [isPositiveInteger, 'a whole number above 0'],
  });
  const { limit } = given;
  if (limit === undefined)
    throw new UsageError('INVALID_OPTION', `${caller}: the option "limit" says how many lines there may be; give it`);
  if (given.status !== undefined && given.scope !== undefined)
    throw new UsageError('INVALID_OPTION', `${caller}: the options "scope" and "status" exclude each other; give one of them`);
  return mergedOptions<OutlineRange>(given, { limit });
}

/** Where all lies that stands in a scope, whether directly or not; behind an operation of it and all that lies in that, where one is given. */
export function rangeOf(scope: string, after: string | undefined): IdRange {
  const from = after === undefined ? (scope === '' ? '0' : `${scope}.`) : behind(after);
  return { from, end: scope === '' ? BEHIND_DIGITS : behind(scope) };
}

/** Behind an operation and all that lies in it. */
export function behind(id: string): string {
  return `${id}${BEHIND_DOT}`;
}

/** The place directly in a scope in which an entry lies: its own id where it stands there itself. */
export function placeIn(scope: string, id: string): string {
  const dot = id.indexOf('.', scope === '' ? 0 : scope.length + 1);
  return dot === -1 ? id : id.slice(0, dot);
}

/** What is told of a place: of its entry, or, where it has none, of a branch that has done this. */
export function outlineLine(place: string, entry: OutlineEntry): OperationLine {
  const { id, kind, name, status, seq, startedAt, finishedAt, dueAt, childRunId } = entry;
  if (id === place) return { id, kind, name, status, seq, startedAt, finishedAt, dueAt, childRunId };
  return {
    id: place,
    kind: 'branch',
    name: null,
    status: 'STARTED',
    seq: null,
    startedAt,
    finishedAt: null,
    dueAt: null,
    childRunId: null,
  };
}
