import { StorageError } from '../../errors/errors.js';
import type { OperationRecord, RunCreation, RunEnd, RunRestart, RunSuspension } from '../../model/records.js';
import type { CommitAnswer, CommitBatch } from '../store.js';
import { BulkStatement } from './bulk-statement.js';
import type { Connection } from './connection.js';
import { CreationWriter } from './creation-writer.js';
import { checkFence } from './fence.js';
import type { Inbox } from './inbox.js';
import { END_FIELDS, OPERATION_COLUMNS, OPERATION_FIELDS } from './rows.js';
import { ASLEEP, AWAKE, WOKEN } from './schema.js';

/** A connection that has made so many commits will make more: room in the log pays. */
const COMMITS_BEFORE_STRETCHING = 32;

/** From this size on, grouping costs less than it saves. */
const WORTH_GROUPING = 20;

/** Made once: most batches create nothing. */
const ALL_CREATED: CommitAnswer = { taken: [] };

const OVERWRITTEN = OPERATION_COLUMNS.filter((column) => column !== 'run_id' && column !== 'id');
const OVERWRITE = `ON CONFLICT (run_id, id) DO UPDATE SET ${OVERWRITTEN.map((column) => `${column} = excluded.${column}`).join(', ')}
   WHERE excluded.seq IS NOT NULL OR perdure_operations.seq IS NULL`;
const WRITE_OPERATIONS = (rows: string): string =>
  `INSERT OR FAIL INTO perdure_operations (${OPERATION_COLUMNS.join(', ')}) VALUES ${rows} ${OVERWRITE}`;
/** The write and its fence in one. */
const WRITE_ONE_OPERATION = (fence: string): string => `INSERT INTO perdure_operations (${OPERATION_COLUMNS.join(', ')})
   SELECT ${OPERATION_COLUMNS.map(() => '?').join(', ')} WHERE EXISTS (${fence}) ${OVERWRITE}`;

const RESTART_RUN = `UPDATE perdure_runs SET input = ?, seed = ?, options = ?, recoveries = NULL WHERE id = ? AND worker_id = ? AND ${AWAKE}`;

/** The plus keeps SQLite from comparing all that the worker owns with all that is given: each run is found by its id. */
const SUSPEND_RUNS = `UPDATE perdure_runs
   SET status = 'SUSPENDED', worker_id = NULL, recoveries = NULL, wake_at = json_extract(given.value, '$.wakeAt')
   FROM json_each(?) AS given
   WHERE perdure_runs.id = json_extract(given.value, '$.runId') AND +perdure_runs.worker_id = ? AND perdure_runs.${AWAKE}`;
const WAKE_CALLED = `UPDATE perdure_runs SET ${WOKEN}
   WHERE id IN (SELECT value FROM json_each(?)) AND ${ASLEEP} AND id IN (SELECT run_id FROM perdure_inbox)`;
const WAKE_WAITING = `UPDATE perdure_runs SET ${WOKEN}
   WHERE ${ASLEEP} AND id IN (
     SELECT json_extract(value, '$[0]') FROM json_each(?)
     WHERE EXISTS (SELECT 1 FROM perdure_runs AS child WHERE child.id = json_extract(value, '$[1]') AND child.finished_at IS NOT NULL))`;
const WAKE_PARENTS = `UPDATE perdure_runs SET ${WOKEN}
   WHERE ${ASLEEP} AND id IN (SELECT parent_run_id FROM perdure_runs WHERE id IN (SELECT value FROM json_each(?)))`;

const END_RUNS = (rows: string): string =>
  `UPDATE OR FAIL perdure_runs
   SET status = given.column2, outcome = given.column3, blocked_code = given.column4, finished_at = given.column5, worker_id = NULL
   FROM (VALUES ${rows}) AS given
   WHERE perdure_runs.id = given.column1 AND perdure_runs.worker_id = ? AND perdure_runs.${AWAKE}`;

/**
 * Writes what a worker gathered: the path that every outcome takes.
 *
 * One fence check stands for the whole batch (S3): a worker that is alive owns the runs it executes, so single rows need no check. Only an end is
 * checked by itself, since it gives the run away.
 */
export class CommitWriter {
  readonly #connection: Connection;
  readonly #inbox: Inbox;
  readonly #creations: CreationWriter;
  readonly #operations: BulkStatement<OperationRecord>;
  readonly #ends: BulkStatement<RunEnd>;
  readonly #writeOneOperation: string;
  #commits = 0;

  constructor(connection: Connection, inbox: Inbox) {
    this.#connection = connection;
    this.#inbox = inbox;
    this.#operations = new BulkStatement(connection, { text: WRITE_OPERATIONS, fields: OPERATION_FIELDS });
    this.#creations = new CreationWriter(connection, (operations) => this.#operations.run(groupedByRun(operations)));
    this.#ends = new BulkStatement(connection, { text: END_RUNS, fields: END_FIELDS });
    this.#writeOneOperation = WRITE_ONE_OPERATION(connection.guard.fence);
  }

