import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { action, flow, memoryStore, open, StorageError, sqliteStore } from 'perdure';
import type { Store } from 'perdure/store';
import { expect, onTestFinished, test } from 'vitest';
import type { SqliteDriver } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { wrappedStore } from '../../src/testing/wrapped-store.js';
import { createTestEngine } from '../../src/testing.js';
import { collectingLogger, deferred, nextEvent, settle, thrownBy } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const step = action('step before a failure', async (value: number) => value);
const steps = flow('steps before a failure', async () => [await step(1), await step(2)]);

/** A driver whose every write fails, while that is so. Nothing is written by then: not even that a worker retires. */
function fullDisk(): { readonly driver: SqliteDriver; full: boolean } {
  const disk = {
    full: false,
    driver: {
      name: 'of a full disk',
      connect(path: string) {
        const database = findDriver().connect(path);
        return {
          close: () => database.close(),
          exec: (sql: string) => database.exec(sql),
          prepare(sql: string) {
            const statement = database.prepare(sql);
            const run: typeof statement.run = (values) => {
              if (disk.full && !/^(BEGIN|COMMIT)/.test(sql))
                throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
              return statement.run(values);
            };
            return { run, get: (values) => statement.get(values), all: (values) => statement.all(values) };
          },
        };
      },
    } satisfies SqliteDriver,
  };
  return disk;
}

const locks = (directory: string): string[] => readdirSync(directory).filter((name) => name.includes('-worker-'));

test('an engine whose disk stays full ends with that error, and its runs go on at once with another on the same file', async () => {
  const directory = tempDirectory();
  const path = join(directory, 'app.db');
  const disk = fullDisk();
  const store = sqliteStore(path, { driver: disk.driver });
  const { logger, lines } = collectingLogger();
  const engine = createTestEngine({ store, logger });
  await engine.start(steps, [], { id: 'before' });
  const ended = nextEvent(engine, 'engine:failed');
  let left = false;
  engine.on('operation:started', () => {
    disk.full ||= left;
  });
  left = true;
  const future = engine.start(steps, [], { id: 'run' });
  expect(await future.exception()).toMatchObject({ name: 'StorageError', code: 'STORE_FAILED' });
  expect((await ended).error.message).toContain('full');
  for (const call of [() => engine.start(steps, []), () => engine.get('run'), () => engine.list(), () => engine.future('run')])
    expect(await thrownBy(call)).toMatchObject({ code: 'STORE_FAILED' });
  // Once for each kind of work that goes on failing, however often that is.
  const warnings = lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  expect(new Set(warnings).size).toBe(warnings.length);
  await engine.close();
  disk.full = false;

  // Nobody waits out a lease.
  for (const again of [store, sqliteStore(path)]) {
    const next = await open({ store: again, default: false, logger: SILENT });
    expect(await next.future('run')).toEqual([1, 2]);
    expect(await next.future('before')).toEqual([1, 2]);
    await next.close();
  }
  expect(locks(directory)).toEqual([]);
});

test('an engine that has ended gives its lock back before it is closed, also where the store is shared', async () => {
  const directory = tempDirectory();
  const path = join(directory, 'app.db');
  const disk = fullDisk();
  const store = sqliteStore(path, { driver: disk.driver });
  const engine = createTestEngine({ store });
  await engine.start(steps, [], { id: 'before' });
  const beside = createTestEngine({ store, execute: false });
  expect(await beside.get('before')).toMatchObject({ status: 'SUCCEEDED' });
  disk.full = true;
  expect(await engine.start(steps, [], { id: 'lost' }).exception()).toMatchObject({ code: 'STORE_FAILED' });
  disk.full = false;
  const next = await open({ store: sqliteStore(path), default: false, logger: SILENT });
  onTestFinished(() => next.close());
  expect(await next.start(steps, [], { id: 'lost' })).toEqual([1, 2]);
  expect(locks(directory).length).toBeLessThanOrEqual(2);
  await engine.close();
  await beside.close();
});

/** A store that throws an error at each call of some of its methods, from the n-th commit on. */
function broken(store: Store, commits: number, error: StorageError, methods: readonly string[]): Store {
  let made = 0;
  return wrappedStore(store, async (method, call) => {
    if (method === 'commit') made += 1;
    if (made > commits && methods.includes(method)) throw error;
    return call();
  });
}

test.each([
  ['cannot be written any more', new StorageError('STORE_READ_ONLY', 'injected: read-only')],
  ['is damaged', new StorageError('STORE_CORRUPT', 'injected: damaged')],
  ['was changed by a newer version', new StorageError('STORE_TOO_NEW', 'injected: newer')],
  ['fails for good', new StorageError('STORE_FAILED', 'injected: broken')],
])('an engine whose store %s ends at any of its commits, and another finishes its runs', async (_, error) => {
  for (let commits = 0; commits < 4; commits += 1) {
    const memory = memoryStore();
    const engine = createTestEngine({ store: broken(memory, commits, error, ['commit', 'retireWorker']) });
    const future = engine.start(steps, [], { id: 'run' });
    const ended = await future.exception();
    if (ended !== undefined) {
      expect(ended).toBe(error);
      await expect(engine.list()).rejects.toBe(error);
    }
    await engine.close().catch(() => undefined);
    const next = await open({ store: memory, default: false, logger: SILENT });
    expect(await next.start(steps, [], { id: 'run' })).toEqual([1, 2]);
    await next.close();
  }
});

test('a look that always fails does not end an engine that can write', async () => {
  const looks: readonly (keyof Store)[] = ['readInbox', 'heartbeat', 'getRuns'];
  const store = broken(memoryStore(), 0, new StorageError('STORE_FAILED', 'injected: broken'), looks);
  const engine = createTestEngine({ store });
  const failed: unknown[] = [];
  engine.on('engine:failed', (event) => failed.push(event));
  for (let run = 0; run < 3; run += 1) expect(await engine.start(steps, [])).toEqual([1, 2]);
  await engine.advance('10m');
  expect(await engine.start(steps, [])).toEqual([1, 2]);
  expect(failed).toEqual([]);
  await engine.close();
});

test('a call that is under way when the store is lost hears why', async () => {
  const error = new StorageError('STORE_TOO_NEW', 'injected: newer');
  const [reached, goOn] = [deferred(), deferred()];
  let opened = false;
  const store = wrappedStore(memoryStore(), async (method, call) => {
    if (method === 'commit') throw error;
    if (method === 'records' && opened) {
      reached.resolve();
      await goOn.promise;
    }
    return call();
  });
  const engine = await open({ store, default: false, logger: SILENT });
  opened = true;
  const list = thrownBy(() => engine.list());
  await reached.promise;
  expect(await engine.start(steps, []).exception()).toBe(error);
  await settle();
  goOn.resolve();
  expect(await list).toBe(error);
  await engine.close();
});
