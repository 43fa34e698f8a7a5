import { AsyncResource } from 'node:async_hooks';
import { flow, open, sleep } from 'perdure';

/** What the program is told of when several promises reject in one turn, a flow's among them; with the argument `without`, there is no engine. */
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const told: unknown[] = [];
const leaked: unknown[] = [];
process.on('uncaughtException', (error: NodeJS.ErrnoException, origin) => told.push([origin, error.code ?? error.message]));

const rejectAll = AsyncResource.bind(() => {
  for (const reason of [new Error('first'), 'a text', undefined, new Error('last')]) void Promise.reject(reason);
});

if (process.argv[2] === 'without') {
  rejectAll();
  await new Promise(setImmediate);
} else {
  const engine = await open({ store: ':memory:', logger: silent });
  engine.on('leak', ({ futures }) => leaked.push(...futures.map(({ error }) => error?.message)));
  const run = flow('run', async () => {
    void Promise.reject(new Error('early'));
    rejectAll();
    void Promise.reject(new Error('late'));
    await sleep(5);
  });
  await run();
  await engine.close();
}
process.stdout.write(JSON.stringify({ told, leaked }));
