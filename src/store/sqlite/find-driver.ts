import { isAbsolute, join } from 'node:path';
import { StorageError } from '../../errors/errors.js';
import type { NodeSqlite, PackagedSqlite, SqliteDriver } from './driver.js';
import { betterDriver, libsqlDriver, nodeDriver, nodeLikeDriver } from './driver.js';

/** The name of a driver that perdure can load. */
export type SqliteDriverName = 'node:sqlite' | '@photostructure/sqlite' | 'better-sqlite3' | 'libsql';

/** A place to look for a driver. */
export interface DriverSource {
  readonly name: SqliteDriverName;
  /** The driver; `undefined` when it is not there. @throws whatever keeps a driver that is there from loading. */
  load(): SqliteDriver | undefined;
}

/** What to run where a driver is missing. */
const REMEDIES: Readonly<Record<SqliteDriverName, string>> = {
  'node:sqlite': 'use Node 22.13 or later',
  '@photostructure/sqlite': 'run `npm install @photostructure/sqlite@1`',
  'better-sqlite3': 'run `npm install better-sqlite3`',
  libsql: 'run `npm install libsql`',
};

export const DRIVER_NAMES = Object.keys(REMEDIES) as readonly SqliteDriverName[];

/** Where drivers come from, best first: what needs no installation, then no compiler, then the rest. */
export const DRIVER_SOURCES: readonly DriverSource[] = [
  { name: 'node:sqlite', load: loadBuiltIn },
  { name: '@photostructure/sqlite', load: loadPhotostructure },
  { name: 'better-sqlite3', load: loadBetter },
];

/** Taken by its name only: one failed read of the disk makes it damage the file, and report success. */
const LIBSQL: DriverSource = { name: 'libsql', load: loadLibsql };

/**
 * The driver of a name, else the first that is there and loads.
 *
 * @throws {StorageError} `SQLITE_DRIVER_MISSING` when there is none.
 */
export function findDriver(name?: SqliteDriverName, sources: readonly DriverSource[] = DRIVER_SOURCES): SqliteDriver {
  const asked = name === undefined ? sources : [...sources, LIBSQL].filter((source) => source.name === name);
  const broken: { readonly name: string; readonly error: unknown }[] = [];
  for (const source of asked) {
    try {
      const driver = source.load();
      if (driver !== undefined) return driver;
    } catch (error) {
      broken.push({ name: source.name, error });
    }
  }
  const reasons = broken.map((each) => ` ${each.name} is installed but cannot be used: ${reasonOf(each.error)}.`).join('');
  const message =
    name === undefined ? noneFound(reasons) : `the SQLite driver ${name} was not found.${reasons} To have it, ${REMEDIES[name]}.`;
  throw new StorageError('SQLITE_DRIVER_MISSING', message, { cause: broken[0]?.error });
}

function noneFound(reasons: string): string {
  const libsql =
    requireOf('libsql') === undefined
      ? ''
      : ' libsql is installed, and is not taken unasked: one failed read of the disk makes it damage the file, and report success. ' +
        "To use it all the same, open the store with sqliteStore(path, { driver: 'libsql' }).";
  return (
    `no SQLite driver was found: Node ${process.versions.node} has no node:sqlite, and neither @photostructure/sqlite nor better-sqlite3 can be ` +
    `used.${reasons}${libsql} Run \`npm install @photostructure/sqlite@1\`, or use Node 22.13 or later.`
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Asked for by function, not by import: older versions of Node lack the module, and bundlers must not look for it. */
function loadBuiltIn(): SqliteDriver | undefined {
  const builtins: { getBuiltinModule?: (name: string) => unknown } = process;
  const sqlite = builtins.getBuiltinModule?.('node:sqlite') as NodeSqlite | undefined;
  return sqlite === undefined ? undefined : nodeDriver('node:sqlite', sqlite);
}

function loadPhotostructure(): SqliteDriver | undefined {
  const name = '@photostructure/sqlite';
  const require = requireOf(name);
  if (require === undefined) return undefined;
  // Later ones are not for the versions of Node that need it.
  checkVersion(require, name, (major) => major === 1 || `it has version ${major}, and perdure needs version 1`);
  return nodeLikeDriver(name, require(name) as NodeSqlite);
}

function loadBetter(): SqliteDriver | undefined {
  const name = 'better-sqlite3';
  const require = requireOf(name);
  if (require === undefined) return undefined;
  const node = Number.parseInt(process.versions.node, 10);
  // Looked up before it is loaded, since loading it would end the process.
  checkVersion(require, name, (major) => major < 13 || node >= 22 || `version ${major} needs Node 22 or later; version 12 does not`);
  return betterDriver(name, require(name) as PackagedSqlite);
}

function loadLibsql(): SqliteDriver | undefined {
  const name = 'libsql';
  const require = requireOf(name);
  return require && libsqlDriver(name, require(name) as PackagedSqlite);
}

/** @throws the reason why the version that is installed cannot be used. */
function checkVersion(require: NodeJS.Require, name: string, supports: (major: number) => true | string): void {
  const { version } = require(`${name}/package.json`) as { version: string };
  const answer = supports(Number.parseInt(version, 10));
  if (answer !== true) throw new Error(answer);
}

/**
 * What loads a package, if it is there: as perdure does, as the program does, or as a file in the working directory would. Linked and bundled copies of
 * perdure see only the latter two.
 */
function requireOf(name: string): NodeJS.Require | undefined {
  // Asked for by function as well: webpack would take the place of an imported one, and jest that of one that loads a package into its sandbox.
  const { createRequire } = process.getBuiltinModule('node:module');
  return places()
    .map((place) => createRequire(place))
    .find((require) => resolves(require, name));
}

function places(): string[] {
  // Undefined in a bundle that is no ES module.
  const here: string | undefined = import.meta.url;
  const program = process.argv[1];
  return [
    ...(here === undefined ? [] : [here]),
    ...(program !== undefined && isAbsolute(program) ? [program] : []),
    ...workingDirectory().map((directory) => join(directory, 'package.json')),
  ];
}

/** The working directory may have been deleted. */
function workingDirectory(): string[] {
  try {
    return [process.cwd()];
  } catch {
    return [];
  }
}

function resolves(require: NodeJS.Require, name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}
