import { isText } from '../../options/read-options.js';
import type { StoreReader } from '../../store/reader.js';
import type { Store } from '../../store/store.js';

/**
 * The runs and journals that a reader gives, in the shape in which a store gives them to its worker. A damaged journal may name as a child what can be no
 * run's id: there is none of it, and no reason to refuse the rest.
 */
export function readSource(reader: Pick<StoreReader, 'records' | 'journal'>): Pick<Store, 'getRuns' | 'loadJournals'> {
  return {
    async getRuns(given) {
      const ids = given.filter(isText);
      return ids.length === 0 ? [] : (await reader.records({ ids, limit: ids.length })).runs;
    },
    async loadJournals(runIds) {
      const journals = new Map<string, Awaited<ReturnType<StoreReader['journal']>>>();
      for (const id of runIds) journals.set(id, await reader.journal(id));
      return journals;
    },
  };
}
