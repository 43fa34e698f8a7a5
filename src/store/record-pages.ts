import { Slices } from '../clock/slices.js';
import type { RunRecord } from '../model/records.js';
import { mergedOptions } from '../options/read-options.js';
import type { RunQuery, StoreReader } from './reader.js';

/** Runs that are read at once. */
const RUNS_A_PAGE = 500;

/** All runs that meet a query, up to its limit if it has one, page by page: no more than a page is held at once. */
export async function* recordPages(
  reader: Pick<StoreReader, 'records'>,
  query: RunQuery,
): AsyncGenerator<{ readonly runs: readonly RunRecord[]; readonly next: string | null }, void> {
  let left = query.limit ?? Number.POSITIVE_INFINITY;
  let cursor: string | null = query.cursor ?? null;
  const slices = new Slices();
  do {
    if (slices.over) await slices.next();
    const limit = Math.min(RUNS_A_PAGE, left);
    const page = await reader.records(mergedOptions<RunQuery>(query, { limit, ...(cursor === null ? {} : { cursor }) }));
    left -= page.runs.length;
    cursor = page.next;
    yield page;
  } while (cursor !== null && left > 0);
}

/** All runs of a store, newest first: for those who need them all at once. */
export async function allRecords(reader: Pick<StoreReader, 'records'>, query: RunQuery = {}): Promise<RunRecord[]> {
  const all: RunRecord[] = [];
  for await (const { runs } of recordPages(reader, query)) for (const run of runs) all.push(run);
  return all;
}
