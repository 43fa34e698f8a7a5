import {
  action,
  callback,
  createRetryStrategy,
  type DurableFuture,
  event,
  FIRST_COMPLETED,
  flow,
  map,
  now,
  type PollDecision,
  parallel,
  shield,
  sleep,
  wait,
  waitForCondition,
} from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, test } from 'vitest';
import { deferred, settle, unique } from '../api/with-engine.js';
import { expectWellFormed } from '../crash/well-formed.js';
import { sendTo, step } from '../runtime/senders.js';
import { aFlow } from '../testing/with-test-engine.js';
import { HOUR_MS, type Sleeping, STORES, sleepingEngine } from './sleeping.js';

const failing = action('failing while runs sleep', async (what: string) => {
  throw new RangeError(what);
});
const hourly = createRetryStrategy({ maxAttempts: 3, initialDelay: '1h', backoffRate: 2, jitter: 'NONE' });

const sleeper = aFlow(async (hours: number) => {
  await sleep(hours * HOUR_MS);
  return `slept ${hours} until ${now()}`;
});

const waiter = aFlow(async () => `got ${await event('go')}`);

/** Sends to a run so many hours later. */
const sender = aFlow(async (runId: string, hours: number) => {
  await sleep(hours * HOUR_MS);
  await sendTo(runId, 'go', hours);
});

const family = aFlow(async (hours: number) => {
  const [child, timer] = [sleeper.start(hours), sleep.start('90m')];
  const { done } = await wait([child, timer], FIRST_COMPLETED);
  timer.cancel();
  return [done.size, await child, now()];
});

const branches = aFlow(async (hours: number) => {
  const batch = await parallel([
    () => sleep(hours * HOUR_MS),
    async () => [await event('go'), await step('went')],
    async () => (await map([3, 1, 2], (each) => sleep(each * HOUR_MS), { maxConcurrency: 2 })).completionReason,
    () => sleeper(hours),
  ]);
  return [...batch.getResults(), now()];
});

const retried = aFlow(async () =>
  failing
    .with({ retry: hourly })('again')
    .then(undefined, (error: Error) => [error.message, now()]),
);

const looking = aFlow(async () =>
  waitForCondition(step, { initial: 'x', strategy: (_, attempt) => ({ continue: attempt < 4, delay: '2h' }) }).then((state) => [
    state,
    now(),
  ]),
);

const limited = flow(unique('limited'), async () => event('never'), { timeout: '3h' });

const called = aFlow(async () => callback({ timeout: '4h' }).future.then(undefined, (error: Error) => [error.name, now()]));

/** What became of a run. */
async function endOf(future: DurableFuture<unknown>): Promise<unknown> {
  const error = await future.exception();
  return error === null || error === undefined ? future : `${(error as Error).name}: ${(error as Error).message}`;
}

/** Starts many runs of all kinds, and tells how each of them ended. */
async function allKinds({ engine }: Sleeping): Promise<unknown> {
  const futures: DurableFuture<unknown>[] = [];
  for (let n = 0; n < 30; n += 1) {
    const hours = 1 + ((n * 7) % 13);
    futures.push(
      engine.start(sleeper, [hours], { id: `sleeper ${n}` }),
      engine.start(waiter, [], { id: `waiter ${n}` }),
      engine.start(sender, [`waiter ${n}`, hours], { id: `sender ${n}` }),
      engine.start(family, [hours], { id: `family ${n}` }),
      engine.start(branches, [hours], { id: `branches ${n}` }),
      engine.start(sender, [`branches ${n}`, hours], { id: `sender to branches ${n}` }),
      engine.start(retried, [], { id: `retried ${n}` }),
      engine.start(looking, [], { id: `looking ${n}` }),
      engine.start(limited, [], { id: `limited ${n}` }),
      engine.start(called, [], { id: `called ${n}` }),
    );
  }
  const ends: [string, unknown][] = [];
  for (const future of futures) ends.push([future.id, await endOf(future)]);
  return ends;
}

