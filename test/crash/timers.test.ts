import { action, actionContext, asCompleted, type Engine, flow, memoryStore, now, open, sleep, wait } from 'perdure';
import type { Store } from 'perdure/store';
import { expect, onTestFinished, test } from 'vitest';
import type { OperationRecord } from '../../src/model/records.js';
import { journalOf } from '../../src/store/journal-of.js';
import { batchOf, workerOf } from '../store/records.js';
import { type History, historyOf } from './well-formed.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const HOUR_MS = 3_600_000;

async function openOn(store: Store): Promise<Engine> {
  const engine = await open({ store, default: false, logger: SILENT, leaks: 'ignore' });
  onTestFinished(() => engine.close({ timeout: 0 }));
  return engine;
}

/** What a process leaves that starts these runs and is stopped while all of them wait. */
async function leftBy(start: (engine: Engine) => void, macrotasks = 50): Promise<History> {
  const store = memoryStore();
  const engine = await openOn(store);
  start(engine);
  for (let macrotask = 0; macrotask < macrotasks; macrotask += 1) await new Promise((resolve) => setImmediate(resolve));
  await engine.close({ timeout: 0 });
  await store.open();
  const history = await historyOf(store);
  await store.close();
  return history;
}

/** The same, some hours later: a store on which all of it happened that much earlier. */
async function hoursLater({ runs, journals }: History, hours: number): Promise<Store> {
  const earlier = <T extends number | null>(ms: T): T => (ms === null ? ms : ((ms - hours * HOUR_MS) as T));
  const moved = (entry: OperationRecord): OperationRecord => ({
    ...entry,
    startedAt: earlier(entry.startedAt),
    finishedAt: earlier(entry.finishedAt),
    dueAt: earlier(entry.dueAt),
  });
  const store = memoryStore();
  await store.open();
  await store.registerWorker(workerOf('dead', 0));
  await store.commit(
    batchOf({
      workerId: 'dead',
      creates: [...runs.values()]
        .reverse()
        .map((run) => ({ run: { ...run, status: 'RUNNING', workerId: 'dead', createdAt: earlier(run.createdAt) } })),
      operations: [...journals.values()].flat().map(moved),
    }),
  );
  await store.close();
  return store;
}

const step = action('step of timers', async () => 1);

const several = flow('several timers', async () => {
  const order: string[] = [];
  const timers = [4, 2, 5, 1, 3].map((hours) => sleep.start(`${hours}h`).then(() => order.push(`${hours}h`)));
  await Promise.all(timers);
  return order;
});

test('timers of one run that came due while no process ran fire in due order', async () => {
  const left = await leftBy((engine) => engine.start(several, [], { id: 'run' }));
  const engine = await openOn(await hoursLater(left, 6));
  expect(await engine.future('run')).toEqual(['1h', '2h', '3h', '4h', '5h']);
});

test('timers that are not due yet stay as they are', async () => {
  const left = await leftBy((engine) => engine.start(several, [], { id: 'run' }));
  const store = await hoursLater(left, 3);
  const due = (await historyBefore(store)).map(({ dueAt }) => dueAt);
  const engine = await openOn(store);
  await outcomesIn(engine, store, 3);
  const entries = await journalOf(store, 'run');
  expect(entries.filter(({ seq }) => seq !== null)).toHaveLength(3);
  expect(entries.map(({ dueAt }) => dueAt).sort()).toEqual(due.sort());
});

const ways = flow('ways of waiting', async () => {
  const seen: string[] = [];
  const long = sleep.start('9h');
  const waits = [
    wait([long], { timeout: '3h' }).then(() => seen.push('wait 3h')),
    long.result({ timeout: '1h' }).catch(() => seen.push('result 1h')),
    sleep('2h').then(() => seen.push('sleep 2h')),
    long.exception({ timeout: '2.5h' }).catch(() => seen.push('exception 2.5h')),
  ];
  await Promise.all(waits);
  long.cancel();
  return seen;
});

