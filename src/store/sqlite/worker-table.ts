import { StorageError } from '../../errors/errors.js';
import type { NewWorker } from '../store.js';
import type { Connection } from './connection.js';
import type { SqliteDriver, SqlRow } from './driver.js';
import { fenced } from './fence.js';
import { OWN_HOLDER, placeOf } from './lock-holder.js';
import { AWAKE } from './schema.js';
import { storeRestored } from './store-replaced.js';
import type { Suspects } from './suspects.js';
import type { WorkerLock } from './worker-lock.js';
import { probeWorkerLock, sweepWorkerLocks, takeWorkerLock } from './worker-lock.js';

const RELEASE_RUNS = `UPDATE perdure_runs SET status = 'PENDING', worker_id = NULL WHERE worker_id = ? AND ${AWAKE}`;

/** Owners of runs who do not live: there are none (SW1), unless another program has written into the table. Each step finds the next owner by the index. */
const STRAY_OWNERS = `WITH RECURSIVE owners (id) AS (
    SELECT min(worker_id) FROM perdure_runs WHERE ${AWAKE} AND worker_id IS NOT NULL
    UNION ALL
    SELECT (SELECT min(worker_id) FROM perdure_runs WHERE ${AWAKE} AND worker_id > owners.id) FROM owners WHERE owners.id IS NOT NULL
  )
  SELECT id FROM owners WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM perdure_workers WHERE status = 'ALIVE')`;
const RELEASE_STRAYS = `UPDATE perdure_runs SET status = 'PENDING', worker_id = NULL WHERE worker_id IN (${STRAY_OWNERS}) AND ${AWAKE}`;

interface LivingWorker {
  readonly id: string;
  readonly heartbeatAt: number;
  readonly leaseMs: number;
  /** Whether its lock may be looked at. */
  readonly probed: boolean;
}

/**
 * Who lives, and what becomes of the runs of those who do not.
 *
 * Owns: the table of workers, and the locks of the workers registered through this store.
 * Does not own: what else is in the database.
 *
 * States of a worker: (unknown) → ALIVE → DEAD, or → (unknown) again when it retires.
 *
 * Invariants:
 *   SW1  An unfinished run that has a worker has a living one: what ends a worker releases its runs in the same transaction.
 *   SW2  A dead worker's row stays, so that its id never lives again (S5).
 *   SW3  A worker of this process that another realm registered, or of whom that is not known, is judged by its lease alone: its lock is not looked at.
 */
export class WorkerTable {
  readonly #connection: Connection;
  readonly #driver: SqliteDriver;
  readonly #suspects: Suspects;
  readonly #locks = new Map<string, WorkerLock>();
  /** The last heartbeat of each worker here, as it must stand in the table. */
  readonly #heartbeats = new Map<string, number>();

  constructor(connection: Connection, driver: SqliteDriver, suspects: Suspects) {
    this.#connection = connection;
    this.#suspects = suspects;
    this.#driver = driver;
  }

  /** How many workers this store holds locks for. */
  get held(): number {
    return this.#locks.size;
  }

