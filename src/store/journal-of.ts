import type { OperationRecord } from '../model/records.js';
import type { Store } from './store.js';

/** The journal of one run. */
export async function journalOf(store: Pick<Store, 'loadJournals'>, runId: string): Promise<OperationRecord[]> {
  return (await store.loadJournals([runId])).get(runId) ?? [];
}
