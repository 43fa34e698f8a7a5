import type { InboxMessage } from '../../model/records.js';
import type { RunStatus } from '../../model/statuses.js';
import { isEnded } from '../../model/statuses.js';
import type { Connection } from './connection.js';
import { checkFence } from './fence.js';
import { MESSAGE_COLUMNS, messageOf } from './rows.js';
import { AWAKE, WOKEN } from './schema.js';

/** No store gets here by itself: numbers above it were written by another program, and are not gone on from. Ids beyond 2^53 cannot be read. */
const LAST_COUNTED = 2 ** 52;
const COUNTED = `typeof(seq) = 'integer' AND seq BETWEEN 0 AND ${LAST_COUNTED}`;
const SEQUENCE = `sqlite_sequence WHERE name = 'perdure_inbox'`;

/** The last id that is counted on from, of those that are there. */
const LAST_THERE = `(SELECT coalesce(max(id), 0) FROM perdure_inbox WHERE id <= ${LAST_COUNTED})`;
/** An id that was never given before: the journal of a run names its messages by them. It is never left to SQLite, which goes on from any number, and ends. */
const NEXT_ID = `(SELECT 1 + max(coalesce((SELECT max(seq) FROM ${SEQUENCE} AND ${COUNTED}), 0), ${LAST_THERE}))`;

/**
 * Counts again where it is not known any more which ids were given: from the microseconds since 1970, which are more than any store has counted, and than this
 * gave before. It is SQLite's own clock, as no run ever sees it.
 */
const COUNT_AGAIN = `UPDATE sqlite_sequence
  SET seq = max(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000, ${LAST_THERE}) WHERE name = 'perdure_inbox' AND NOT (${COUNTED})`;

/** The run that something is sent to, and whether the ids have to be counted again: in one look. */
const ADDRESSEE = `SELECT status, EXISTS (SELECT 1 FROM ${SEQUENCE} AND NOT (${COUNTED})) AS lost_count FROM perdure_runs WHERE id = ?`;

/** What was sent to runs and not yet taken. Every method is part of the caller's transaction. */
export class Inbox {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Keeps a message unless its run has ended; returns the run's status, `undefined` when there is no such run. */
  add(message: InboxMessage): RunStatus | undefined {
    const row = this.#connection.statement(ADDRESSEE).get([message.runId]);
    const status = row?.['status'] as RunStatus | undefined;
    if (status === undefined || isEnded(status)) return status;
    if (row?.['lost_count'] === 1) this.#connection.statement(COUNT_AGAIN).run([]);
    this.#connection
      .statement(`INSERT INTO perdure_inbox (id, run_id, kind, payload) VALUES (${NEXT_ID}, ?, ?, ?)`)
      .run([message.runId, message.kind, message.payload]);
    if (status !== 'SUSPENDED') return status;
    this.#connection.statement(`UPDATE perdure_runs SET ${WOKEN} WHERE id = ?`).run([message.runId]);
    return 'PENDING';
  }

  /**
   * Messages of the unfinished runs of a worker: the first so many behind one, or all. The inbox is short and the runs are many: hence the fixed order of
   * the join.
   */
  read(workerId: string, { limit = -1, after }: { readonly limit?: number; readonly after?: number } = {}): InboxMessage[] {
    checkFence(this.#connection, workerId);
    const later = after === undefined ? '' : 'AND inbox.id > ?';
    return this.#connection
      .statement(
        `SELECT ${MESSAGE_COLUMNS} FROM perdure_inbox AS inbox CROSS JOIN perdure_runs AS runs
         WHERE runs.id = inbox.run_id AND runs.worker_id = ? AND runs.${AWAKE} ${later} ORDER BY inbox.id LIMIT ?`,
      )
      .all(after === undefined ? [workerId, limit] : [workerId, after, limit])
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
