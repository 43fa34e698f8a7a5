import { Slices } from '../../clock/slices.js';
import { RUN_STATUSES } from '../../model/statuses.js';
import type { CountedBy } from '../reader.js';
import { conditionsWith, type Place, type RunConditions } from '../run-query.js';
import type { SqlRow } from './driver.js';
import { DIRECTIONS, PLACE, type Rows, waysTo } from './run-pages.js';
import { ALL, ofFlow, ofParent, ofStatus, restOf, type SqlPart, type Way } from './run-ways.js';

/** Runs that are counted in one step, where an index has all that is asked for. */
const COUNTED_A_STEP = 20_000;
/** Runs that are counted in one step, where their rows are read one behind the other. */
const READ_A_STEP = 4_000;
/** Runs that are counted in one step, where each row is looked up. */
const LOOKED_UP_A_STEP = 2_000;

const { start: START, behind: BEHIND, sql: ORDERED } = DIRECTIONS.oldest;

type Counts = Map<string, number>;

/**
 * Counts runs, in pieces.
 *
 *   RNC1  Those that have succeeded are in no index. Where nothing is asked for but a flow, they are all but the others: so no row is read.
 */
export class RunCounts {
  readonly #rows: Rows;
  readonly #slices = new Slices();

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  async by(by: CountedBy, conditions: RunConditions): Promise<Counts> {
    const { flow, statuses } = conditions;
    if (isOnly(conditions, []) && by === 'flow') return this.#flows();
    if (isOnly(conditions, ['flow', 'statuses']) && by === 'status') {
      const found = await this.#statuses(conditions);
      if (found !== undefined) return found;
    }
    if (isOnly(conditions, ['flow']) && by === 'flow') return only(flow as string, await this.#all(ofFlow(flow as string)));
    if (statuses?.length === 0) return new Map();
    return this.#groups(by, conditions);
  }

  /** How many runs a run has started. */
  children(runId: string): Promise<number> {
    return this.#all(ofParent(runId));
  }

  /** Each step finds the next flow by the index. */
  async #flows(): Promise<Counts> {
    const counts: Counts = new Map();
    let next = this.#rows('SELECT min(flow) AS flow FROM perdure_runs', [])[0]?.['flow'];
    while (typeof next === 'string') {
      counts.set(next, await this.#all(ofFlow(next)));
      next = this.#rows('SELECT min(flow) AS flow FROM perdure_runs WHERE flow > ?', [next])[0]?.['flow'];
    }
    return counts;
  }

  /** @returns Nothing where too many runs are in an index that is in another order. */
  async #statuses({ flow, statuses = RUN_STATUSES }: RunConditions): Promise<Counts | undefined> {
    const counts: Counts = new Map();
    let others = 0;
    for (const status of RUN_STATUSES) {
      const found = ofStatus(status);
      if (found === undefined) continue;
      const conditions = conditionsWith({ statuses: [status], ...(flow !== undefined && { flow }) });
      const [way] = waysTo(this.#rows, conditions) as [Way];
      if (!way.meets.includes('statuses')) return undefined;
      const rest = restOf(way, conditions);
      const count = rest.sql === '' ? await this.#all(way) : sum(await this.#along(way, rest, `'${status}'`));
      others += count;
      if (count > 0 && statuses.includes(status)) counts.set(status, count);
    }
    if (!statuses.includes('SUCCEEDED')) return counts;
    const succeeded = (flow === undefined ? sum(await this.#flows()) : await this.#all(ofFlow(flow))) - others;
    // What is written between two steps may be in one count and not in another.
    if (succeeded > 0) counts.set('SUCCEEDED', succeeded);
    return counts;
  }

  async #groups(by: CountedBy, conditions: RunConditions): Promise<Counts> {
    const counts: Counts = new Map();
    for (const way of waysTo(this.#rows, conditions)) {
      for (const [key, count] of await this.#along(way, restOf(way, conditions), by)) counts.set(key, (counts.get(key) ?? 0) + count);
    }
    return counts;
  }

  /** Finds the end of each step, so many runs further on, and counts only what is left behind the last. */
  async #all(way: Way): Promise<number> {
    const runs = `FROM perdure_runs ${way.sql} AND ${BEHIND} ${ORDERED}`;
    for (let after: Place = START, count = 0; ; count += COUNTED_A_STEP) {
      if (this.#slices.over) await this.#slices.next();
      const values = [...way.values, after];
      const [end] = this.#rows(`SELECT ${PLACE} AS place ${runs} LIMIT 1 OFFSET ${COUNTED_A_STEP - 1}`, values);
      if (end === undefined) {
        const [rest] = this.#rows(`SELECT count(*) AS rest FROM (SELECT n ${runs} LIMIT ${COUNTED_A_STEP})`, values);
        return count + (rest?.['rest'] as number);
      }
      after = end['place'] as Place;
    }
  }

  /** @param key - What they are counted by: a column or a text, as SQL. */
  async #along(way: Way, rest: SqlPart, key: string): Promise<Counts> {
    const counts: Counts = new Map();
    const steps = way === ALL ? READ_A_STEP : LOOKED_UP_A_STEP;
    const met = rest.sql === '' ? '1' : `(true${rest.sql})`;
    const step = `SELECT key, total(met) AS counted, count(*) AS seen, CAST(max(n) AS TEXT) AS last
      FROM (SELECT n, ${key} AS key, ${met} AS met FROM perdure_runs ${way.sql} AND ${BEHIND} ${ORDERED} LIMIT ${steps}) GROUP BY key`;
    for (let after: Place = START; ; ) {
      if (this.#slices.over) await this.#slices.next();
      const groups = this.#rows(step, [...rest.values, ...way.values, after]);
      for (const { key: name, counted } of groups) {
        if (typeof name === 'string' && (counted as number) > 0) counts.set(name, (counts.get(name) ?? 0) + (counted as number));
      }
      if (groups.reduce((all, { seen }) => all + (seen as number), 0) < steps) return counts;
      after = lastOf(groups);
    }
  }
}

/** Whether nothing is asked for but these. */
function isOnly(conditions: RunConditions, names: readonly (keyof RunConditions)[]): boolean {
  return Object.entries(conditions).every(([name, value]) => value === undefined || names.includes(name as keyof RunConditions));
}

function only(key: string, count: number): Counts {
  return new Map(count === 0 ? [] : [[key, count]]);
}

function sum(counts: Counts): number {
  let all = 0;
  for (const count of counts.values()) all += count;
  return all;
}

function lastOf(groups: readonly SqlRow[]): Place {
  return groups.map(({ last }) => last as Place).reduce((last, each) => (BigInt(each) > BigInt(last) ? each : last));
}
