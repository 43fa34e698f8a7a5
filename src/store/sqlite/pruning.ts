import type { PruneQuery } from '../store.js';
import type { Connection } from './connection.js';
import type { SqlRow, SqlValue } from './driver.js';
import { AWAITED_CHILD } from './schema.js';

/** Runs that are looked at in one step. */
const RUNS_A_STEP = 2_000;
/** Rows that are deleted in one step, of runs and of journals. */
const ROWS_A_STEP = 1_000;

const ENDED = `IN (${['SUCCEEDED', 'FAILED', 'CANCELLED'].map((status) => `'${status}'`).join(', ')})`;

/** A run that has ended, and goes by itself: it has no parent, or that is gone. What only says when it has ended, stays. */
const ROOT = `run.finished_at IS NOT NULL AND run.status ${ENDED} AND (run.parent_run_id IS NULL OR NOT EXISTS (SELECT 1 FROM perdure_runs AS parent WHERE parent.id = run.parent_run_id))`;

/** No unfinished run waits for it. One that waits for a child of its own keeps that by living itself. */
const UNAWAITED = `NOT EXISTS (SELECT 1 FROM perdure_operations INDEXED BY perdure_operations_awaited WHERE child_run_id = run.id AND ${AWAITED_CHILD}
  AND EXISTS (SELECT 1 FROM perdure_runs AS waiting WHERE waiting.id = run_id AND waiting.status NOT ${ENDED}))`;

/**
 * Deletes ended runs with their journals and their ended children, in many short transactions.
 *
 * Owns: how far it has come. Does not own: when the next step is made.
 *
 * States: looking for the cut (the oldest of the runs that are to be kept) → deleting, from the oldest run on → done.
 *
 *   PR1  Each run is looked at once to find the cut, and once to be deleted, so the cost is linear.
 *   PR2  A run goes after its children, and they after theirs. Where it is stopped in between, the next pruning goes on.
 */
export class Pruning {
  readonly #connection: Connection;
  readonly #endedBefore: number;
  readonly #limit: number;
  /** How many of the newest are still to be passed over; `undefined` once the cut is known. */
  #toKeep: number | undefined;
  /** Runs created before it are not among those to be kept: by their `n`. */
  #cut = Number.MAX_SAFE_INTEGER;
  /** Up to here all have been looked at. */
  #after = 0;
  #roots = 0;
  /** The run that is being deleted, under the run whose child it is, and so on. */
  readonly #doomed: string[] = [];
  #pruned = 0;

  constructor(connection: Connection, { endedBefore, keep, limit }: PruneQuery) {
    this.#connection = connection;
    this.#endedBefore = endedBefore ?? Number.MIN_SAFE_INTEGER;
    this.#limit = limit;
    if (keep === null) this.#cut = 0;
    else if (keep > 0) this.#toKeep = keep;
  }

  /** How many runs are gone, children included. */
  get pruned(): number {
    return this.#pruned;
  }

  /** Does some of it. Returns whether more is to be done. */
  step(): boolean {
    if (this.#toKeep !== undefined) return this.#connection.run('look for runs to prune', () => this.#lookForCut(this.#toKeep as number));
    const next = this.#connection.run('look for runs to prune', () => this.#nextRoots());
    if (next.length > 0 || this.#doomed.length > 0) this.#connection.write('prune runs', () => this.#delete(next));
    return this.#doomed.length > 0 || (this.#after < Number.MAX_SAFE_INTEGER && this.#roots < this.#limit);
  }

  #lookForCut(toKeep: number): boolean {
    const window = `SELECT n FROM perdure_runs WHERE n < ? ORDER BY n DESC LIMIT ${RUNS_A_STEP}`;
    const [{ first, seen }] = this.#rows(`SELECT min(n) AS first, count(*) AS seen FROM (${window})`, [this.#cut]) as [SqlRow];
    const roots = this.#rows(`SELECT n FROM perdure_runs AS run WHERE n >= ? AND n < ? AND ${ROOT} ORDER BY n DESC LIMIT ?`, [
      (first as number | null) ?? 0,
      this.#cut,
      toKeep,
    ]);
    if (roots.length === toKeep) {
      this.#cut = roots.at(-1)?.['n'] as number;
      this.#toKeep = undefined;
    } else if ((seen as number) < RUNS_A_STEP) {
      // There are no more than are to be kept.
      this.#cut = 0;
      this.#toKeep = undefined;
    } else {
      this.#cut = first as number;
      this.#toKeep = toKeep - roots.length;
    }
    return true;
  }

  /** The roots that are to go among the runs that are looked at next. */
  #nextRoots(): SqlRow[] {
    if (this.#doomed.length > 0) return [];
    const window = `SELECT n FROM perdure_runs WHERE n > ? ORDER BY n LIMIT ${RUNS_A_STEP}`;
    const [{ last, seen }] = this.#rows(`SELECT max(n) AS last, count(*) AS seen FROM (${window})`, [this.#after]) as [SqlRow];
    const roots = this.#rows(
      `SELECT n, id FROM perdure_runs AS run WHERE n > ? AND n <= ? AND ${ROOT} AND (finished_at < ? OR n < ?) AND ${UNAWAITED} ORDER BY n`,
      [this.#after, (last as number | null) ?? 0, this.#endedBefore, this.#cut],
    );
    const nothingBeyond =
      (seen as number) < RUNS_A_STEP || (this.#endedBefore === Number.MIN_SAFE_INTEGER && (last as number) >= this.#cut);
    // Where there are roots to delete, those that were passed over in this step are looked at again.
    if (roots.length === 0) this.#after = nothingBeyond ? Number.MAX_SAFE_INTEGER : (last as number);
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
        this.#after = root['n'] as number;
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
