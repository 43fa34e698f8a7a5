import type { SqliteDriver } from '../../src/store/sqlite/driver.js';
import { DRIVER_NAMES, findDriver } from '../../src/store/sqlite/find-driver.js';

/** The drivers that this machine has for this version of Node. */
export const INSTALLED_DRIVERS: readonly SqliteDriver[] = DRIVER_NAMES.flatMap((name) => {
  try {
    return [findDriver(name)];
  } catch {
    return [];
  }
});