  /** Writes a batch in one transaction. */
  write(batch: CommitBatch): CommitAnswer {
    const answer = isOneOperation(batch) && this.#wroteOne(batch) ? ALL_CREATED : this.#writeAll(batch);
    this.#commits += 1;
    if (this.#commits === COMMITS_BEFORE_STRETCHING) this.#connection.stretchLog();
    return answer;
  }

  /** Creates runs that have no owner. */
  createRuns(creations: readonly RunCreation[]): CommitAnswer['taken'] {
    return this.#connection.write('create runs', () => this.#creations.write(creations));
  }

  #writeAll(batch: CommitBatch): CommitAnswer {
    return this.#connection.transaction('write outcomes', () => {
      checkFence(this.#connection, batch.workerId);
      const answer = batch.creates.length === 0 ? ALL_CREATED : { taken: this.#creations.write(batch.creates) };
      if (batch.operations.length > 0) this.#operations.run(groupedByRun(batch.operations));
      for (const restart of batch.restarts) this.#restart(batch.workerId, restart);
      if (batch.suspends.length > 0) this.#suspend(batch.workerId, batch.suspends);
      if (batch.ends.length > 0) this.#end(batch.workerId, batch.ends);
      for (const message of batch.messages) this.#inbox.add(message);
      if (batch.taken.length > 0) this.#inbox.remove(batch.taken);
      return answer;
    });
  }

  /**
   * The shortest way for what a flow without concurrency commits: one statement, which is a transaction by itself. When it writes nothing, either the
   * fence or an entry with `seq` was in the way: the long way tells which.
   */
  #wroteOne({ workerId, operations }: CommitBatch): boolean {
    const operation = operations[0] as OperationRecord;
    const values = OPERATION_FIELDS.map((field) => operation[field]);
    return this.#connection.writeOne('write an outcome', this.#writeOneOperation, [...values, workerId]) === 1;
  }

  /** It must find its run (S3). */
  #restart(workerId: string, { runId, input, seed, options, operations }: RunRestart): void {
    const found = this.#connection.statement(RESTART_RUN).run([input, seed, options, runId, workerId]).changes;
    if (found !== 1) throw notOwned(workerId, [runId]);
    this.#connection.statement('DELETE FROM perdure_operations WHERE run_id = ?').run([runId]);
    if (operations.length > 0) this.#operations.run(operations);
  }

  /** Every suspension must find its run; one that something has come for meanwhile wakes at once. */
  #suspend(workerId: string, suspends: readonly RunSuspension[]): void {
    const given = JSON.stringify(suspends);
    const found = this.#connection.statement(SUSPEND_RUNS).run([given, workerId]).changes;
    const runIds = suspends.map(({ runId }) => runId);
    if (found !== suspends.length) throw notOwned(workerId, runIds);
    this.#connection.statement(WAKE_CALLED).run([JSON.stringify(runIds)]);
    const waiting = suspends.flatMap(({ runId, children }) => children.map((child) => [runId, child]));
    if (waiting.length > 0) this.#connection.statement(WAKE_WAITING).run([JSON.stringify(waiting)]);
  }

  /** Every end must find its run; a run named twice counts once, so the second end is refused too (S6). */
  #end(workerId: string, ends: readonly RunEnd[]): void {
    if (this.#ends.run(ends, [workerId]) !== ends.length) {
      throw notOwned(
        workerId,
        ends.map((end) => end.runId),
      );
    }
    const ended = ends.filter((end) => end.status !== 'BLOCKED');
    if (ended.length === 0) return;
    const ids = ended.map((end) => end.runId);
    this.#inbox.removeOf(ids);
    const asleep = this.#connection.statement(`SELECT 1 AS found FROM perdure_runs WHERE ${ASLEEP} LIMIT 1`).get([]);
    if (asleep !== undefined) this.#connection.statement(WAKE_PARENTS).run([JSON.stringify(ids)]);
  }
}

function isOneOperation({ creates, operations, restarts, suspends, ends, messages, taken }: CommitBatch): boolean {
  return operations.length === 1 && creates.length + restarts.length + suspends.length + ends.length + messages.length + taken.length === 0;
}

function notOwned(workerId: string, runIds: readonly string[]): StorageError {
  const ids = `${runIds.slice(0, 5).join(', ')}${runIds.length > 5 ? ', …' : ''}`;
  return new StorageError(
    'FENCED',
    `not all of these runs belong to worker ${workerId}, so nothing of this batch was written: ${ids}. Drop what this worker knows of them`,
  );
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
