// Two copies of the library, each with a SQLite of its own, and an engine of each on the same file.
import * as own from 'perdure';
import { driverOf } from '../drivers.js';
import * as plugin from '../plugin/index.js';

const [driver] = process.argv.slice(2);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let done = 0;
let fenced = 0;

const engines = [];
for (const [folder, copy] of Object.entries({ app: own, plugin: plugin.perdure })) {
  const engine = await copy.open({
    store: copy.sqliteStore('twice.db', { driver: driverOf(folder, driver) }),
    logger: quiet,
    default: false,
  });
  engine.on('engine:fenced', () => {
    fenced += 1;
  });
  engines.push(engine);
}
const work = own.action('work', async () => {
  done += 1;
  // Longer than it takes an engine to look who lives.
  await new Promise((resolve) => setTimeout(resolve, 1_300));
});
const main = own.flow('main', async () => {
  await work();
  await work();
});
await Promise.all(engines.flatMap((engine) => Array.from({ length: 20 }, async () => engine.start(main, []))));
// One after the other: what SQLite writes when it closes a file is not for two to do.
for (const engine of engines) await engine.close();
console.log(JSON.stringify({ done, fenced }));