test('time-outs of waits that came due while no process ran expire in due order, among the timers', async () => {
  const left = await leftBy((engine) => engine.start(ways, [], { id: 'run' }));
  const engine = await openOn(await hoursLater(left, 6));
  expect(await engine.future('run')).toEqual(['result 1h', 'sleep 2h', 'exception 2.5h', 'wait 3h']);
});

const completed = flow('timers as completed', async () => {
  const order: string[] = [];
  const hang = sleep.start('9h');
  for await (const future of asCompleted([sleep.start('3h'), sleep.start('1h'), hang, sleep.start('2h')])) {
    order.push(future.id);
    if (order.length === 3) break;
  }
  return order;
});

test('timers that came due while no process ran complete in due order', async () => {
  const left = await leftBy((engine) => engine.start(completed, [], { id: 'run' }));
  const engine = await openOn(await hoursLater(left, 6));
  expect(await engine.future('run')).toEqual(['2', '3', '1']);
});

/** Does so many steps, then sleeps so long. */
const late = flow('late', async (steps: number, hours: number) => {
  for (let done = 0; done < steps; done += 1) await step();
  await sleep(`${hours}h`);
});

/** In which order runs end after a pause in which all their timers came due. */
async function endsAfterPause(...runs: readonly { readonly steps: number; readonly hours: number }[]): Promise<string[]> {
  const left = await leftBy((engine) => {
    for (const { steps, hours } of runs) engine.start(late, [steps, hours], { id: `${hours}h` });
  }, 5_000);
  const store = await hoursLater(left, 12);
  const ends: string[] = [];
  const engine = await open({ store: watchEnds(store, ends), default: false, logger: SILENT });
  onTestFinished(() => engine.close({ timeout: 0 }));
  for (const { hours } of runs) await engine.future(`${hours}h`);
  return ends;
}

function watchEnds(store: Store, ends: string[]): Store {
  return new Proxy(store, {
    get(target, property) {
      const value = Reflect.get(target, property) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (property === 'commit') for (const { runId } of (args[0] as Parameters<Store['commit']>[0]).ends) ends.push(runId);
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

test('timers of several runs that came due while no process ran fire in due order', async () => {
  const runs = [3, 1, 4, 2].map((hours) => ({ steps: 1, hours }));
  expect(await endsAfterPause(...runs)).toEqual(['1h', '2h', '3h', '4h']);
});

test('a run that takes long to be replayed holds back its own timers, and those of no other run', async () => {
  const ends = await endsAfterPause({ steps: 500, hours: 1 }, { steps: 0, hours: 2 }, { steps: 0, hours: 3 });
  expect(ends).toEqual(['2h', '3h', '1h']);
});

/** The entries of a closed store. */
async function historyBefore(store: Store): Promise<readonly OperationRecord[]> {
  await store.open();
  const journal = await journalOf(store, 'run');
  await store.close();
  return journal;
}

/** Waits until a run has so many outcomes. */
async function outcomesIn(engine: Engine, store: Store, count: number): Promise<void> {
  for (;;) {
    if ((await journalOf(store, 'run')).filter(({ seq }) => seq !== null).length >= count) return;
    await engine.list();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('an action that is done again after a pause has the same key, and a time that does not go back', async () => {
  const keys: string[] = [];
  const twice = action('twice', async () => {
    keys.push(actionContext().idempotencyKey);
    if (keys.length === 1) await new Promise((resolve) => actionContext().signal.addEventListener('abort', resolve));
    return 1;
  });
  const times = flow('times', async () => [now(), await step(), now(), await twice(), now()]);
  const left = await leftBy((engine) => engine.start(times, [], { id: 'run' }));
  const engine = await openOn(await hoursLater(left, 1));
  const [first, , second, , third] = (await engine.future<number[]>('run')) as [number, number, number, number, number];
  expect(new Set(keys).size).toBe(1);
  expect(keys).toHaveLength(2);
  expect(first).toBeLessThanOrEqual(second);
  expect(second).toBeLessThan(third - HOUR_MS / 2);
});