describe.each(Object.entries(STORES))('over %s', (_, makeStore) => {
  test('hundreds of runs of all kinds that leave memory come to the ends of those that stay', async () => {
    const expected = await allKinds(sleepingEngine(makeStore, { maxResidentRuns: 100_000 }));
    const sleeping = sleepingEngine(makeStore, { maxResidentRuns: 3 });
    expect(await allKinds(sleeping)).toEqual(expected);
    expect(sleeping.left.size).toBeGreaterThan(300);
    await sleeping.engine.assertReplays();
    await expectWellFormed(sleeping.store);
  }, 60_000);

  test('runs that sleep wake in the order in which they are due, whatever the order in which they were started', async () => {
    const { engine, left } = sleepingEngine(makeStore);
    const woken: string[] = [];
    const noting = action(unique('noting'), async (what: string) => void woken.push(`${what} at ${engine.now() - startMs}`));
    const timer = aFlow(async (ms: number) => {
      await sleep(ms);
      await noting(`${ms}`);
    });
    const startMs = engine.now();
    const times = Array.from({ length: 200 }, (_, n) => 60_000 + ((n * 7_919) % 200) * 10_000);
    await Promise.all(times.map((ms) => engine.start(timer, [ms], { id: `timer ${ms}` })));
    expect(woken).toEqual(times.sort((a, b) => a - b).map((ms) => `${ms} at ${ms}`));
    expect(left.size).toBeGreaterThan(190);
  });

  test('timers of one time ring in one go, and those that came due while no process ran in due order', async () => {
    const { engine, store } = sleepingEngine(makeStore, { autoAdvance: false });
    const woken: number[] = [];
    const noting = action(unique('noting'), async (hours: number) => void woken.push(hours));
    const timer = aFlow(async (hours: number) => {
      await sleep(hours * HOUR_MS);
      await noting(hours);
    });
    const hours = [5, 1, 4, 2, 3, 6];
    for (const each of hours) engine.start(timer, [each], { id: `${each}` });
    await engine.advance('1m');
    expect((await engine.list({ status: 'SUSPENDED' })).length).toBeGreaterThan(4);
    await engine.close();
    const next = sleepingEngine(() => store, { autoAdvance: false, startTime: engine.now() + 7 * HOUR_MS });
    await next.engine.advance('1m');
    expect(woken).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await next.engine.list({ status: ['SUCCEEDED'] })).toHaveLength(6);
  });

  test('what is sent to runs that sleep wakes them: events, callbacks, failures, heartbeats', async () => {
    const { engine, left } = sleepingEngine(makeStore, { autoAdvance: false });
    const tokens: string[] = [];
    const body = aFlow(async (heartbeatTimeout: string | undefined) => {
      const { token, future } = callback<string>(heartbeatTimeout === undefined ? {} : { heartbeatTimeout: '2h' });
      tokens.push(token);
      return future;
    });
    const futures = [undefined, undefined, '2h', '2h'].map((timeout, n) => engine.start(body, [timeout], { id: `run ${n}` }));
    const event = engine.start(waiter, [], { id: 'event' });
    await engine.advance('1m');
    const statuses = async (): Promise<string[]> => (await engine.list()).map(({ status }) => status);
    expect(await statuses()).toEqual(Array(5).fill('SUSPENDED'));
    await engine.send('event', 'go', 'it');
    await engine.complete(tokens[0] as string, 'yes');
    await engine.fail(tokens[1] as string, new RangeError('no'));
    expect(await event).toBe('got it');
    expect(await futures[0]).toBe('yes');
    expect(await futures[1]?.exception()).toMatchObject({ name: 'RangeError', message: 'no' });
    for (let hour = 0; hour < 4; hour += 1) {
      await engine.advance('1h');
      await engine.heartbeat(tokens[2] as string);
    }
    expect(await futures[3]?.exception()).toMatchObject({ name: 'TimeoutError' });
    expect(futures[2]?.done()).toBe(false);
    await engine.advance('3h');
    expect(await futures[2]?.exception()).toMatchObject({ name: 'TimeoutError' });
    expect(left.size).toBe(5);
  });

  test('a parent and its child both sleep, and the end of the child wakes the parent', async () => {
    const { engine, left } = sleepingEngine(makeStore, { autoAdvance: false });
    const parent = aFlow(async (hours: number) => [await sleeper(hours), now()]);
    const futures = [2, 3, 4].map((hours) => engine.start(parent, [hours], { id: `parent ${hours}` }));
    const startMs = engine.now();
    await engine.advance('1h');
    expect((await engine.list()).map(({ status }) => status)).toEqual(Array(6).fill('SUSPENDED'));
    await engine.advance('4h');
    for (const [index, hours] of [2, 3, 4].entries()) {
      const endMs = startMs + hours * HOUR_MS;
      expect(await futures[index]).toEqual([`slept ${hours} until ${endMs}`, endMs]);
    }
    for (const hours of [2, 3, 4]) expect(left.get(`parent ${hours}`)).toBe(1);
  });

  test('a cancellation wakes a run that sleeps, and its sleeping children', async () => {
    const { engine } = sleepingEngine(makeStore, { autoAdvance: false });
    const cleaned: string[] = [];
    const clean = action(unique('clean'), async (what: string) => void cleaned.push(what));
    const child = aFlow(async () => {
      await event('never');
    });
    const parent = aFlow(async () => {
      try {
        await child();
      } finally {
        await shield(() => clean('up'));
      }
    });
    const future = engine.start(parent, [], { id: 'parent' });
    const others = [1, 2].map((n) => engine.start(parent, [], { id: `other ${n}` }));
    await engine.advance('1h');
    expect((await engine.list({ status: 'SUSPENDED' })).length).toBe(6);
    expect(await engine.cancel('parent', 'enough')).toBe(true);
    expect(await future.exception()).toMatchObject({ name: 'CancelledError', message: expect.stringContaining('enough') });
    others[0]?.cancel('enough as well');
    expect(await others[0]?.exception()).toMatchObject({ name: 'CancelledError' });
    await engine.advance('1h');
    expect(cleaned).toEqual(['up', 'up']);
    expect(await engine.cancel('parent')).toBe(false);
    const statuses = new Map((await engine.list()).map(({ id, status }) => [id, status]));
    expect(statuses.get('parent//0') ?? [...statuses]).toBe('CANCELLED');
    expect(statuses.get('other 2')).toBe('SUSPENDED');
  });

  test('a run that sleeps is told of, checked and replayed as one that does not', async () => {
    const told = async (maxResidentRuns: number): Promise<unknown> => {
      const { engine } = sleepingEngine(makeStore, { maxResidentRuns, autoAdvance: false });
      for (const n of [1, 2]) {
        engine.start(branches, [2], { id: `branches ${n}` });
        engine.start(retried, [], { id: `retried ${n}` });
        engine.start(family, [5], { id: `family ${n}` });
      }
      await engine.advance('1m');
      const { status } = await engine.get('branches 1');
      const runs = (await engine.list()).map(({ status: _status, ...run }) => run);
      const details = [];
      for (const { id } of runs) {
        const { status: _status, pending, ...run } = await engine.get(id);
        // A run that waits is another than it was: its texts tell the status of the child.
        details.push({ run, pending: pending.map(({ waitsFor: _waitsFor, ...each }) => each), operations: await engine.operations(id) });
      }
      await engine.assertReplays();
      const checks = [await engine.check(branches), await engine.check(retried), await engine.check(family)];
      expect(status).toBe(maxResidentRuns === 1 ? 'SUSPENDED' : 'RUNNING');
      return JSON.parse(JSON.stringify({ runs, details, checks }).replaceAll('SUSPENDED', 'RUNNING')) as unknown;
    };
    expect(await told(1)).toEqual(await told(100));
  });

  test('what a run has detached goes on while it sleeps, and after its end', async () => {
    const { engine, store } = sleepingEngine(makeStore, { autoAdvance: false });
    const seen: string[] = [];
    const later = aFlow(async () => {
      await sleep('5h');
      seen.push('child');
    });
    const tried = action(unique('tried'), async () => {
      seen.push('tried');
      if (seen.length < 3) throw new Error('not yet');
    });
    const body = aFlow(async () => {
      later.start().detach();
      tried.with({ retry: hourly }).start().detach();
      await sleep('30m');
      return 'over';
    });
    const futures = ['a', 'b'].map((id) => engine.start(body, [], { id }));
    await engine.advance('1h');
    expect(await Promise.all(futures)).toEqual(['over', 'over']);
    await engine.advance('6h');
    expect(seen.filter((each) => each === 'child')).toHaveLength(2);
    expect((await engine.list()).map(({ status }) => status)).not.toContain('SUSPENDED');
    await expectWellFormed(store);
  });

  test('an action and a wait for a condition run out of time when they should, though the next attempt is due later', async () => {
    const { engine, left } = sleepingEngine(makeStore);
    const tried = failing.with({ retry: hourly, scheduleTimeout: '10m' });
    const action = aFlow(async () => tried('no').then(undefined, (error: Error) => [error.name, now()]));
    const strategy = (): PollDecision => ({ continue: true, delay: '1h' });
    const condition = aFlow(async () =>
      waitForCondition(step, { initial: 'x', strategy, timeout: '20m' }).then(undefined, (error: Error) => [error.name, now()]),
    );
    const startMs = engine.now();
    const ends = await Promise.all([
      ...['a', 'b'].map((id) => engine.start(action, [], { id })),
      ...['c', 'd'].map((id) => engine.start(condition, [], { id })),
    ]);
    const timedOutAfter = (minutes: number): unknown[] => ['TimeoutError', startMs + minutes * 60_000];
    expect(ends).toEqual([10, 10, 20, 20].map(timedOutAfter));
    expect(left.size).toBeGreaterThan(2);
  });

  test('a run with something under way here never leaves', async () => {
    const { engine, left } = sleepingEngine(makeStore, { autoAdvance: false });
    const end = deferred();
    const long = action(unique('long'), async () => end.promise);
    const body = aFlow(async () => {
      const [timer, work] = [sleep.start('1d'), long.start()];
      await work;
      timer.cancel();
    });
    const working = [1, 2].map((n) => engine.start(body, [], { id: `working ${n}` }));
    for (let n = 0; n < 20; n += 1) engine.start(sleeper, [48], { id: `${n}` });
    await engine.advance('1h');
    expect((await engine.list({ status: 'SUSPENDED' })).length).toBe(20);
    expect((await engine.list({ status: 'RUNNING' })).map(({ id }) => id)).toEqual(['working 2', 'working 1']);
    end.resolve();
    await Promise.all(working);
    expect([...left.keys()].filter((id) => id.startsWith('working'))).toEqual([]);
  });

  test('the run that has rested longest leaves first', async () => {
    const { engine, left } = sleepingEngine(makeStore, { maxResidentRuns: 20, autoAdvance: false });
    const twice = aFlow(async () => [await event('first'), await event('second')]);
    for (let n = 0; n < 20; n += 1) engine.start(twice, [], { id: `${n}` });
    await engine.advance('1m');
    expect(left.size).toBe(0);
    // All but these rest since they began.
    for (const id of ['0', '7', '13']) await engine.send(id, 'first', id);
    await engine.advance('1m');
    for (let n = 20; n < 35; n += 1) engine.start(twice, [], { id: `${n}` });
    await engine.advance('1m');
    // Fifteen too many, and a tenth more.
    expect([...left.keys()].map(Number)).toEqual([...Array(20).keys()].filter((n) => ![0, 7, 13].includes(n)));
  });
});

