import type { RunRecord } from '../../src/model/records.js';
import type { StoreReader } from '../../src/store/reader.js';
import type { Store } from '../../src/store/store.js';

/** What makes readers of a store that have some methods of their own. */
export function readerWith(store: Pick<Store, 'reader'>, methods: (reader: StoreReader) => Partial<StoreReader>): () => StoreReader {
  return () => {
    const reader = store.reader();
    const own = methods(reader);
    return new Proxy(reader, {
      get(target, key) {
        const given: unknown = Reflect.get(own, key);
        if (given !== undefined) return given;
        const member: unknown = Reflect.get(target, key);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  };
}

/** What makes readers of a store that show its runs otherwise. */
export function readerShowing(store: Pick<Store, 'reader'>, shown: (runs: RunRecord[]) => RunRecord[]): () => StoreReader {
  return readerWith(store, (reader) => ({
    records: async (query) => {
      const page = await reader.records(query);
      return { ...page, runs: shown(page.runs) };
    },
  }));
}
