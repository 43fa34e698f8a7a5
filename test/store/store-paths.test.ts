import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { chooseStore } from '../../src/engine/choose-store.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { builtProgram } from '../built-program.js';
import { workerOf } from './records.js';
import { tempDirectory } from './temp-directory.js';

const CHILD = fileURLToPath(new URL('./children/open-store.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const IS_ROOT = process.getuid?.() === 0;
const run = promisify(execFile);

/** What a process in `directory` is told. */
async function told(directory: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await run(process.execPath, [builtProgram(CHILD), ...args], { cwd: directory });
  return JSON.parse(stdout);
}

/** An error that says what is wrong with this path. */
function says(code: string, path: string, what: string): unknown {
  return expect.objectContaining({ name: 'StorageError', code, message: `could not open the store ${path}: ${what}` });
}

interface Place {
  /** Makes it in a directory; returns the path that is given. */
  make(directory: string): string | Promise<string>;
  readonly code: string;
  says(path: string): string;
}

const PLACES: Readonly<Record<string, Place>> = {
  'links in a circle': {
    make(directory) {
      symlinkSync('two', join(directory, 'one'));
      symlinkSync('one', join(directory, 'two'));
      return join(directory, 'one');
    },
    code: 'STORE_FAILED',
    says: () => 'its symbolic links lead in a circle. Mend them, or choose another path',
  },
  'a directory that is links in a circle': {
    make(directory) {
      symlinkSync('one', join(directory, 'one'));
      return join(directory, 'one', 'app.db');
    },
    code: 'STORE_FAILED',
    says: () => 'its symbolic links lead in a circle. Mend them, or choose another path',
  },
  'a link to nothing': {
    make(directory) {
      symlinkSync('nothing.db', join(directory, 'app.db'));
      return join(directory, 'app.db');
    },
    code: 'STORE_FAILED',
    says: () => 'it is a symbolic link to nothing.db, and there is no file. Put the file there, mend the link or delete it',
  },
  'a name that no file system takes': {
    make: (directory) => join(directory, 'a'.repeat(300)),
    code: 'STORE_FAILED',
    says: () => 'its path is too long. Choose one of at most 475 bytes, with at most 218 in the name of the file',
  },
  'a name that leaves no room for those beside it': {
    make: (directory) => join(directory, 'a'.repeat(219)),
    code: 'STORE_FAILED',
    says: () => 'its path is too long. Choose one of at most 475 bytes, with at most 218 in the name of the file',
  },
  'a path that SQLite does not take': {
    make(directory) {
      const deep = join(directory, ...Array.from({ length: 10 }, () => 'ä'.repeat(20)));
      mkdirSync(deep, { recursive: true });
      return join(deep, `${'a'.repeat(476 - Buffer.byteLength(deep) - 1 - 3)}.db`);
    },
    code: 'STORE_FAILED',
    says: () => 'its path is too long. Choose one of at most 475 bytes, with at most 218 in the name of the file',
  },
  'a path that no system takes': {
    make: (directory) => join(directory, 'a/'.repeat(3_000), 'app.db'),
    code: 'STORE_FAILED',
    says: () => 'its path is too long. Choose one of at most 475 bytes, with at most 218 in the name of the file',
  },
  'a directory that is not there': {
    make: (directory) => join(directory, 'missing', 'app.db'),
    code: 'STORE_DIRECTORY_MISSING',
    says: (path) => `the directory ${join(path, '..')} does not exist. Create it, or choose another path`,
  },
  'a directory that is a file': {
    make(directory) {
      writeFileSync(join(directory, 'file'), '');
      return join(directory, 'file', 'below', 'app.db');
    },
    code: 'STORE_DIRECTORY_MISSING',
    says: (path) => `${join(path, '..', '..')} is no directory. Choose another path`,
  },
  'a directory in its place': {
    make(directory) {
      mkdirSync(join(directory, 'app.db'));
      return join(directory, 'app.db');
    },
    code: 'STORE_NOT_A_DATABASE',
    says: (path) => `it is a directory. Give the path of a file, such as ${path}/app.db`,
  },
  'a named pipe': {
    make(directory) {
      execFileSync('mkfifo', [join(directory, 'app.db')]);
      return join(directory, 'app.db');
    },
    code: 'STORE_NOT_A_DATABASE',
    says: () => 'it is a named pipe. Give the path of a file',
  },
  'a socket': {
    async make(directory) {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(join(directory, 'app.db'), resolve);
      });
      onTestFinished(() => void server.close());
      return join(directory, 'app.db');
    },
    code: 'STORE_NOT_A_DATABASE',
    says: () => 'it is a socket. Give the path of a file',
  },
  'a device': {
    make: () => '/dev/null',
    code: 'STORE_NOT_A_DATABASE',
    says: () => 'it is a device. Give the path of a file',
  },
};

