import { UsageError } from '../errors/errors.js';
import type { RunCreation } from '../model/records.js';
import type { CommitBatch } from './store.js';

/** A creation without a worker: any worker may claim the run. */
export function ownerless(creation: RunCreation): RunCreation {
  return { ...creation, run: { ...creation.run, status: 'PENDING', workerId: null } };
}

/**
 * Refuses what a store without queues, tags, values, streams and transactions would lose.
 *
 * @throws {UsageError} `NOT_ON_THIS_STORE`
 */
export function refuseUnsupported(store: string, { creates, publications, tags, settled }: Partial<CommitBatch>): void {
  const refused =
    (publications !== undefined && 'values and streams') ||
    (tags !== undefined && 'tags') ||
    (settled !== undefined && 'transactions') ||
    (creates?.some(({ line }) => line !== undefined) && 'queues and delays') ||
    (creates?.some((creation) => creation.tags !== undefined) && 'tags');
  if (refused) throw new UsageError('NOT_ON_THIS_STORE', `the store ${store} has no ${refused}: leave them out, or use another store`);
}
