import { join } from 'node:path';
import { type BatchResult, type DurableFuture, memoryStore, sqliteStore } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { tempDirectory } from '../store/temp-directory.js';
import { batchCases, batchFlow, expectCase, observationsOf } from './batch-cases.js';
import { besideFailures, openEngine } from './with-engine.js';

const stores: readonly [string, () => Store][] = [
  ['the memory store', memoryStore],
  ['a SQLite file', () => sqliteStore(join(tempDirectory(), 'batch.db'))],
];

describe.each(stores)('every case of the table on %s', (_name, newStore) => {
  test.each(batchCases.map((batchCase) => [batchCase.id, batchCase] as const))('%s comes out as the table says', async (id, batchCase) => {
    const store = newStore();
    const { engine, lines } = await openEngine({ store, leaks: 'error', nonDurableAwait: 'error' });
    const future: DurableFuture<BatchResult<unknown>> = engine.start(batchFlow, [batchCase], { id: `${id} on ${store.name}` });
    const outcome = (await future.exception()) ?? (await future.result());
    expectCase(batchCase, outcome, observationsOf(future.id));
    expect(besideFailures(lines)).toStrictEqual([]);
    if (batchCase.expect.throws !== undefined) expect(await journalOf(store, future.id)).toStrictEqual([]);
  });
});

test('every case of the table has an id of its own', () => {
  expect(new Set(batchCases.map(({ id }) => id)).size).toBe(batchCases.length);
});
