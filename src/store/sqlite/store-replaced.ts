import { StorageError } from '../../errors/errors.js';
import type { FileChange } from './file-identity.js';

const TODO = 'This process has stopped using it. Open it again, or start the process again, once the file is the one you mean';
const LOST = 'What was written since then is lost';
const ONE_LIBRARY =
  'Mostly another SQLite library in a process that has the store open did that, or something that read the file there in another way: use one library ' +
  'a file in each process, and start this one again';

/** The error of a store whose files are no longer those that were opened. */
export function storeReplaced(path: string, { database, log }: FileChange): StorageError {
  switch (database) {
    case 'deleted':
      return replaced(
        `the database ${path} was deleted or moved while it was open. What was written since then is in no file of this name. ${TODO}`,
      );
    case 'replaced':
      return replaced(
        `another file has taken the place of the database ${path} while it was open. What was written since then is not in it. ${TODO}`,
      );
    case 'emptied':
      return replaced(`the database ${path} was emptied while it was open. ${TODO}`);
    case undefined:
      return replaced(`the log ${path}-wal was ${log} while its database was open. ${LOST}. ${ONE_LIBRARY}`);
  }
}

/** The error of a store whose file has what another had, a backup for one. */
export function storeRestored(path: string, workerId: string): StorageError {
  return replaced(
    `the database ${path} was written over while it was open, mostly by a backup: what worker ${workerId} has written of itself is not in it. ${LOST}. ` +
      'Restore a backup only while no process has the file open',
  );
}

/** What is said where nothing was lost. */
export function logFollowed(path: string): string {
  return (
    `the log ${path}-wal was deleted while its database was open, after another SQLite library had moved it into the database. Nothing was lost this time, ` +
    'and the store is used on. Use one library a file in each process: what is written at such a moment is lost'
  );
}

/** The error of a process that cannot open a file again. */
export function storeGivenUp(path: string, driver: string): StorageError {
  return replaced(
    `this process cannot open ${path} again: ${driver} still goes by the log that was there before it was deleted or replaced. Start the process again`,
  );
}

function replaced(message: string): StorageError {
  return new StorageError('STORE_REPLACED', message);
}
