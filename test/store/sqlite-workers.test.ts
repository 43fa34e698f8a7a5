import { existsSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { assertWellStored } from '../../src/testing/store-conformance/well-stored.js';
import { ChildWorker } from './child-worker.js';
import { batchOf, theRun, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

const NOW = { workerId: 'w1', nowMs: 2_000 };

async function storeWhileOpen(path: string, workerId?: string): Promise<Store> {
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  if (workerId !== undefined) await store.registerWorker(workerOf(workerId));
  return store;
}

test('a worker in another process lives until it is killed, and is found dead at once (S5)', async () => {
  const path = join(tempDirectory(), 'app.db');
  const child = await ChildWorker.start(path, 'child');
  expect(await child.ask('open')).toEqual({ done: 'open' });
  expect(await child.ask('create')).toEqual({ done: 'create' });
  const store = await storeWhileOpen(path, 'w1');
  expect(await store.reapWorkers(NOW)).toEqual([]);
  await child.kill();
  expect(await store.reapWorkers(NOW)).toEqual(['child']);
  const { claimed } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [{ flow: 'order', version: 1 }], limit: 10 });
  expect(claimed.map((run) => run.id)).toEqual(['run of child']);
  expect(await journalOf(store, 'run of child')).toHaveLength(1);
  expect(existsSync(`${path}-worker-child`)).toBe(false);
});

test('a worker that could not be registered leaves no file behind', async () => {
  const path = join(tempDirectory(), 'app.db');
  const store = sqliteStore(path, { busyTimeoutMs: 1 });
  await store.open();
  onTestFinished(() => store.close());
  const other = findDriver().connect(path);
  other.exec('BEGIN IMMEDIATE');
  await expect(store.registerWorker(workerOf('w1'))).rejects.toMatchObject({ code: 'STORE_BUSY' });
  other.exec('ROLLBACK');
  other.close();
  expect(existsSync(`${path}-worker-w1`)).toBe(false);
});

test('a process that stands still keeps its lock, is dead by its lease, and is fenced when it goes on (S3, S5)', async () => {
  const path = join(tempDirectory(), 'app.db');
  const child = await ChildWorker.start(path, 'child');
  await child.ask('open');
  const store = await storeWhileOpen(path, 'w1');
  child.signal('SIGSTOP');
  expect(await store.reapWorkers(NOW)).toEqual([]);
  expect(await store.reapWorkers({ ...NOW, nowMs: 31_001 })).toEqual(['child']);
  child.signal('SIGCONT');
  expect(await child.ask('create')).toMatchObject({ failed: 'FENCED' });
  expect(await theRun(store, 'run of child')).toBeUndefined();
});

test('a process killed amid its commits leaves whole batches (S2)', async () => {
  const path = join(tempDirectory(), 'app.db');
  const child = await ChildWorker.start(path, 'child');
  await child.ask('open');
  await child.ask('writeForEver');
  let last = await child.answer();
  for (let answers = 0; answers < 5; answers += 1) last = await child.answer();
  await child.kill();
  const store = await storeWhileOpen(path, 'w1');
  const runs = await recordsOf(store, { limit: 1_000_000 });
  expect(runs.length).toBeGreaterThan(last.written ?? Number.POSITIVE_INFINITY);
  for (const run of runs) expect(await journalOf(store, run.id)).toHaveLength(25);
  expect(await store.reapWorkers(NOW)).toEqual(['child']);
  await assertWellStored(store);
});

test('processes may open a new file at the same moment', async () => {
  const path = join(tempDirectory(), 'app.db');
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  const children = await Promise.all(ids.map((workerId) => ChildWorker.start(path, workerId)));
  expect(await Promise.all(children.map((child) => child.ask('open')))).toEqual(ids.map(() => ({ done: 'open' })));
  expect(await Promise.all(children.map((child) => child.ask('create')))).toEqual(ids.map(() => ({ done: 'create' })));
  const store = await storeWhileOpen(path, 'w1');
  expect(await recordsOf(store)).toHaveLength(6);
  expect(await store.reapWorkers(NOW)).toEqual([]);
});