/** Runs that an engine has put to sleep that is closed by now, and another engine on their store. */
async function asleepSinceBefore(body: (...args: never[]) => Promise<unknown>): Promise<Sleeping['engine']> {
  const before = sleepingEngine(STORES['memory'] as () => Store, { autoAdvance: false });
  for (const id of ['1', '2']) before.engine.start(body as () => Promise<unknown>, [], { id });
  await before.engine.advance('1m');
  expect((await before.engine.list({ status: 'SUSPENDED' })).length).toBeGreaterThanOrEqual(2);
  await before.engine.close();
  return sleepingEngine(() => before.store, { autoAdvance: false, maxResidentRuns: 100, startTime: before.engine.now() }).engine;
}

test('a message wakes a run that sleeps since before this engine, within a second', async () => {
  const engine = await asleepSinceBefore(waiter);
  const future = engine.future('1');
  await engine.send('1', 'go', 'up');
  await engine.advance('1s');
  expect(await future).toBe('got up');
});

test('a message wakes a run that sleeps since before this engine, at once', async () => {
  const engine = await asleepSinceBefore(waiter);
  await engine.send('1', 'go', 'up');
  await settle();
  expect((await engine.get('1')).status).toBe('SUCCEEDED');
});

test('the end of a child wakes a parent that sleeps since before this engine, at once', async () => {
  const parent = aFlow(async () => [await waiter(), await step('after')]);
  const engine = await asleepSinceBefore(parent);
  await engine.send('1//0', 'go', 'up');
  // The search for the dead wakes the child.
  await engine.advance('1s');
  expect((await engine.get('1//0')).status).toBe('SUCCEEDED');
  await settle();
  expect((await engine.get('1')).status).toBe('SUCCEEDED');
});