describe.skipIf(process.platform === 'win32')('the path of a store', () => {
  test.each(Object.entries(PLACES))('that is %s is refused, and nothing is made', async (_, place) => {
    const directory = tempDirectory();
    const path = await place.make(directory);
    const before = readdirSync(directory);
    const error = says(place.code, path, place.says(path));
    await expect(sqliteStore(path).open()).rejects.toEqual(error);
    await expect((async () => chooseStore(path).open())()).rejects.toEqual(error);
    expect(readdirSync(directory)).toEqual(before);
  });

  test('may be as long as it says, in bytes', async () => {
    const directory = realpathSync(tempDirectory());
    const deep = join(directory, ...Array.from({ length: 10 }, () => 'ä'.repeat(20)));
    mkdirSync(deep, { recursive: true });
    const path = join(deep, `${'a'.repeat(475 - Buffer.byteLength(deep) - 1 - 3)}.db`);
    for (const longest of [path, join(directory, 'b'.repeat(218))]) {
      const store = sqliteStore(longest);
      await store.open();
      await store.registerWorker(workerOf('w'.repeat(21)));
      await store.close();
    }
  });

  test('may be a link to a file in another directory', async () => {
    const directory = tempDirectory();
    mkdirSync(join(directory, 'data'));
    writeFileSync(join(directory, 'data', 'app.db'), '');
    symlinkSync('data/app.db', join(directory, 'link.db'));
    const store = sqliteStore(join(directory, 'link.db'));
    await store.open();
    expect(readdirSync(join(directory, 'data'))).toContain('app.db-wal');
    await store.close();
  });

  test('is refused in the same words by the environment, and by the default', async () => {
    const directory = tempDirectory();
    const path = join(directory, 'missing', 'app.db');
    const missing = `could not open the store ${path}: the directory ${join(directory, 'missing')} does not exist. Create it, or choose another path`;
    expect(await told(directory, 'environment', path)).toEqual(['StorageError', 'STORE_DIRECTORY_MISSING', missing]);
    writeFileSync(join(directory, '.perdure'), '');
    const real = realpathSync(directory);
    expect(await told(directory, 'default')).toEqual([
      'StorageError',
      'STORE_DIRECTORY_MISSING',
      `could not open the store ${join(real, '.perdure', 'journal.db')}: ${join(real, '.perdure')} is no directory. Choose another path`,
    ]);
  });

  test.each([
    ['sqliteStore', 'app.db', 'app.db'],
    ['open', 'app.db', 'app.db'],
    ['environment', 'app.db', 'app.db'],
    ['default', '', '.perdure/journal.db'],
  ])('by way of %s goes by no working directory that was deleted', async (how, path, name) => {
    const directory = join(tempDirectory(), 'gone');
    mkdirSync(directory);
    expect(await told(directory, how, path, '--delete-directory')).toEqual([
      'StorageError',
      'STORE_DIRECTORY_MISSING',
      `could not find the store ${name}: the working directory of this process was deleted. Start the process in one that exists, or give an absolute path`,
    ]);
  });

  test.each([
    ['sqliteStore', 'app.db'],
    ['default', ''],
  ])('by way of %s makes no working directory anew that was deleted', async (how, path) => {
    const directory = join(realpathSync(tempDirectory()), 'gone');
    mkdirSync(directory);
    const [, code, message] = (await told(directory, how, path, '--delete-directory', '--remembered')) as string[];
    expect(code).toBe('STORE_DIRECTORY_MISSING');
    expect(message).toContain(`the directory ${directory} does not exist`);
    expect(existsSync(directory)).toBe(false);
  });

  test('may be absolute where the working directory was deleted', async () => {
    const directory = tempDirectory();
    mkdirSync(join(directory, 'gone'));
    expect(await told(join(directory, 'gone'), 'open', join(directory, 'app.db'), '--delete-directory')).toBe('open');
    expect(existsSync(join(directory, 'app.db'))).toBe(true);
  });

  // Only root can become somebody who may not; whoever is not root takes the rights away from himself.
  test('is refused where this user may not go', async () => {
    const directory = tempDirectory();
    chmodSync(directory, 0o755);
    const path = join(directory, 'closed', 'app.db');
    mkdirSync(join(directory, 'closed'));
    chmodSync(join(directory, 'closed'), 0o000);
    onTestFinished(() => chmodSync(join(directory, 'closed'), 0o700));
    const [name, code, message] = (await told(ROOT, 'open', path, ...(IS_ROOT ? ['--user', '65534'] : []))) as string[];
    expect([name, code]).toEqual(['StorageError', 'STORE_FAILED']);
    expect(message).toContain(`could not open the store ${path}: this user may not enter a directory above it`);
  });

  test('is refused where this user may not write', async () => {
    const directory = tempDirectory();
    chmodSync(directory, 0o555);
    onTestFinished(() => chmodSync(directory, 0o700));
    const path = join(directory, 'app.db');
    expect(await told(ROOT, 'open', path, ...(IS_ROOT ? ['--user', '65534'] : []))).toEqual([
      'StorageError',
      'STORE_READ_ONLY',
      `could not open the store ${path}: the directory ${directory} is read-only. Make it writable for this user, or choose another path`,
    ]);
  });
});

