import { StorageError } from '../../errors/errors.js';
import type { OperationRecord, RunEnd, RunRecord } from '../../model/records.js';
import type { CommitBatch } from '../store.js';
import { BulkStatement } from './bulk-statement.js';
import type { Connection } from './connection.js';
import type { SqlValue } from './driver.js';
import { checkFence, FENCE } from './fence.js';
import type { Inbox } from './inbox.js';
import { endValues, OPERATION_COLUMNS, operationValues, RUN_COLUMNS, runOf, runValues } from './rows.js';
import { UNFINISHED } from './schema.js';

/** From this size on, grouping costs less than it saves. */
const WORTH_GROUPING = 20;

const INSERT_RUNS = (rows: string): string =>
  `INSERT OR FAIL INTO perdure_runs (${RUN_COLUMNS.join(', ')}) VALUES ${rows} ON CONFLICT (id) DO NOTHING`;

const OVERWRITTEN = OPERATION_COLUMNS.filter((column) => column !== 'run_id' && column !== 'id');
const OVERWRITE = `ON CONFLICT (run_id, id) DO UPDATE SET ${OVERWRITTEN.map((column) => `${column} = excluded.${column}`).join(', ')}
   WHERE excluded.seq IS NOT NULL OR perdure_operations.seq IS NULL`;
const WRITE_OPERATIONS = (rows: string): string =>
  `INSERT OR FAIL INTO perdure_operations (${OPERATION_COLUMNS.join(', ')}) VALUES ${rows} ${OVERWRITE}`;
/** The write and its fence in one. */
const WRITE_ONE_OPERATION = `INSERT INTO perdure_operations (${OPERATION_COLUMNS.join(', ')})
   SELECT ${OPERATION_COLUMNS.map(() => '?').join(', ')} WHERE EXISTS (${FENCE}) ${OVERWRITE}`;

const END_RUNS = (rows: string): string =>
  `UPDATE OR FAIL perdure_runs
   SET status = given.column2, outcome = given.column3, blocked_code = given.column4, finished_at = given.column5, worker_id = NULL
   FROM (VALUES ${rows}) AS given
   WHERE perdure_runs.id = given.column1 AND perdure_runs.worker_id = ? AND perdure_runs.${UNFINISHED}`;

/**
 * Writes what a worker gathered: the path that every outcome takes.
 *
 * One fence check stands for the whole batch (S3): a worker that is alive owns the runs it executes, so single rows need no check. Only an end is
 * checked by itself, since it gives the run away.
 */
export class CommitWriter {
  readonly #connection: Connection;
  readonly #inbox: Inbox;
  readonly #runs: BulkStatement<RunRecord>;
  readonly #operations: BulkStatement<OperationRecord>;
  readonly #ends: BulkStatement<RunEnd>;

  constructor(connection: Connection, inbox: Inbox) {
    this.#connection = connection;
    this.#inbox = inbox;
    this.#runs = new BulkStatement(connection, { text: INSERT_RUNS, width: RUN_COLUMNS.length, append: runValues });
    this.#operations = new BulkStatement(connection, { text: WRITE_OPERATIONS, width: OPERATION_COLUMNS.length, append: operationValues });
    this.#ends = new BulkStatement(connection, { text: END_RUNS, width: 5, append: endValues });
  }

  /** Writes a batch in one transaction; returns the runs whose id was taken. */
  write(batch: CommitBatch): RunRecord[] {
    if (isOneOperation(batch) && this.#wroteOne(batch)) return [];
    return this.#connection.write('write outcomes', () => {
      checkFence(this.#connection, batch.workerId);
      const taken = batch.creates.length === 0 ? [] : this.#create(batch.creates);
      if (batch.operations.length > 0) this.#operations.run(groupedByRun(batch.operations));
      if (batch.ends.length > 0) this.#end(batch.workerId, batch.ends);
      for (const message of batch.messages) this.#inbox.add(message);
      if (batch.taken.length > 0) this.#inbox.remove(batch.taken);
      return taken;
    });
  }

  /**
   * The shortest way for what a flow without concurrency commits: one statement, which is a transaction by itself. When it writes nothing, either the
   * fence or an entry with `seq` was in the way: the long way tells which.
   */
  #wroteOne({ workerId, operations }: CommitBatch): boolean {
    return this.#connection.run('write an outcome', () => {
      const values: SqlValue[] = [];
      for (const entry of operations) operationValues(entry, values);
      values.push(workerId);
      return this.#connection.statement(WRITE_ONE_OPERATION).run(values).changes === 1;
    });
  }

  #create(creates: readonly RunRecord[]): RunRecord[] {
    const created = this.#runs.run(creates);
    return created === creates.length ? [] : this.#taken(creates, created);
  }

  /** Finds out which ids were taken. New rows got the highest `n`s, so the rows below them are older than this batch. */
  #taken(creates: readonly RunRecord[], created: number): RunRecord[] {
    const last = this.#connection.statement('SELECT max(n) AS last FROM perdure_runs').all([])[0]?.['last'] as number;
    const rows = this.#connection
      .statement(`SELECT n, ${RUN_COLUMNS.join(', ')} FROM perdure_runs WHERE id IN (SELECT value FROM json_each(?))`)
      .all([JSON.stringify(creates.map((run) => run.id))]);
    const stored = new Map(rows.map((row) => [row['id'] as string, row]));
    const taken: RunRecord[] = [];
    const seen = new Set<string>();
    for (const { id } of creates) {
      const row = stored.get(id);
      if (row !== undefined && ((row['n'] as number) <= last - created || seen.has(id))) taken.push(runOf(row));
      seen.add(id);
    }
    return taken;
  }

  /** Every end must find its run; a run named twice counts once, so the second end is refused too (S6). */
  #end(workerId: string, ends: readonly RunEnd[]): void {
    if (this.#ends.run(ends, [workerId]) !== ends.length) {
      const ids = ends.slice(0, 5).map((end) => end.runId);
      throw new StorageError(
        'FENCED',
        `not all of these runs belong to worker ${workerId}, so none was ended: ${ids.join(', ')}${ends.length > 5 ? ', …' : ''}. ` +
          'Nothing was written. Drop what this worker knows of them',
      );
    }
    const ended = ends.filter((end) => end.status !== 'BLOCKED');
    if (ended.length > 0) this.#inbox.removeOf(ended.map((end) => end.runId));
  }
}

function isOneOperation({ creates, operations, ends, messages, taken }: CommitBatch): boolean {
  return operations.length === 1 && creates.length === 0 && ends.length === 0 && messages.length === 0 && taken.length === 0;
}

/**
 * Entries of one run lie side by side in the table, so writing them one after another touches each page once: half the time for a large batch that
 * comes from many runs. Grouping does it, and is cheaper than sorting; the entries of a run keep their order.
 */
function groupedByRun(operations: readonly OperationRecord[]): readonly OperationRecord[] {
  if (operations.length < WORTH_GROUPING) return operations;
  const groups = new Map<string, OperationRecord[]>();
  for (const entry of operations) {
    const group = groups.get(entry.runId);
    if (group === undefined) groups.set(entry.runId, [entry]);
    else group.push(entry);
  }
  return groups.size === 1 ? operations : [...groups.values()].flat();
}
