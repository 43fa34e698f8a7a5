import { statSync } from 'node:fs';

/** What has become of the files of an open store. */
export interface FileChange {
  readonly database: 'deleted' | 'replaced' | 'emptied' | undefined;
  readonly log: 'deleted' | 'replaced' | undefined;
}

/** As much of a file's status as says which one it is. */
interface Identity {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
}

/**
 * Which files a connection has open.
 *
 * SQLite keeps its files open and looks at their names no more: when another file takes a name, or the log is deleted, it goes on writing into what has no
 * name any more, and reports success. The system gives the number of an open file to no other, so another number is another file.
 *
 *   FI1  A file without a number is believed to be the same: some file systems have none.
 */
export class FileIdentity {
  readonly #databasePath: string;
  readonly #logPath: string;
  readonly #database: Identity | undefined;
  readonly #log: Identity | undefined;

  /** Takes what is there now. The log lies beside the file itself, wherever the path leads. */
  constructor({ path, realPath }: { readonly path: string; readonly realPath: string }) {
    this.#databasePath = path;
    this.#logPath = `${realPath}-wal`;
    this.#database = identityOf(this.#databasePath);
    this.#log = identityOf(this.#logPath);
  }

  /** What no other file of this machine is called while this one is open; `undefined` when it cannot be told from others. */
  get key(): string | undefined {
    return keyOf(this.#database);
  }

  /** What has changed since. Takes some microseconds. @throws the error of the system when it does not say. */
  change(): FileChange | undefined {
    const now = identityOf(this.#databasePath);
    const database = changeOf(this.#database, now) ?? (isEmptied(this.#database, now) ? 'emptied' : undefined);
    const log = changeOf(this.#log, identityOf(this.#logPath));
    return database === undefined && log === undefined ? undefined : { database, log };
  }
}

/** The key of the file that is there now. */
export function fileKey(path: string): string | undefined {
  return keyOf(identityOf(path));
}

function keyOf(identity: Identity | undefined): string | undefined {
  return identity === undefined || identity.ino === 0 ? undefined : `${identity.dev}:${identity.ino}`;
}

function changeOf(before: Identity | undefined, now: Identity | undefined): 'deleted' | 'replaced' | undefined {
  if (before === undefined || before.ino === 0 || now?.ino === 0) return undefined;
  if (now === undefined) return 'deleted';
  return now.ino === before.ino && now.dev === before.dev ? undefined : 'replaced';
}

/** The file of a store always has its first page. */
function isEmptied(before: Identity | undefined, now: Identity | undefined): boolean {
  return before !== undefined && before.size > 0 && now !== undefined && now.size === 0;
}

/** Nothing: there is no way to it, or nothing at its end. */
function identityOf(path: string): Identity | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (['ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
