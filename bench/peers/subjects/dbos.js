import { DBOS } from '@dbos-inc/dbos-sdk';
import { inHundreds, inSequence } from '../measure.js';

const month = 30 * 24 * 60 * 60 * 1_000;

const step = (n) => DBOS.runStep(async () => n, { name: 'step' });

/** Latencies stay in the process: as a result they would be written to the database. */
let latencies = [];

const sequence = DBOS.registerWorkflow(
  async (count) => {
    latencies = await inSequence(count, step);
  },
  { name: 'sequence' },
);

const fanOut = DBOS.registerWorkflow(
  async (count) => {
    const results = await Promise.allSettled(Array.from({ length: count }, (_, n) => step(n)));
    return results.length;
  },
  { name: 'fanOut' },
);

const threeSteps = DBOS.registerWorkflow(
  async (n) => {
    await step(n);
    await step(n);
    return step(n);
  },
  { name: 'threeSteps' },
);

const oneStep = DBOS.registerWorkflow((n) => step(n), { name: 'oneStep' });

const sleeper = DBOS.registerWorkflow(
  async (n) => {
    await DBOS.sleep(month);
    return n;
  },
  { name: 'sleeper' },
);

async function launch({ url }) {
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, logLevel: 'error', applicationVersion: '1' });
  await DBOS.launch();
}

/** @returns {Promise<import('../measure.js').Adapter>} */
export async function open(options) {
  await launch(options);
  return {
    sequence: async (count) => {
      await sequence(count);
      return latencies;
    },
    // A registered workflow minds the object that it is called on: hence the arrows.
    fanOut: (count) => fanOut(count),
    manyFlows: (count) => Promise.all(Array.from({ length: count }, (_, n) => threeSteps(n))),
    oneStep: (n) => oneStep(n),
    sleepers: (count) => inHundreds(count, (n) => DBOS.startWorkflow(sleeper)(n)),
    // Not `DBOS.shutdown()`: it would wait for the sleepers, and the process ends anyway.
    close: async () => {},
  };
}

/** Launching recovers what the killed process left pending. */
export async function recover(options, count, reach) {
  const recovery = DBOS.registerWorkflow(
    async () => {
      await inSequence(count, step);
      await DBOS.runStep(reach, { name: 'last' });
    },
    { name: 'recovery' },
  );
  await launch(options);
  const handle = options.again ? DBOS.retrieveWorkflow('recovery') : await DBOS.startWorkflow(recovery, { workflowID: 'recovery' })();
  await handle.getResult();
}
