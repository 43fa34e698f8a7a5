import type { RunStatus } from '../../model/statuses.js';
import type { RunConditions } from '../run-query.js';
import type { SqlValue } from './driver.js';
import { ASLEEP, BLOCKED, ENDED_WITHOUT_PARENT, READY, UNSUCCESSFUL } from './schema.js';

/** A piece of a statement, and the values in it. */
export interface SqlPart {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** A way to runs in the order of creation: what stands behind `FROM perdure_runs`. Other conditions may follow with `AND`. */
export interface Way extends SqlPart {
  /** Which conditions it meets by itself. */
  readonly meets: readonly (keyof RunConditions)[];
}

/** A way to runs in another order, which is one in that order where they are few. */
export interface Sorted {
  readonly runs: Way;
  readonly few: Way;
}

/** Each condition that is given, as SQL. */
export function conditionsOf(conditions: RunConditions): ReadonlyMap<keyof RunConditions, SqlPart> {
  const { ids, idPrefix, statuses, roots } = conditions;
  const parts = new Map<keyof RunConditions, SqlPart>();
  const add = (name: keyof RunConditions, sql: string, ...values: SqlValue[]): void => void parts.set(name, { sql, values });
  if (ids !== undefined) add('ids', 'id IN (SELECT value FROM json_each(?))', JSON.stringify(ids));
  if (idPrefix !== undefined) {
    const end = behindAll(idPrefix);
    if (end === undefined) add('idPrefix', 'id >= ?', idPrefix);
    else add('idPrefix', 'id >= ? AND id < ?', idPrefix, end);
  }
  if (statuses !== undefined) add('statuses', 'status IN (SELECT value FROM json_each(?))', JSON.stringify(statuses));
  if (roots !== undefined) add('roots', `parent_run_id IS ${roots ? '' : 'NOT '}NULL`);
  for (const [name, sql] of COMPARED) {
    const value = conditions[name];
    if (value !== undefined) add(name, sql, value);
  }
  return parts;
}

const LAST_CHARACTER = 0x10ffff;
/** Between them is what no text has of itself. */
const [BEFORE_SURROGATES, BEHIND_SURROGATES] = [0xd7ff, 0xe000];

/** The first text behind all that begin with a prefix, in the order of code points; `undefined` when there is none. */
function behindAll(prefix: string): string | undefined {
  const characters = [...prefix];
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    const code = last.codePointAt(0) as number;
    if (code === LAST_CHARACTER) continue;
    return characters.join('') + String.fromCodePoint(code === BEFORE_SURROGATES ? BEHIND_SURROGATES : code + 1);
  }
  return undefined;
}

const COMPARED = [
  ['flow', 'flow = ?'],
  ['version', 'version = ?'],
  ['blockedCode', 'blocked_code = ?'],
  ['queue', 'queue = ?'],
  ['parent', 'parent_run_id = ?'],
  ['createdAfter', 'created_at > ?'],
  ['createdBefore', 'created_at < ?'],
  ['finishedAfter', 'finished_at > ?'],
  ['finishedBefore', 'finished_at < ?'],
] as const;

/** All runs. */
export const ALL: Way = { sql: 'NOT INDEXED WHERE true', values: [], meets: [] };

export function ofFlow(flow: string): Way {
  return { sql: 'INDEXED BY perdure_runs_flow WHERE flow = ?', values: [flow], meets: ['flow'] };
}

export function ofParent(parent: string): Way {
  return {
    sql: 'INDEXED BY perdure_runs_parent WHERE parent_run_id IS NOT NULL AND parent_run_id = ?',
    values: [parent],
    meets: ['parent'],
  };
}

/** Where the runs of a status are found without a look at the others; the many that have succeeded are not. */
export function ofStatus(status: RunStatus): Way | Sorted | undefined {
  switch (status) {
    case 'FAILED':
    case 'CANCELLED':
      return way(`INDEXED BY perdure_runs_failed WHERE ${UNSUCCESSFUL} AND status = '${status}'`);
    case 'BLOCKED':
      return way(`INDEXED BY perdure_runs_blocked WHERE ${BLOCKED}`);
    case 'PENDING':
      // None is held yet: the line of a queue will have an index of its own.
      return sorted(way(`INDEXED BY perdure_runs_ready WHERE ${READY}`));
    case 'RUNNING':
      return sorted(way(`INDEXED BY perdure_runs_owned WHERE worker_id IS NOT NULL AND status = 'RUNNING'`));
    case 'SUSPENDED':
      return sorted(way(`INDEXED BY perdure_runs_asleep WHERE ${ASLEEP}`));
    default:
      return undefined;
  }
}

/** By an index that a condition has, where that is likely to lead to few runs. */
export function byIndex(conditions: RunConditions): Sorted | undefined {
  const parts = conditionsOf(conditions);
  const { ids, idPrefix, finishedAfter, finishedBefore, roots } = conditions;
  const by = (index: string, where: string, ...meets: (keyof RunConditions)[]): Sorted => {
    const met = meets.flatMap((name) => parts.get(name) ?? []);
    const sql = `INDEXED BY ${index} WHERE ${[where, ...met.map((part) => part.sql)].join(' AND ')}`;
    return sorted({ sql, values: met.flatMap(({ values }) => values), meets });
  };
  if (ids !== undefined) return by(IDS, 'true', 'ids');
  if (idPrefix !== undefined) return by(IDS, 'true', 'idPrefix');
  if (roots === true && (finishedAfter ?? finishedBefore) !== undefined)
    return by('perdure_runs_finished', ENDED_WITHOUT_PARENT, 'roots', 'finishedAfter', 'finishedBefore');
  return undefined;
}

/** The index that SQLite makes of `id TEXT UNIQUE`. */
const IDS = 'sqlite_autoindex_perdure_runs_1';

function way(sql: string): Way {
  return { sql, values: [], meets: ['statuses'] };
}

/** SQLite keeps a list of places in their order. */
function sorted(runs: Way): Sorted {
  return { runs, few: { ...runs, sql: `WHERE n IN (SELECT n FROM perdure_runs ${runs.sql})` } };
}

/** The conditions that a way does not meet by itself, each with `AND` before it. */
export function restOf(way: Way, conditions: RunConditions): SqlPart {
  const left = [...conditionsOf(conditions)].filter(([name]) => !way.meets.includes(name)).map(([, part]) => part);
  return { sql: left.map(({ sql }) => ` AND ${sql}`).join(''), values: left.flatMap(({ values }) => values) };
}
