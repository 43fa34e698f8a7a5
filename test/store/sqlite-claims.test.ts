import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { SqliteDriver } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { batchOf, blockOf, endOf, runOf, withRuns, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

const ORDER = { flow: 'order', version: 1 };

test('no step of a claim goes through all runs, or through all that sleep or wait', async () => {
  const { driver, texts } = listening();
  const path = join(tempDirectory(), 'app.db');
  const store = sqliteStore(path, { driver });
  await store.open();
  onTestFinished(() => store.close());
  await withRuns(store, 'homeless', 'asleep', 'ready', 'other');
  await store.commit(
    batchOf({ ends: [blockOf('homeless', 'FLOW_NOT_REGISTERED')], suspends: [{ runId: 'asleep', wakeAt: 1_000, children: [] }] }),
  );
  await store.commit(batchOf({ creates: [runOf('unknown', { flow: 'unknown', workerId: null, status: 'PENDING' })] }));
  await store.retireWorker('w1');
  await store.registerWorker(workerOf('w2'));
  texts.clear();
  const { claimed, blocked } = await store.claimRuns({ workerId: 'w2', nowMs: 2_000, flows: [ORDER], limit: 32 });
  expect([claimed.length, blocked.length]).toEqual([4, 1]);
  expect(await store.claimSuspect({ workerId: 'w2', flows: [ORDER] })).toBeUndefined();

  const database = driver.connect(path);
  onTestFinished(() => database.close());
  const found = [...texts].filter((text) => /^\s*(SELECT|UPDATE|WITH)/.test(text));
  expect(found.length).toBeGreaterThan(5);
  for (const text of found) {
    const values = Array<null>(text.split('?').length - 1).fill(null);
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all(values);
    expect(plan.map(({ detail }) => detail).filter((step) => /^SCAN (perdure_runs|taken|tried|homeless)/.test(String(step)))).toEqual([]);
  }
});

test('runs are listed by every set of statuses alike', async () => {
  const store = sqliteStore(join(tempDirectory(), 'app.db'));
  await store.open();
  onTestFinished(() => store.close());
  await withRuns(store, 'failed', 'running', 'cancelled', 'asleep', 'blocked', 'done');
  await store.commit(
    batchOf({
      creates: [runOf('ready', { workerId: null, status: 'PENDING' })],
      suspends: [{ runId: 'asleep', wakeAt: null, children: [] }],
      ends: [
        endOf('failed', { status: 'FAILED' }),
        endOf('cancelled', { status: 'CANCELLED' }),
        blockOf('blocked', 'NON_DETERMINISM'),
        endOf('done'),
      ],
    }),
  );
  const all = await recordsOf(store);
  const statuses = [...new Set(all.map(({ status }) => status))];
  expect(statuses).toHaveLength(7);
  for (let chosen = 0; chosen < 2 ** statuses.length; chosen += 1) {
    const status = statuses.filter((_, index) => (chosen >> index) % 2 === 1);
    const expected = all.filter((run) => status.includes(run.status));
    expect(await recordsOf(store, { status })).toEqual(expected);
    expect(await recordsOf(store, { status, flow: 'order', limit: 2 })).toEqual(expected.slice(0, 2));
  }
});

/** A driver that keeps the texts of what is prepared. */
function listening(): { driver: SqliteDriver; texts: Set<string> } {
  const driver = findDriver();
  const texts = new Set<string>();
  const connect: SqliteDriver['connect'] = (path) => {
    const database = driver.connect(path);
    const prepare: typeof database.prepare = (sql) => {
      texts.add(sql);
      return database.prepare(sql);
    };
    return { prepare, exec: (sql) => database.exec(sql), close: () => database.close() };
  };
  return { driver: { ...driver, connect }, texts };
}