describe.skipIf(process.platform === 'win32')('the files of a store', () => {
  function modes(directory: string): Record<string, string> {
    return Object.fromEntries(readdirSync(directory).map((name) => [name, (statSync(join(directory, name)).mode & 0o777).toString(8)]));
  }

  async function modesWhileOpen(path: string): Promise<Record<string, string>> {
    const store = sqliteStore(path);
    await store.open();
    await store.registerWorker(workerOf('w'));
    const seen = modes(join(path, '..'));
    await store.close();
    return seen;
  }

  test.each([0o022, 0o000, 0o077, 0o777])("are their owner's alone, whatever the umask is", async (mask) => {
    const before = process.umask(mask);
    onTestFinished(() => void process.umask(before));
    const directory = tempDirectory();
    chmodSync(directory, 0o700);
    expect(await modesWhileOpen(join(directory, 'app.db'))).toEqual({
      'app.db': '600',
      'app.db-shm': '600',
      'app.db-wal': '600',
      'app.db-worker-w': '600',
    });
  });

  test('have the mode of a file that was there', async () => {
    const before = process.umask(0o022);
    onTestFinished(() => void process.umask(before));
    const directory = tempDirectory();
    writeFileSync(join(directory, 'app.db'), '');
    chmodSync(join(directory, 'app.db'), 0o660);
    expect(await modesWhileOpen(join(directory, 'app.db'))).toEqual({
      'app.db': '660',
      'app.db-shm': '660',
      'app.db-wal': '660',
      'app.db-worker-w': '660',
    });
  });

  test("by default lie in a directory of their owner's alone", async () => {
    const directory = tempDirectory();
    expect(await told(directory, 'default')).toBe('open');
    expect(modes(directory)['.perdure']).toBe('700');
    expect(modes(join(directory, '.perdure'))['journal.db']).toBe('600');
  });
});
