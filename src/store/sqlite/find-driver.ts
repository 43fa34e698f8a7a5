import { createRequire } from 'node:module';
import { join } from 'node:path';
import { StorageError } from '../../errors/errors.js';
import type { NodeSqlite, PackagedSqlite, SqliteDriver } from './driver.js';
import { nodeDriver, packagedDriver } from './driver.js';

/** A place to look for a driver. */
export interface DriverSource {
  readonly name: string;
  /** The driver; `undefined` when it is not there. @throws whatever keeps a driver that is there from loading. */
  load(): Promise<SqliteDriver | undefined>;
}

/** Where drivers come from, best first: nothing to install, then no compiler needed, then the rest. */
export const DRIVER_SOURCES: readonly DriverSource[] = [
  { name: 'node:sqlite', load: loadNodeSqlite },
  { name: 'libsql', load: () => loadPackage('libsql') },
  { name: 'better-sqlite3', load: () => loadPackage('better-sqlite3') },
];

/**
 * The first driver that is there and loads.
 *
 * @throws {StorageError} `SQLITE_DRIVER_MISSING` when there is none.
 */
export async function findDriver(sources: readonly DriverSource[] = DRIVER_SOURCES): Promise<SqliteDriver> {
  const broken: { readonly name: string; readonly error: unknown }[] = [];
  for (const source of sources) {
    try {
      const driver = await source.load();
      if (driver !== undefined) return driver;
    } catch (error) {
      broken.push({ name: source.name, error });
    }
  }
  const reasons = broken.map(({ name, error }) => ` ${name} is installed but does not load: ${String(error)}.`).join('');
  throw new StorageError(
    'SQLITE_DRIVER_MISSING',
    `no SQLite driver was found: Node ${process.versions.node} has no node:sqlite, and neither libsql nor better-sqlite3 is there.${reasons} ` +
      'Run `npm install libsql`, or use Node 22.13 or later.',
    { cause: broken[0]?.error },
  );
}

/** Asked for by function, not by import: older versions of Node lack the module, and bundlers must not look for it. */
async function loadNodeSqlite(): Promise<SqliteDriver | undefined> {
  const builtins: { getBuiltinModule?: (name: string) => unknown } = process;
  const sqlite = builtins.getBuiltinModule?.('node:sqlite') as NodeSqlite | undefined;
  return sqlite === undefined ? undefined : nodeDriver(sqlite);
}

/** Looks beside perdure first, then in the program's directory: linked and bundled copies of perdure see only the latter. */
async function loadPackage(name: string): Promise<SqliteDriver | undefined> {
  const found = (await importIfThere(name)) ?? requireIfThere(name, process.cwd());
  return found === undefined ? undefined : packagedDriver(name, found);
}

/** The name is a variable so that bundlers leave the import alone. */
async function importIfThere(name: string): Promise<PackagedSqlite | undefined> {
  try {
    const module = (await import(name)) as { default: PackagedSqlite };
    return module.default;
  } catch (error) {
    if (isMissing(error, name)) return undefined;
    throw error;
  }
}

function requireIfThere(name: string, directory: string): PackagedSqlite | undefined {
  try {
    return createRequire(join(directory, 'package.json'))(name) as PackagedSqlite;
  } catch (error) {
    if (isMissing(error, name)) return undefined;
    throw error;
  }
}

/** Whether this very package is missing, and not something that it needs. */
function isMissing(error: unknown, name: string): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  const missing = error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND';
  return missing && [`'${name}'`, `"${name}"`].some((quoted) => error.message.includes(quoted));
}
