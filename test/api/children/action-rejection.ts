import { action, flow, open } from 'perdure';

await open({ store: ':memory:' });
const act = action('act', async () => {
  void Promise.reject(new RangeError('nobody handles this in the action'));
  await new Promise((resolve) => setTimeout(resolve, 5_000));
});
await flow('run', async () => act())();
