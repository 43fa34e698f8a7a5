import { pathToFileURL } from 'node:url';

/** What perdure binds to a statement. Nothing else: `libsql` aborts the process when it is given a boolean. */
export type SqlValue = string | number | null;

/** One row, by column name. Only the columns that were asked for are to be read: `libsql` adds some of its own. */
export type SqlRow = Readonly<Record<string, unknown>>;

/**
 * The part of a prepared statement that the store uses. `better-sqlite3` and `libsql` have it as it is.
 *
 * One statement is used through one of the three methods only: `libsql` answers `get` with a stale row after `all`.
 */
export interface SqliteStatement {
  /** Runs it and tells how many rows it inserted, updated or deleted. For statements that return no rows. */
  run(params: readonly SqlValue[]): { readonly changes: number };
  /** The first row, if there is one. */
  get(params: readonly SqlValue[]): SqlRow | undefined;
  all(params: readonly SqlValue[]): SqlRow[];
}

/** The part of a connection that the store uses. */
export interface SqliteDatabase {
  /** Runs one or several statements without parameters. */
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

/** A way to open SQLite files. */
export interface SqliteDriver {
  readonly name: string;
  /** Opens a file, which is created when it does not exist. */
  connect(path: string): SqliteDatabase;
  /**
   * Opens a file that is there, for reading only. Without it, a file whose log was deleted or replaced by others may be damaged when this process ends, and
   * is not opened again in it.
   */
  connectReadOnly?(path: string): SqliteDatabase;
  /**
   * Opens a file that is there for reading only, and takes it for one that never changes: nothing is made beside it, and no log is looked for. Without it, a
   * file that cannot be written can be read only while another process has it open to write.
   */
  connectImmutable?(path: string): SqliteDatabase;
  /** Whether `close()` gives a file back at once. Default: only when the connection's statements were collected. */
  readonly closesAtOnce?: boolean;
}

/** The part of `node:sqlite`, and of what has the same interface, that the store uses; its types are not in every version of `@types/node`. */
export interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
    options?: { readonly readOnly?: boolean },
  ) => {
    exec(sql: string): void;
    prepare(sql: string): {
      run(...params: SqlValue[]): { readonly changes: number | bigint };
      get(...params: SqlValue[]): SqlRow | undefined;
      all(...params: SqlValue[]): SqlRow[];
    };
    close(): void;
  };
}

/** The part of `better-sqlite3` and `libsql` that the store uses: a class of databases. */
export type PackagedSqlite = new (path: string, options?: { readonly readonly?: boolean }) => SqliteDatabase;

/** The driver of a class that already has the shape wanted here. */
export function packagedDriver(name: string, Database: PackagedSqlite): SqliteDriver {
  return { name, connect: (path) => new Database(path) };
}

/** The driver of `better-sqlite3`. */
export function betterDriver(name: string, Database: PackagedSqlite): SqliteDriver {
  return { ...packagedDriver(name, Database), connectReadOnly: (path) => new Database(path, { readonly: true }), closesAtOnce: true };
}

/** The driver of `libsql`, which takes addresses as well, and does nothing else without writing. */
export function libsqlDriver(name: string, Database: PackagedSqlite): SqliteDriver {
  return { ...packagedDriver(name, Database), connectImmutable: (path) => new Database(immutableAddress(path)) };
}

/** The driver of Node's own SQLite. Older versions do not take addresses. */
export function nodeDriver(name: string, sqlite: NodeSqlite): SqliteDriver {
  const { connectImmutable, ...others } = nodeLikeDriver(name, sqlite);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const takesAddresses = major > 23 || (major === 23 && minor >= 10) || (major === 22 && minor >= 15);
  return { ...others, ...(takesAddresses && connectImmutable !== undefined && { connectImmutable }), closesAtOnce: true };
}

/** The address by which SQLite opens a file as one that never changes. */
function immutableAddress(path: string): string {
  return `${pathToFileURL(path).href}?mode=ro&immutable=1`;
}

/** The driver of what has the interface of `node:sqlite`, which takes parameters one by one. */
export function nodeLikeDriver(name: string, { DatabaseSync }: NodeSqlite): SqliteDriver {
  const connect = (path: string, readOnly: boolean): SqliteDatabase => {
    const database = new DatabaseSync(path, { readOnly });
    return {
      exec: (sql) => database.exec(sql),
      close: () => database.close(),
      prepare(sql) {
        const statement = database.prepare(sql);
        return {
          run: (params) => ({ changes: Number(statement.run(...params).changes) }),
          get: (params) => statement.get(...params),
          all: (params) => statement.all(...params),
        };
      },
    };
  };
  return {
    name,
    connect: (path) => connect(path, false),
    connectReadOnly: (path) => connect(path, true),
    connectImmutable: (path) => connect(immutableAddress(path), true),
  };
}
