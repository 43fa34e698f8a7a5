// A thread for each copy of the library, on the same file: realms of one process. They have one SQLite, which tells them apart.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { driverOf } from '../drivers.js';

const [driver] = process.argv.slice(2);

if (isMainThread) {
  const threads = ['app', 'plugin'].map((folder) => new Worker(new URL(import.meta.url), { argv: [driver], workerData: folder }));
  const told = await Promise.all(threads.map((thread) => once(thread, 'message')));
  const all = told.map(([of]) => of);
  const sum = (name) => all.reduce((total, of) => total + of[name], 0);
  const sideFiles = all.flatMap(({ opened }) => opened);
  console.log(JSON.stringify({ done: sum('done'), fenced: sum('fenced'), sideFiles: sideFiles.length }));
  // One after the other: what SQLite writes when it closes a file is not for two to do.
  for (const thread of threads) {
    thread.postMessage('close');
    await once(thread, 'exit');
  }
} else {
  const { action, flow, open, sqliteStore } = workerData === 'app' ? await import('perdure') : (await import('../plugin/index.js')).perdure;
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const counts = { done: 0, fenced: 0, opened: [] };
  const sqlite = driverOf('app', driver);
  const watched = {
    name: sqlite.name,
    connect(path) {
      if (path.includes('-worker-')) counts.opened.push(path);
      return sqlite.connect(path);
    },
  };
  const work = action('work', async () => {
    counts.done += 1;
    // Longer than it takes an engine to look who lives.
    await new Promise((resolve) => setTimeout(resolve, 1_300));
  });
  const main = flow('main', async () => {
    await work();
    await work();
  });
  const engine = await open({ store: sqliteStore('threads.db', { driver: watched }), logger: quiet });
  engine.on('engine:fenced', () => {
    counts.fenced += 1;
  });
  await Promise.all(Array.from({ length: 20 }, async () => main()));
  parentPort.postMessage(counts);
  await once(parentPort, 'message');
  await engine.close();
  parentPort.close();
}
