// Two copies of one version: what is made by the one is used with the other.

import * as perdure from 'perdure';
import * as testing from 'perdure/testing';
import * as plugin from '../plugin/index.js';

const { BatchResult, flow, open, RetryPresets, startable, UsageError, wait } = perdure;
const print = (name, value) => console.log(JSON.stringify([name, value]));

const mine = flow('app.mine', async () => {
  const failed = await plugin.decline.start().exception();
  const { done } = await plugin.perdure.wait([plugin.double.start(4)]);
  return [await plugin.double(1), await plugin.whoAsks(), await plugin.child(2), failed instanceof plugin.Declined, done.size];
});
const stopsRetries = flow('app.stopsRetries', async () => {
  const error = await plugin.final
    .with({ retry: RetryPresets.fixed({ maxAttempts: 5, delay: 1 }) })
    .start()
    .exception();
  return [error instanceof perdure.NonRetryableError, error instanceof plugin.perdure.NonRetryableError, plugin.triesOfFinal()];
});

print('the library is loaded twice', perdure.flow !== plugin.perdure.flow);
const engine = await open({ store: 'app.db' });
print('a flow of each copy', await mine.with({ id: 'mine' })());
print('a flow of the other copy', await plugin.child(3));
print('a flow of the other copy, by the engine', await engine.start(plugin.child, [3]));
print('the next generation', await plugin.countDown(2));
print('batches', await plugin.batches());
print('retries', await stopsRetries());
const listening = plugin.listens.with({ id: 'listens' }).start();
await engine.send('listens', 'news', 'good');
print('wait() of one copy for the future of the other', [...(await wait([listening])).done].length);
print('its result', await listening);
const both = await plugin.perdure.flow('plugin.both', async () => plugin.perdure.parallel([async () => 1]))();
print('a batch result', BatchResult.fromJSON(both) === both);

const taken = await catching(() => plugin.perdure.flow('app.mine', async () => {}));
print('a name', [taken.code, taken instanceof UsageError, ...plugin.kindOf(taken)]);
const notStartable = await catching(() => engine.start(() => {}, []));
print('an error', plugin.kindOf(notStartable));
class Special extends UsageError {}
print('a class that extends one', [taken instanceof Special, new Special('INVALID_OPTION', '') instanceof plugin.perdure.UsageError]);
print('startable', startable(plugin.child) === plugin.child);

const kit = plugin.testing.createTestEngine();
kit.mock(plugin.double, 7);
print('the testing kit of the other copy', (await kit.run(mine)).result.slice(0, 1));
await kit.close();
const own = testing.createTestEngine();
own.mock(plugin.double, plugin.testing.sequence(1, 2));
print('mocks of the other copy', (await own.run(plugin.batches)).result[0]);
await own.close();

const second = await plugin.perdure.open({ store: ':memory:' });
await plugin.child.with({ id: 'on-second' })(1);
print('the engine opened last, by the other copy', [await has(engine), await has(second)]);
await second.close();
print('a call after that', (await catching(() => mine())).code);
await engine.close();

async function has(it) {
  return it.get('on-second').then(
    () => true,
    () => false,
  );
}

async function catching(call) {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}
