// Opens a store in one of several ways, and prints what that says: the class, code and message of an error, or "open". Nothing else is done.
//
//   open-store.ts sqliteStore <path>       open <path>       environment <path>       default
//
// `--delete-directory` deletes the working directory first, which Node notices unless it is `--remembered`; `--user <id>` gives up the rights of root.
import { rmdirSync } from 'node:fs';
import process from 'node:process';
import { open, type PerdureError, sqliteStore } from 'perdure';

const [how, path = ''] = process.argv.slice(2);
const user = process.argv.indexOf('--user');
if (user > 0) process.setuid?.(Number(process.argv[user + 1]));
if (process.argv.includes('--delete-directory')) {
  const directory = process.cwd();
  // Node remembers what it was told until then.
  if (!process.argv.includes('--remembered')) process.chdir(directory);
  rmdirSync(directory);
}
if (how === 'environment') process.env['PERDURE_STORE'] = path;
if (how === 'default') delete process.env['PERDURE_STORE'];

async function openAndClose(): Promise<string> {
  if (how === 'sqliteStore') {
    const store = sqliteStore(path);
    await store.open();
    await store.close();
  } else {
    const engine = await open(how === 'open' ? { store: path } : {});
    await engine.close();
  }
  return 'open';
}

const said = await openAndClose().catch((error: PerdureError) => [error.name, error.code, error.message]);
console.log(JSON.stringify(said));
