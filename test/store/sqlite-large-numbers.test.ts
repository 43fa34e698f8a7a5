import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SqliteDriver } from '../../src/store/sqlite/driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { PruneQuery, Store } from '../../src/store/store.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { batchOf, endOf, runOf, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

const BEYOND = '9007199254740993';
const LAST = '9223372036854775807';
const FIRST = '-9223372036854775807';

interface Opened {
  readonly store: Store;
  /** Writes into the file past the store. */
  exec(sql: string): void;
}

async function openStore(driver: SqliteDriver): Promise<Opened> {
  const path = join(tempDirectory(), 'app.db');
  const store = sqliteStore(path, { driver });
  await store.open();
  onTestFinished(() => store.close());
  await store.registerWorker(workerOf('w1'));
  const exec = (sql: string): void => {
    const database = driver.connect(path);
    database.exec(sql);
    database.close();
  };
  return { store, exec };
}

const all: PruneQuery = { endedBefore: 100, keep: null, limit: Number.MAX_SAFE_INTEGER };

async function left(store: Store): Promise<string[]> {
  return (await store.listRuns({ limit: 100 })).map(({ id }) => id).sort();
}

describe.each(INSTALLED_DRIVERS)('$name', (driver) => {
  describe.each([BEYOND, LAST, FIRST, '-5'])('a run whose place in the order is %s', (place) => {
    async function withRuns(): Promise<Opened> {
      const opened = await openStore(driver);
      const ids = ['a', 'b', 'c', 'd'];
      const children = [runOf('b//0', { parentRunId: 'b', parentOperationId: '0' })];
      await opened.store.commit(batchOf({ creates: [...ids.map((id) => runOf(id)), ...children] }));
      await opened.store.commit(batchOf({ ends: [...ids, 'b//0'].map((id, index) => endOf(id, { finishedAt: index })) }));
      return opened;
    }

    test('is pruned by its age like any other', async () => {
      const { store, exec } = await withRuns();
      exec(`UPDATE perdure_runs SET n = ${place} WHERE id = 'b'`);
      expect(await store.prune({ ...all, endedBefore: 2 })).toBe(3);
      expect(await left(store)).toEqual(['c', 'd']);
      expect(await store.prune(all)).toBe(2);
    });

    test('counts among those that are kept', async () => {
      const { store, exec } = await withRuns();
      exec(`UPDATE perdure_runs SET n = ${place} WHERE id = 'b'`);
      await store.prune({ ...all, endedBefore: null, keep: 2 });
      expect(await left(store)).toEqual(place.startsWith('-') ? ['c', 'd'] : ['b', 'b//0', 'd']);
      await store.prune({ ...all, endedBefore: null, keep: 0 });
      expect(await left(store)).toEqual([]);
    });

    test('keeps nobody from finding out which ids are taken', async () => {
      const { store, exec } = await withRuns();
      exec(`UPDATE perdure_runs SET n = ${place} WHERE id = 'b'`);
      for (const creates of [
        [runOf('new', { seed: 'new' }), runOf('b', { seed: 'other' })],
        [runOf('c', { seed: 'other' }), runOf('newer', { seed: 'newer' }), runOf('newer', { seed: 'again' })],
      ]) {
        const taken = await store.commit(batchOf({ creates }));
        expect(taken.map(({ id }) => id)).toEqual(creates.length === 2 ? ['b'] : ['c', 'newer']);
      }
      expect(await left(store)).toEqual(['a', 'b', 'b//0', 'c', 'd', 'new', 'newer']);
    });
  });

  test.each([BEYOND, LAST, '-9223372036854775808', `'x'`, `x'00ff'`])(
    'a run that ended at %s stays, and the others are pruned',
    async (time) => {
      const { store, exec } = await openStore(driver);
      await store.commit(batchOf({ creates: ['a', 'b', 'c'].map((id) => runOf(id)) }));
      await store.commit(batchOf({ ends: ['a', 'b', 'c'].map((id) => endOf(id, { finishedAt: 1 })) }));
      exec(`UPDATE perdure_runs SET finished_at = ${time} WHERE id = 'a'`);
      expect(await store.prune({ ...all, endedBefore: null, keep: 2 })).toBe(0);
      expect(await store.prune({ ...all, endedBefore: null, keep: 1 })).toBe(1);
      expect(await store.prune(all)).toBe(1);
      expect(await left(store)).toEqual(['a']);
    },
  );

  test('a sleeper that was to wake before all numbers is asked for like any other', async () => {
    const { store, exec } = await openStore(driver);
    await store.commit(batchOf({ creates: [runOf('a')] }));
    exec(`UPDATE perdure_runs SET status = 'SUSPENDED', worker_id = NULL, wake_at = -9223372036854775808`);
    expect(await store.nextDueAt()).toBeLessThan(0);
  });
});
