import { action, type DurableFuture, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/store/memory-store.js';
import { deferred, nextEvent, settle, thrownBy, unique } from '../api/with-engine.js';
import { workerOf } from '../store/records.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { type Sleeping, STORES, sleepingEngine } from './sleeping.js';

/** Counts the runs in memory by what is told of them: begun here, and neither ended nor asleep. */
function countResidents({ engine, left }: Sleeping): { most: number; now(): number } {
  const begun = new Map<string, number>();
  let ended = 0;
  const count = {
    most: 0,
    now: () => [...begun.values()].reduce((a, b) => a + b, 0) - [...left.values()].reduce((a, b) => a + b, 0) - ended,
  };
  engine.on('run:started', ({ runId }) => {
    begun.set(runId, (begun.get(runId) ?? 0) + 1);
    count.most = Math.max(count.most, count.now());
  });
  engine.on('run:finished', () => {
    ended += 1;
  });
  return count;
}

const quick = aFlow(async (n: number) => n);
const sleeper = aFlow(async () => sleep('30d'));

describe.each(Object.entries(STORES))('over %s', (_, makeStore) => {
  test.each([1, 5, 20])('a loop that awaits each recorded() never has many more than %d runs in memory: runs that end', async (most) => {
    const sleeping = sleepingEngine(makeStore, { maxResidentRuns: most });
    const residents = countResidents(sleeping);
    const futures: DurableFuture<number>[] = [];
    for (let n = 0; n < 200; n += 1) {
      const future = sleeping.engine.start(quick, [n]);
      futures.push(future);
      await future.recorded();
    }
    expect(await Promise.all(futures)).toHaveLength(200);
    expect(residents.most).toBeLessThanOrEqual(most + 1);
  });

  test('a loop that awaits each recorded() never has many more runs in memory than there may be: runs that sleep', async () => {
    const sleeping = sleepingEngine(makeStore, { maxResidentRuns: 10 });
    const residents = countResidents(sleeping);
    const startMs = sleeping.engine.now();
    for (let n = 0; n < 200; n += 1) await sleeping.engine.start(sleeper, [], { id: `${n}` }).recorded();
    expect(residents.most).toBeLessThanOrEqual(11);
    expect(sleeping.left.size).toBeGreaterThanOrEqual(190);
    // No run had to be waited for.
    expect(sleeping.engine.now() - startMs).toBeLessThan(60_000);
  });

  test('a start waits while all runs in memory have something under way, and goes on when one of them ends', async () => {
    const { engine } = sleepingEngine(makeStore, { maxResidentRuns: 2 });
    const gates = [deferred(), deferred(), deferred()];
    const gate = action(unique('gate'), async (n: number) => gates[n]?.promise);
    const working = aFlow(async (n: number) => gate(n));
    const recorded: number[] = [];
    const futures = [0, 1, 2].map((n) => engine.start(working, [n]));
    const waiting = futures.map((future, n) => future.recorded().then(() => recorded.push(n)));
    await settle();
    // They are told one by one, each when it has begun: the third finds two before it.
    expect(recorded).toEqual([0, 1]);
    expect(futures[2]?.status).toBe('STARTED');
    gates[1]?.resolve();
    await futures[1];
    await Promise.all(waiting);
    expect(recorded).toEqual([0, 1, 2]);
    for (const { resolve } of gates) resolve();
    await Promise.all(futures);
  });

  test('nobody waits who does not ask: runs are started and end all the same', async () => {
    const { engine } = sleepingEngine(makeStore, { maxResidentRuns: 1 });
    const futures = Array.from({ length: 100 }, (_, n) => engine.start(quick, [n]));
    expect(await Promise.all(futures)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  test('children are begun without room: a parent would wait for ever', async () => {
    const { engine } = sleepingEngine(makeStore, { maxResidentRuns: 1 });
    const parent = aFlow(async () => Promise.all(Array.from({ length: 20 }, (_, n) => quick(n))));
    const future = engine.start(parent, []);
    await future.recorded();
    expect(await future).toHaveLength(20);
  });

  test('an engine that closes releases those who wait for room', async () => {
    const { engine } = sleepingEngine(makeStore, { maxResidentRuns: 1 });
    const gate = deferred();
    const stuck = action(unique('stuck'), async () => gate.promise);
    const working = aFlow(async () => stuck());
    const futures = [1, 2, 3].map(() => engine.start(working, []));
    const waiting = futures[2]?.recorded();
    await settle();
    await engine.close({ timeout: 0 });
    // The start is durable, whoever goes on with the run.
    await waiting;
    expect(await thrownBy(() => futures[2] as PromiseLike<unknown>)).toMatchObject({ name: 'UsageError', code: 'ENGINE_CLOSED' });
    gate.resolve();
  });

  test('what waits for room ends although nobody has room', async () => {
    const { engine } = sleepingEngine(makeStore, { maxResidentRuns: 1 });
    const gate = deferred();
    const stuck = action(unique('stuck'), async () => gate.promise);
    const working = aFlow(async () => stuck());
    const first = engine.start(working, []);
    const second = engine.start(working, []);
    const third = engine.start(quick, [3]);
    await third.recorded();
    expect(await third).toBe(3);
    gate.resolve();
    await Promise.all([first, second]);
  });
});

test('a start that waits for room hears of it when the engine has lost all its runs to another', async () => {
  const store = memoryStore();
  const engine = testEngine({ store, maxResidentRuns: 1, autoAdvance: false });
  const gates = [deferred(), deferred(), deferred()];
  const gate = action(unique('gate'), async (n: number) => gates[n]?.promise);
  const working = aFlow(async (n: number) => gate(n));
  const futures = [0, 1, 2].map((n) => engine.start(working, [n], { id: `${n}` }));
  const heard: string[] = [];
  const waiting = futures.map((future) => future.recorded().then(() => heard.push(future.id)));
  await settle();
  expect(heard).toEqual(['0']);
  await store.reapWorkers({ workerId: 'another', nowMs: Number.POSITIVE_INFINITY });
  await store.registerWorker(workerOf('another', engine.now()));
  const [{ flow = '' } = {}] = await store.getRuns(['0']);
  const { claimed } = await store.claimRuns({ workerId: 'another', nowMs: engine.now(), flows: [{ flow, version: 1 }], limit: 10 });
  expect(claimed).toHaveLength(3);
  // It finds out by writing.
  gates[0]?.resolve();
  await nextEvent(engine, 'engine:fenced');
  await settle();
  await engine.close({ timeout: 0 });
  await Promise.allSettled(waiting);
  expect(heard).toEqual(['0', '1', '2']);
});