  /** Deletes the side files that are needed no more. */
  sweep(): void {
    const rows = this.#connection.statement('SELECT id, status, info FROM perdure_workers').all([]);
    const left = new Map(rows.map((row) => [row['id'] as string, row['status'] === 'DEAD' && lockPlace(row) !== 'another realm']));
    sweepWorkerLocks(this.#driver, this.#connection.realPath, (workerId) => left.get(workerId));
  }

  register(worker: NewWorker): void {
    const lock = takeWorkerLock(this.#driver, this.#connection.realPath, worker.id);
    try {
      this.#connection.write('register a worker', () => this.#insert(worker));
      this.#locks.set(worker.id, lock);
      this.#heartbeats.set(worker.id, worker.nowMs);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Where the table cannot be written, the lock is given back all the same: the next one that looks finds the worker dead. */
  retire(workerId: string): void {
    const lock = this.#locks.get(workerId);
    this.#locks.delete(workerId);
    this.#heartbeats.delete(workerId);
    try {
      this.#connection.write('retire a worker', () => {
        this.#connection.statement(RELEASE_RUNS).run([workerId]);
        this.#connection.statement(`DELETE FROM perdure_workers WHERE id = ? AND status = 'ALIVE'`).run([workerId]);
      });
    } catch (error) {
      lock?.abandon();
      throw error;
    }
    lock?.release();
  }

  heartbeat(workerId: string, nowMs: number): void {
    // Not known while it is being written: a failure may have written it.
    this.#heartbeats.delete(workerId);
    const { condition } = this.#connection.guard;
    const renewal = `UPDATE perdure_workers SET heartbeat_at = ? WHERE id = ? AND status = 'ALIVE' AND ${condition}`;
    const changes = this.#connection.writeOne('renew a heartbeat', renewal, [nowMs, workerId]);
    if (changes === 0) throw fenced(workerId, this.#connection);
    this.#heartbeats.set(workerId, nowMs);
  }

  reap({ workerId, nowMs }: { workerId: string; nowMs: number }): string[] {
    const dead: string[] = [];
    let failure: { readonly error: unknown } | undefined;
    for (const other of this.#living()) {
      if (other.id === workerId) {
        this.#checkHeartbeat(other);
        continue;
      }
      try {
        if (this.#reapOne(other, nowMs)) dead.push(other.id);
      } catch (error) {
        // One whose lock cannot be looked at keeps none of the others.
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
    const strays = this.#connection.statement(`SELECT 1 AS found FROM (${STRAY_OWNERS}) LIMIT 1`).get([]);
    if (strays !== undefined)
      this.#connection.write('release runs of workers that do not exist', () => this.#connection.statement(RELEASE_STRAYS).run([]));
    return dead;
  }

  #reapOne({ id, heartbeatAt, leaseMs, probed }: LivingWorker, nowMs: number): boolean {
    const oldest = nowMs - leaseMs;
    const lock = probed ? probeWorkerLock(this.#driver, this.#connection.realPath, id) : 'held';
    // Only the lease can be renewed meanwhile: a lock that was given up is never taken again.
    const olderThan = lock === 'held' ? oldest : Number.MAX_SAFE_INTEGER;
    const suspect = lock !== 'held' || heartbeatAt < oldest;
    try {
      return suspect && this.#markDead(id, olderThan);
    } finally {
      if (typeof lock === 'object') lock.release();
    }
  }

  /** Ends this process's locks as its death would. */
  abandonLocks(): void {
    for (const lock of this.#locks.values()) lock.abandon();
    this.#locks.clear();
  }

  #insert({ id, nowMs, leaseMs, info }: NewWorker): void {
    const known = this.#connection.statement('SELECT status FROM perdure_workers WHERE id = ?').get([id]);
    if (known?.['status'] === 'DEAD') throw fenced(id, this.#connection);
    if (known !== undefined) {
      throw new StorageError(
        'STORE_FAILED',
        `could not register worker ${id} in ${this.#connection.path}: a worker of this id is registered. Every worker needs an id of its own`,
      );
    }
    this.#connection
      .statement(`INSERT INTO perdure_workers (id, status, registered_at, heartbeat_at, lease_ms, info) VALUES (?, 'ALIVE', ?, ?, ?, ?)`)
      .run([id, nowMs, nowMs, leaseMs, JSON.stringify({ ...info, lock: OWN_HOLDER })]);
  }

  /** Nothing else writes it: another one is from an older state of the file. */
  #checkHeartbeat({ id, heartbeatAt }: { readonly id: string; readonly heartbeatAt: number }): void {
    const written = this.#heartbeats.get(id);
    if (written !== undefined && written !== heartbeatAt) throw storeRestored(this.#connection.path, id);
  }

  #markDead(workerId: string, olderThan: number): boolean {
    return this.#connection.write('mark a worker dead', () => {
      const { changes } = this.#connection
        .statement(`UPDATE perdure_workers SET status = 'DEAD' WHERE id = ? AND status = 'ALIVE' AND heartbeat_at < ?`)
        .run([workerId, olderThan]);
      if (changes === 0) return false;
      this.#suspects.releaseOf(workerId);
      return true;
    });
  }

  #living(): LivingWorker[] {
    return this.#connection
      .statement(`SELECT id, heartbeat_at, lease_ms, info FROM perdure_workers WHERE status = 'ALIVE'`)
      .all([])
      .map((row) => ({
        id: row['id'] as string,
        heartbeatAt: row['heartbeat_at'] as number,
        leaseMs: row['lease_ms'] as number,
        probed: ['this realm', 'another process'].includes(lockPlace(row)),
      }));
  }
}

/** Where the lock of a worker is held, as its row says. */
function lockPlace({ info }: SqlRow): ReturnType<typeof placeOf> {
  try {
    return placeOf((JSON.parse(info as string) as { readonly lock?: unknown } | null)?.lock);
  } catch {
    return 'unknown';
  }
}
