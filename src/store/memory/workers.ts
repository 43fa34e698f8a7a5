import { StorageError } from '../../errors/errors.js';
import type { WorkerLine } from '../reader.js';
import type { FlowEntry, NewWorker } from '../store.js';
import { workerPlace } from '../worker-place.js';

interface Worker {
  status: 'ALIVE' | 'DEAD';
  heartbeatMs: number;
  readonly leaseMs: number;
  readonly registeredMs: number;
  readonly info: NewWorker['info'];
  flows: readonly FlowEntry[];
  /** Stands for the lock: false once all who had the store open have closed it. */
  locked: boolean;
}

/**
 * Who lives.
 *
 * States of a worker: (unknown) → ALIVE → DEAD, or → (unknown) again when it retires. The id of one that is dead never lives again (S5).
 */
export class Workers {
  readonly #workers = new Map<string, Worker>();

  /** Those of which anything is known. */
  get size(): number {
    return this.#workers.size;
  }

  register({ id, nowMs, leaseMs, info }: NewWorker): void {
    const known = this.#workers.get(id);
    if (known?.status === 'DEAD') throw fenced(id);
    if (known !== undefined) {
      throw new StorageError(
        known.locked ? 'STORE_BUSY' : 'STORE_FAILED',
        `could not register worker ${id} in memory: a worker of this id is registered. Every worker needs an id of its own`,
      );
    }
    this.#workers.set(id, {
      status: 'ALIVE',
      heartbeatMs: nowMs,
      leaseMs,
      registeredMs: nowMs,
      info: { ...info },
      flows: [],
      locked: true,
    });
  }

  /** What is told of all of them. */
  lines(): WorkerLine[] {
    const ids = [...this.#workers.keys()].sort();
    return ids.map((id) => {
      const { status, registeredMs, heartbeatMs, leaseMs, info } = this.#workers.get(id) as Worker;
      return { id, status, registeredAt: registeredMs, heartbeatAt: heartbeatMs, leaseMs, info: workerPlace(JSON.stringify(info)) };
    });
  }

  /** Returns whether it was alive. */
  retire(id: string): boolean {
    return this.#workers.get(id)?.status === 'ALIVE' && this.#workers.delete(id);
  }

  heartbeat(id: string, nowMs: number): void {
    this.checkFence(id).heartbeatMs = nowMs;
  }

  /** Marks dead all others that have no lock, or whose heartbeat is older than their lease; calls with each of them. */
  reap({ workerId, nowMs }: { workerId: string; nowMs: number }, onDead: (id: string) => void): string[] {
    const dead: string[] = [];
    for (const [id, worker] of this.#workers) {
      const expired = worker.heartbeatMs < nowMs - worker.leaseMs;
      if (id === workerId || worker.status === 'DEAD' || (worker.locked && !expired)) continue;
      worker.status = 'DEAD';
      onDead(id);
      dead.push(id);
    }
    return dead;
  }

  registerFlows(id: string, flows: readonly FlowEntry[]): void {
    this.checkFence(id).flows = flows.map(({ flow, version }) => ({ flow, version }));
  }

  /** Whether any that lives has registered a flow and version. */
  have({ flow, version }: FlowEntry): boolean {
    for (const { status, flows } of this.#workers.values()) {
      if (status === 'ALIVE' && flows.some((entry) => entry.flow === flow && entry.version === version)) return true;
    }
    return false;
  }

  /** The last user of the store has closed it. */
  unlockAll(): void {
    for (const worker of this.#workers.values()) worker.locked = false;
  }

  checkFence(id: string): Worker {
    const worker = this.#workers.get(id);
    if (worker?.status !== 'ALIVE') throw fenced(id);
    return worker;
  }
}

function fenced(workerId: string): StorageError {
  return new StorageError(
    'FENCED',
    `worker ${workerId} is not alive in memory: it was retired, or marked dead because it stood still for longer than its lease. ` +
      'Nothing was written. Drop its runs and register a new worker',
  );
}
