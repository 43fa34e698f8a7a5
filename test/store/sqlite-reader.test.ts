import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { flow, open, sqliteStore } from 'perdure';
import { type SqliteReaderOptions, type StoreReader, sqliteReader } from 'perdure/store';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { SqliteDatabase } from '../../src/store/sqlite/driver.js';
import { thrownBy, unique } from '../api/with-engine.js';
import { builtProgram } from '../built-program.js';
import { openWorker, SILENT } from './children/client-calls.js';
import { filesOf } from './files-of.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { batchOf, endOf, outcomeOf, runOf, withRuns } from './records.js';
import { type StoreFiles, storeFiles } from './store-files.js';
import { tempDirectory } from './temp-directory.js';

const CHILD = fileURLToPath(new URL('./children/read.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

// Root may write everywhere, so it becomes somebody else; whoever is not root takes the rights away from himself.
const AS_SOMEBODY = process.getuid?.() === 0 ? ['--user', '65534'] : [];

/** What another process without the right to write in the directory of the store reads. */
async function readBySomebody(path: string, driver: string): Promise<Record<string, unknown>> {
  const { stdout } = await run(process.execPath, [builtProgram(CHILD), path, driver, ...AS_SOMEBODY], { cwd: ROOT });
  return JSON.parse(stdout) as Record<string, unknown>;
}

let files: StoreFiles;

beforeAll(async () => {
  files = await storeFiles();
  return files.remove;
});

describe.each(INSTALLED_DRIVERS.map((driver) => [driver.name, driver] as const))('a reader, by way of %s', (name, driver) => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = realpathSync(tempDirectory());
    path = join(directory, 'app.db');
  });

  function read(at = path): StoreReader {
    const reader = sqliteReader(at, { driver });
    onTestFinished(() => reader.close());
    return reader;
  }

  async function idsOf(reader: StoreReader): Promise<string[]> {
    return (await reader.page()).runs.map(({ id }) => id);
  }

  test.runIf(driver.connectImmutable).each(['without a log', 'not in WAL mode'])('makes and changes nothing: %s', async (file) => {
    files.put(file, path);
    const before = filesOf(directory);
    const reader = read();
    expect(await idsOf(reader)).toHaveLength(2);
    expect(await reader.overview('workers')).toHaveLength(1);
    expect(readdirSync(directory)).toEqual(Object.keys(before));
    await reader.close();
    expect(filesOf(directory)).toEqual(before);
  });

  test('makes no store where there is none', async () => {
    const error = await thrownBy(() => read().open());
    expect(error).toMatchObject({ name: 'StorageError', code: 'STORE_NOT_FOUND' });
    expect(error.message).toContain('and a reader makes none');
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each([
    ['the first version', 'STORE_TOO_OLD'],
    ['the version before', 'STORE_TOO_OLD'],
    ['a newer version', 'STORE_TOO_NEW'],
    ['of something else', 'STORE_NOT_FOUND'],
  ])('refuses a file of another schema, and leaves it as it is: %s', async (file, code) => {
    files.put(file, path);
    const before = filesOf(directory)['app.db'];
    expect(await thrownBy(() => read().page())).toMatchObject({ code, message: expect.stringContaining(path) });
    expect(filesOf(directory)['app.db']).toBe(before);
  });

  test('tells when a newer version has changed the schema meanwhile', async () => {
    const store = await opened();
    await withRuns(store, 'id');
    const reader = read();
    expect(await idsOf(reader)).toEqual(['id']);
    const other = driver.connect(path);
    onTestFinished(() => other.close());
    other.exec(`UPDATE perdure_meta SET value = '99' WHERE key = 'schema_version'`);
    expect(await thrownBy(() => reader.page())).toMatchObject({ code: 'STORE_TOO_NEW' });
  });

  test.each([
    ['deleted', () => rmSync(path)],
    ['moved', () => renameSync(path, `${path}.moved`)],
    [
      'replaced',
      () => {
        copyFileSync(path, `${path}.new`);
        renameSync(`${path}.new`, path);
      },
    ],
  ])('does not read a file that was %s as if nothing had happened', async (_, change) => {
    files.put('without a log', path);
    const reader = read();
    await idsOf(reader);
    change();
    expect(await thrownBy(() => reader.page())).toMatchObject({ code: 'STORE_REPLACED', message: expect.stringContaining(path) });
    expect(await thrownBy(() => reader.run('waits'))).toMatchObject({ code: 'STORE_REPLACED' });
  });

  test('keeps nobody from moving the log into the file', async () => {
    const store = await opened();
    await withRuns(store, ...Array.from({ length: 50 }, (_, index) => `r${index}`));
    const reader = read();
    expect((await reader.page({ limit: 10 })).runs).toHaveLength(10);
    const other = driver.connect(path);
    onTestFinished(() => other.close());
    expect(other.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([])[0]).toMatchObject({ busy: 0 });
    expect(await idsOf(reader)).toHaveLength(50);
  });

  test('goes on with what is written after a look, and closing it disturbs no store of this process', async () => {
    const store = await opened();
    await withRuns(store, 'id');
    for (let round = 1; round <= 3; round += 1) {
      const reader = read();
      expect(await idsOf(reader)).toHaveLength(round);
      await store.commit(batchOf({ creates: [runOf(`after-${round}`)] }));
      expect(await idsOf(reader)).toHaveLength(round + 1);
      await reader.close();
    }
    await store.commit(batchOf({ ends: [endOf('id')] }));
    // A process that could have it alone would take it out of WAL mode.
    const { stdout } = await run(process.execPath, [builtProgram(CHILD), path, name], { cwd: ROOT });
    expect(JSON.parse(stdout)).toMatchObject({ ids: ['after-3', 'after-2', 'after-1', 'id'] });
  });

  test('leaves the file alone behind when an engine that has listed is closed', async () => {
    const engine = await open({ store: sqliteStore(path, { driver }), default: false, logger: SILENT });
    await engine.start(
      flow(unique('listed'), async () => 1),
      [],
    );
    expect(await engine.list()).toHaveLength(1);
    expect(await engine.count()).toBe(1);
    await engine.close();
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
    if (driver.closesAtOnce === true) expect(existsSync(`${path}-wal`)).toBe(false);
  });

  describe.skipIf(process.platform === 'win32')('of somebody who may write nothing where the store is', () => {
    const READ = { ids: expect.any(Array), counts: expect.any(Array), entries: expect.any(Array) };

    function close(): void {
      for (const file of readdirSync(directory)) chmodSync(join(directory, file), 0o644);
      chmodSync(directory, 0o555);
      onTestFinished(() => chmodSync(directory, 0o700));
    }

    test.runIf(driver.connectImmutable)('reads a file without a log', async () => {
      files.put('without a log', path);
      close();
      const before = filesOf(directory);
      expect((await readBySomebody(path, name))['ids']).toHaveLength(2);
      expect(filesOf(directory)).toEqual(before);
    });

    test.runIf(driver.connectReadOnly)('reads what a worker of another user writes', async () => {
      const engine = await openWorker(path);
      close();
      const before = readdirSync(directory);
      expect(await readBySomebody(path, name)).toEqual(READ);
      expect(readdirSync(directory)).toEqual(before);
      chmodSync(directory, 0o700);
      await engine.close({ timeout: 0 });
    });

    test('is told which file cannot be made to read a log', async () => {
      files.put('killed', path);
      close();
      const before = filesOf(directory);
      const said = await readBySomebody(path, name);
      expect(said).toMatchObject({ code: 'STORE_READ_ONLY', message: expect.stringContaining(`${path}-shm`) });
      expect(filesOf(directory)).toEqual(before);
    });
  });

  async function opened(): Promise<ReturnType<typeof sqliteStore>> {
    const store = sqliteStore(path, { driver });
    await store.open();
    onTestFinished(() => store.close());
    return store;
  }
});

describe('of many runs', () => {
  let reader: StoreReader;
  let database: SqliteDatabase;

  beforeEach(async () => {
    const path = join(tempDirectory(), 'app.db');
    const store = sqliteStore(path);
    await store.open();
    await withRuns(store, 'first');
    await store.commit(batchOf({ operations: [outcomeOf('first', '0', 1)] }));
    await store.close();
    database = (INSTALLED_DRIVERS[0] as (typeof INSTALLED_DRIVERS)[number]).connect(path);
    onTestFinished(() => database.close());
    // More of each status than are put in order at once, and than are looked at in one step.
    database.exec(`INSERT INTO perdure_runs (n, id, flow, version, status, created_at, finished_at, digest, seed, input, outcome, queue)
      WITH RECURSIVE counted (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM counted WHERE i < 26009)
      SELECT i * 3, 'r' || i, CASE WHEN i % 9 = 0 THEN 'rare' ELSE 'order' END, 1 + (i = 20000),
        CASE WHEN i % 2 = 0 THEN 'SUSPENDED' WHEN i % 13 = 1 THEN 'FAILED' ELSE 'SUCCEEDED' END,
        i, CASE WHEN i % 2 = 0 THEN NULL ELSE i + 5 END, 'd', 's', '[]', CASE WHEN i % 2 = 0 THEN NULL ELSE '1' END,
        CASE WHEN i = 777 THEN 'mails' END FROM counted`);
    reader = sqliteReader(path);
    onTestFinished(() => reader.close());
  });

  test('finds the few that a condition leaves, wherever they lie', async () => {
    const found = async (query: Parameters<StoreReader['page']>[0]): Promise<string[]> =>
      (await reader.page(query)).runs.map(({ id }) => id);
    expect(await found({ version: 2 })).toEqual(['r20000']);
    expect(await found({ version: 2, status: 'SUSPENDED', order: 'oldest' })).toEqual(['r20000']);
    expect(await found({ version: 2, flow: 'order' })).toEqual(['r20000']);
    expect(await found({ queue: 'mails' })).toEqual(['r777']);
    expect(await found({ createdBefore: 12 })).toEqual(['r11', 'r10']);
    expect(await found({ idPrefix: 'r2600' })).toEqual([
      'r26009',
      'r26008',
      'r26007',
      'r26006',
      'r26005',
      'r26004',
      'r26003',
      'r26002',
      'r26001',
      'r26000',
      'r2600',
    ]);
    expect(await found({ idPrefix: 'r', limit: 1, order: 'oldest' })).toEqual(['r10']);
    expect((await reader.page({ queue: 'mails' })).runs[0]?.queue).toBe('mails');
  });

  test('gives the same in pages as at once (RW1)', async () => {
    for (const query of [
      {},
      { status: ['FAILED', 'SUSPENDED'] },
      { flow: 'rare', status: 'FAILED' },
      { order: 'oldest', createdAfter: 20_000 },
    ] as const) {
      const whole = await reader.page({ ...query, limit: 100_000 });
      expect(whole.next).toBeNull();
      const pages: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await reader.page({ ...query, limit: 3_001, ...(cursor === undefined ? {} : { cursor }) });
        for (const { id } of page.runs) pages.push(id);
        cursor = page.next;
      }
      expect(pages).toEqual(whole.runs.map(({ id }) => id));
      expect(new Set(pages).size).toBe(pages.length);
    }
  });

  test('counts what it lists (RNC1)', async () => {
    const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((all, count) => all + count, 0);
    for (const query of [
      {},
      { flow: 'rare' },
      { status: ['SUSPENDED', 'FAILED'] },
      { flow: 'order', status: 'SUCCEEDED' },
      { createdAfter: 20_000 },
    ] as const) {
      const { runs } = await reader.page({ ...query, limit: 100_000 });
      for (const by of ['status', 'flow'] as const)
        expect({ query, by, sum: sum(await reader.counts(by, query)) }).toEqual({ query, by, sum: runs.length });
    }
    expect([...(await reader.counts('status'))].sort()).toEqual([
      ['FAILED', 1_000],
      ['RUNNING', 1],
      ['SUCCEEDED', 12_000],
      ['SUSPENDED', 13_000],
    ]);
    database.exec(`UPDATE perdure_runs SET status = 'SUCCEEDED', outcome = '1', finished_at = 9 WHERE status = 'SUSPENDED' AND n > 100`);
    const few = await reader.counts('status');
    expect(few.get('SUCCEEDED')).toBe(13_000 + 12_000 - (few.get('SUSPENDED') as number));
    expect([...(await reader.counts('queue'))]).toEqual([['mails', 1]]);
  });

  test('tells of a row that cannot be read what its record tells', async () => {
    database.exec(`UPDATE perdure_runs SET input = x'00' WHERE id = 'r11'`);
    const [line] = (await reader.page({ ids: ['r11'] })).runs;
    expect(line).toMatchObject({ id: 'r11', status: 'BLOCKED', blockedCode: 'VALUE_UNREADABLE' });
    expect((await reader.records({ ids: ['r11'] })).runs[0]).toMatchObject({ status: 'BLOCKED', blockedCode: 'VALUE_UNREADABLE' });
  });
});

test.each<[what: string, make: () => unknown, code: string]>([
  ['no path', () => sqliteReader(undefined as never), 'INVALID_ARGUMENT'],
  ['memory', () => sqliteReader(':memory:'), 'INVALID_ARGUMENT'],
  ['an address', () => sqliteReader('postgres://host/db'), 'INVALID_OPTION'],
  ['an option of stores', () => sqliteReader('app.db', { synchronous: 'full' } as SqliteReaderOptions), 'INVALID_OPTION'],
])('a reader of %s is refused', async (_, make, code) => {
  expect(await thrownBy(async () => make())).toMatchObject({ name: 'UsageError', code });
});
