import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { StorageError } from '../../errors/errors.js';

// What the path of a store leads to. SQLite would call most of it «unable to open database file».

/** Anyone who can read a store can make tokens of its callbacks, so a new file is its owner's alone. What SQLite puts beside it has the same mode. */
const PRIVATE = 0o600;

/** SQLite takes paths of 504 bytes, and file systems names of 255: less `-worker-` with an id of 21 letters, and in a name also SQLite's `-journal`. */
const LONGEST_PATH = 504 - 29;
const LONGEST_NAME = 255 - 29 - 8;

/**
 * The absolute path of what a program calls a file.
 *
 * @throws {StorageError} `STORE_DIRECTORY_MISSING` when it goes by a working directory that was deleted.
 */
export function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (error) {
    throw new StorageError(
      'STORE_DIRECTORY_MISSING',
      `could not find the store ${path}: the working directory of this process was deleted. Start the process in one that exists, or give an absolute path`,
      { cause: error },
    );
  }
}

/**
 * Fails where no store can be opened.
 *
 * @returns Whether the file is there.
 * @throws {StorageError} says what is in the way.
 */
export function checkStoreFile(path: string): boolean {
  const file = look(path, path);
  if (file === undefined) checkDirectory(path);
  else checkKind(path, file);
  const real = file === undefined ? path : realpathSync(path);
  checkLength(path, real);
  const obstacle = obstacleToWriting(real, file);
  if (obstacle !== undefined) throw readOnly(path, obstacle);
  return file !== undefined;
}

/**
 * Fails where there is no file, which is not made.
 *
 * @param who - Who makes none.
 * @returns What keeps this process from writing to it, if anything.
 * @throws {StorageError} `STORE_NOT_FOUND`, or what is in the way.
 */
export function findStoreFile(path: string, who: string): string | undefined {
  const file = lookForStore(path, who);
  checkKind(path, file);
  const real = realpathSync(path);
  checkLength(path, real);
  return obstacleToWriting(real, file);
}

/** What is read-only, if anything is. */
function obstacleToWriting(real: string, file: Stats | undefined): string | undefined {
  // Root may write to everything; a file that was not meant to be written is left alone all the same.
  if (file !== undefined && ((file.mode & 0o222) === 0 || !isWritable(real))) return 'the file';
  // Beside the file SQLite needs others.
  return isWritable(dirname(real)) ? undefined : `the directory ${dirname(real)}`;
}

function lookForStore(path: string, who: string): Stats {
  let what = 'there is no such file';
  try {
    const file = look(path, path);
    if (file !== undefined) return file;
    checkDirectory(path);
  } catch (error) {
    // What is to be done there for a file that is to be made is not to be done here.
    if (!(error instanceof StorageError) || error.code !== 'STORE_DIRECTORY_MISSING') throw error;
    const above = fileAbove(path);
    what = look(above, path) === undefined ? `the directory ${dirname(path)} does not exist` : `${above} is no directory`;
  }
  throw new StorageError(
    'STORE_NOT_FOUND',
    `could not open the store ${path}: ${what}, and ${who} makes none. Check the path; the first engine that executes runs makes the store`,
  );
}

/** Makes a file that only its owner may read and write, unless there is one: that is left as it is. */
export function makeStoreFile(path: string): void {
  makeFile(path, path, (fd) => fchmodSync(fd, PRIVATE));
}

/** Makes a file beside a store, unless there is one: all who may use the store may use it. SQLite does so with its own. */
export function makeFileBeside(store: string, path: string): void {
  makeFile(store, path, (fd) => {
    const { mode, uid, gid } = statSync(store);
    fchmodSync(fd, mode & 0o777);
    if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
  });
}

function makeFile(store: string, path: string, change: (fd: number) => void): void {
  try {
    const fd = openSync(path, 'wx', PRIVATE);
    try {
      change(fd);
    } finally {
      // That ends the locks of this process on the file, and on a new one there are none.
      closeSync(fd);
    }
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw pathError(error, store, path);
  }
}

