import { flow, type LeakedFuture, type LeakPolicy, open, sleep } from 'perdure';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const engine = await open({ store: ':memory:', logger: silent, leaks: (process.argv[2] ?? 'warn') as LeakPolicy });
const leaks: LeakedFuture[] = [];
engine.on('leak', ({ futures }) => leaks.push(...futures));

const run = flow('run', async () => {
  void Promise.reject(new RangeError('nobody handles this'));
  await sleep(5);
  return 'survived';
});

const result = await run().catch((error: Error) => error.name);
await engine.close();
process.stdout.write(
  JSON.stringify({ result, leaks: leaks.map(({ kind, state, error }) => ({ kind, state, error: `${error?.name}: ${error?.message}` })) }),
);
