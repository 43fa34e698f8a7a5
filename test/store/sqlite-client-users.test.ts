import { execFile } from 'node:child_process';
import { chmodSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { builtProgram } from '../built-program.js';
import { openWorker, READ, REFUSED } from './children/client-calls.js';
import { filesOf } from './files-of.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { type StoreFiles, storeFiles } from './store-files.js';
import { tempDirectory } from './temp-directory.js';

const CHILD = fileURLToPath(new URL('./children/look.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

// Root may write everywhere, so it becomes somebody else; whoever is not root takes the rights away from himself.
const AS_SOMEBODY = process.getuid?.() === 0 ? ['--user', '65534'] : [];

/** What a client of a process without the right to write in the directory of the store is told. */
async function told(path: string, driver: string): Promise<unknown> {
  const { stdout } = await run(process.execPath, [builtProgram(CHILD), path, driver, ...AS_SOMEBODY], { cwd: ROOT });
  return JSON.parse(stdout);
}

let files: StoreFiles;

beforeAll(async () => {
  files = await storeFiles();
  return files.remove;
});

describe.skipIf(process.platform === 'win32').each(INSTALLED_DRIVERS.map((driver) => [driver.name, driver] as const))(
  'a client that may write nothing where the store is, by way of %s',
  (name, driver) => {
    let directory: string;
    let path: string;

    beforeEach(() => {
      directory = realpathSync(tempDirectory());
      path = join(directory, 'app.db');
    });

    /** From now on nobody may write in the directory, and everybody may read. */
    function close(mode = 0o644): void {
      for (const file of readdirSync(directory)) chmodSync(join(directory, file), mode);
      chmodSync(directory, 0o555);
      onTestFinished(() => chmodSync(directory, 0o700));
    }

    test.runIf(driver.connectImmutable).each(['without a log', 'not in WAL mode'])(
      'reads a file %s, and refuses the rest',
      async (file) => {
        files.put(file, path);
        close();
        const before = filesOf(directory);
        expect(await told(path, name)).toEqual({ reads: READ, writes: REFUSED });
        expect(filesOf(directory)).toEqual(before);
      },
    );

    test.runIf(driver.connectImmutable)('reads a file that may be written, in a directory that may not', async () => {
      files.put('without a log', path);
      close(0o666);
      const before = filesOf(directory);
      expect(await told(path, name)).toEqual({ reads: READ, writes: REFUSED });
      expect(filesOf(directory)).toEqual(before);
    });

    test.runIf(driver.connectReadOnly)('reads what a worker of another user writes', async () => {
      const engine = await openWorker(path);
      close();
      const before = readdirSync(directory);
      expect(await told(path, name)).toEqual({ reads: READ, writes: REFUSED });
      expect(readdirSync(directory)).toEqual(before);
      chmodSync(directory, 0o700);
      expect(await engine.get('waits')).toMatchObject({ status: 'RUNNING' });
      await engine.close({ timeout: 0 });
    });

    test.runIf(driver.connectReadOnly)('reads a copy of a store that was open, with its log and the index of that', async () => {
      files.put('killed, with its index', path);
      close();
      const before = filesOf(directory);
      expect(await told(path, name)).toEqual({ reads: READ, writes: REFUSED });
      expect(filesOf(directory)).toEqual(before);
    });

    test('says what it would have to make to read a log', async () => {
      files.put('killed', path);
      close();
      const before = filesOf(directory);
      expect(await told(path, name)).toMatchObject({ code: 'STORE_READ_ONLY', message: expect.stringContaining(`${path}-shm`) });
      expect(filesOf(directory)).toEqual(before);
    });

    test.runIf(driver.connectImmutable).each([
      ['the first version', 'STORE_TOO_OLD'],
      ['a newer version', 'STORE_TOO_NEW'],
      ['of something else', 'STORE_NOT_FOUND'],
    ])('refuses a file of another schema: %s', async (file, code) => {
      files.put(file, path);
      close();
      expect(await told(path, name)).toMatchObject({ code });
    });

    test('finds nothing where nothing is', async () => {
      close();
      expect(await told(path, name)).toMatchObject({ code: 'STORE_NOT_FOUND', message: expect.stringContaining(path) });
      expect(await told(join(directory, 'missing', 'app.db'), name)).toMatchObject({ code: 'STORE_NOT_FOUND' });
    });
  },
);
