import type { PruneQuery } from '../store.js';
import type { Connection } from './connection.js';
import type { SqlRow, SqlValue } from './driver.js';
import { safeNumber } from './rows.js';
import { AWAITED_CHILD, ENDED_WITHOUT_PARENT } from './schema.js';

/** Runs that are looked at in one step. */
const RUNS_A_STEP = 2_000;
/** Runs that are counted in one step, where an index has all that is asked for. */
const COUNTED_A_STEP = 20_000;
/** Rows that are deleted in one step, of runs and of journals. */
const ROWS_A_STEP = 300;

const ENDED = `IN (${['SUCCEEDED', 'FAILED', 'CANCELLED'].map((status) => `'${status}'`).join(', ')})`;

/** A run that has ended, and goes by itself: it has no parent, or that is gone. */
const ROOT = `run.finished_at IS NOT NULL AND (run.parent_run_id IS NULL OR NOT EXISTS (SELECT 1 FROM perdure_runs AS parent WHERE parent.id = run.parent_run_id))`;

/** It can be read that it has ended. A damaged row is counted like any other, and stays. */
const SETTLED = `run.status ${ENDED} AND run.finished_at BETWEEN ${Number.MIN_SAFE_INTEGER} AND ${Number.MAX_SAFE_INTEGER}`;

/** No unfinished run waits for it. One that waits for a child of its own keeps that by living itself. */
const UNAWAITED = `NOT EXISTS (SELECT 1 FROM perdure_operations INDEXED BY perdure_operations_awaited WHERE child_run_id = run.id AND ${AWAITED_CHILD}
  AND EXISTS (SELECT 1 FROM perdure_runs AS waiting WHERE waiting.id = run_id AND waiting.status NOT ${ENDED}))`;

/**
 * The place of a run in the order of creation, `n`, as a text: it may be beyond what is a number for JavaScript. SQLite compares it with `n` as the number
 * that it is.
 */
type Place = string;
const PLACE = 'CAST(n AS TEXT)';
const BEFORE_ALL: Place = '-9223372036854775808';
const LAST: Place = '9223372036854775807';

/**
 * Deletes ended runs with their journals and their ended children, in many short transactions.
 *
 * Owns: how far it has come. Does not own: when the next step is made.
 *
 * States: counting the roots → looking for the cut (the oldest of those that are to be kept) → deleting, from the oldest run on → done.
 *
 *   PR1  Each run is counted twice, and those that are to go are looked at twice as well, so the cost is linear, and little for what is kept.
 *   PR2  A run goes after its children, and they after theirs. Where it is stopped in between, the next pruning goes on.
 */
export class Pruning {
  readonly #connection: Connection;
  readonly #endedBefore: number;
  readonly #limit: number;
  /** Looks for the cut, step by step; `undefined` once it is known. */
  #looking: Iterator<void> | undefined;
  /** Runs up to here are not among those to be kept. */
  #cut = BEFORE_ALL;
  /** Up to here all have been looked at. */
  #after = BEFORE_ALL;
  #roots = 0;
  /** The run that is being deleted, under the run whose child it is, and so on. */
  readonly #doomed: string[] = [];
  #pruned = 0;

  constructor(connection: Connection, { endedBefore, keep, limit }: PruneQuery) {
    this.#connection = connection;
    this.#endedBefore = endedBefore ?? Number.MIN_SAFE_INTEGER;
    this.#limit = limit;
    if (keep !== null) this.#looking = this.#lookForCut(keep);
  }

  /** How many runs are gone, children included. */
  get pruned(): number {
    return this.#pruned;
  }

  /** Does some of it. Returns whether more is to be done. */
  step(): boolean {
    const looking = this.#looking;
    if (looking !== undefined) {
      if (this.#connection.run('look for runs to prune', () => looking.next().done)) this.#looking = undefined;
      return true;
    }
    const next = this.#connection.run('look for runs to prune', () => this.#nextRoots());
    if (next.length > 0 || this.#doomed.length > 0) this.#connection.write('prune runs', () => this.#delete(next));
    return this.#doomed.length > 0 || (this.#after !== LAST && this.#roots < this.#limit);
  }

  /** Other processes may prune as well: between the counting and the cut they may have deleted what was counted. So what is kept is counted at the end. */
  *#lookForCut(keep: number): Generator<void> {
    for (;;) {
      const excess = (yield* this.#countRoots(BEFORE_ALL)) - keep;
      if (excess <= 0) return;
      const cut = yield* this.#lastOf(excess);
      if ((yield* this.#countRoots(cut)) >= keep) {
        this.#cut = cut;
        return;
      }
      yield;
    }
  }

  /** @returns The place of the last of so many of the oldest roots. */
  *#lastOf(count: number): Generator<void, Place> {
    for (let left = count, after = BEFORE_ALL; ; ) {
      const { last, isLast } = this.#window(after);
      const roots = this.#rows(`SELECT ${PLACE} AS place FROM perdure_runs AS run WHERE n > ? AND n <= ? AND ${ROOT} ORDER BY n LIMIT ?`, [
        after,
        last,
        left,
      ]);
      left -= roots.length;
      if (left === 0) return roots.at(-1)?.['place'] as Place;
      if (isLast) return last;
      after = last;
      yield;
    }
  }

