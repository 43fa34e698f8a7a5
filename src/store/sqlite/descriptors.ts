import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/** Whether this process (EMFILE), or the machine (ENFILE), has no file descriptor left: SQLite says only that it could not open a file. */
export function descriptorsUsedUp(): boolean {
  try {
    closeSync(openSync(devNull, 'r'));
    return false;
  } catch (error) {
    return saysDescriptorsUsedUp(error);
  }
}

/** Whether an error of Node says so. */
export function saysDescriptorsUsedUp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE');
}
