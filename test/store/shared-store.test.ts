import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { flow, open } from 'perdure';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../../src/store/memory-store.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { wrappedStore } from '../../src/testing/wrapped-store.js';
import { createTestEngine } from '../../src/testing.js';
import { deferred, unique } from '../api/with-engine.js';
import { batchOf, runOf, withRuns, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';
import { watching } from './watching.js';

const STORES: Readonly<Record<string, () => Store>> = {
  memory: memoryStore,
  'a SQLite file': () => sqliteStore(join(tempDirectory(), 'app.db')),
};

const echo = flow(unique('echo'), async (value: number) => value);

/** Refused as a closed store refuses. */
function isClosed(store: Store): Promise<void> {
  return expect(store.getRuns([])).rejects.toMatchObject({ name: 'StorageError', code: 'STORE_CLOSED' });
}

describe.each(Object.entries(STORES))('one object for %s', (_, make) => {
  test('stays open until it was closed as often as it was opened', async () => {
    const store = make();
    await Promise.all([store.open(), store.open()]);
    await store.open();
    await store.close();
    await store.close();
    expect(await recordsOf(store)).toEqual([]);
    await store.close();
    await isClosed(store);
    await store.close();
    await store.open();
    expect(await recordsOf(store)).toEqual([]);
    await store.close();
    await isClosed(store);
  });

  test('stays open for the others when an engine fails to open on it, and is closed', async () => {
    const store = make();
    await store.open();
    const failing = wrappedStore(store, (method, call) => (method === 'registerWorker' ? Promise.reject(new Error('no')) : call()));
    const engine = createTestEngine({ store: failing });
    await expect(engine.open()).rejects.toThrow('no');
    await engine.close();
    expect(await recordsOf(store)).toEqual([]);
    await store.close();
    await isClosed(store);
  });

  test('is open when it is opened while somebody closes it', async () => {
    const store = make();
    await store.open();
    await Promise.all([store.close(), store.open()]);
    expect(await recordsOf(store)).toEqual([]);
    await Promise.all([store.close(), store.close(), store.open()]);
    expect(await recordsOf(store)).toEqual([]);
    await store.close();
    await isClosed(store);
  });

  test('is closed when it is closed while it opens, and open when somebody else opens it as well', async () => {
    const store = make();
    await Promise.all([store.open(), store.close()]);
    await isClosed(store);
    await Promise.all([store.open(), store.close(), store.open()]);
    expect(await recordsOf(store)).toEqual([]);
    await store.close();
  });

  test('keeps the workers of those who have not closed it alive, and ends them with the last one', async () => {
    const store = make();
    await store.open();
    await store.open();
    await store.registerWorker(workerOf('w1'));
    await store.registerWorker(workerOf('w2'));
    await store.retireWorker('w1');
    await store.close();
    expect(await store.reapWorkers({ workerId: 'w3', nowMs: 2_000 })).toEqual([]);
    expect(await store.commit(batchOf({ workerId: 'w2' }))).toEqual({ taken: [] });
    await store.close();
    await store.open();
    expect(await store.reapWorkers({ workerId: 'w3', nowMs: 2_000 })).toEqual(['w2']);
    await store.close();
  });

  test('tells each of those who share it of changes, and the one who is left of the last of them', async () => {
    const store = make();
    await store.open();
    await withRuns(store);
    const watch = watching(store);
    await watch.told();
    await store.commit(batchOf({ creates: [runOf('first')] }));
    expect(await watch.told()).toBe(false);
    await store.open();
    await store.commit(batchOf({ creates: [runOf('second')] }));
    expect(await watch.toldAtOnce()).toBe(true);
    await store.registerWorker(workerOf('w2'));
    await store.commit(batchOf({ workerId: 'w2', creates: [runOf('id', { workerId: 'w2' })] }));
    await store.retireWorker('w2');
    await store.close();
    expect([await watch.toldAtOnce(), await watch.told()]).toEqual([true, false]);
    await store.close();
  });

  test('serves two engines, and the one that is left', async () => {
    const store = make();
    const one = await open({ store, default: false });
    const two = await open({ store, default: false });
    expect(await Promise.all([one.start(echo, [1]), two.start(echo, [2])])).toEqual([1, 2]);
    const started = deferred<void>();
    const goOn = deferred<number>();
    const waits = flow(unique('waits'), async () => {
      started.resolve();
      return goOn.promise;
    });
    const future = two.start(waits, [], { id: 'waits' });
    await started.promise;
    await one.close();
    goOn.resolve(3);
    expect(await future).toBe(3);
    expect(await two.start(echo, [4])).toBe(4);
    await two.close();
    await isClosed(store);
  });

  test('serves an engine that is opened while the one before it closes', async () => {
    const store = make();
    const one = await open({ store, default: false });
    await one.start(echo, [1], { id: 'one' });
    const closing = one.close();
    const two = await open({ store, default: false });
    await closing;
    expect(await two.start(echo, [2])).toBe(2);
    expect(await two.future('one')).toBe(1);
    await two.close();
    await isClosed(store);
  });

  test('shows an engine the end of a run in another that closes at once', async () => {
    const store = make();
    const two = await open({ store, default: false });
    const one = await open({ store, default: false, execute: false });
    onTestFinished(() => one.close());
    const goOn = deferred<number>();
    const waits = flow(unique('waits'), async () => goOn.promise);
    await two.start(waits, [], { id: 'waits' }).recorded();
    const seen = one.future('waits').result();
    goOn.resolve(5);
    await two.future('waits');
    await two.close();
    expect(await seen).toBe(5);
  });
});

test('openings of a SQLite store that fail do not count', async () => {
  const path = join(tempDirectory(), 'later', 'app.db');
  const store = sqliteStore(path);
  const failed = await Promise.allSettled([store.open(), store.open()]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  mkdirSync(dirname(path));
  await store.open();
  await store.close();
  await isClosed(store);
});

test('two engines that shared a SQLite store leave no locks behind', async () => {
  const directory = tempDirectory();
  const store = sqliteStore(join(directory, 'app.db'));
  const engines = [await open({ store, default: false }), await open({ store, default: false })];
  const workers = () => readdirSync(directory).filter((name) => name.includes('-worker-')).length;
  expect(workers()).toBe(2);
  await engines[0]?.close();
  expect(workers()).toBe(1);
  await engines[1]?.close();
  expect(workers()).toBe(0);
});
