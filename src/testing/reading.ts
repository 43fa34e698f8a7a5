import type { RunRecord } from '../model/records.js';
import type { RunQuery, StoreReader } from '../store/reader.js';
import { allRecords } from '../store/record-pages.js';
import type { Store } from '../store/store.js';

/** Reads from a store by a reader of its own. */
export async function reading<T>(store: Pick<Store, 'reader'>, read: (reader: StoreReader) => Promise<T>): Promise<T> {
  const reader = store.reader();
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}

/** The runs of a store that meet a query, newest first, however many. */
export function recordsOf(store: Pick<Store, 'reader'>, query?: RunQuery): Promise<RunRecord[]> {
  return reading(store, (reader) => allRecords(reader, query));
}
