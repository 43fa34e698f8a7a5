// The second copy is loaded in the midst of a request, as a bundle of a route may be, and while a test runner has put up its clock.
import { AsyncLocalStorage } from 'node:async_hooks';
import * as perdure from 'perdure';

const request = new AsyncLocalStorage();
const seen = [perdure.flow !== undefined];

await request.run('the first request', async () => {
  const { now } = Date;
  Date.now = () => 0;
  const { perdure: other } = await import('../plugin/index.js');
  Date.now = now;
  const look = other.action('look', async () => seen.push(request.getStore() ?? 'no request'));
  const main = other.flow('main', async () => {
    await other.sleep(1);
    await look();
    seen.push(request.getStore() ?? 'no request', other.now() > 0);
  });
  const engine = await other.open({ store: ':memory:' });
  await main();
  await engine.close();
});
console.log(JSON.stringify(seen));
