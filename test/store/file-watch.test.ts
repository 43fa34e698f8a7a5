import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { batchOf, endOf, messageTo, outcomeOf, withRuns } from './records.js';
import { tempDirectory } from './temp-directory.js';
import { watching } from './watching.js';

async function opened(path: string): Promise<Store> {
  const store = sqliteStore(path);
  onTestFinished(() => store.close());
  await store.open();
  return store;
}

test('a file is looked at every 50 ms for a watcher that is busy, every 250 ms for one that is not, in the background (FW1)', async () => {
  const path = join(tempDirectory(), 'app.db');
  const store = await opened(path);
  const [busy, idle] = [watching(store, { busy: true }), watching(store)];
  expect([busy.clock.pending, idle.clock.pending]).toEqual([[50], [250]]);
  expect([busy.clock.keepsAlive, idle.clock.keepsAlive]).toEqual([false, false]);
  await busy.clock.advance(50);
  expect(busy.clock.pending).toEqual([50]);
  busy.stop();
  idle.stop();
  expect([busy.clock.pending, idle.clock.pending]).toEqual([[], []]);
});

test('stores of one process on one file tell each other at once, of all but outcomes', async () => {
  const path = join(tempDirectory(), 'app.db');
  const [one, two] = [await withRuns(await opened(path), 'id'), await opened(path)];
  const [ofOne, ofTwo] = [watching(one), watching(two)];
  await ofTwo.told();
  await one.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
  expect(await ofTwo.toldAtOnce()).toBe(false);
  expect(await ofTwo.told()).toBe(true);
  await two.send(messageTo('id'));
  expect(await ofOne.toldAtOnce()).toBe(true);
  await one.commit(batchOf({ ends: [endOf('id')] }));
  expect(await ofTwo.toldAtOnce()).toBe(true);
});

test('what one of those who share a connection finds out all are told (FW2)', async () => {
  const path = join(tempDirectory(), 'app.db');
  const [store, other] = [await withRuns(await opened(path), 'id'), await opened(path)];
  const [one, two] = [watching(store), watching(store)];
  await one.told();
  await two.told();
  await other.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
  expect([await one.told(), await two.toldAtOnce()]).toEqual([true, true]);
  expect([await one.told(), await two.told()]).toEqual([false, false]);
});
