import { action, type Engine, event, flow, open, type PerdureError } from 'perdure';
import type { Store } from 'perdure/store';

type Call = (engine: Engine) => unknown;

export const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const pay = action('pay the order', async () => 'paid');
export const order = flow('order', async () => pay());
export const waits = flow('waits', async () => event<number>('go'));

/** An engine that executes runs, with one that has ended and one that waits. */
export async function openWorker(store: string | Store, ...ids: string[]): Promise<Engine> {
  const engine = await open({ store, default: false, logger: SILENT });
  await engine.start(order, [], { id: 'ended' });
  for (const id of ['waits', ...ids]) await engine.start(waits, [], { id }).recorded();
  return engine;
}

/** What only reads. */
export const READS: Readonly<Record<string, Call>> = {
  list: async (engine) => (await engine.list()).map(({ id }) => id),
  get: async (engine) => (await engine.get('ended')).status,
  operations: async (engine) => (await engine.operations('ended')).map(({ name, status }) => `${name} ${status}`),
  result: (engine) => engine.future('ended').result(),
  check: (engine) => engine.check(order),
  'get of a run that is not there': (engine) => engine.get('nobody'),
};

/** What each of them answers where a worker was. */
export const READ = {
  list: ['waits', 'ended'],
  get: 'SUCCEEDED',
  operations: ['pay the order SUCCEEDED'],
  result: 'paid',
  check: { checked: 1, mismatches: [] },
  'get of a run that is not there': 'RUN_NOT_FOUND',
};

/** One that looks like a token. */
const TOKEN = Buffer.from('secret\n0\nwaits').toString('base64url');

/** What writes, if the store can be written; also where there is no such run, or where it is in no state for that. */
export const WRITES: Readonly<Record<string, Call>> = {
  send: (engine) => engine.send('waits', 'go', 1),
  'send to nobody': (engine) => engine.send('nobody', 'go', 1),
  cancel: (engine) => engine.cancel('waits'),
  'cancel of what has ended': (engine) => engine.cancel('ended'),
  complete: (engine) => engine.complete(TOKEN, 1),
  fail: (engine) => engine.fail(TOKEN, new Error('no')),
  heartbeat: (engine) => engine.heartbeat(TOKEN),
  retry: (engine) => engine.retry('waits'),
  'retry of nobody': (engine) => engine.retry('nobody'),
  prune: (engine) => engine.prune({ count: 0 }),
};

/** What each of them answers where nothing can be written. */
export const REFUSED: Readonly<Record<string, unknown>> = Object.fromEntries(Object.keys(WRITES).map((name) => [name, 'STORE_READ_ONLY']));

/** What came of each call, one after the other: its value, or the code of its error. */
export async function callsOf(engine: Engine, calls: Readonly<Record<string, Call>>): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const [name, call] of Object.entries(calls)) {
    try {
      answers[name] = await call(engine);
    } catch (error) {
      answers[name] = (error as PerdureError).code;
    }
  }
  return answers;
}
