import { action, flow, open } from 'perdure';

/** Listeners of the program beside a flow's rejection, an own one in the same turn, and one that is handled late. */
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const told: string[] = [];
process.on('unhandledRejection', (reason) => told.push(`unhandled: ${(reason as Error).message}`));
process.on('rejectionHandled', () => told.push('handled'));

const engine = await open({ store: ':memory:', logger: silent });
engine.on('leak', ({ futures }) => told.push(...futures.map(({ error }) => `leak: ${error?.message}`)));
const step = action('step', async () => {});
const run = flow('run', async () => {
  const late = Promise.reject(new Error('handled late'));
  void Promise.reject(new Error("the flow's"));
  await step();
  late.catch(() => {});
  await step();
  await step();
});
const started = run();
void Promise.reject(new Error("the program's"));
await started;
await engine.close();
process.stdout.write(JSON.stringify(told));
