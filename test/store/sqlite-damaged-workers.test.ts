import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SqliteDriver } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { OWN_HOLDER } from '../../src/store/sqlite/lock-holder.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { batchOf, runOf, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

const LEASE_MS = 30_000;
const ELSEWHERE = JSON.stringify({ lock: { ...OWN_HOLDER, realm: 'another' } });

async function openStore(path: string, workerId: string, driver?: SqliteDriver): Promise<Store> {
  const store = sqliteStore(path, driver && { driver });
  await store.open();
  onTestFinished(() => store.close());
  await store.registerWorker(workerOf(workerId, 1_000, LEASE_MS));
  return store;
}

/** A store with the worker `w1`, beside which a process had the worker `other` with a run, and was killed. */
async function withKilled(): Promise<{ store: Store; path: string }> {
  const path = join(tempDirectory(), 'app.db');
  const store = await openStore(path, 'w1');
  const other = await openStore(path, 'other');
  await other.commit(batchOf({ workerId: 'other', creates: [runOf('orphan', { workerId: 'other' })] }));
  await other.close();
  return { store, path };
}

function write(path: string, set: string, workerId = 'other'): void {
  exec(path, `UPDATE perdure_workers SET ${set} WHERE id = '${workerId}'`);
}

function exec(path: string, sql: string): void {
  const database = findDriver().connect(path);
  database.exec(sql);
  database.close();
}

async function claimed(store: Store, workerId = 'w1'): Promise<string[]> {
  const { claimed: runs } = await store.claimRuns({ workerId, nowMs: 2_000, flows: [{ flow: 'order', version: 1 }], limit: 10 });
  return runs.map(({ id }) => id);
}

/** Reaps at a time, as `w1`, which has renewed its heartbeat. */
async function reap(store: Store, nowMs: number): Promise<string[]> {
  await store.heartbeat('w1', nowMs);
  return store.reapWorkers({ workerId: 'w1', nowMs });
}

test.each([
  `heartbeat_at = 'x'`,
  `heartbeat_at = x'00ff'`,
  'heartbeat_at = 1e300',
  `heartbeat_at = ''`,
  'heartbeat_at = 9007199254740993',
  'heartbeat_at = -9223372036854775808',
  `lease_ms = 'x'`,
  'lease_ms = NULL',
  'lease_ms = 9007199254740993',
  'lease_ms = 9223372036854775807',
  `lease_ms = x'00ff'`,
])('a worker whose lock is free is dead, with %s in its row', async (set) => {
  const { store, path } = await withKilled();
  write(path, set);
  expect(await reap(store, 2_000)).toEqual(['other']);
  expect(await claimed(store)).toEqual(['orphan']);
});

test.each([`'x'`, `x'00ff'`, '1e300', '8000000000000000', '9007199254740993'])(
  'a worker judged by its lease is dead once %s has been its heartbeat for a lease',
  async (value) => {
    const { store, path } = await withKilled();
    write(path, `info = '${ELSEWHERE}', heartbeat_at = ${value}`);
    expect(await reap(store, 100_000)).toEqual([]);
    expect(await reap(store, 100_000 + LEASE_MS)).toEqual([]);
    expect(await reap(store, 100_001 + LEASE_MS)).toEqual(['other']);
  },
);

test('a worker that renews its heartbeat lives, whatever was written over it', async () => {
  const { store, path } = await withKilled();
  for (let nowMs = 100_000; nowMs < 200_000; nowMs += 20_000) {
    write(path, `info = '${ELSEWHERE}', heartbeat_at = ${nowMs - 1}`);
    expect(await reap(store, nowMs)).toEqual([]);
    write(path, `heartbeat_at = 'x'`);
    expect(await reap(store, nowMs)).toEqual([]);
  }
});

test.each([`'x'`, 'NULL', '-5', '1.5', '9007199254740993'])(
  'with %s in place of its lease, a worker has the longest lease of the others',
  async (value) => {
    const { store, path } = await withKilled();
    write(path, `info = '${ELSEWHERE}', lease_ms = ${value}`);
    write(path, 'lease_ms = 50000', 'w1');
    expect(await reap(store, 51_000)).toEqual([]);
    expect(await reap(store, 51_001)).toEqual(['other']);
  },
);

test('a worker goes on when its own heartbeat cannot be read, and writes it again', async () => {
  const { store, path } = await withKilled();
  write(path, `heartbeat_at = 'x'`, 'w1');
  expect(await store.reapWorkers({ workerId: 'w1', nowMs: 2_000 })).toEqual(['other']);
  await store.heartbeat('w1', 3_000);
  expect(await store.reapWorkers({ workerId: 'w1', nowMs: 3_000 })).toEqual([]);
});

test('it is told once of a worker whose lease cannot be read', async () => {
  const { store, path } = await withKilled();
  const warnings: string[] = [];
  const warned = ({ message }: Error): void => {
    if (message.includes(path)) warnings.push(message);
  };
  process.on('warning', warned);
  onTestFinished(() => void process.off('warning', warned));
  write(path, `info = '${ELSEWHERE}', heartbeat_at = 'x'`);
  for (let times = 0; times < 3; times += 1) await reap(store, 2_000 + times);
  // Warnings are told of in the next turn.
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(warnings).toEqual([expect.stringMatching(/row of worker other .*column heartbeat_at holds "x"/)]);
});

describe.each(INSTALLED_DRIVERS)('with $name', (driver) => {
  test.each([
    'heartbeat_at = 9007199254740993',
    'lease_ms = 9007199254740993',
    `id = replace(hex(zeroblob(50000)), '00', 'ab')`,
    `id = x'00ff'`,
    `id = ''`,
    `id = '../' || char(0) || 'x'`,
    `registered_at = 9223372036854775807`,
  ])('the row of a dead worker with %s keeps no process from opening the file, nor its run from going on', async (set) => {
    const { path } = await withKilled();
    write(path, set);
    const store = await openStore(path, 'w2', driver);
    await expect(store.reapWorkers({ workerId: 'w2', nowMs: 2_000 })).resolves.toEqual(expect.any(Array));
    expect(await claimed(store, 'w2')).toEqual(['orphan']);
  });

  test('a run whose owner has no text for an id goes on, though there is a worker of that id', async () => {
    const { path, store } = await withKilled();
    write(path, `id = x'00ff'`);
    exec(path, `UPDATE perdure_runs SET worker_id = x'00ff'`);
    await reap(store, 2_000);
    expect(await claimed(store)).toEqual(['orphan']);
  });
});
