import { Slices } from '../../clock/slices.js';
import type { RunOrder } from '../reader.js';
import type { Place, ReadQuery, RunConditions } from '../run-query.js';
import type { SqlRow, SqlValue } from './driver.js';
import { ROWS_A_PAGE } from './long-read.js';
import { ALL, byIndex, ofFlow, ofParent, ofStatus, restOf, type Way } from './run-ways.js';

/** Reads rows, in a transaction of its own. */
export type Rows = (sql: string, values: readonly SqlValue[]) => SqlRow[];

/** Runs that are looked at in one step: where their rows lie one behind the other, and where each is looked up. */
const READ_A_STEP = 4_000;
const LOOKED_UP_A_STEP = 2_000;
/** So many are put in order at once. */
const FEW = 10_000;

export const PLACE = 'CAST(n AS TEXT)';
const BEFORE_ALL: Place = '-9223372036854775809';
const BEHIND_ALL: Place = '9223372036854775808';

/** What of an order is SQL. */
interface Direction {
  readonly start: Place;
  readonly behind: string;
  readonly upTo: string;
  readonly sql: string;
}

export const DIRECTIONS: Readonly<Record<RunOrder, Direction>> = {
  newest: { start: BEHIND_ALL, behind: 'n < ?', upTo: 'n >= ?', sql: 'ORDER BY n DESC' },
  oldest: { start: BEFORE_ALL, behind: 'n > ?', upTo: 'n <= ?', sql: 'ORDER BY n' },
};

/**
 * The ways that together lead to all runs that meet conditions, each to others.
 *
 *   RW1  A run is found by one way only, however many there are.
 */
export function waysTo(rows: Rows, conditions: RunConditions): readonly Way[] {
  const { flow, parent, statuses } = conditions;
  if (parent !== undefined) return [ofParent(parent)];
  const index = byIndex(conditions);
  if (index !== undefined && isFew(rows, index.runs)) return [index.few];
  const byStatus = [...new Set(statuses)].map((status) => inOrder(rows, ofStatus(status)));
  if (statuses !== undefined && !byStatus.includes(undefined)) return byStatus as Way[];
  return [flow === undefined ? ALL : ofFlow(flow)];
}

function inOrder(rows: Rows, found: ReturnType<typeof ofStatus>): Way | undefined {
  if (found === undefined || 'sql' in found) return found;
  return isFew(rows, found.runs) ? found.few : undefined;
}

/** Looks at no more of them than that. */
function isFew(rows: Rows, { sql, values }: Way): boolean {
  return rows(`SELECT 1 AS more FROM perdure_runs ${sql} LIMIT 1 OFFSET ${FEW}`, values).length === 0;
}

/**
 * Reads the rows of runs that meet a query, in pieces.
 *
 * @param columns - Without `place`, which is added: the place of the run in the order of creation.
 * @param limit - At most this many.
 */
export async function readRuns(rows: Rows, columns: string, query: ReadQuery, limit: number): Promise<SqlRow[]> {
  const slices = new Slices();
  const found: SqlRow[][] = [];
  for (const way of waysTo(rows, query.conditions)) found.push(await walk({ rows, columns, query, limit, slices }, way));
  return found.length === 1 ? (found[0] as SqlRow[]) : merged(found, query.order, limit, slices);
}

interface Walk {
  readonly rows: Rows;
  readonly columns: string;
  readonly query: ReadQuery;
  readonly limit: number;
  readonly slices: Slices;
}

async function walk({ rows, columns, query, limit, slices }: Walk, way: Way): Promise<SqlRow[]> {
  const { conditions, order } = query;
  const { start, behind, upTo, sql: ordered } = DIRECTIONS[order];
  const rest = restOf(way, conditions);
  const found: SqlRow[] = [];
  for (let after = query.after ?? start; found.length < limit; ) {
    if (slices.over) await slices.next();
    const atMost = Math.min(limit - found.length, ROWS_A_PAGE);
    const end = rest.sql === '' ? undefined : endOfStep(rows, way, order, after);
    const range = end === undefined ? behind : `${behind} AND ${upTo}`;
    const values = [...way.values, after, ...(end === undefined ? [] : [end]), ...rest.values, atMost];
    const piece = rows(
      `SELECT ${columns}, ${PLACE} AS place FROM perdure_runs ${way.sql} AND ${range}${rest.sql} ${ordered} LIMIT ?`,
      values,
    );
    for (const row of piece) found.push(row);
    if (piece.length === atMost) after = piece.at(-1)?.['place'] as Place;
    else if (end === undefined) break;
    else after = end;
  }
  return found;
}

/** The last run that is looked at in one step; nothing where the rest is less than a step. */
function endOfStep(rows: Rows, way: Way, order: RunOrder, after: Place): Place | undefined {
  const { behind, sql } = DIRECTIONS[order];
  const text = `SELECT ${PLACE} AS place FROM perdure_runs ${way.sql} AND ${behind} ${sql} LIMIT 1 OFFSET ${(way === ALL ? READ_A_STEP : LOOKED_UP_A_STEP) - 1}`;
  return rows(text, [...way.values, after])[0]?.['place'] as Place | undefined;
}

async function merged(found: readonly SqlRow[][], order: RunOrder, limit: number, slices: Slices): Promise<SqlRow[]> {
  const left = found.map((rows) => ({ rows, at: 0 }));
  const all: SqlRow[] = [];
  while (all.length < limit) {
    if (slices.over) await slices.next();
    let first: (typeof left)[number] | undefined;
    for (const each of left) if (each.at < each.rows.length && (first === undefined || isBefore(each, first))) first = each;
    if (first === undefined) return all;
    all.push(first.rows[first.at] as SqlRow);
    first.at += 1;
  }
  return all;

  function isBefore(a: (typeof left)[number], b: (typeof left)[number]): boolean {
    const [one, other] = [a, b].map(({ rows, at }) => BigInt(rows[at]?.['place'] as Place)) as [bigint, bigint];
    return order === 'newest' ? one > other : one < other;
  }
}
