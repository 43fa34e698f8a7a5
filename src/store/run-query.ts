import { UsageError } from '../errors/errors.js';
import { isTime } from '../model/forms.js';
import { type BlockedCode, RUN_STATUSES, type RunStatus } from '../model/statuses.js';
import { describeKind } from '../model/value-kinds.js';
import {
  isBoolean,
  isOneOf,
  isPositiveInteger,
  isText,
  mergedOptions,
  type OptionTable,
  readOptions,
  TEXT,
} from '../options/read-options.js';
import type { RunOrder, RunQuery } from './reader.js';

/** The place of a run in the order of creation, as a text: in SQLite it may be beyond what is a number for JavaScript. */
export type Place = string;

/** What a run has to be. */
export interface RunConditions extends Omit<RunQuery, 'status' | 'order' | 'cursor' | 'limit'> {
  /** `undefined`: any. */
  readonly statuses: readonly RunStatus[] | undefined;
}

/** A query that was read. */
export interface ReadQuery {
  readonly conditions: RunConditions;
  readonly order: RunOrder;
  /** Only what comes behind it. */
  readonly after: Place | undefined;
  readonly limit: number;
}

/** How many runs are listed where nothing is said of it. */
export const DEFAULT_LIMIT = 100;

const isStatus = isOneOf(...RUN_STATUSES);
const BLOCKED_CODES: readonly BlockedCode[] = ['FLOW_NOT_REGISTERED', 'NON_DETERMINISM', 'VALUE_UNREADABLE', 'RECOVERY_LIMIT'];
const TIME: OptionTable[string] = [isTime, 'milliseconds since the epoch'];
const CURSOR = /^(newest|oldest)\.(-?\d{1,19})$/;

/** The rules of `RunQuery`. */
export const RUN_QUERY: OptionTable = {
  ids: [(value) => Array.isArray(value) && value.every(isText), 'an array of ids'],
  idPrefix: TEXT,
  flow: [isText, 'the name of a flow'],
  version: [isPositiveInteger, 'a whole number above 0'],
  status: [(value) => (Array.isArray(value) ? value.every(isStatus[0]) : isStatus[0](value)), `${isStatus[1]}, or an array of them`],
  blockedCode: isOneOf(...BLOCKED_CODES),
  queue: [isText, 'the name of a queue'],
  createdAfter: TIME,
  createdBefore: TIME,
  finishedAfter: TIME,
  finishedBefore: TIME,
  roots: [isBoolean, 'true or false'],
  parent: [isText, 'the id of a run'],
  order: isOneOf('newest', 'oldest'),
  cursor: [(value) => typeof value === 'string' && CURSOR.test(value), 'the `next` of a page that came before'],
  limit: [isPositiveInteger, 'a whole number above 0'],
};

/** Reads a query. @throws {UsageError} `INVALID_OPTION` when there is no such condition, or it is none of its kind. */
export function readRunQuery(caller: string, query: RunQuery | undefined): ReadQuery {
  const { status, order, cursor, limit = DEFAULT_LIMIT, ...others } = readOptions(caller, query, RUN_QUERY);
  const [, cursorOrder, after] = CURSOR.exec(cursor ?? '') ?? [];
  if (order !== undefined && cursorOrder !== undefined && order !== cursorOrder) {
    throw new UsageError(
      'INVALID_OPTION',
      `${caller}: the cursor is of a page with the order '${cursorOrder}', and the order is to be '${order}'; leave out one of the two`,
    );
  }
  const given = typeof status === 'string' ? [status] : status;
  return {
    conditions: conditionsWith({ ...others, statuses: Object.hasOwn(others, 'blockedCode') ? onlyBlocked(given) : given }),
    order: order ?? (cursorOrder as RunOrder | undefined) ?? 'newest',
    after,
    limit,
  };
}

/** Only what is given: what some code has put into `Object.prototype` is no condition. */
export function conditionsWith(given: RunConditions): RunConditions {
  return mergedOptions<{ -readonly [Name in keyof RunConditions]: RunConditions[Name] }>(given);
}

/** What to give to get the runs that come behind one. */
export function cursorOf(order: RunOrder, place: Place): string {
  return `${order}.${place}`;
}

/** The reason of blocking means nothing in other statuses. */
function onlyBlocked(statuses: readonly RunStatus[] | undefined): readonly RunStatus[] {
  return statuses === undefined || statuses.includes('BLOCKED') ? ['BLOCKED'] : [];
}

const COUNTED_BY = isOneOf('status', 'flow', 'queue');

/** @throws {UsageError} `INVALID_ARGUMENT` */
export function requireCountedBy(caller: string, by: unknown): void {
  if (!COUNTED_BY[0](by)) throw new UsageError('INVALID_ARGUMENT', `${caller}: runs are counted by ${COUNTED_BY[1]}`);
}

/** @throws {UsageError} `INVALID_ARGUMENT` when any of them is no text. A text that can be no name or id is one of which there is nothing. */
export function requireTexts(caller: string, texts: Readonly<Record<string, unknown>>): void {
  for (const [what, text] of Object.entries(texts)) {
    if (typeof text !== 'string') throw new UsageError('INVALID_ARGUMENT', `${caller}: ${what} must be a text, not ${describeKind(text)}`);
  }
}

/** @throws {UsageError} `INVALID_ARGUMENT` */
export function requireLimit(caller: string, limit: unknown): void {
  if (!isPositiveInteger(limit)) throw new UsageError('INVALID_ARGUMENT', `${caller}: the limit must be a whole number above 0`);
}

/** @throws {UsageError} `INVALID_ARGUMENT` */
export function requireOverview(caller: string, what: unknown): void {
  if (what !== 'workers') throw new UsageError('INVALID_ARGUMENT', `${caller}: there is an overview of 'workers', and no other`);
}
