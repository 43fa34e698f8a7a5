import { readFile } from 'node:fs/promises';
import { Absurd, SuspendTask } from 'absurd-sdk';
import pg from 'pg';
import { inHundreds, inSequence } from '../measure.js';

const monthSeconds = 30 * 24 * 60 * 60;

const step = (context, n) => context.step('step', async () => n);

/** Latencies stay in the process: as a result they would be written to the database. */
let latencies = [];

const tasks = {
  sequence: async (count, context) => {
    latencies = await inSequence(count, (n) => step(context, n));
  },
  fanOut: async (count, context) => {
    const results = await Promise.all(Array.from({ length: count }, (_, n) => step(context, n)));
    return results.length;
  },
  threeSteps: async (n, context) => {
    await step(context, n);
    await step(context, n);
    return step(context, n);
  },
  oneStep: (n, context) => step(context, n),
  sleeper: async (n, context) => {
    await context.sleepFor('sleep', monthSeconds);
    return n;
  },
};

/** Makes the database that `url` names, with the schema of `absurdSql`, as `absurdctl init` does. */
async function createDatabase({ url, absurdSql }) {
  const { pathname } = new URL(url);
  await query(new URL('/postgres', url).href, `CREATE DATABASE ${pathname.slice(1)}`);
  await query(url, await readFile(absurdSql, 'utf8'));
}

async function query(url, text) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(text);
  await client.end();
}

/**
 * What became of tasks, told by the worker as soon as the database has it: `awaitTaskResult` asks with a back-off of up to a second,
 * which would be most of what is measured.
 */
function outcomes() {
  /** @type {Map<string, { promise: Promise<void>, settle: (error?: unknown) => void }>} by the task's id; a task may end before `spawn` resolves */
  const known = new Map();
  const of = (id) => {
    let outcome = known.get(id);
    if (outcome === undefined) {
      let settle;
      const promise = new Promise((resolve, reject) => {
        settle = (error) => (error === undefined ? resolve() : reject(error));
      });
      outcome = { promise, settle };
      known.set(id, outcome);
    }
    return outcome;
  };
  return {
    /** Resolves when the task has ended or has gone to sleep. @throws what its first run failed with. */
    wait: (id) => of(id).promise.finally(() => known.delete(id)),
    hooks: {
      wrapTaskExecution: async (context, execute) => {
        try {
          await execute();
          of(context.taskID).settle();
        } catch (error) {
          of(context.taskID).settle(error instanceof SuspendTask ? undefined : error);
          throw error;
        }
      },
    },
  };
}

/** A client with the pool that it makes by itself, in a database that is new unless `again`. */
async function connect(options, handlers) {
  const { wait, hooks } = outcomes();
  if (!options.again) await createDatabase(options);
  const app = new Absurd({ db: options.url, hooks });
  if (!options.again) await app.createQueue();
  for (const [name, handler] of Object.entries(handlers)) app.registerTask({ name }, handler);
  return { app, wait };
}

/** @returns {Promise<import('../measure.js').Adapter>} */
export async function open(options) {
  const { app, wait } = await connect(options, tasks);
  const run = async (name, params) => wait((await app.spawn(name, params)).taskID);
  await app.startWorker({ concurrency: 100, pollInterval: 0.25 });
  return {
    sequence: async (count) => {
      await run('sequence', count);
      return latencies;
    },
    fanOut: (count) => run('fanOut', count),
    manyFlows: (count) => Promise.all(Array.from({ length: count }, (_, n) => run('threeSteps', n))),
    oneStep: (n) => run('oneStep', n),
    sleepers: (count) => inHundreds(count, (n) => run('sleeper', n)),
    close: () => app.close(),
  };
}

/** The killed process holds the task until its lease ends; a second is the shortest there is. */
export async function recover(options, count, reach) {
  let finish;
  const finished = new Promise((resolve) => {
    finish = resolve;
  });
  const recovery = async (_, context) => {
    await inSequence(count, (n) => step(context, n));
    await context.step('last', reach);
    finish();
  };
  const { app } = await connect(options, { recovery });
  if (!options.again) await app.spawn('recovery', null);
  await app.startWorker({ concurrency: 100, pollInterval: 0.25, claimTimeout: 1 });
  await finished;
}
