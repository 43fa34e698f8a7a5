import { join } from 'node:path';
import { action, flow, open } from 'perdure';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../../src/store/memory-store.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { collectingLogger, deferred, unique } from '../api/with-engine.js';
import { batchOf, runOf, workerOf } from '../store/records.js';
import { tempDirectory } from '../store/temp-directory.js';

const ORPHANS = 3_000;
/** They take a second each on a machine that does nothing else. */
const TIMEOUT_MS = 60_000;

const STORES: Readonly<Record<string, () => Store>> = {
  memory: memoryStore,
  'a SQLite file': () => sqliteStore(join(tempDirectory(), 'app.db'), { synchronous: 'normal' }),
};

describe.each(Object.entries(STORES))('over %s', { timeout: TIMEOUT_MS }, (_, makeStore) => {
  test('an engine is open, and executes what is started then, before all runs of an earlier process have been claimed', async () => {
    const begun: string[] = [];
    const note = action(unique('note'), async (id: string) => void begun.push(id));
    const name = unique('body');
    const body = flow(name, async (id: string) => note(id));
    const store = makeStore();
    await withOrphans(store, name);
    const engine = await open({ store, default: false, logger: collectingLogger().logger });
    onTestFinished(() => engine.close());
    const left = async (): Promise<number> => (await recordsOf(store, { status: 'PENDING', limit: ORPHANS })).length;
    expect(await left()).toBeGreaterThan(ORPHANS / 2);

    await engine.start(body, ['new']);
    expect(await left()).toBeGreaterThan(ORPHANS / 2);
    expect(begun).toContain('new');

    const all = deferred();
    engine.on('run:finished', () => {
      if (begun.length === ORPHANS + 1) all.resolve();
    });
    await all.promise;
    expect(new Set(begun).size).toBe(ORPHANS + 1);
    // Oldest first, but for the new one.
    const old = begun.filter((id) => id !== 'new').map(Number);
    expect(old).toEqual(old.toSorted((a, b) => a - b));
  });

  test('no more runs are claimed than there is room for in memory, and the others as room is made', async () => {
    const gate = deferred();
    const begun: string[] = [];
    const note = action(unique('note'), async (id: string) => {
      begun.push(id);
      await gate.promise;
    });
    const name = unique('body');
    flow(name, async (id: string) => note(id));
    const store = makeStore();
    await withOrphans(store, name);
    const engine = await open({ store, default: false, logger: collectingLogger().logger, maxResidentRuns: 100 });
    onTestFinished(() => engine.close());
    const running = async (): Promise<number> => (await recordsOf(store, { status: 'RUNNING', limit: ORPHANS })).length;
    while (begun.length < 100) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(await running()).toBeLessThanOrEqual(100 + 32);
    const all = deferred();
    engine.on('run:finished', () => {
      if (begun.length === ORPHANS) all.resolve();
    });
    gate.resolve();
    await all.promise;
  });
});

/** Leaves runs that an earlier process has not begun. */
async function withOrphans(store: Store, flow: string): Promise<void> {
  await store.open();
  onTestFinished(() => store.close());
  await store.registerWorker(workerOf('earlier'));
  const creates = Array.from({ length: ORPHANS }, (_, n) =>
    runOf(`${n}`, { flow, input: `["${n}"]`, workerId: null, status: 'PENDING', createdAt: 1 }),
  );
  await store.commit(batchOf({ workerId: 'earlier', creates }));
  await store.retireWorker('earlier');
}
