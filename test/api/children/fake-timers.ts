// What a test runner may put in the place of Node's time, timers and tasks when the library has been loaded: none of it ever moves.
import { writeSync } from 'node:fs';
import timers from 'node:timers';
import { action, actionContext, event, flow, memoryStore, open, sleep, wait } from 'perdure';
import { createTestEngine } from 'perdure/testing';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const never = (): never => undefined as never;
const fakes = {
  setTimeout: never,
  setInterval: never,
  setImmediate: never,
  clearTimeout: never,
  clearInterval: never,
  clearImmediate: never,
  queueMicrotask: never,
};
Object.assign(globalThis, fakes, { performance: { now: () => 0 } });
Object.assign(timers, fakes);
process.nextTick = never;
Date.now = () => 0;

const flaky = action(
  'flaky',
  async () => {
    if (actionContext().attempt < 3) throw new Error('busy');
    return 'done';
  },
  { retry: () => ({ retry: true, delay: 1 }) },
);
const slow = action(
  'slow',
  () => new Promise((_, reject) => actionContext().signal.addEventListener('abort', () => reject(new Error('told')))),
  {
    timeout: 5,
  },
);
const body = flow('body', async () => {
  await sleep(1);
  const timedOut = await slow().catch((error: { code: string }) => error.code);
  const { notDone } = await wait([event('never')], { timeout: 1 });
  for (const future of notDone) future.cancel();
  return [await flaky(), timedOut];
});

const engine = await open({ store: memoryStore(), logger: quiet });
const late = await engine
  .start(
    flow('waits', async () => event('go')),
    [],
  )
  .exception({ timeout: 5 })
  .catch((error: { code: string }) => error.code);
const results = [await body(), late];
await engine.close({ timeout: 0 });

const kit = createTestEngine();
const virtual = flow('virtual', async () => {
  await sleep('7d');
  return flaky();
});
results.push((await kit.run(virtual)).result);
await kit.close();
writeSync(1, JSON.stringify(results));
