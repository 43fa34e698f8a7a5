import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { memoryStore } from '../store/memory-store.js';
import { sqliteStore } from '../store/sqlite/sqlite-store.js';
import type { Store } from '../store/store.js';

const DEFAULT_PATH = join('.perdure', 'journal.db');

/**
 * The store an option names: a store itself, `':memory:'`, a path, or nothing (the environment's, else the default file).
 *
 * @throws {UsageError} when the path is none, or the address of a database.
 */
export function chooseStore(option: string | Store | undefined): Store {
  if (typeof option === 'object') return option;
  const path = option ?? process.env.PERDURE_STORE;
  if (path === undefined || path === '') {
    mkdirSync(dirname(DEFAULT_PATH), { recursive: true });
    return sqliteStore(DEFAULT_PATH);
  }
  if (path === ':memory:') return memoryStore();
  return sqliteStore(path);
}