/**
 * The error of a path that leads nowhere.
 *
 * @param path - The store.
 * @param at - What was looked at.
 */
export function pathError(error: unknown, path: string, at: string): StorageError {
  const cause = { cause: error };
  const failed = (what: string): StorageError => new StorageError('STORE_FAILED', `could not open the store ${path}: ${what}`, cause);
  switch (codeOf(error)) {
    case 'ENOENT':
      return missingDirectory(path, `the directory ${dirname(at)} does not exist. Create it, or choose another path`, error);
    case 'ENOTDIR':
      return missingDirectory(path, `${fileAbove(at)} is no directory. Choose another path`, error);
    case 'ELOOP':
      return failed('its symbolic links lead in a circle. Mend them, or choose another path');
    case 'ENAMETOOLONG':
      return failed(tooLong());
    case 'EACCES':
    case 'EPERM':
      return failed(
        `this user may not enter a directory above it, or write there. Change who may, or choose another path (${messageOf(error)})`,
      );
    case 'EROFS':
      return readOnly(path, 'the file system');
    default:
      return failed(`${messageOf(error)}. See the cause`);
  }
}

/** @returns What is at the path, symbolic links followed; `undefined` when there is nothing. */
function look(at: string, path: string): Stats | undefined {
  try {
    return statSync(at, { throwIfNoEntry: false });
  } catch (error) {
    throw pathError(error, path, at);
  }
}

function checkDirectory(path: string): void {
  const directory = dirname(path);
  // A file above is looked for by ourselves: versions of Node differ in what they say of it.
  const above = fileAbove(path);
  const found = look(above, path);
  if (found?.isDirectory() === false) throw missingDirectory(path, `${above} is no directory. Choose another path`);
  if (above === directory && found === undefined) {
    throw missingDirectory(path, `the directory ${directory} does not exist. Create it, or choose another path`);
  }
  // Another process may have made the file by now.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
    throw new StorageError(
      'STORE_FAILED',
      `could not open the store ${path}: it is a symbolic link to ${readlinkSync(path)}, and there is no file. Put the file there, mend the link or delete it`,
    );
  }
}

function checkKind(path: string, file: Stats): void {
  if (file.isFile()) return;
  const kind = file.isDirectory() ? 'a directory' : file.isFIFO() ? 'a named pipe' : file.isSocket() ? 'a socket' : 'a device';
  const example = file.isDirectory() ? `, such as ${path}/app.db` : '';
  throw new StorageError('STORE_NOT_A_DATABASE', `could not open the store ${path}: it is ${kind}. Give the path of a file${example}`);
}

function checkLength(path: string, real: string): void {
  if (process.platform === 'win32') return;
  if (Buffer.byteLength(real) <= LONGEST_PATH && Buffer.byteLength(basename(real)) <= LONGEST_NAME) return;
  throw new StorageError('STORE_FAILED', `could not open the store ${path}: ${tooLong()}`);
}

function tooLong(): string {
  return `its path is too long. Choose one of at most ${LONGEST_PATH} bytes, with at most ${LONGEST_NAME} in the name of the file`;
}

/** The part of a path that is a file, where there must be a directory. */
function fileAbove(path: string): string {
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) {
    try {
      if (!statSync(at).isDirectory()) return at;
    } catch {
      // It is further up.
    }
  }
  return dirname(path);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function readOnly(path: string, what: string): StorageError {
  return new StorageError(
    'STORE_READ_ONLY',
    `could not open the store ${path}: ${what} is read-only. Make it writable for this user, or choose another path`,
  );
}

function missingDirectory(path: string, what: string, cause?: unknown): StorageError {
  const message = `could not open the store ${path}: ${what}`;
  return new StorageError('STORE_DIRECTORY_MISSING', message, cause === undefined ? undefined : { cause });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
