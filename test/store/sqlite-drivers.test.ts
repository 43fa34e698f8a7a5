import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { expect, onTestFinished, test } from 'vitest';
import type { SqliteDatabase, SqliteDriver } from '../../src/store/sqlite/driver.js';
import { packagedDriver } from '../../src/store/sqlite/driver.js';
import type { DriverSource, SqliteDriverName } from '../../src/store/sqlite/find-driver.js';
import { DRIVER_NAMES, DRIVER_SOURCES, findDriver } from '../../src/store/sqlite/find-driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { INSTALLED_DRIVERS } from './installed-drivers.js';
import { tempDirectory } from './temp-directory.js';

class FakeDatabase implements SqliteDatabase {
  exec(): void {}
  prepare(): never {
    throw new TypeError('not prepared for this');
  }
  close(): void {}
}

const FAKE: SqliteDriver = packagedDriver('fake', FakeDatabase);
const NODE = Number.parseInt(process.versions.node, 10);

function source(name: SqliteDriverName, load: () => SqliteDriver | undefined): DriverSource {
  return { name, load };
}

const NONE = source('node:sqlite', () => undefined);
const BROKEN = source('@photostructure/sqlite', () => {
  throw new Error('wrong version of Node');
});
const THERE = source('better-sqlite3', () => FAKE);

/** Makes a package in the working directory, which is another one for this test. */
function installInWorkingDirectory(name: string, { version, code }: { version: string; code: string }): void {
  const before = process.cwd();
  const directory = tempDirectory();
  const home = join(directory, 'node_modules', name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name, version, main: 'index.js' }));
  writeFileSync(join(home, 'index.js'), code);
  process.chdir(directory);
  onTestFinished(() => process.chdir(before));
}

test('the sources are asked in the order of preference, and libsql is not among them', () => {
  expect(DRIVER_SOURCES.map((one) => one.name)).toEqual(['node:sqlite', '@photostructure/sqlite', 'better-sqlite3']);
});

test('a driver is found here: the one of Node where it has one', () => {
  expect(findDriver().name).toBe(process.getBuiltinModule('node:sqlite') === undefined ? '@photostructure/sqlite' : 'node:sqlite');
});

test('the first driver that is there is taken', () => {
  expect(findDriver(undefined, [NONE, THERE])).toBe(FAKE);
});

test('a driver that does not load is passed over', () => {
  expect(findDriver(undefined, [BROKEN, THERE])).toBe(FAKE);
});

test('without a driver, the error names the command to run, and how to have a libsql that is there all the same', () => {
  const cause = new Error('wrong version of Node');
  const broken = source('@photostructure/sqlite', () => {
    throw cause;
  });
  expect(() => findDriver(undefined, [NONE, broken])).toThrow(
    expect.objectContaining({
      name: 'StorageError',
      code: 'SQLITE_DRIVER_MISSING',
      cause,
      message:
        `no SQLite driver was found: Node ${process.versions.node} has no node:sqlite, and neither @photostructure/sqlite nor better-sqlite3 can be used. ` +
        '@photostructure/sqlite is installed but cannot be used: wrong version of Node. ' +
        'libsql is installed, and is not taken unasked: one failed read of the disk makes it damage the file, and report success. ' +
        "To use it all the same, open the store with sqliteStore(path, { driver: 'libsql' }). " +
        'Run `npm install @photostructure/sqlite@1`, or use Node 22.13 or later.',
    }),
  );
});

test('a driver that is named is taken, libsql as well, and no other', () => {
  expect(findDriver('libsql').name).toBe('libsql');
  expect(findDriver('better-sqlite3', [NONE, BROKEN, THERE])).toBe(FAKE);
  expect(() => findDriver('@photostructure/sqlite', [NONE, BROKEN, THERE])).toThrow(
    expect.objectContaining({
      code: 'SQLITE_DRIVER_MISSING',
      message:
        'the SQLite driver @photostructure/sqlite was not found. @photostructure/sqlite is installed but cannot be used: wrong version of Node. ' +
        'To have it, run `npm install @photostructure/sqlite@1`.',
    }),
  );
});

test.skipIf(process.getBuiltinModule('node:sqlite') !== undefined)('the driver of Node says which Node has it', () => {
  expect(() => findDriver('node:sqlite')).toThrow('the SQLite driver node:sqlite was not found. To have it, use Node 22.13 or later.');
});

test.skipIf(INSTALLED_DRIVERS.some(({ name }) => name === 'better-sqlite3'))(
  'better-sqlite3 13 is not even loaded where it would end the process, and 12 is',
  () => {
    const code = `throw new Error('loaded ' + process.version)`;
    installInWorkingDirectory('better-sqlite3', { version: '13.2.0', code });
    const reason = NODE >= 22 ? `loaded ${process.version}` : 'version 13 needs Node 22 or later; version 12 does not';
    expect(() => findDriver('better-sqlite3')).toThrow(`better-sqlite3 is installed but cannot be used: ${reason}. To have it`);
    installInWorkingDirectory('better-sqlite3', { version: '12.11.1', code: 'module.exports = class { connected = true; };' });
    expect(findDriver('better-sqlite3').connect('app.db')).toMatchObject({ connected: true });
  },
);

test.each(INSTALLED_DRIVERS.map(({ name }) => name))('a store takes %s by its name', async (name) => {
  expect(DRIVER_NAMES).toContain(name);
  const store = sqliteStore(join(tempDirectory(), 'app.db'), { driver: name as SqliteDriverName });
  await store.open();
  expect(await recordsOf(store)).toEqual([]);
  await store.close();
});
