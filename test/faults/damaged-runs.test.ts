import { join } from 'node:path';
import { action, type Engine, flow, open, random } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { collectingLogger, unique } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';

const draw = action(unique('draw'), async () => 1);
const order = flow(unique('order'), async (_id: number) => [random(), await draw()]);

/** An engine on a file with these runs, which have ended, after a statement was carried out in it. */
async function damaged(runIds: readonly string[], sql: string): Promise<Engine> {
  const path = join(tempDirectory(), 'app.db');
  const { logger } = collectingLogger();
  const before = await open({ store: path, default: false, logger });
  for (const [number, id] of runIds.entries()) await before.start(order, [number], { id });
  await before.close();
  const database = findDriver().connect(path);
  database.exec(sql);
  database.close();
  const engine = await open({ store: path, default: false, logger });
  onTestFinished(() => engine.close());
  return engine;
}

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];

test('a run with an unknown status counts among those that are kept, and stays', async () => {
  const engine = await damaged(IDS, `UPDATE perdure_runs SET status = 'ARCHIVED' WHERE id = 'a'`);
  expect(await engine.prune({ count: 3 })).toBe(2);
  expect((await engine.list()).map(({ id }) => id)).toEqual(['f', 'e', 'd', 'a']);
  expect(await engine.prune({ count: 3 })).toBe(0);
});

test.each([
  ['seed', `x'00'`],
  ['created_at', `'x'`],
])('nothing goes on from a row whose %s cannot be read, and it is named', async (column, value) => {
  const engine = await damaged(['a', 'b'], `UPDATE perdure_runs SET ${column} = ${value} WHERE id = 'a'`);
  await expect(engine.fork('a', '1')).rejects.toMatchObject({ code: 'VALUE_UNREADABLE' });
  const { checked, mismatches } = await engine.check(order);
  expect(checked).toBe(2);
  expect(mismatches).toMatchObject([{ runId: 'a', problem: expect.stringContaining(`the column`) }]);
});

test('a run that has ended does not go on when its row cannot be read', async () => {
  const engine = await damaged(['a'], `UPDATE perdure_runs SET seed = x'00' WHERE id = 'a'`);
  await expect(engine.retry('a')).rejects.toMatchObject({ code: 'VALUE_UNREADABLE' });
  expect((await engine.get('a')).status).toBe('BLOCKED');
});

test('a child of an older version is readable, whatever the id of its parent', async () => {
  const engine = await damaged(
    ['in/', 'child'],
    `UPDATE perdure_runs SET id = 'in//0', parent_run_id = 'in/', parent_operation_id = '0' WHERE id = 'child'`,
  );
  expect((await engine.get('in//0')).status).toBe('SUCCEEDED');
});
