import { StorageError } from '../../errors/errors.js';
import { isTime } from '../../model/forms.js';
import type { FlowEntry, NewWorker } from '../store.js';
import type { Connection } from './connection.js';
import type { SqliteDriver, SqlRow } from './driver.js';
import { checkFence, fenced } from './fence.js';
import { type Lease, LeaseWatch, leaseOf } from './lease-watch.js';
import { OWN_HOLDER, placeOf } from './lock-holder.js';
import { safeNumber } from './rows.js';
import { AWAKE } from './schema.js';
import { storeRestored } from './store-replaced.js';
import type { Suspects } from './suspects.js';
import type { WorkerLock } from './worker-lock.js';
import { probeWorkerLock, sweepWorkerLocks, takeWorkerLock } from './worker-lock.js';

const RELEASE_RUNS = `UPDATE perdure_runs SET status = 'PENDING', worker_id = NULL WHERE worker_id = ? AND ${AWAKE}`;

/** Parameters: the worker, its flows with their versions. */
const ADD_FLOWS = `INSERT OR IGNORE INTO perdure_worker_flows (worker_id, flow, version)
  SELECT ?, json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)`;

/** No worker is found again by an id that is no text, and none has one. */
const ALIVE = `status = 'ALIVE' AND typeof(id) = 'text'`;

/** Owners of runs who do not live: there are none (SW1), unless another program has written into the table. Each step finds the next owner by the index. */
const STRAY_OWNERS = `WITH RECURSIVE owners (id) AS (
    SELECT min(worker_id) FROM perdure_runs WHERE ${AWAKE} AND worker_id IS NOT NULL
    UNION ALL
    SELECT (SELECT min(worker_id) FROM perdure_runs WHERE ${AWAKE} AND worker_id > owners.id) FROM owners WHERE owners.id IS NOT NULL
  )
  SELECT id FROM owners WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM perdure_workers WHERE ${ALIVE})`;
const RELEASE_STRAYS = `UPDATE perdure_runs SET status = 'PENDING', worker_id = NULL WHERE worker_id IN (${STRAY_OWNERS}) AND ${AWAKE}`;

/** The lease of a worker whose own cannot be read: most renew their heartbeats at least as often as by default. */
const SHORTEST_STAND_IN_MS = 30_000;

const LIVING = `SELECT id, ${safeNumber('heartbeat_at')} AS heartbeat_at, quote(heartbeat_at) AS beat, ${safeNumber('lease_ms')} AS lease_ms, info
  FROM perdure_workers WHERE ${ALIVE}`;

interface LivingWorker extends Lease {
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
 *   SW4  Whose lock is free is dead, whatever else the row says.
 */
export class WorkerTable {
  readonly #connection: Connection;
  readonly #driver: SqliteDriver;
  readonly #suspects: Suspects;
  readonly #locks = new Map<string, WorkerLock>();
  /** The last heartbeat of each worker here, as it must stand in the table. */
  readonly #heartbeats = new Map<string, number>();
  readonly #watch: LeaseWatch;

  constructor(connection: Connection, driver: SqliteDriver, suspects: Suspects) {
    this.#connection = connection;
    this.#suspects = suspects;
    this.#driver = driver;
    this.#watch = new LeaseWatch(connection.path);
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
        this.#forgetFlows(workerId);
        this.#connection.statement(`DELETE FROM perdure_workers WHERE id = ? AND status = 'ALIVE'`).run([workerId]);
      });
    } catch (error) {
      lock?.abandon();
      throw error;
    }
    lock?.release();
  }

  registerFlows(workerId: string, flows: readonly FlowEntry[]): void {
    this.#connection.write('register flows', () => {
      checkFence(this.#connection, workerId);
      this.#forgetFlows(workerId);
      this.#connection.statement(ADD_FLOWS).run([workerId, JSON.stringify(flows.map(({ flow, version }) => [flow, version]))]);
    });
  }

  #forgetFlows(workerId: string): void {
    this.#connection.statement('DELETE FROM perdure_worker_flows WHERE worker_id = ?').run([workerId]);
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
    const living = this.#living();
    this.#watch.keep(new Set(living.map(({ id }) => id)));
    // The processes of a program mostly have one lease.
    const standInMs = Math.max(...living.map((worker) => leaseOf(worker) ?? 0), SHORTEST_STAND_IN_MS);
    for (const other of living) {
      if (other.id === workerId) {
        this.#checkHeartbeat(other);
        continue;
      }
      try {
        if (this.#reapOne(other, { nowMs, standInMs })) dead.push(other.id);
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

  #reapOne(worker: LivingWorker, by: { readonly nowMs: number; readonly standInMs: number }): boolean {
    const { id, beat, probed } = worker;
    const lock = probed ? probeWorkerLock(this.#driver, this.#connection.realPath, id) : 'held';
    try {
      // Only the lease can be renewed meanwhile: a lock that was given up is never taken again.
      if (lock !== 'held') return this.#markDead(id, null);
      return this.#watch.isOver(worker, by) && this.#markDead(id, beat);
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

  /** Nothing else writes it: another one is from an older state of the file. One that cannot be read is from none, and is written over by the next. */
  #checkHeartbeat({ id, heartbeatAt }: Lease): void {
    const written = this.#heartbeats.get(id);
    if (written !== undefined && isTime(heartbeatAt) && written !== heartbeatAt) throw storeRestored(this.#connection.path, id);
  }

  /** @param beat - The heartbeat for which it is dead, unless it has renewed that; `null` when it is dead whatever that says. */
  #markDead(workerId: string, beat: string | null): boolean {
    return this.#connection.write('mark a worker dead', () => {
      const { changes } = this.#connection
        .statement(
          `UPDATE perdure_workers SET status = 'DEAD' WHERE id = ? AND status = 'ALIVE' AND quote(heartbeat_at) = coalesce(?, quote(heartbeat_at))`,
        )
        .run([workerId, beat]);
      if (changes === 0) return false;
      this.#forgetFlows(workerId);
      this.#suspects.releaseOf(workerId);
      return true;
    });
  }

  #living(): LivingWorker[] {
    return this.#connection
      .statement(LIVING)
      .all([])
      .map((row) => ({
        id: row['id'] as string,
        heartbeatAt: row['heartbeat_at'],
        beat: row['beat'] as string,
        leaseMs: row['lease_ms'],
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