test('two stores in one process see each other alive', async () => {
  const path = join(tempDirectory(), 'app.db');
  const one = await storeWhileOpen(path, 'w1');
  const other = await storeWhileOpen(path, 'w2');
  expect(await one.reapWorkers(NOW)).toEqual([]);
  expect(await other.reapWorkers({ ...NOW, workerId: 'w2' })).toEqual([]);
  await one.heartbeat('w1', 2_000);
  await other.heartbeat('w2', 2_000);
});

test('workers that reach the file by different names see each other alive', async () => {
  const directory = tempDirectory();
  const path = join(directory, 'app.db');
  const store = await storeWhileOpen(path, 'w1');
  symlinkSync(directory, join(directory, 'link'));
  symlinkSync(path, join(directory, 'other.db'));
  const throughDirectory = await storeWhileOpen(join(directory, 'link', 'app.db'), 'w2');
  const throughFile = await storeWhileOpen(join(directory, 'other.db'), 'w3');
  expect(await store.reapWorkers(NOW)).toEqual([]);
  expect(await throughDirectory.reapWorkers({ ...NOW, workerId: 'w2' })).toEqual([]);
  expect(await throughFile.reapWorkers({ ...NOW, workerId: 'w3' })).toEqual([]);
});

test('looking for dead workers again and again does not end the lock of a living one', async () => {
  const path = join(tempDirectory(), 'app.db');
  const one = await storeWhileOpen(path, 'w1');
  await storeWhileOpen(path, 'w2');
  const third = await storeWhileOpen(path, 'w3');
  for (let times = 0; times < 20; times += 1) {
    expect(await one.reapWorkers(NOW)).toEqual([]);
    expect(await third.reapWorkers({ ...NOW, workerId: 'w3' })).toEqual([]);
  }
});

test('a worker whose side file is gone is dead', async () => {
  const path = join(tempDirectory(), 'app.db');
  const store = await storeWhileOpen(path, 'w1');
  await (await storeWhileOpen(path, 'w2')).close();
  rmSync(`${path}-worker-w2`);
  expect(await store.reapWorkers(NOW)).toEqual(['w2']);
});

test('a retired worker leaves no side file', async () => {
  const path = join(tempDirectory(), 'app.db');
  const store = await storeWhileOpen(path, 'a/b ö');
  expect(existsSync(`${path}-worker-a%2Fb%20%C3%B6`)).toBe(true);
  await store.retireWorker('a/b ö');
  expect(readdirSync(join(path, '..')).filter((name) => name.includes('worker'))).toEqual([]);
});

test('opening deletes the side files of dead workers and forgotten ones, and no others', async () => {
  const path = join(tempDirectory(), 'app.db');
  const store = await storeWhileOpen(path, 'w1');
  await (await storeWhileOpen(path, 'closed')).close();
  await storeWhileOpen(path, 'dead, but held');
  const dead = await storeWhileOpen(path, 'dead');
  await store.heartbeat('w1', 40_000);
  expect(await store.reapWorkers({ ...NOW, nowMs: 40_000 })).toEqual(['closed', 'dead', 'dead, but held']);
  await dead.close();
  writeFileSync(`${path}-worker-registering`, '');
  writeFileSync(`${path}-worker-forgotten`, '');
  writeFileSync(`${path}-worker-notes.txt`, 'not a side file');
  utimesSync(`${path}-worker-forgotten`, 1, 1);
  utimesSync(`${path}-worker-notes.txt`, 1, 1);
  await storeWhileOpen(path);
  const left = readdirSync(join(path, '..')).filter((name) => name.includes('worker'));
  expect(left.map((name) => name.slice('app.db-worker-'.length)).sort()).toEqual([
    'dead%2C%20but%20held',
    'notes.txt',
    'registering',
    'w1',
  ]);
});

test('a fenced worker can be retired, and its process registers anew', async () => {
  const path = join(tempDirectory(), 'app.db');
  const store = await storeWhileOpen(path, 'w1');
  const other = await storeWhileOpen(path, 'w2');
  expect(await other.reapWorkers({ workerId: 'w2', nowMs: 31_001 })).toEqual(['w1']);
  await store.retireWorker('w1');
  await store.registerWorker(workerOf('w3', 31_001));
  expect(await store.commit(batchOf({ workerId: 'w3' }))).toEqual({ taken: [] });
  expect(existsSync(`${path}-worker-w1`)).toBe(false);
});
