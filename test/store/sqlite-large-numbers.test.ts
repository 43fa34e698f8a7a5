import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SqliteDriver } from '../../src/store/sqlite/driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { PruneQuery, Store } from '../../src/store/store.js';
import { reading, recordsOf } from '../../src/testing/reading.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { batchOf, endOf, messageTo, runOf, workerOf } from './records.js';
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
  return (await recordsOf(store, { limit: 100 })).map(({ id }) => id).sort();
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

    test('keeps no start from finding out which ids are taken', async () => {
      const { store, exec } = await withRuns();
      exec(`UPDATE perdure_runs SET n = ${place} WHERE id = 'b'`);
      for (const creates of [
        [runOf('new', { seed: 'new' }), runOf('b', { seed: 'other' })],
        [runOf('c', { seed: 'other' }), runOf('newer', { seed: 'newer' }), runOf('newer', { seed: 'again' })],
      ]) {
        const { taken } = await store.commit(batchOf({ creates }));
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

  describe('with a message that another program has given an id', () => {
    async function withRuns(): Promise<Opened> {
      const opened = await openStore(driver);
      await opened.store.commit(batchOf({ creates: [runOf('a'), runOf('b')] }));
      return opened;
    }

    async function ids(store: Store, runId: string): Promise<number[]> {
      return (await reading(store, (reader) => reader.inbox(runId))).map(({ id }) => id);
    }

    test.each([BEYOND, LAST, '-9223372036854775808'])('such as %s, the messages of others have ids that can be read', async (id) => {
      const { store, exec } = await withRuns();
      exec(`INSERT INTO perdure_inbox (id, run_id, kind, payload) VALUES (${id}, 'a', 'event', '{}')`);
      for (let times = 0; times < 3; times += 1) await store.send(messageTo('b'));
      const read = await store.readInbox('w1');
      expect(read.map(({ runId }) => runId).sort()).toEqual(['a', 'b', 'b', 'b']);
      expect(await ids(store, 'a')).toEqual([id]);
      const given = await ids(store, 'b');
      expect(given.every((each, index) => Number.isSafeInteger(each) && each > (given[index - 1] ?? 0))).toBe(true);
    });

    test.each([BEYOND, LAST, '9007199254740990', '-5', '1.5', `'x'`, 'NULL', `x'00ff'`])(
      'such that the count of ids is %s, an id is never given twice all the same',
      async (seq) => {
        const { store, exec } = await withRuns();
        const given: number[] = [];
        for (let times = 0; times < 3; times += 1) {
          for (let messages = 0; messages < 2; messages += 1) await store.send(messageTo('b'));
          const taken = await ids(store, 'b');
          given.push(...taken);
          await store.commit(batchOf({ taken }));
          if (times === 0) exec(`UPDATE sqlite_sequence SET seq = ${seq} WHERE name = 'perdure_inbox'`);
        }
        expect(new Set(given).size).toBe(6);
        expect(given.every((id, index) => Number.isSafeInteger(id) && id > (given[index - 1] ?? 0))).toBe(true);
      },
    );

    test('that can be read, it is taken, and the count does not go on from there', async () => {
      const { store, exec } = await withRuns();
      exec(`INSERT INTO perdure_inbox (id, run_id, kind, payload) VALUES (${Number.MAX_SAFE_INTEGER}, 'a', 'event', '{}')`);
      for (let times = 0; times < 2; times += 1) await store.send(messageTo('a'));
      const taken = await ids(store, 'a');
      expect(taken.every(Number.isSafeInteger)).toBe(true);
      await store.commit(batchOf({ taken }));
      expect(await store.readInbox('w1')).toEqual([]);
    });
  });
});
