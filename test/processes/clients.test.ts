import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Engine, open } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { builtProgram } from '../built-program.js';
import { EngineProcess, Place } from './process.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LOOKS = fileURLToPath(new URL('children/looks.ts', import.meta.url));
const run = promisify(execFile);

async function openClient(place: Place): Promise<Engine> {
  const client = await open({ store: place.store, execute: false, logger: console });
  onTestFinished(() => client.close());
  return client;
}

/** Who is registered, and which files their locks are held on. */
function workersOf({ store }: Place): unknown {
  const database = findDriver().connect(store);
  const workers = database.prepare('SELECT id, status, registered_at FROM perdure_workers ORDER BY id').all([]);
  database.close();
  const sideFiles = readdirSync(dirname(store)).filter((name) => name.includes('-worker-'));
  return { workers: workers.map((row) => ({ ...row })), files: sideFiles.map((name) => [name, statSync(join(dirname(store), name)).ino]) };
}

test('a worker that stands still for longer than its lease is left alone by whoever only looks', async () => {
  const place = new Place();
  const worker = await EngineProcess.open(place, { leaseMs: 100 });
  await worker.ask('start', { flow: 'gated', args: ['x'], runId: 'id' });
  await worker.heard({ action: 'gate x' });
  const before = workersOf(place);
  await worker.stop(place);
  const client = await openClient(place);
  const result = client.future('id').result();
  const until = performance.now() + 1_500;
  while (performance.now() < until) {
    expect(await client.list()).toMatchObject([{ id: 'id', status: 'RUNNING' }]);
    await client.send('id', 'news', 1);
    const another = await openClient(place);
    expect(await another.get('id')).toMatchObject({ status: 'RUNNING' });
    await another.close();
  }
  expect(workersOf(place)).toEqual(before);
  worker.resume();
  await worker.ask('release');
  expect(await result).toEqual([`before x in ${worker.pid}`, `gate x in ${worker.pid}`, `after x in ${worker.pid}`]);
  expect(workersOf(place)).toEqual(before);
  expect(worker.said({ event: 'fenced' })).toBe(false);
  await place.history();
});

test('many processes that open a store to look, and close it, change nothing for a worker that is at work', async () => {
  const place = new Place();
  const worker = await EngineProcess.open(place, { leaseMs: 100 });
  const before = workersOf(place);
  let over = false;
  let started = 0;
  const atWork = (async () => {
    while (!over) {
      started += 1;
      const runId = `run-${started}`;
      await worker.ask('start', { flow: 'quick', args: [runId], runId });
      expect(await worker.ask('result', { runId })).toBe(`${runId} in ${worker.pid}`);
    }
  })();
  const program = builtProgram(LOOKS);
  const looks = Array.from({ length: 8 }, () => run(process.execPath, [program, place.store, '15'], { cwd: ROOT }));
  const outputs = await Promise.all(looks).finally(() => {
    over = true;
  });
  await atWork;
  for (const { stdout, stderr } of outputs) {
    const seen = JSON.parse(stdout) as number[];
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(stderr).toBe('');
  }
  expect(workersOf(place)).toEqual(before);
  expect(worker.said({ event: 'fenced' })).toBe(false);
  const { runs } = await place.history();
  expect(runs.size).toBe(started);
  expect([...place.calls().values()].every((times) => times === 1)).toBe(true);
}, 60_000);

test('a client that is opened before its worker follows a run from the start of the process that executes it', async () => {
  const place = new Place();
  const first = await EngineProcess.open(place);
  await first.ask('start', { flow: 'waiting', args: [2], runId: 'id' });
  await first.heard({ action: 'asked' });
  await first.exit();
  const client = await openClient(place);
  const result = client.future('id').result();
  await client.send('id', 'n', 1);
  const second = await EngineProcess.open(place);
  await second.heard({ got: 1 });
  await second.kill();
  await client.send('id', 'n', 2);
  await EngineProcess.open(place);
  expect(await result).toEqual([1, 2]);
  await place.history();
});
