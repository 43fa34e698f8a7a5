// Has a store open beside another SQLite library, which deletes the log of the store and goes on. Then the process comes to its end in good order, with
// both still open. Give it the names of two drivers, a path, and whether the store is to notice.
import process from 'node:process';
import { sqliteStore } from 'perdure';
import { findDriver, type SqliteDriverName } from '../../../src/store/sqlite/find-driver.js';
import { batchOf, outcomeOf, runOf, withRuns } from '../records.js';

const [name, otherName, path, notices] = process.argv.slice(2) as [SqliteDriverName, SqliteDriverName, string, string];
const store = sqliteStore(path, { driver: name });
await store.open();
await withRuns(store, 'first');
for (let each = 0; each < 50; each += 1) await store.commit(batchOf({ operations: [outcomeOf('first', `${each}`, each + 1)] }));

const other = findDriver(otherName);
const before = other.connect(path);
before.exec('CREATE TABLE customers (name TEXT)');
before.close();
const after = other.connect(path);
const write = (): void => {
  for (let each = 0; each < 300; each += 1) after.exec('INSERT INTO customers VALUES (hex(randomblob(200)))');
};
after.exec(`INSERT INTO customers VALUES ('one')`);
for (let each = 50; each < 80; each += 1) await store.commit(batchOf({ operations: [outcomeOf('first', `${each}`, each + 1)] }));
write();
if (notices === 'noticed') {
  await store.commit(batchOf({ creates: [runOf('second')] })).catch((error: Error & { code: string }) => console.log(error.code));
  write();
}
// Held until the very end.
process.on('exit', () => void [store, after]);
