import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { SqliteDriver } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { OWN_HOLDER } from '../../src/store/sqlite/lock-holder.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

const LEASE_MS = 30_000;
const { pid, startedAt } = OWN_HOLDER;

/** A store with a worker, which tells the side files that it opens. */
async function storeWhileOpen(path: string, workerId: string): Promise<{ store: Store; opened: string[] }> {
  const opened: string[] = [];
  const found = findDriver();
  const driver: SqliteDriver = {
    ...found,
    connect(file) {
      if (file.includes('-worker-')) opened.push(file.slice(file.indexOf('-worker-') + '-worker-'.length));
      return found.connect(file);
    },
  };
  const store = sqliteStore(path, { driver });
  await store.open();
  onTestFinished(() => store.close());
  await store.registerWorker(workerOf(workerId, 1_000, LEASE_MS));
  return { store, opened };
}

/** Says of a worker that another held its lock. */
function rewrite(path: string, workerId: string, info: string | null): void {
  const database = findDriver().connect(path);
  database.prepare('UPDATE perdure_workers SET info = ? WHERE id = ?').run([info, workerId]);
  database.close();
}

test.each([
  ['another realm of this process', JSON.stringify({ lock: { ...OWN_HOLDER, realm: 'another' } })],
  ['nobody knows whom: there is nothing', null],
  ['nobody knows whom: it is no JSON', '{'],
  ['nobody knows whom: a newer version wrote it', JSON.stringify({ lock: { pid: String(pid) } })],
])('a worker of %s is judged by its lease, and its side file is not opened', async (_, info) => {
  const path = join(tempDirectory(), 'app.db');
  const { store, opened } = await storeWhileOpen(path, 'w1');
  // Its lock is free, which nobody looks at.
  await (await storeWhileOpen(path, 'other')).store.close();
  rewrite(path, 'other', info);
  await store.heartbeat('w1', 1_000 + LEASE_MS);
  expect(await store.reapWorkers({ workerId: 'w1', nowMs: 1_000 + LEASE_MS })).toEqual([]);
  expect(await store.reapWorkers({ workerId: 'w1', nowMs: 1_001 + LEASE_MS })).toEqual(['other']);
  expect(opened).toEqual(['w1']);
});

test.each([
  ['this realm', { ...OWN_HOLDER }],
  ['another process', { ...OWN_HOLDER, pid: pid + 1 }],
  ['a process that had the same pid, as in a container that was started again', { ...OWN_HOLDER, startedAt: startedAt - 300 }],
])('a worker of %s whose lock is free is dead at once', async (_, lock) => {
  const path = join(tempDirectory(), 'app.db');
  const { store } = await storeWhileOpen(path, 'w1');
  await (await storeWhileOpen(path, 'other')).store.close();
  rewrite(path, 'other', JSON.stringify({ lock }));
  expect(await store.reapWorkers({ workerId: 'w1', nowMs: 2_000 })).toEqual(['other']);
});

test('no store opens the side file of a worker that another store of this process registered', async () => {
  const path = join(tempDirectory(), 'app.db');
  const one = await storeWhileOpen(path, 'w1');
  const other = await storeWhileOpen(path, 'w2');
  expect(await one.store.reapWorkers({ workerId: 'w1', nowMs: 2_000 })).toEqual([]);
  await expect(other.store.registerWorker(workerOf('w1'))).rejects.toMatchObject({ code: 'STORE_BUSY' });
  await one.store.heartbeat('w1', 40_000);
  expect(await one.store.reapWorkers({ workerId: 'w1', nowMs: 40_000 })).toEqual(['w2']);
  // Opening sweeps.
  await storeWhileOpen(path, 'w3');
  expect([one.opened, other.opened]).toEqual([['w1'], ['w2']]);
});
