import { action, flow } from 'perdure';
import { assertReplays, createTestEngine } from 'perdure/testing';

const work = action('work', async () => 1);
const main = flow('main', async () => {
  void Promise.reject(new RangeError('nobody handles this in the flow'));
  return work();
});

const engine = createTestEngine();
const { status, journal } = await engine.run(main);
if (status !== 'FAILED') throw new Error(`the run is ${status}`);
await engine.assertReplays();
await engine.close();
await assertReplays(main, journal);
console.log('replayed');
