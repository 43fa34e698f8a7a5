// Writes more than its file may be long, in each of the ways to run a statement, and prints what is thrown. Give it a driver and a path.
import process from 'node:process';
import { findDriver, type SqliteDriverName } from '../../../src/store/sqlite/find-driver.js';
import { resultCode, storageError } from '../../../src/store/sqlite/sqlite-errors.js';
import { WAYS } from '../ways-to-run.js';

const [name, path] = process.argv.slice(2) as [SqliteDriverName, string];
const database = findDriver(name).connect(path);
database.exec('PRAGMA journal_mode = DELETE; CREATE TABLE t (x TEXT)');
// With some drivers whoever asks for the first row has it before the write fails.
const ways = Object.entries(WAYS).filter(([way]) => way !== 'get');
const seen = ways.map(([way, run]) => {
  try {
    run(database, 'INSERT INTO t VALUES (hex(zeroblob(1000000)))');
    return 'nothing was thrown';
  } catch (error) {
    return [way, resultCode(error), storageError(error, 'write', path).code];
  }
});
console.log(JSON.stringify(seen));
