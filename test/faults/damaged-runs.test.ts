import { join } from 'node:path';
import { action, type Engine, event, flow, open, random } from 'perdure';
import { expect, onTestFinished, test, vi } from 'vitest';
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

const waits = flow(unique('waits'), async (_id: number) => event<string>('word').result());

test.each(['9007199254740993', '9223372036854775807'])('a message with the id %s blocks its run alone, which names it', async (id) => {
  const path = join(tempDirectory(), 'app.db');
  const { logger } = collectingLogger();
  const before = await open({ store: path, default: false, logger });
  for (const runId of ['a', 'b']) await before.start(waits, [0], { id: runId }).recorded();
  await before.close({ timeout: 0 });
  const client = await open({ store: path, default: false, logger, execute: false });
  await client.send('a', 'word', 'lost');
  await client.close();
  const database = findDriver().connect(path);
  database.exec(`UPDATE perdure_inbox SET id = ${id}; UPDATE sqlite_sequence SET seq = ${id} WHERE name = 'perdure_inbox'`);
  database.close();
  const engine = await open({ store: path, default: false, logger });
  onTestFinished(() => engine.close({ timeout: 0 }));
  await engine.send('b', 'word', 'heard');
  await vi.waitFor(async () => {
    expect(await engine.get('b')).toMatchObject({ status: 'SUCCEEDED' });
    expect(await engine.get('a')).toMatchObject({
      status: 'BLOCKED',
      error: { message: expect.stringContaining(`message ${id} in the inbox`) },
    });
  }, 10_000);
});
