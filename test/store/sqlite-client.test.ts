import { chmodSync, copyFileSync, existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Engine, open, sqliteStore } from 'perdure';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { SqliteDriver } from '../../src/store/sqlite/driver.js';
import { collectingLogger, thrownBy } from '../api/with-engine.js';
import { callsOf, openWorker, order, READ, READS, REFUSED, SILENT, WRITES } from './children/client-calls.js';
import { filesOf } from './files-of.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { type StoreFiles, storeFiles } from './store-files.js';
import { tempDirectory } from './temp-directory.js';

let files: StoreFiles;

beforeAll(async () => {
  files = await storeFiles();
  return files.remove;
});

describe.each(INSTALLED_DRIVERS.map((driver) => [driver.name, driver] as const))('a client, by way of %s', (_, driver) => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = tempDirectory();
    path = join(directory, 'app.db');
  });

  /** An engine that only looks. */
  async function openClient(at = path): Promise<Engine> {
    const engine = await open({ store: sqliteStore(at, { driver }), execute: false, logger: SILENT });
    onTestFinished(() => engine.close());
    return engine;
  }

  async function expectReadOnly(client: Engine): Promise<void> {
    expect(await callsOf(client, READS)).toEqual(READ);
    expect(await callsOf(client, WRITES)).toEqual(REFUSED);
  }

  function worker(at = path, ...ids: string[]): Promise<Engine> {
    return openWorker(sqliteStore(at, { driver }), ...ids);
  }

  describe('where there is no store', () => {
    const PLACES: Readonly<Record<string, { make(): string; says(at: string): string }>> = {
      'a name that is misspelt': { make: () => path, says: () => 'there is no such file' },
      'a directory that is misspelt': {
        make: () => join(directory, 'a', 'b', 'app.db'),
        says: () => `the directory ${join(directory, 'a', 'b')} does not exist`,
      },
      'a directory that is a file': {
        make() {
          writeFileSync(join(directory, 'file'), '');
          return join(directory, 'file', 'app.db');
        },
        says: () => `${join(directory, 'file')} is no directory`,
      },
      'a directory below a file': {
        make() {
          writeFileSync(join(directory, 'file'), '');
          return join(directory, 'file', 'below', 'app.db');
        },
        says: () => `${join(directory, 'file')} is no directory`,
      },
      'an empty file': {
        make() {
          writeFileSync(path, '');
          return path;
        },
        says: () => 'the file has no tables of perdure',
      },
      'a database of something else': {
        make() {
          files.put('of something else', path);
          return path;
        },
        says: () => 'the file has no tables of perdure',
      },
      'a database of something else in WAL mode': {
        make() {
          files.put('of something else, in WAL mode', path);
          return path;
        },
        says: () => 'the file has no tables of perdure',
      },
    };

    test.each(Object.entries(PLACES))('says so and makes nothing: %s', async (_, place) => {
      const at = place.make();
      const before = filesOf(directory);
      const error = await thrownBy(() => openClient(at));
      expect(error).toMatchObject({ name: 'StorageError', code: 'STORE_NOT_FOUND' });
      expect(error.message).toContain(`could not open the store ${at}: ${place.says(at)}, and an engine with execute: false makes none`);
      expect(filesOf(directory)).toEqual(before);
    });

    test('leaves what is no database as it is', async () => {
      writeFileSync(path, 'This is a letter, and no database. '.repeat(100));
      const before = filesOf(directory);
      expect(await thrownBy(() => openClient())).toMatchObject({ code: 'STORE_NOT_A_DATABASE' });
      expect(filesOf(directory)).toEqual(before);
    });

    test('leaves a link to nothing as it is', async () => {
      symlinkSync('nothing.db', path);
      expect(await thrownBy(() => openClient())).toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('nothing.db') });
      expect(readdirSync(directory)).toEqual(['app.db']);
    });

    test('opens it once a worker has made it', async () => {
      await thrownBy(() => openClient());
      files.put('without a log', path);
      expect(await callsOf(await openClient(), READS)).toEqual(READ);
    });
  });

  describe('of a store with another schema', () => {
    const FILES: readonly (readonly [name: string, code: string])[] = [
      ['the first version', 'STORE_TOO_OLD'],
      ['the first version, in WAL mode', 'STORE_TOO_OLD'],
      ['the version before', 'STORE_TOO_OLD'],
      ['a newer version', 'STORE_TOO_NEW'],
      ['the version before, killed', 'STORE_TOO_OLD'],
      ['a newer version, killed', 'STORE_TOO_NEW'],
    ];
    // To read a log, libsql opens the file as a worker does.
    const unchanged = FILES.filter(([name]) => driver.connectReadOnly !== undefined || !name.endsWith('killed'));

    test.each(unchanged)('says what to do, and changes nothing: %s', async (name, code) => {
      files.put(name, path);
      const before = filesOf(directory);
      const error = await thrownBy(() => openClient());
      expect(error).toMatchObject({ name: 'StorageError', code });
      expect(error.message).toContain(path);
      expect(error.message).toMatch(code === 'STORE_TOO_OLD' ? /Open it once with an engine of this version/ : /Upgrade perdure/);
      const after = filesOf(directory);
      delete after['app.db-shm'];
      expect(after).toEqual(before);
    });
  });

  describe.runIf(driver.connectImmutable)('of a file that cannot be written', () => {
    test('reads it, refuses the rest, and changes nothing', async () => {
      files.put('without a log', path);
      chmodSync(path, 0o444);
      const before = filesOf(directory);
      const client = await openClient();
      await expectReadOnly(client);
      const error = await thrownBy(() => client.send('waits', 'go', 1));
      expect(error.message).toBe(`the store ${path} can only be read: the file is read-only. Make it writable for this user first`);
      expect(readdirSync(directory)).toEqual(Object.keys(before));
      await client.close();
      expect(filesOf(directory)).toEqual(before);
    });

    test('reads a copy that is not in WAL mode', async () => {
      files.put('not in WAL mode', path);
      chmodSync(path, 0o444);
      const before = readdirSync(directory);
      const client = await openClient();
      await expectReadOnly(client);
      expect(readdirSync(directory)).toEqual(before);
    });

    test('says once that a run was not cancelled by its future, and does not try again', async () => {
      files.put('without a log', path);
      chmodSync(path, 0o444);
      const { logger, lines } = collectingLogger();
      const client = await open({ store: sqliteStore(path, { driver }), execute: false, logger });
      const future = client.future('waits');
      const pending = future.exception();
      await client.get('waits');
      future.cancel();
      await client.close();
      expect(await pending.catch((error: unknown) => error)).toMatchObject({ code: 'ENGINE_CLOSED' });
      expect(lines.map(({ message }) => message)).toEqual([expect.stringContaining('run waits was not cancelled: the store')]);
    });

    test('follows a run there until it is closed', async () => {
      files.put('without a log', path);
      chmodSync(path, 0o444);
      const client = await openClient();
      const result = client.future('waits').result();
      const closed = thrownBy(() => result);
      expect(await client.get('waits')).not.toMatchObject({ status: 'SUCCEEDED' });
      await client.close();
      expect(await closed).toMatchObject({ code: 'ENGINE_CLOSED' });
    });

    test.runIf(driver.connectReadOnly)('reads a copy of a store that was open, with its log and the index of that', async () => {
      files.put('killed, with its index', path);
      for (const suffix of ['', '-wal', '-shm']) chmodSync(`${path}${suffix}`, 0o444);
      const before = readdirSync(directory);
      const client = await openClient();
      await expectReadOnly(client);
      await client.close();
      expect(readdirSync(directory)).toEqual(before);
    });

    test('says what it would have to make to read a log', async () => {
      files.put('killed', path);
      chmodSync(path, 0o444);
      const before = filesOf(directory);
      const error = await thrownBy(() => openClient());
      expect(error).toMatchObject({ name: 'StorageError', code: 'STORE_READ_ONLY' });
      expect(error.message).toContain(`could not read the store ${path}: what its log ${path}-wal holds can only be read with ${path}-shm`);
      expect(filesOf(directory)).toEqual(before);
    });

    test.runIf(driver.connectReadOnly)('sees what a worker writes who may, from when it comes until it is gone', async () => {
      files.put('without a log', path);
      chmodSync(path, 0o444);
      const client = await openClient();
      expect(await callsOf(client, READS)).toEqual(READ);
      const result = client.future('waits').result();
      chmodSync(path, 0o600);
      const engine = await worker();
      chmodSync(path, 0o444);
      await engine.send('waits', 'go', 7);
      expect(await result).toBe(7);
      expect(await client.get('waits')).toMatchObject({ status: 'SUCCEEDED' });
      expect(await callsOf(client, WRITES)).toEqual(REFUSED);
      chmodSync(path, 0o600);
      await engine.close();
      expect(await client.future('waits')).toBe(7);
    });
  });

  describe('of a file that can be written', () => {
    test.runIf(driver.connectImmutable)('makes and changes nothing as long as it only looks', async () => {
      files.put('without a log', path);
      const before = filesOf(directory);
      const client = await openClient();
      expect(await callsOf(client, READS)).toEqual(READ);
      expect(readdirSync(directory)).toEqual(['app.db']);
      await client.close();
      expect(filesOf(directory)).toEqual(before);
    });

    test.runIf(driver.connectReadOnly)('leaves the log of a process that was killed as it is', async () => {
      files.put('killed', path);
      const before = filesOf(directory);
      const client = await openClient();
      expect(await callsOf(client, READS)).toEqual(READ);
      await client.close();
      const after = filesOf(directory);
      delete after['app.db-shm'];
      expect(after).toEqual(before);
    });

    test('does not change how a file is written that is not in WAL mode', async () => {
      files.put('not in WAL mode', path);
      const client = await openClient();
      expect(await client.cancel('waits')).toBe(true);
      await client.close();
      const database = driver.connect(path);
      expect(database.prepare('PRAGMA journal_mode').all([])[0]?.['journal_mode']).toBe('delete');
      expect(database.prepare('SELECT kind FROM perdure_inbox').all([])).toMatchObject([{ kind: 'cancel' }]);
      database.close();
    });

    test('follows runs through workers that come and go', async () => {
      files.put('without a log', path);
      const client = await openClient();
      for (const [index, id] of ['first', 'second', 'third'].entries()) {
        const engine = await worker(path, id);
        expect((await client.list())[0]).toMatchObject({ id });
        const result = client.future(id).result();
        await client.send(id, 'go', index);
        expect(await result).toBe(index);
        await engine.close({ timeout: 0 });
        expect(await client.get(id)).toMatchObject({ status: 'SUCCEEDED' });
      }
    });

    test('sends to a run whose worker comes later, and hears of its end', async () => {
      files.put('without a log', path);
      const client = await openClient();
      const result = client.future('waits').result();
      await client.send('waits', 'go', 3);
      expect(await client.get('waits')).not.toMatchObject({ status: 'SUCCEEDED' });
      const engine = await worker();
      expect(await result).toBe(3);
      await engine.close();
    });

    test('sees each state of a file that others write and leave, and never a mixture', async () => {
      files.put('without a log', path);
      const client = await openClient();
      const counts: number[] = [];
      for (let count = 1; count <= 5; count += 1) {
        const engine = await open({ store: sqliteStore(path, { driver }), default: false, logger: SILENT });
        await Promise.all(Array.from({ length: 50 }, (_, i) => engine.start(order, [], { id: `${count}-${i}` })));
        await engine.close();
        counts.push((await client.list({ limit: 10_000, status: 'SUCCEEDED' })).length);
      }
      expect(counts).toEqual([51, 101, 151, 201, 251]);
    });

    test('registers no worker, and keeps no lock', async () => {
      const engine = await worker();
      const before = readdirSync(directory).filter((name) => name.includes('-worker-'));
      const client = await openClient();
      await client.send('waits', 'go', 1);
      expect(readdirSync(directory).filter((name) => name.includes('-worker-'))).toEqual(before);
      await client.close();
      await engine.close();
    });

    test('stops when another file takes the place of the one that it reads', async () => {
      files.put('without a log', path);
      const other = join(directory, 'other.db');
      files.put('without a log', other);
      const client = await openClient();
      const result = thrownBy(() => client.future('waits').result());
      await client.get('waits');
      rmSync(path);
      copyFileSync(other, path);
      expect(await result).toMatchObject({ code: 'STORE_REPLACED' });
    });
  });

  describe('on one store object with a worker', () => {
    test('the worker gets what it needs, whichever opened it first', async () => {
      files.put('not in WAL mode', path);
      const store = sqliteStore(path, { driver });
      const client = await open({ store, execute: false, logger: SILENT });
      const result = client.future('waits').result();
      const engine = await openWorker(store);
      expect(existsSync(`${path}-wal`)).toBe(true);
      await client.send('waits', 'go', 5);
      expect(await result).toBe(5);
      await engine.close();
      expect(await client.get('waits')).toMatchObject({ status: 'SUCCEEDED' });
      await client.close();
      expect(readdirSync(directory).filter((name) => name.includes('-worker-'))).toEqual([]);
    });

    test('the worker makes a store where the client found none, though both are opened at once', async () => {
      const store = sqliteStore(path, { driver });
      const [client, engine] = await Promise.allSettled([open({ store, execute: false, logger: SILENT }), openWorker(store)]);
      expect(client).toMatchObject({ status: 'rejected', reason: { code: 'STORE_NOT_FOUND' } });
      expect(engine.status).toBe('fulfilled');
      if (engine.status === 'fulfilled') await engine.value.close({ timeout: 0 });
    });

    test.runIf(driver.connectImmutable)('a worker is refused where nothing can be written, and the client goes on', async () => {
      files.put('without a log', path);
      chmodSync(path, 0o444);
      const store = sqliteStore(path, { driver });
      const client = await open({ store, execute: false, logger: SILENT });
      onTestFinished(() => client.close());
      expect(await thrownBy(() => open({ store, default: false, logger: SILENT }))).toMatchObject({ code: 'STORE_READ_ONLY' });
      expect(await callsOf(client, READS)).toEqual(READ);
      expect(readdirSync(directory)).toEqual(['app.db']);
    });
  });

  test('of a driver that can only write reads what can be written, and says what it cannot read', async () => {
    const { connectImmutable: _, connectReadOnly: __, ...others } = driver;
    const poor: SqliteDriver = others;
    files.put('without a log', path);
    const looks = async (): Promise<unknown> => {
      const client = await open({ store: sqliteStore(path, { driver: poor }), execute: false, logger: SILENT });
      try {
        return await callsOf(client, READS);
      } finally {
        await client.close();
      }
    };
    expect(await looks()).toEqual(READ);
    chmodSync(path, 0o444);
    const before = readdirSync(directory);
    expect(await thrownBy(looks)).toMatchObject({ code: 'STORE_READ_ONLY', message: expect.stringContaining(driver.name) });
    expect(readdirSync(directory)).toEqual(before);
  });
});

test('a client with no store given makes no directory', async () => {
  const [before, environment] = [process.cwd(), process.env['PERDURE_STORE']];
  const directory = tempDirectory();
  process.chdir(directory);
  delete process.env['PERDURE_STORE'];
  onTestFinished(() => {
    process.chdir(before);
    if (environment !== undefined) process.env['PERDURE_STORE'] = environment;
  });
  const error = await thrownBy(() => open({ execute: false, logger: SILENT }));
  expect(error).toMatchObject({ code: 'STORE_NOT_FOUND' });
  expect(error.message).toContain(join(basename(directory), '.perdure', 'journal.db'));
  expect(readdirSync(directory)).toEqual([]);
});