  /** Counts the roots behind a place. */
  *#countRoots(behind: Place): Generator<void, number> {
    return (yield* this.#countWithoutParent(behind)) + (yield* this.#countOrphans(behind));
  }

  *#countWithoutParent(behind: Place): Generator<void, number> {
    const page = `FROM perdure_runs WHERE ${ENDED_WITHOUT_PARENT} AND (finished_at, n) > (?, ?) AND n > ? ORDER BY finished_at, n LIMIT`;
    let after: SqlValue[] = [BEFORE_ALL, BEFORE_ALL, behind];
    for (let count = 0; ; count += COUNTED_A_STEP) {
      const [last] = this.#rows(
        `SELECT ${safeNumber('finished_at')} AS finished, ${PLACE} AS place ${page} 1 OFFSET ${COUNTED_A_STEP - 1}`,
        after,
      );
      if (last === undefined) {
        const [{ rest }] = this.#rows(`SELECT count(*) AS rest FROM (SELECT n ${page} ${COUNTED_A_STEP})`, after) as [SqlRow];
        return count + (rest as number);
      }
      after = [last['finished'] as SqlValue, last['place'] as Place, behind];
      yield;
    }
  }

  /** Counts ended children whose parent is gone. */
  *#countOrphans(behind: Place): Generator<void, number> {
    const page = `SELECT parent_run_id AS parent, ${PLACE} AS place, n > ? AND ${ROOT} AS root FROM perdure_runs AS run
      WHERE parent_run_id IS NOT NULL AND (parent_run_id, n) > (?, ?) ORDER BY parent_run_id, n LIMIT ${RUNS_A_STEP}`;
    let after: SqlValue[] = ['', BEFORE_ALL];
    for (let count = 0; ; ) {
      const rows = this.#rows(page, [behind, ...after]);
      count += rows.filter(({ root }) => root === 1).length;
      const last = rows.at(-1);
      if (last === undefined || rows.length < RUNS_A_STEP) return count;
      after = [last['parent'] as SqlValue, last['place'] as Place];
      yield;
    }
  }

  /** The runs that are looked at next. */
  #window(after: Place): { readonly last: Place; readonly isLast: boolean } {
    const runs = `SELECT n FROM perdure_runs WHERE n > ? ORDER BY n LIMIT ${RUNS_A_STEP}`;
    const [{ last, seen }] = this.#rows(`SELECT CAST(max(n) AS TEXT) AS last, count(*) AS seen FROM (${runs})`, [after]) as [SqlRow];
    return { last: (last as Place | null) ?? after, isLast: (seen as number) < RUNS_A_STEP };
  }

  /** The roots that are to go among the runs that are looked at next. */
  #nextRoots(): SqlRow[] {
    if (this.#doomed.length > 0) return [];
    const { last, isLast } = this.#window(this.#after);
    const roots = this.#rows(
      `SELECT ${PLACE} AS place, id FROM perdure_runs AS run
       WHERE n > ? AND n <= ? AND ${ROOT} AND ${SETTLED} AND (finished_at < ? OR n <= ?) AND ${UNAWAITED} ORDER BY n LIMIT ${ROWS_A_STEP}`,
      [this.#after, last, this.#endedBefore, this.#cut],
    );
    const nothingBeyond = isLast || (this.#endedBefore === Number.MIN_SAFE_INTEGER && BigInt(last) >= BigInt(this.#cut));
    // Where there are roots to delete, those that were passed over in this step are looked at again.
    if (roots.length === 0) this.#after = nothingBeyond ? LAST : last;
    return roots;
  }

  #delete(roots: readonly SqlRow[]): void {
    const next = roots[Symbol.iterator]();
    for (let rows = ROWS_A_STEP; rows > 0; ) {
      if (this.#doomed.length === 0) {
        const root = this.#roots < this.#limit ? next.next().value : undefined;
        if (root === undefined) return;
        this.#doomed.push(root['id'] as string);
        this.#roots += 1;
        this.#after = root['place'] as Place;
      }
      rows -= this.#deleteSome(this.#doomed.at(-1) as string, rows);
    }
  }

  /** Deletes up to so many rows of a run, or turns to a child of it first. Returns how many steps of work that was. */
  #deleteSome(runId: string, rows: number): number {
    const child = this.#connection
      .statement(`SELECT id FROM perdure_runs AS run WHERE parent_run_id = ? AND status ${ENDED} AND ${UNAWAITED} LIMIT 1`)
      .get([runId]);
    if (child !== undefined) {
      this.#doomed.push(child['id'] as string);
      return 1;
    }
    const { changes } = this.#connection
      .statement('DELETE FROM perdure_operations WHERE run_id = ? AND id IN (SELECT id FROM perdure_operations WHERE run_id = ? LIMIT ?)')
      .run([runId, runId, rows]);
    if (changes === rows) return changes;
    this.#connection.statement('DELETE FROM perdure_runs WHERE id = ?').run([runId]);
    this.#doomed.pop();
    this.#pruned += 1;
    return changes + 1;
  }

  #rows(sql: string, values: readonly SqlValue[]): SqlRow[] {
    return this.#connection.statement(sql).all(values);
  }
}
