import { randomUUID } from 'node:crypto';
import { shared } from '../../realm/realm.js';

/** Who holds the lock of a worker. */
interface LockHolder {
  readonly pid: number;
  /** When the process began, in milliseconds of the machine's monotonic clock: a pid is used again, in a container that is started again at once. */
  readonly startedAt: number;
  readonly realm: string;
}

/** Two processes of one pid begin further apart than that, and all realms of a process agree by far. */
const SAME_START_MS = 10;

/** What others read of the holder of this realm's locks. */
export const OWN_HOLDER: LockHolder = shared('lock holder', () => ({ pid: process.pid, startedAt: processStart(), realm: randomUUID() }));

/**
 * Where the lock of a worker is held. Locks of the process that another realm holds (a worker thread, a context of `node:vm`) are not known here, and
 * opening the file could end them.
 *
 * @param holder - What the worker's row has of it.
 */
export function placeOf(holder: unknown): 'this realm' | 'another realm' | 'another process' | 'unknown' {
  if (!isHolder(holder)) return 'unknown';
  const sameProcess = holder.pid === OWN_HOLDER.pid && Math.abs(holder.startedAt - OWN_HOLDER.startedAt) < SAME_START_MS;
  if (!sameProcess) return 'another process';
  return holder.realm === OWN_HOLDER.realm ? 'this realm' : 'another realm';
}

function isHolder(value: unknown): value is LockHolder {
  const { pid, startedAt, realm } = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof LockHolder, unknown>
  >;
  return typeof pid === 'number' && typeof startedAt === 'number' && typeof realm === 'string';
}

/** All realms of a process come to the same: the clock and the uptime are the machine's and the process's. */
function processStart(): number {
  let start = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < 5; sample += 1) {
    const uptimeMs = process.uptime() * 1_000;
    // Whatever comes in between makes it later, never earlier.
    start = Math.min(start, Number(process.hrtime.bigint()) / 1e6 - uptimeMs);
  }
  return start;
}
