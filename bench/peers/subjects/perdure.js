import { join } from 'node:path';
import { inHundreds, inSequence } from '../measure.js';

/** The built package: what a user would get. */
const { action, flow, open: openEngine, sleep, wait } = await import(new URL('../../../dist/index.js', import.meta.url).href);

const step = action('step', async (n) => n);

const sequence = flow('sequence', (count) => inSequence(count, (n) => step(n)));

const fanOut = flow('fanOut', async (count) => {
  const { done } = await wait(Array.from({ length: count }, (_, n) => step.start(n)));
  return done.size;
});

const threeSteps = flow('threeSteps', async (n) => {
  await step(n);
  await step(n);
  return step(n);
});

const oneStep = flow('oneStep', (n) => step(n));

const sleeper = flow('sleeper', async (n) => {
  await sleep('30d');
  return n;
});

function engineIn({ directory, inMemory }) {
  return openEngine({ store: inMemory ? ':memory:' : join(directory, 'perdure.db') });
}

/** @returns {Promise<import('../measure.js').Adapter>} */
export async function open(options) {
  const engine = await engineIn(options);
  return {
    sequence,
    fanOut,
    manyFlows: (count) => Promise.all(Array.from({ length: count }, (_, n) => threeSteps(n))),
    oneStep,
    sleepers: (count) => inHundreds(count, (n) => sleeper.start(n).recorded()),
    close: () => engine.close(),
  };
}

/** A run of `count` actions and a last one, `reach`. Opening the store of a killed process goes on with it. */
export async function recover(options, count, reach) {
  const last = action('last', reach);
  const recovery = flow('recovery', async () => {
    await inSequence(count, (n) => step(n));
    await last();
  });
  const engine = await engineIn(options);
  await recovery.with({ id: 'recovery' })();
  await engine.close();
}
