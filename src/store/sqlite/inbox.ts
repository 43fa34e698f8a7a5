import type { InboxMessage } from '../../model/records.js';
import type { RunStatus } from '../../model/statuses.js';
import { isEnded } from '../../model/statuses.js';
import type { Connection } from './connection.js';
import { checkFence } from './fence.js';
import { MESSAGE_COLUMNS, messageOf } from './rows.js';
import { AWAKE, WOKEN } from './schema.js';

/** An id that was never given before. SQLite gives none once the last that there is was written. */
const NEXT_ID = `(SELECT max(last) + 1 FROM (
  SELECT seq AS last FROM sqlite_sequence WHERE name = 'perdure_inbox' AND seq < ${Number.MAX_SAFE_INTEGER}
  UNION ALL SELECT max(id) FROM perdure_inbox WHERE id < ${Number.MAX_SAFE_INTEGER}))`;

/** What was sent to runs and not yet taken. Every method is part of the caller's transaction. */
export class Inbox {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Keeps a message unless its run has ended; returns the run's status, `undefined` when there is no such run. */
  add(message: InboxMessage): RunStatus | undefined {
    const row = this.#connection.statement('SELECT status FROM perdure_runs WHERE id = ?').get([message.runId]);
    const status = row?.['status'] as RunStatus | undefined;
    if (status === undefined || isEnded(status)) return status;
    this.#connection
      .statement(`INSERT INTO perdure_inbox (id, run_id, kind, payload) VALUES (${NEXT_ID}, ?, ?, ?)`)
      .run([message.runId, message.kind, message.payload]);
    if (status !== 'SUSPENDED') return status;
    this.#connection.statement(`UPDATE perdure_runs SET ${WOKEN} WHERE id = ?`).run([message.runId]);
    return 'PENDING';
  }

  /** Messages of the unfinished runs of a worker. The inbox is short and the runs are many: hence the fixed order of the join. */
  read(workerId: string): InboxMessage[] {
    checkFence(this.#connection, workerId);
    return this.#connection
      .statement(
        `SELECT ${MESSAGE_COLUMNS} FROM perdure_inbox AS inbox CROSS JOIN perdure_runs AS runs
         WHERE runs.id = inbox.run_id AND runs.worker_id = ? AND runs.${AWAKE} ORDER BY inbox.id`,
      )
      .all([workerId])
      .map(messageOf);
  }

  /** Messages of one run, also of one without an owner. */
  of(runId: string): InboxMessage[] {
    return this.#connection
      .statement(`SELECT ${MESSAGE_COLUMNS} FROM perdure_inbox AS inbox WHERE inbox.run_id = ? ORDER BY inbox.id`)
      .all([runId])
      .map(messageOf);
  }

  remove(ids: readonly number[]): void {
    this.#connection.statement('DELETE FROM perdure_inbox WHERE id IN (SELECT value FROM json_each(?))').run([JSON.stringify(ids)]);
  }

  /** Drops what waits for these runs. Mostly nothing waits for anybody, and then there is nothing to search. */
  removeOf(runIds: readonly string[]): void {
    const any = this.#connection.statement('SELECT 1 AS found FROM perdure_inbox LIMIT 1').get([]);
    if (any === undefined) return;
    this.#connection.statement('DELETE FROM perdure_inbox WHERE run_id IN (SELECT value FROM json_each(?))').run([JSON.stringify(runIds)]);
  }
}
