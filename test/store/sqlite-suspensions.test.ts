import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { batchOf, endOf, runOf, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

test('runs are suspended by their ids, however many others their worker has and the file holds', async () => {
  const store = sqliteStore(join(tempDirectory(), 'app.db'), { synchronous: 'normal' });
  await store.open();
  onTestFinished(() => store.close());
  await store.registerWorker(workerOf('w1', 0));
  const ids = Array.from({ length: 10_000 }, (_, n) => `${n}`);
  await store.commit(batchOf({ creates: ids.map((id) => runOf(id)) }));
  const startedAt = performance.now();
  for (let from = 0; from < 1_000; from += 500) {
    const suspends = ids.slice(from, from + 500).map((runId) => ({ runId, wakeAt: 5_000, children: [`${Number(runId) + 5_000}`] }));
    await store.commit(batchOf({ suspends }));
  }
  // Tens of milliseconds; comparing each with each would take many seconds.
  expect(performance.now() - startedAt).toBeLessThan(1_500);
  expect(await recordsOf(store, { status: 'SUSPENDED', limit: 10_000 })).toHaveLength(1_000);
});

test('a batch with a run of another worker is refused whole, whatever it was to do with that', async () => {
  const store = sqliteStore(join(tempDirectory(), 'app.db'), { synchronous: 'normal' });
  await store.open();
  onTestFinished(() => store.close());
  await store.registerWorker(workerOf('w1', 0));
  for (const batch of [
    batchOf({ suspends: [{ runId: 'strange', wakeAt: 5_000, children: [] }] }),
    batchOf({ restarts: [{ runId: 'strange', input: '[]', seed: '', options: null, operations: [] }] }),
    batchOf({ ends: [endOf('strange')] }),
  ])
    await expect(store.commit(batch)).rejects.toMatchObject({
      code: 'FENCED',
      message:
        'not all of these runs belong to worker w1, so nothing of this batch was written: strange. Drop what this worker knows of them',
    });
});
