import { join } from 'node:path';
import { action, event, flow } from 'perdure';
import { expect, test } from 'vitest';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { openEngine, settle, thrownBy, unique } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';

/** Deletes a run as another program would. */
async function deleteRun(path: string, id: string): Promise<void> {
  const database = (await findDriver()).connect(path);
  database.exec(`DELETE FROM perdure_operations WHERE run_id = '${id}'; DELETE FROM perdure_runs WHERE id = '${id}'`);
  database.close();
}

test('a run that was deleted is not started again by a parent that recovers', async () => {
  const path = join(tempDirectory(), 'app.db');
  let paid = 0;
  const pay = action(unique('pay'), async () => {
    paid += 1;
    return 'receipt';
  });
  const payment = flow(unique('payment'), async () => [await pay(), await event('ok')]);
  const order = flow(unique('order'), async () => payment.with({ id: 'payment' })());
  const first = await openEngine({ store: path });
  await first.engine.start(payment, [], { id: 'payment' }).recorded();
  await first.engine.start(order, [], { id: 'order' }).recorded();
  await settle();
  await first.engine.close();
  await deleteRun(path, 'payment');
  const { engine } = await openEngine({ store: path });
  expect(await thrownBy(() => engine.future('order').result())).toMatchObject({
    code: 'RUN_NOT_FOUND',
    message: expect.stringContaining('run payment has been deleted'),
  });
  expect(paid).toBe(1);
});

test('whoever waits for a run of another engine hears that it has been deleted', async () => {
  const path = join(tempDirectory(), 'app.db');
  const waits = flow(unique('waits'), async () => event('go'));
  const owner = await openEngine({ store: path });
  await owner.engine.start(waits, [], { id: 'run' }).recorded();
  const { engine } = await openEngine({ store: path, execute: false });
  const error = thrownBy(() => engine.future('run').result());
  await engine.get('run');
  await owner.engine.close({ timeout: 0 });
  await deleteRun(path, 'run');
  expect(await error).toMatchObject({ code: 'RUN_NOT_FOUND' });
});
