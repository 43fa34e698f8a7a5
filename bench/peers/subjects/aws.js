import { withDurableExecution } from '@aws/durable-execution-sdk-js';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { inSequence } from '../measure.js';

const step = (context, n) => context.step('step', async () => n);

/** Latencies stay in the process: as a result they would have to be serialized. */
let latencies = [];

const sequence = withDurableExecution(async (count, context) => {
  latencies = await inSequence(count, (n) => step(context, n));
});

const fanOut = withDurableExecution(async (count, context) => {
  const results = await Promise.all(Array.from({ length: count }, (_, n) => step(context, n)));
  return results.length;
});

const threeSteps = withDurableExecution(async (n, context) => {
  await step(context, n);
  await step(context, n);
  return step(context, n);
});

const oneStep = withDurableExecution((n, context) => step(context, n));

/** One execution. A runner keeps what it has seen for assertions, so each execution has its own. @throws what it failed with. */
async function run(handlerFunction, payload) {
  const execution = await new LocalDurableTestRunner({ handlerFunction }).run({ payload });
  if (execution.getStatus() !== 'SUCCEEDED') throw new Error(`${execution.getStatus()}: ${execution.getError()?.errorMessage}`);
}

/** @returns {Promise<import('../measure.js').Adapter>} */
export async function open() {
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: false });
  return {
    sequence: async (count) => {
      await run(sequence, count);
      return latencies;
    },
    fanOut: (count) => run(fanOut, count),
    manyFlows: (count) => Promise.all(Array.from({ length: count }, (_, n) => run(threeSteps, n))),
    oneStep: (n) => run(oneStep, n),
    close: () => LocalDurableTestRunner.teardownTestEnvironment(),
  };
}
