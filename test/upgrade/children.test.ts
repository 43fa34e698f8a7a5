import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { action, actionContext, event, flow } from 'perdure';
import { expect, test } from 'vitest';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { openEngine } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';

/**
 * A file that a process of schema version 2 left behind when it was killed: `order` waits for a child without an id of its own and for the action `charge`;
 * `audited` has ended and left the detached action `audit`, which goes on as a run.
 */
async function oldFile(): Promise<string> {
  const path = join(tempDirectory(), 'old.db');
  const database = (await findDriver()).connect(path);
  database.exec(readFileSync(fileURLToPath(new URL('children-of-schema-2.sql', import.meta.url)), 'utf8'));
  database.close();
  return path;
}

test('children keep their recorded ids, and interrupted actions their keys, when a file of schema version 2 is opened', async () => {
  const keys: string[] = [];
  const keep = (): void => void keys.push(actionContext().idempotencyKey);
  const charge = action('charge', async (order: string) => {
    keep();
    return `${order} charged`;
  });
  action('audit', async () => keep());
  const packing = flow('packing', async (order: string) => {
    await event('packed');
    return `${order} packed`;
  });
  flow('order', async (order: string) => {
    const packed = packing.start(order);
    const charged = charge.start(order);
    return [packed.id, await packed, await charged, await packing.start('next').id];
  });
  flow('audited', async () => 'ended');
  const { engine } = await openEngine({ store: await oldFile() });
  await engine.future('audited/0');
  await engine.send('order/0', 'packed');
  // The last child is asked for after the upgrade.
  expect(await engine.future('order')).toEqual(['order/0', 'parcel packed', 'parcel charged', 'order//2']);
  expect(keys.sort()).toEqual(['audited/0', 'order/1']);
  expect((await engine.list()).map(({ id }) => id).sort()).toEqual(['audited', 'audited/0', 'order', 'order/0']);
});
