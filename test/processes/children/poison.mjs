// A process of its own, some of whose runs end it. Arguments: the built library, the store's file, the file that actions note themselves in, options as JSON.
import { appendFileSync, readFileSync } from 'node:fs';

const [, , library, path, ledger, json] = process.argv;
const { action, flow, open, sleep } = await import(library);
const { start = [], settled = [], ...engineOptions } = JSON.parse(json);

const noted = (what) =>
  readFileSync(ledger, { encoding: 'utf8', flag: 'a+' })
    .split('\n')
    .filter((line) => line === what).length;
const note = (what) => appendFileSync(ledger, `${what}\n`);
const forEver = () => new Promise(() => setInterval(() => {}, 1_000));

const step = action('step', async (what, ms = 0) => {
  note(`step ${what}`);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return what;
});
/** Ends the process the first time. */
const exitOnce = action('exitOnce', async (what) => {
  note(`once ${what}`);
  if (noted(`once ${what}`) === 1) process.exit(1);
  return what;
});
const begin = (id) => note(`begun ${id}`);
const exitUntilMended = action('exitUntilMended', async (id) => {
  begin(id);
  if (noted('mended') === 0) process.exit(1);
  return 'mended';
});

const FLOWS = {
  good: async (id) => [await step(`${id} 1`), await step(`${id} 2`)],
  long: async (id, steps) => {
    for (let n = 0; n < steps; n += 1) await step(`${id} ${n}`, 50);
    return 'done';
  },
  slow: async (id, ms) => step(id, ms),
  sleeper: async (id) => {
    await sleep(3_600_000);
    return id;
  },
  untilMended: async (id) => {
    await step(`before ${id}`);
    return exitUntilMended(id);
  },
  exitInAction: async (id) => {
    await step(`before ${id}`);
    await exits(id);
  },
  exitInBody: (id) => {
    begin(id);
    process.exit(1);
  },
  strayRejection: async (id) => stray(id),
  outOfMemory: async (id) => grows(id),
  listened: async (id) => [await step(`listened ${id}`), await step('more')],
  progress: async (_id, lives) => {
    for (let n = 0; n < lives; n += 1) await exitOnce(n);
    return 'done';
  },
  parent: async (id) => {
    await step(`parent ${id}`);
    return flows.exitInAction.with({ id: `child of ${id}` })(`child of ${id}`);
  },
  replayed: async (id) => {
    await step(id);
    note(`replayed ${id}`);
    if (noted(`replayed ${id}`) > 1) process.exit(1);
    await sleep(3_600_000);
  },
};
const exits = action('exits', async (id) => {
  begin(id);
  process.exit(1);
});
const stray = action('stray', async (id) => {
  begin(id);
  setTimeout(() => Promise.reject(new Error('stray')), 1);
  await forEver();
});
const grows = action('grows', async (id) => {
  begin(id);
  for (const kept = []; ; ) kept.push(new Array(1_000_000).fill(kept.length));
});
const flows = Object.fromEntries(Object.entries(FLOWS).map(([name, body]) => [name, flow(name, body)]));

const logger = {
  debug() {},
  info() {},
  warn: (message) => process.send({ warn: message }),
  error: (message) => process.send({ error: message }),
};
const engine = await open({ store: path, logger, ...engineOptions });
engine.on('operation:started', ({ runId, name }) => {
  if (!runId.startsWith('listened') || name !== 'step') return;
  begin(runId);
  process.exit(1);
});
engine.on('run:blocked', ({ runId, code }) => process.send({ blocked: runId, code }));
for (const [name, id, ...args] of start) engine.start(flows[name], [id, ...args], { id });
process.on('message', async ({ retry, get, close }) => {
  if (retry !== undefined) await engine.retry(retry);
  if (get !== undefined) {
    const { status, waitsFor, error } = await engine.get(get);
    process.send({ got: { status, waitsFor, message: error?.message } });
  }
  if (close) await engine.close().then(() => process.exit(0));
});
process.send({ open: true });

/** The statuses of all runs, as soon as each of those named is settled, or all are when none is. */
async function settle() {
  for (;;) {
    const runs = await engine.list({ limit: 10_000 });
    const waited = settled.length === 0 ? runs : runs.filter(({ id }) => settled.includes(id));
    const over = ({ status }) => !['PENDING', 'RUNNING', 'SUSPENDED'].includes(status);
    if (waited.length >= settled.length && waited.every(over)) return runs;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
// A process that was told to close its engine looks no more.
const statuses = Object.fromEntries((await settle().catch(forEver)).map(({ id, status, blockedCode }) => [id, blockedCode ?? status]));
process.send({ statuses }, () => engine.close().then(() => process.exit(0)));
