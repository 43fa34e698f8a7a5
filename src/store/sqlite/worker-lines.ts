import type { WorkerLine } from '../reader.js';
import { workerPlace } from '../worker-place.js';
import type { SqlRow } from './driver.js';
import { ROWS_A_PAGE } from './long-read.js';
import { safeNumber } from './rows.js';
import type { Rows } from './run-pages.js';

const NUMBERS = ['registered_at', 'heartbeat_at', 'lease_ms'].map((column) => `${safeNumber(column)} AS ${column}`).join(', ');
const SELECT = `SELECT id, status, info, ${NUMBERS} FROM perdure_workers WHERE typeof(id) = 'text' AND id > ? ORDER BY id LIMIT ${ROWS_A_PAGE}`;

/** All workers, dead ones as well. The numbers are taken on trust: who goes by a lease looks at it first. */
export function readWorkers(rows: Rows): WorkerLine[] {
  const lines: WorkerLine[] = [];
  for (let last = ''; ; ) {
    const found = rows(SELECT, [last]);
    for (const row of found) lines.push(lineOf(row));
    if (found.length < ROWS_A_PAGE) return lines;
    last = found.at(-1)?.['id'] as string;
  }
}

function lineOf(row: SqlRow): WorkerLine {
  return {
    id: row['id'] as string,
    status: row['status'] === 'ALIVE' ? 'ALIVE' : 'DEAD',
    registeredAt: row['registered_at'] as number,
    heartbeatAt: row['heartbeat_at'] as number,
    leaseMs: row['lease_ms'] as number | null,
    info: workerPlace(row['info']),
  };
}
