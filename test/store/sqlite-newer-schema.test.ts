import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { action, event, flow, open } from '../../src/index.js';
import { journalOf } from '../../src/store/journal-of.js';
import type { SqliteDatabase } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { SCHEMA_VERSION } from '../../src/store/sqlite/schema.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { collectingLogger, unique } from '../api/with-engine.js';
import { batchOf, endOf, messageTo, outcomeOf, runOf, withRuns, workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

const NEWER = `UPDATE perdure_meta SET value = '${SCHEMA_VERSION + 1}' WHERE key = 'schema_version'`;
const ADDED = `ALTER TABLE perdure_operations ADD COLUMN part TEXT NOT NULL DEFAULT 'of a newer version'`;
const DEAD = `UPDATE perdure_runs SET status = 'PENDING', worker_id = NULL WHERE status = 'RUNNING'; UPDATE perdure_workers SET status = 'DEAD'`;

/** What a newer version may do to a file. */
const MIGRATIONS: Readonly<Record<string, string>> = {
  'another version': NEWER,
  'another version, and a column more': `${ADDED}; ${NEWER}`,
  'another version, and all workers dead': `${NEWER}; ${DEAD}`,
  'a column more under the same version': ADDED,
  'a column less under the same version': 'ALTER TABLE perdure_runs DROP COLUMN waits',
  'another name for a column': 'ALTER TABLE perdure_operations RENAME COLUMN outcome TO result',
  'another name for a table': `ALTER TABLE perdure_operations RENAME TO perdure_entries; ${NEWER}`,
};

let path: string;
let newer: SqliteDatabase;

beforeEach(async () => {
  path = join(tempDirectory(), 'app.db');
  newer = (await findDriver()).connect(path);
  return () => newer.close();
});

function migrate(sql: string): void {
  newer.exec(`BEGIN IMMEDIATE; ${sql}; COMMIT`);
}

describe.each(Object.entries(MIGRATIONS))('a file that a newer version migrates while it is open: %s', (_, sql) => {
  /** Everything that writes, of a store that has been used before. */
  const WRITES: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
    'an outcome': (store) => store.commit(batchOf({ operations: [outcomeOf('id', '2', 2)] })),
    'a batch': (store) => store.commit(batchOf({ creates: [runOf('new')], operations: [outcomeOf('new', '1', 1)], ends: [endOf('id')] })),
    'an empty batch': (store) => store.commit(batchOf()),
    'a heartbeat': (store) => store.heartbeat('w1', 2_000),
    'a claim': (store) => store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [], limit: 1 }),
    'a registration': (store) => store.registerWorker(workerOf('w2')),
    'a message': (store) => store.send(messageTo('id')),
    'an unblocking': (store) => store.unblock('id'),
    'a pruning': (store) => store.prune({ endedBefore: 1, keep: null, limit: 1 }),
    'a retirement': (store) => store.retireWorker('w1'),
  };

  test.each(Object.entries(WRITES))('%s of the old process is refused', async (_, write) => {
    const store = sqliteStore(path);
    await store.open();
    onTestFinished(() => store.close());
    await withRuns(store, 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)], messages: [messageTo('id')] }));
    migrate(sql);
    // Whatever a statement has found out before: it is prepared anew, or was never.
    for (const _ of ['once', 'again']) await expect(write(store)).rejects.toMatchObject({ code: 'STORE_TOO_NEW' });
  });

  test('an engine stops, says so once, and does not register again', async () => {
    const { logger, lines } = collectingLogger();
    const step = action(unique('step'), async (value: number) => value);
    const body = flow(unique('body'), async () => [await step(1), await event<number>('go').result(), await step(2)]);
    const engine = await open({ store: path, default: false, logger });
    const failures: string[] = [];
    const fenced: string[] = [];
    engine.on('engine:failed', ({ error }) => failures.push(`${error.code}`));
    engine.on('engine:fenced', ({ workerId }) => fenced.push(workerId));
    const run = engine.start(body, [], { id: 'run' });
    await run.recorded();
    migrate(sql);
    // By its next commit, or by the search for the dead at the latest.
    await expect(run).rejects.toMatchObject({ code: 'STORE_TOO_NEW' });
    expect(() => engine.start(body, [])).toThrow(/a newer version of perdure has changed it/);
    expect(failures).toEqual(['STORE_TOO_NEW']);
    expect(fenced).toEqual([]);
    expect(lines.filter(({ level }) => level === 'error' || level === 'warn').map(({ message }) => message)).toEqual([
      expect.stringMatching(/the engine has stopped: .* writes no more\. Start it again with the newer version$/),
    ]);
    await engine.close();
  });
});

test('a process of version 2 that is fenced cannot register again in a file of version 3', async () => {
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  const ofVersion2 = `INSERT INTO perdure_workers (id, status, registered_at, heartbeat_at) VALUES ('old', 'ALIVE', 1, 1)`;
  expect(() => newer.exec(ofVersion2)).toThrow(/migrated by a newer version of perdure: upgrade this process as well/);
});

test('what a program does to its own tables in the file is no matter of perdure', async () => {
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  await withRuns(store, 'id');
  await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
  migrate('CREATE TABLE mine (a TEXT); ALTER TABLE mine ADD COLUMN b TEXT; CREATE INDEX perdure_runs_mine ON perdure_runs (flow)');
  await store.commit(batchOf({ operations: [outcomeOf('id', '2', 2)] }));
  await store.commit(batchOf({ operations: [outcomeOf('id', '3', 3)], ends: [endOf('id')] }));
  expect(await journalOf(store, 'id')).toHaveLength(3);
});
