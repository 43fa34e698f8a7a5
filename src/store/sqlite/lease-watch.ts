import process from 'node:process';
import { columnUnreadable } from '../../errors/value-unreadable.js';
import { isOrdinal, isTime } from '../../model/forms.js';

/** What the row of a worker says of its lease, whatever wrote it. */
export interface Lease {
  readonly id: string;
  readonly heartbeatAt: unknown;
  /** The same as a literal of SQL: any two values that are not the same have two texts. */
  readonly beat: string;
  readonly leaseMs: unknown;
}

/**
 * Judges workers by their leases, where nothing is known of their locks but that they may be held.
 *
 * Owns: since when heartbeats stand there that say nothing.
 *
 *   LW1  A worker is over once it has not renewed its heartbeat for a lease: from the time in its row on, or, where that is no time that has been, from the
 *        first look on. So one that lives is not over for what was written into its row: its next heartbeat is another value.
 */
export class LeaseWatch {
  readonly #path: string;
  readonly #standing = new Map<string, { readonly beat: string; readonly sinceMs: number }>();
  readonly #told = new Set<string>();

  constructor(path: string) {
    this.#path = path;
  }

  /** @param standInMs - The lease of a worker whose own cannot be read. */
  isOver(lease: Lease, { nowMs, standInMs }: { readonly nowMs: number; readonly standInMs: number }): boolean {
    const { id, heartbeatAt, beat } = lease;
    const oldest = nowMs - (leaseOf(lease) ?? standInMs);
    this.#tell(lease);
    if (isTime(heartbeatAt) && (heartbeatAt as number) <= nowMs) {
      this.#standing.delete(id);
      return (heartbeatAt as number) < oldest;
    }
    const standing = this.#standing.get(id);
    if (standing?.beat === beat) return standing.sinceMs < oldest;
    this.#standing.set(id, { beat, sinceMs: nowMs });
    return false;
  }

  /** Drops what it knows of all others. */
  keep(workerIds: ReadonlySet<string>): void {
    for (const known of [this.#standing, this.#told]) for (const id of known.keys()) if (!workerIds.has(id)) known.delete(id);
  }

  /** Once a worker. A store has no log. */
  #tell(lease: Lease): void {
    const { id, heartbeatAt, leaseMs } = lease;
    const isRight = isTime(heartbeatAt) && leaseOf(lease) !== undefined;
    if (isRight || this.#told.has(id)) return;
    this.#told.add(id);
    const { message } = isTime(heartbeatAt) ? columnUnreadable('lease_ms', leaseMs) : columnUnreadable('heartbeat_at', heartbeatAt);
    process.emitWarning(
      `the row of worker ${id.slice(0, 100)} in ${this.#path}: ${message}. It counts as living while it renews its heartbeat, and as dead when its lock is ` +
        'free, or when it has not renewed its heartbeat for a lease',
      { type: 'PerdureWarning', code: 'VALUE_UNREADABLE' },
    );
  }
}

/** The lease of a worker, if it can be read. */
export function leaseOf({ leaseMs }: Pick<Lease, 'leaseMs'>): number | undefined {
  return isOrdinal(leaseMs) ? (leaseMs as number) : undefined;
}
