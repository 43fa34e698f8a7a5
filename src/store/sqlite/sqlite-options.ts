import { UsageError } from '../../errors/errors.js';
import { describeKind } from '../../model/value-kinds.js';
import { hasMethods, isOneOf, isText, type OptionRule } from '../../options/read-options.js';
import type { SqliteDriver } from './driver.js';
import { DRIVER_NAMES, type SqliteDriverName } from './find-driver.js';

/** How a SQLite store writes. */
export interface SqliteStoreOptions {
  /** `full` (default): a commit is on the disk when it resolves. `normal`: a power cut may lose the last commits, a killed process does not. */
  readonly synchronous?: 'full' | 'normal';
  /** How many milliseconds to wait for the transaction of another process; 10,000 when left out. The process does nothing else meanwhile. */
  readonly busyTimeoutMs?: number;
  /** Which SQLite to use: a driver, or the name of one. The best one there is when left out, which `libsql` is not. */
  readonly driver?: SqliteDriver | SqliteDriverName;
}

/** The longest that SQLite takes. It reads anything else as no time at all. */
const MAX_BUSY_TIMEOUT_MS = 2_147_483_647;

const isConnecting = hasMethods('connect');

/** The rules of `SqliteStoreOptions`. */
export const SQLITE_OPTIONS: Readonly<Record<keyof SqliteStoreOptions, OptionRule>> = {
  synchronous: isOneOf('full', 'normal'),
  busyTimeoutMs: [
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_BUSY_TIMEOUT_MS,
    `a whole number of milliseconds from 0 to ${MAX_BUSY_TIMEOUT_MS}`,
  ],
  driver: [
    (value) => isConnecting(value) || DRIVER_NAMES.includes(value as SqliteDriverName),
    `an object with the function connect, or one of ${DRIVER_NAMES.map((name) => `'${name}'`).join(', ')}`,
  ],
};

/** What begins like the address of a database, or of SQLite's own kind, is not meant as the name of a file. */
const ADDRESS = /^(file(?=:)|[a-z][a-z0-9+.-]+(?=:\/\/))/i;

/** @throws {UsageError} when it is no path, or the address of a database. */
export function checkFilePath(path: unknown): void {
  if (!isText(path) || path === ':memory:') {
    const given = typeof path === 'string' ? JSON.stringify(path) : describeKind(path);
    throw new UsageError(
      'INVALID_ARGUMENT',
      `a SQLite store needs the path of a file, a text without NUL, not ${given}. Use memoryStore() for a store in memory`,
    );
  }
  const scheme = ADDRESS.exec(path)?.[0];
  if (scheme === undefined) return;
  // An address may have a password in it.
  throw new UsageError(
    'INVALID_OPTION',
    `there is no store for ${scheme}: addresses; give the path of a SQLite file, or memoryStore() for a store in memory`,
  );
}
