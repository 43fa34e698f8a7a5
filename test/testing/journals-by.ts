import type { OperationRecord } from '../../src/model/records.js';
import type { Store } from '../../src/store/store.js';

/** How a store loads journals that finds each by itself. */
export function journalsBy(one: (runId: string) => Promise<OperationRecord[]>): Store['loadJournals'] {
  return async (runIds) => new Map(await Promise.all(runIds.map(async (id) => [id, await one(id)] as const)));
}
