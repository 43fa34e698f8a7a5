import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { StorageError } from '../errors/errors.js';
import { memoryStore } from '../store/memory-store.js';
import { sqliteStore } from '../store/sqlite/sqlite-store.js';
import type { Store } from '../store/store.js';

const DEFAULT_PATH = join('.perdure', 'journal.db');

/**
 * The store an option names: a store itself, `':memory:'`, a path, or nothing (the environment's, else the default file).
 *
 * @throws {UsageError} when the path is none, or the address of a database.
 * @throws {StorageError} `STORE_DIRECTORY_MISSING` when the directory of the default file cannot be made.
 */
export function chooseStore(option: string | Store | undefined): Store {
  if (typeof option === 'object') return option;
  const path = option ?? implicitPath();
  return path === ':memory:' ? memoryStore() : sqliteStore(path);
}

/** The path when none is given: `$PERDURE_STORE`, else the default file, whose directory is made. */
export function implicitPath(): string {
  const given = process.env.PERDURE_STORE;
  if (given !== undefined && given !== '') return given;
  try {
    mkdirSync(dirname(DEFAULT_PATH), { recursive: true });
  } catch (cause) {
    throw new StorageError(
      'STORE_DIRECTORY_MISSING',
      `could not make the directory of the default store ${resolve(DEFAULT_PATH)}. Give open({ store }) or PERDURE_STORE the path of a file in a directory that exists`,
      { cause },
    );
  }
  return DEFAULT_PATH;
}
