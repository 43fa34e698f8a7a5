import { mkdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { action, type Engine, type EngineEvents, flow, open } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { tempDirectory } from '../store/temp-directory.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const pay = action('replaced/pay', async (amount: number) => amount);
const order = flow('replaced/order', async (amount: number) => pay(amount));
const never = flow('replaced/never', async () => new Promise<void>(() => {}), { replace: true });

async function engineOn(path: string): Promise<Engine> {
  const engine = await open({ store: path, logger: SILENT, default: false, nonDurableAwait: 'ignore' });
  onTestFinished(() => engine.close().catch(() => undefined));
  return engine;
}

function failure(engine: Engine): Promise<EngineEvents['engine:failed']> {
  return new Promise((resolve) => {
    engine.on('engine:failed', resolve);
  });
}

test('an engine whose file is deleted is told that nothing more is durable, says so, and another takes its place', async () => {
  const path = join(tempDirectory(), 'app.db');
  const engine = await engineOn(path);
  const failed = failure(engine);
  const pending = engine.start(never, []);
  await pending.recorded();
  unlinkSync(path);
  const late = engine.start(order, [1]);
  await expect(late.recorded()).rejects.toMatchObject({ code: 'STORE_REPLACED' });
  await expect(late.result()).rejects.toMatchObject({ code: 'STORE_REPLACED' });
  await expect(pending.result()).rejects.toMatchObject({ code: 'STORE_REPLACED' });
  expect((await failed).error).toMatchObject({ code: 'STORE_REPLACED', message: expect.stringContaining(`${path} was deleted or moved`) });
  expect(() => engine.start(order, [2])).toThrow(expect.objectContaining({ code: 'STORE_REPLACED' }));
  await engine.close();
  for (const beside of ['-wal', '-shm']) rmSync(`${path}${beside}`, { force: true });
  const next = await engineOn(path);
  expect(await next.list()).toEqual([]);
  expect(await next.start(order, [3])).toBe(3);
});

test('an engine that does nothing notices as well, within a second', async () => {
  const path = join(tempDirectory(), 'app.db');
  const engine = await engineOn(path);
  const failed = failure(engine);
  const began = performance.now();
  unlinkSync(`${path}-wal`);
  expect((await failed).error).toMatchObject({ code: 'STORE_REPLACED', message: expect.stringContaining('-wal was deleted') });
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('two engines that share a file are both told', async () => {
  const path = join(tempDirectory(), 'app.db');
  const engines = [await engineOn(path), await engineOn(path)];
  const failed = engines.map(failure);
  renameSync(path, `${path}.moved`);
  for (const event of await Promise.all(failed)) expect(event.error).toMatchObject({ code: 'STORE_REPLACED' });
});

test('what an engine wrote before its file was moved goes on where the file is', async () => {
  const directory = join(tempDirectory(), 'data');
  mkdirSync(directory);
  const engine = await engineOn(join(directory, 'app.db'));
  const failed = failure(engine);
  expect(await engine.start(order, [17], { id: 'order-17' })).toBe(17);
  await engine.start(never, [], { id: 'unfinished' }).recorded();
  renameSync(directory, `${directory}-moved`);
  await failed;
  const moved = await engineOn(join(`${directory}-moved`, 'app.db'));
  expect((await moved.list()).map(({ id, status }) => [id, status])).toEqual([
    ['unfinished', 'RUNNING'],
    ['order-17', 'SUCCEEDED'],
  ]);
});
