import { join } from 'node:path';
import { expect, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { batchOf, endOf, outcomeOf, runOf, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

async function storeWhileOpen(): Promise<Store> {
  const store = sqliteStore(join(tempDirectory(), 'app.db'));
  await store.open();
  await store.registerWorker(workerOf('w1'));
  return store;
}

/** How often others had their turn while something was done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let over = false;
  const count = (): void => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  await work();
  over = true;
  return turns;
}

test('a run with many children, one with a long journal, and many runs go in many short transactions', async () => {
  const store = await storeWhileOpen();
  const many = Array.from({ length: 4_000 }, (_, index) => `run ${index}`);
  const children = Array.from({ length: 3_000 }, (_, index) => runOf(`child ${index}`, { parentRunId: 'parent', parentOperationId: '1' }));
  await store.commit(batchOf({ creates: [...['parent', 'long', 'kept', ...many].map((id) => runOf(id)), ...children] }));
  await store.commit(batchOf({ operations: Array.from({ length: 5_000 }, (_, index) => outcomeOf('long', `${index}`, index + 1)) }));
  const ids = ['parent', 'long', ...many, ...children.map(({ id }) => id)];
  await store.commit(batchOf({ ends: ids.map((id) => endOf(id, { finishedAt: 1 })) }));

  let gone = 0;
  const turns = await turnsDuring(async () => {
    gone = await store.prune({ endedBefore: null, keep: 100, limit: Number.MAX_SAFE_INTEGER });
  });
  expect(gone).toBe(3_000 + 2 + 4_000 - 100);
  // 3,900 runs, 3,000 children and 5,000 entries, at most 300 rows a transaction.
  expect(turns).toBeGreaterThan(10);
  expect(await journalOf(store, 'long')).toEqual([]);
  expect(await recordsOf(store, { limit: 1_000 })).toHaveLength(101);
  await store.close();
});

test('what a pruning that was stopped has left half deleted is deleted by the next', async () => {
  const store = await storeWhileOpen();
  await store.commit(batchOf({ creates: [runOf('long')] }));
  await store.commit(batchOf({ operations: Array.from({ length: 3_000 }, (_, index) => outcomeOf('long', `${index}`, index + 1)) }));
  await store.commit(batchOf({ ends: [endOf('long', { finishedAt: 1 })] }));
  expect(await store.prune({ endedBefore: 2, keep: null, limit: 1, stopped: () => true })).toBe(0);
  expect((await store.getRuns(['long'])).length).toBe(1);
  expect((await journalOf(store, 'long')).length).toBe(2_700);
  expect(await store.prune({ endedBefore: 2, keep: null, limit: 1 })).toBe(1);
  expect(await journalOf(store, 'long')).toEqual([]);
  await store.close();
});

test('of those to be kept none goes while other processes prune as well', async () => {
  const path = join(tempDirectory(), 'app.db');
  const stores = Array.from({ length: 3 }, () => sqliteStore(path));
  for (const store of stores) await store.open();
  const [first] = stores as [Store, ...Store[]];
  await first.registerWorker(workerOf('w1'));
  const ids = Array.from({ length: 30_000 }, (_, index) => `run ${index}`);
  await first.commit(batchOf({ creates: ids.map((id) => runOf(id)) }));
  await first.commit(batchOf({ ends: ids.map((id, index) => endOf(id, { finishedAt: index % 7 })) }));
  const gone = await Promise.all(stores.map((store) => store.prune({ endedBefore: null, keep: 25_000, limit: Number.MAX_SAFE_INTEGER })));
  expect(gone.reduce((sum, each) => sum + each, 0)).toBe(5_000);
  expect((await first.getRuns(['run 4999', 'run 5000'])).map(({ id }) => id)).toEqual(['run 5000']);
  for (const store of stores) await store.close();
});

test('a child whose parent is gone counts among those to be kept', async () => {
  const store = await storeWhileOpen();
  const orphans = Array.from({ length: 10 }, (_, index) =>
    runOf(`orphan ${index}`, { parentRunId: 'gone', parentOperationId: `${index}` }),
  );
  const roots = Array.from({ length: 10 }, (_, index) => runOf(`root ${index}`));
  await store.commit(batchOf({ creates: [...orphans, ...roots, runOf('unfinished')] }));
  await store.commit(batchOf({ ends: [...orphans, ...roots].map(({ id }) => endOf(id, { finishedAt: 1 })) }));
  expect(await store.prune({ endedBefore: null, keep: 13, limit: Number.MAX_SAFE_INTEGER })).toBe(7);
  const left = (await recordsOf(store, { limit: 100 })).map(({ id }) => id);
  expect(left).toHaveLength(14);
  expect(left).toContain('orphan 7');
  expect(left).not.toContain('orphan 6');
  await store.close();
});
