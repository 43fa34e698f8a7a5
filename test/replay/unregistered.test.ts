import { action, flow, memoryStore, open } from 'perdure';
import type { Store } from 'perdure/store';
import { expect, onTestFinished, test } from 'vitest';
import type { RunRecord } from '../../src/model/records.js';
import { unique } from '../api/with-engine.js';
import { batchOf, workerOf } from '../store/records.js';
import { atRest, nextEvent } from './generations.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const pay = action('pay', async (amount: number) => amount);

/** A store that a process with other flows has left: one unfinished run for each. */
async function leftBehind(...runs: readonly { flow: string; version?: number }[]): Promise<Store> {
  const store = memoryStore();
  await store.open();
  await store.registerWorker(workerOf('dead', 0));
  const records = runs.map(
    ({ flow: name, version = 1 }): RunRecord => ({
      id: `run of ${name} ${version}`,
      flow: name,
      version,
      status: 'RUNNING',
      input: '[]',
      digest: '',
      seed: 'seed',
      options: null,
      parentRunId: null,
      parentOperationId: null,
      workerId: 'dead',
      outcome: null,
      blockedCode: null,
      createdAt: 1,
      finishedAt: null,
      crashes: 0,
      wakeAt: null,
    }),
  );
  await store.commit(
    batchOf({
      workerId: 'dead',
      creates: records.map((run) => ({ run })),
    }),
  );
  await store.close();
  return store;
}

async function openOn(store: Store): Promise<Awaited<ReturnType<typeof open>>> {
  const engine = await open({ store, default: false, logger: SILENT });
  onTestFinished(() => engine.close({ timeout: 0 }));
  return engine;
}

test('a run whose flow is not registered is blocked, and the others proceed', async () => {
  const known = flow(unique('known'), async () => pay(1));
  const unknown = unique('unknown');
  const engine = await openOn(await leftBehind({ flow: unknown }, { flow: known.name }));
  expect(await engine.future(`run of ${known.name} 1`)).toBe(1);
  expect(await engine.get(`run of ${unknown} 1`)).toMatchObject({ status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED' });
});

test('a run whose flow is not registered goes on as soon as this process registers it', async () => {
  const late = unique('late');
  const engine = await openOn(await leftBehind({ flow: late }));
  const future = engine.future(`run of ${late} 1`);
  flow(late, async () => pay(2));
  expect(await future).toBe(2);
});

test('a run whose flow is not registered goes on with an engine that is opened later', async () => {
  const late = unique('late');
  const store = await leftBehind({ flow: late });
  await (await openOn(store)).close();
  flow(late, async () => pay(3));
  expect(await (await openOn(store)).future(`run of ${late} 1`)).toBe(3);
});

test('a run is reported once as waiting for its flow', async () => {
  const store = await leftBehind({ flow: unique('never') });
  const lines: string[] = [];
  const engine = await open({ store, default: false, leaseMs: 30, logger: { ...SILENT, warn: (message) => void lines.push(message) } });
  onTestFinished(() => engine.close({ timeout: 0 }));
  flow(unique('something else'), async () => 1);
  await atRest(engine);
  flow(unique('something else'), async () => 1);
  await atRest(engine);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/is registered in this process; it goes on as soon as one is/);
});

test('a retry of a run whose flow is still not registered leaves it blocked', async () => {
  const never = unique('never');
  const engine = await openOn(await leftBehind({ flow: never }));
  const blocked = nextEvent(engine, 'run:blocked');
  await engine.retry(`run of ${never} 1`);
  expect(await blocked).toMatchObject({ code: 'FLOW_NOT_REGISTERED', flow: never });
  expect(await engine.get(`run of ${never} 1`)).toMatchObject({ status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED' });
});

test('a cancel request waits for a run whose flow is not registered', async () => {
  const late = unique('late');
  const engine = await openOn(await leftBehind({ flow: late }));
  expect(await engine.cancel(`run of ${late} 1`, 'not wanted')).toBe(true);
  flow(late, async () => pay(4));
  await expect(engine.future(`run of ${late} 1`).result()).rejects.toMatchObject({ name: 'CancelledError' });
});

test('a parent goes on once the flow of its child is registered', async () => {
  const name = unique('child');
  const store = memoryStore();
  const hang = action(unique('hang'), () => new Promise<number>(() => {}));
  const first = flow(name, async () => hang());
  const parent = flow(unique('parent'), async () => first());
  const engine = await openOn(store);
  engine.start(parent, [], { id: 'parent' });
  await atRest(engine);
  await engine.close({ timeout: 0 });
  flow(name, async () => hang(), { version: 2 });
  flow(name, async () => 5, { replace: true });
  expect(await (await openOn(store)).future('parent')).toBe(5);
});

test('a run stays on the version it was started with', async () => {
  const name = unique('versioned');
  const store = memoryStore();
  let through = false;
  const gate = action(unique('gate'), () => (through ? 'through' : new Promise<string>(() => {})));
  const one = flow(name, async () => `one ${await gate()}`);
  const before = await openOn(store);
  before.start(one, [], { id: 'old' });
  await atRest(before);
  await before.close({ timeout: 0 });
  through = true;
  flow(name, async () => `two ${await gate()}`, { version: 2 });
  const after = await openOn(store);
  expect(await after.future('old')).toBe('one through');
  expect(await after.start(one, [], { id: 'new' })).toBe('two through');
  expect(await after.list({ flow: name })).toMatchObject([
    { id: 'new', version: 2 },
    { id: 'old', version: 1 },
  ]);
});

test('a child run stays on the version it was started with, though a higher one is registered since', async () => {
  const childName = unique('child');
  const store = memoryStore();
  let through = false;
  const gate = action(unique('gate'), () => (through ? 'through' : new Promise<string>(() => {})));
  const child = flow(childName, async () => `one ${await gate()}`);
  const parent = flow(unique('parent'), async () => child());
  const before = await openOn(store);
  before.start(parent, [], { id: 'parent' });
  await atRest(before);
  await before.close({ timeout: 0 });
  through = true;
  flow(childName, async () => `two ${await gate()}`, { version: 2 });
  expect(await (await openOn(store)).future('parent')).toBe('one through');
});

test('a run whose version is missing waits for it', async () => {
  const name = unique('versioned');
  flow(name, async () => 'one');
  const engine = await openOn(await leftBehind({ flow: name, version: 3 }));
  const future = engine.future(`run of ${name} 3`);
  flow(name, async () => 'two', { version: 2 });
  await atRest(engine);
  expect(await engine.get(`run of ${name} 3`)).toMatchObject({ status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED' });
  flow(name, async () => 'three', { version: 3 });
  expect(await future).toBe('three');
});
