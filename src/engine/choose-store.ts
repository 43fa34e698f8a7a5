import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../errors/errors.js';
import { memoryStore } from '../store/memory-store.js';
import { sqliteStore } from '../store/sqlite/sqlite-store.js';
import type { Store } from '../store/store.js';

const DEFAULT_PATH = join('.perdure', 'journal.db');

/** The store an option names: a store itself, `':memory:'`, a path, or nothing (the environment's, else the default file). */
export function chooseStore(option: string | Store | undefined): Store {
  if (typeof option === 'object') return option;
  const path = option ?? process.env.PERDURE_STORE;
  if (path === undefined || path === '') {
    mkdirSync(dirname(DEFAULT_PATH), { recursive: true });
    return sqliteStore(DEFAULT_PATH);
  }
  if (path === ':memory:') return memoryStore();
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) {
    throw new UsageError(
      'INVALID_OPTION',
      `there is no store for ${path.slice(0, path.indexOf(':'))}:// yet; give the path of a SQLite file, ':memory:' or a Store`,
    );
  }
  return sqliteStore(path);
}
