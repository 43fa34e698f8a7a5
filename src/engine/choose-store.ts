import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { memoryStore } from '../store/memory-store.js';
import { sqliteStore } from '../store/sqlite/sqlite-store.js';
import { absolutePath, pathError } from '../store/sqlite/store-file.js';
import type { Store } from '../store/store.js';
import { guardedStore } from './guarded-store.js';

const DEFAULT_PATH = join('.perdure', 'journal.db');

/**
 * The store an option names: a store itself, `':memory:'`, a path, or nothing (the environment's, else the default file).
 *
 * @param executes - Whether the store is made where there is none.
 * @throws {UsageError} when the path is none, or the address of a database.
 * @throws {StorageError} when the directory of the default file cannot be made.
 */
export function chooseStore(option: string | Store | undefined, executes = true): Store {
  if (typeof option === 'object') return guardedStore(option);
  const path = option ?? (executes ? implicitPath() : (environmentPath() ?? DEFAULT_PATH));
  return path === ':memory:' ? memoryStore() : sqliteStore(path);
}

/** The path when none is given: `$PERDURE_STORE`, else the default file, whose directory is made. */
export function implicitPath(): string {
  const given = environmentPath();
  if (given !== undefined) return given;
  const path = absolutePath(DEFAULT_PATH);
  const directory = dirname(path);
  try {
    // Not with those above it: a working directory that was deleted is not made again.
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw pathError(error, path, directory);
  }
  return DEFAULT_PATH;
}

function environmentPath(): string | undefined {
  const given = process.env.PERDURE_STORE;
  return given === '' ? undefined : given;
}
