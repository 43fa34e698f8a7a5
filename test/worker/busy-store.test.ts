import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { action, actionContext, CancelledError, type Engine, event, flow, open, sqliteStore } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import type { SqliteDatabase } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';

const step = action('step on a busy store', async (value: number) => value);
const steps = flow('steps on a busy store', async () => [await step(1), await step(2)]);

interface Busy {
  readonly engine: Engine;
  readonly other: SqliteDatabase;
  /** A write has failed for the first time. */
  readonly failed: Promise<void>;
  /** What the engine had to give up. */
  readonly lost: unknown[];
}

/** An engine on a file that somebody else can lock, as a process does that stands still amid a transaction. */
async function engineOnLockableFile(): Promise<Busy> {
  const directory = mkdtempSync(join(tmpdir(), 'perdure-busy-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'app.db');
  const nothing = (): void => {};
  let warn: () => void = nothing;
  const failed = new Promise<void>((resolve) => {
    warn = resolve;
  });
  const logger = { debug: nothing, info: nothing, warn, error: nothing };
  const engine = await open({ store: sqliteStore(path, { busyTimeoutMs: 20 }), default: false, logger });
  const lost: unknown[] = [];
  for (const event of ['engine:fenced', 'engine:failed'] as const) engine.on(event, (payload) => lost.push(payload));
  onTestFinished(() => engine.close({ timeout: 0 }).catch(() => undefined));
  const other = findDriver().connect(path);
  onTestFinished(() => other.close());
  return { engine, other, failed, lost };
}

test('an engine outlives a store that is locked for much longer than it waits, and keeps its runs', async () => {
  const { engine, other, failed, lost } = await engineOnLockableFile();
  other.exec('BEGIN IMMEDIATE');
  const future = engine.start(steps, [], { id: 'run' });
  await failed;
  for (let macrotask = 0; macrotask < 50; macrotask += 1) await new Promise((resolve) => setImmediate(resolve));
  other.exec('ROLLBACK');
  expect(await future).toEqual([1, 2]);
  expect(lost).toEqual([]);
});

test('an action that is under way while the store is locked is neither told to stop nor done again', async () => {
  const { engine, other, failed, lost } = await engineOnLockableFile();
  const begun: boolean[] = [];
  let end = (): void => {};
  const working = new Promise<void>((resolve) => {
    end = resolve;
  });
  const long = action('long on a busy store', async () => {
    begun.push(actionContext().signal.aborted);
    await working;
    return actionContext().signal.aborted;
  });
  const both = flow('both on a busy store', async () => {
    const first = long.start();
    await step(1);
    return first;
  });
  const once = new Promise((resolve) => engine.on('operation:finished', resolve));
  const future = engine.start(both, [], { id: 'run' });
  await once;
  other.exec('BEGIN IMMEDIATE');
  engine.start(steps, [], { id: 'another' });
  await failed;
  end();
  other.exec('ROLLBACK');
  expect(await future).toBe(false);
  expect([begun, lost]).toEqual([[false], []]);
});

test('an engine goes on after a store that was locked for a little longer than it waits', async () => {
  const { engine, other, failed } = await engineOnLockableFile();
  await engine.start(steps, [], { id: 'before' });
  void failed.then(() => other.exec('ROLLBACK'));
  other.exec('BEGIN IMMEDIATE');
  expect(await engine.start(steps, [], { id: 'run' })).toEqual([1, 2]);
});

test('an engine goes on after a store that was locked amid a chain of single outcomes', async () => {
  const { engine, other, failed } = await engineOnLockableFile();
  const chain = flow('chain on a busy store', async (length: number) => {
    let sum = 0;
    for (let index = 0; index < length; index += 1) sum += await step(index);
    return sum;
  });
  let finished = 0;
  engine.on('operation:finished', () => {
    finished += 1;
    if (finished === 5) other.exec('BEGIN IMMEDIATE');
  });
  void failed.then(() => other.exec('ROLLBACK'));
  expect(await engine.start(chain, [10], { id: 'chain' })).toBe(45);
  expect(finished).toBe(10);
  expect(await engine.start(steps, [], { id: 'after' })).toEqual([1, 2]);
});

test('a run that was started while the store is locked is known, and its cancellation is kept', async () => {
  const { engine, other, failed } = await engineOnLockableFile();
  const waiting = flow('waits on a busy store', async () => event<number>('go'));
  const before = engine.start(waiting, [], { id: 'before' });
  await before.recorded();
  other.exec('BEGIN IMMEDIATE');
  const [kept, cancelled] = ['kept', 'cancelled'].map((id) => engine.start(waiting, [], { id }));
  await failed;
  for (const future of [before, cancelled]) expect(future?.cancel()).toBe(true);
  const known = engine.get('kept');
  const sent = engine.send('kept', 'go', 7);
  other.exec('ROLLBACK');
  expect((await known).id).toBe('kept');
  await sent;
  expect(await kept).toBe(7);
  for (const future of [before, cancelled]) expect(await future?.exception()).toBeInstanceOf(CancelledError);
  await expect(engine.get('unknown')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
});

test('a run whose start was not recorded when its engine closes is to be started again', async () => {
  const { engine, other } = await engineOnLockableFile();
  other.exec('BEGIN IMMEDIATE');
  const future = engine.start(steps, [], { id: 'lost' });
  await expect(engine.close({ timeout: 0 })).rejects.toMatchObject({ code: 'STORE_BUSY' });
  other.exec('ROLLBACK');
  const error = { code: 'ENGINE_CLOSED', message: expect.stringContaining('start it again under this id') };
  await expect(future.recorded()).rejects.toMatchObject(error);
  await expect(future.result()).rejects.toMatchObject(error);
});
