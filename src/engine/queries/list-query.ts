import { isTime } from '../../model/forms.js';
import { isBoolean, mergedOptions, type OptionRule, type OptionTable, readOptions } from '../../options/read-options.js';
import type { RunQuery } from '../../store/reader.js';
import { RUN_QUERY, readRunQuery } from '../../store/run-query.js';
import type { RunInfo } from './run-info.js';

/** Which runs to count. All conditions must hold; a time is a `Date`, or milliseconds since the epoch. */
export interface CountFilter extends Omit<RunQuery, keyof ListTimes | 'order' | 'cursor' | 'limit'>, ListTimes {}

interface ListTimes {
  readonly createdAfter?: Date | number;
  readonly createdBefore?: Date | number;
  /** Runs that have ended since then. */
  readonly finishedAfter?: Date | number;
  readonly finishedBefore?: Date | number;
}

/** Which runs to list, newest first unless `order` says otherwise. All conditions must hold. */
export interface ListFilter extends CountFilter, Pick<RunQuery, 'order' | 'limit'> {}

/** Which runs to list page by page. */
export type PageFilter = ListFilter & ({ readonly page: true } | { readonly cursor: string });

/** Some of the runs that were asked for. */
export interface RunPage {
  readonly runs: RunInfo[];
  /** What to give as `cursor`, with the same conditions, to get those that come next; `null` when there are none. */
  readonly next: string | null;
}

const TIMES = ['createdAfter', 'createdBefore', 'finishedAfter', 'finishedBefore'] as const;
const TIME: OptionRule = [(value) => isTime(value instanceof Date ? value.getTime() : value), 'a Date, or milliseconds since the epoch'];

const { order: _order, cursor: _cursor, limit: _limit, ...CONDITIONS } = RUN_QUERY as Required<Record<keyof RunQuery, OptionRule>>;
const COUNT_FILTER: OptionTable = { ...CONDITIONS, ...Object.fromEntries(TIMES.map((name) => [name, TIME])) };
const LIST_FILTER: OptionTable = { ...RUN_QUERY, ...COUNT_FILTER, page: [isBoolean, 'true or false'] };

/** @throws {UsageError} `INVALID_OPTION` */
export function readListFilter(filter: ListFilter | PageFilter | undefined): { readonly query: RunQuery; readonly paged: boolean } {
  const caller = 'engine.list()';
  const given = readOptions<ListFilter & { page?: boolean; readonly cursor?: string }>(caller, filter, LIST_FILTER);
  const paged = given.page === true || given.cursor !== undefined;
  const query = inMilliseconds(given);
  readRunQuery(caller, query);
  return { query, paged };
}

/** @throws {UsageError} `INVALID_OPTION` */
export function readCountFilter(filter: CountFilter | undefined): RunQuery {
  return inMilliseconds(readOptions('engine.count()', filter, COUNT_FILTER));
}

function inMilliseconds(given: Partial<ListFilter>): RunQuery {
  const query = mergedOptions<Record<string, unknown>>(given);
  for (const name of TIMES) if (query[name] instanceof Date) query[name] = query[name].getTime();
  delete query['page'];
  return query;
}
