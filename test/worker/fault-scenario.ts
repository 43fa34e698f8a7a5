import {
  action,
  actionContext,
  callback,
  continueAsNew,
  createRetryStrategy,
  event,
  flow,
  map,
  memoryStore,
  parallel,
  type RunStatus,
  sleep,
} from 'perdure';
import type { Store } from 'perdure/store';
import { expect } from 'vitest';
import { withCommit } from '../../src/testing/wrapped-store.js';
import { createTestEngine, type TestEngine } from '../../src/testing.js';
import { expectWellFormed } from '../crash/well-formed.js';

/** What one scenario knows beside the store. */
interface World {
  /** Actions whose outcome is durable, and those that were begun although it was. */
  readonly closed: Set<string>;
  readonly repeated: string[];
  onToken: (token: string) => void;
}

let world: World;

function begun(): void {
  const { runId, operationId } = actionContext();
  if (world.closed.has(`${runId} ${operationId}`)) world.repeated.push(`${runId} ${operationId}`);
}

const step = action('step amid faults', async (name: string) => {
  begun();
  return name;
});
const flaky = action(
  'flaky amid faults',
  async () => {
    begun();
    if (actionContext().attempt < 3) throw new Error('not yet');
    return 'at last';
  },
  { retry: createRetryStrategy({ maxAttempts: 5, initialDelay: '2s', jitter: 'NONE' }) },
);
const once = action(
  'once amid faults',
  async () => {
    begun();
    return 'once';
  },
  { execution: 'at-most-once', retry: createRetryStrategy({ maxAttempts: 9, initialDelay: 0, jitter: 'NONE' }) },
);
const tell = action('tell amid faults', async (token: string) => {
  begun();
  world.onToken(token);
});

const child = flow('child amid faults', async (name: string) => {
  await sleep('1m');
  return step(name);
});

const order = flow('order amid faults', async () => {
  const first = await step('first');
  const kid = child.start('kid');
  const dropped = child.start('dropped');
  const items = await map(['a', 'b', 'c'], async (name: string) => step(name), { maxConcurrency: 2 });
  const branches = await parallel([async () => flaky(), async () => once()]);
  dropped.cancel();
  const paid = await event<number>('paid');
  const { token, future } = callback<string>();
  await tell(token);
  return [first, await kid, items.getResults(), branches.getResults(), paid, await future];
});

const sleeper = flow('sleeper amid faults', async (name: string) => {
  await sleep('1h');
  return step(name);
});

const loop = flow('loop amid faults', async (left: number): Promise<string> => {
  await step(`${left}`);
  if (left > 0) return continueAsNew(left - 1) as never;
  return 'looped';
});

const held = flow('held amid faults', async () => event<string>('never'));

const SLEEPERS = ['s1', 's2', 's3', 's4'];

/** How each run ends. */
export const EXPECTED: Readonly<Record<string, readonly [RunStatus, unknown]>> = {
  order: ['SUCCEEDED', ['first', 'kid', ['a', 'b', 'c'], ['at last', 'once'], 7, 'yes']],
  loop: ['SUCCEEDED', 'looped'],
  held: ['CANCELLED', undefined],
  ...Object.fromEntries(SLEEPERS.map((id) => [id, ['SUCCEEDED', id] as const])),
};

/** Makes one call again until it works: what a caller does whose call was refused by the store. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (tries === 40) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** An engine on a store, opened again as long as that fails. */
async function opened(store: Store): Promise<TestEngine> {
  for (let tries = 1; ; tries += 1) {
    const engine = createTestEngine({ store, maxResidentRuns: 2, leaks: 'ignore' });
    try {
      await engine.open();
      return engine;
    } catch (error) {
      if (tries === 20) throw error;
    }
  }
}

/** What came of a scenario. */
export interface Played {
  readonly ends: Record<string, readonly [RunStatus, unknown]>;
  readonly failures: string[];
  readonly repeated: readonly string[];
}

/**
 * Plays runs of every kind to their ends: actions, retries, timers, children, batches, events, a callback, a cancellation, new generations, runs out of
 * memory, a fork, lists, and a deletion.
 *
 * @param disturbed - The store with its faults, made of one without.
 */
export async function play(disturbed: (store: Store) => Store): Promise<Played> {
  let tell: (token: string) => void = () => {};
  const token = new Promise<string>((resolve) => {
    tell = resolve;
  });
  world = { closed: new Set(), repeated: [], onToken: tell };
  const memory = memoryStore();
  const { closed } = world;
  const watched = withCommit(memory, async (batch, commit) => {
    const taken = await commit(batch);
    for (const { runId, id, kind, seq } of batch.operations) if (kind === 'action' && seq !== null) closed.add(`${runId} ${id}`);
    // A run that begins anew does everything again.
    for (const { runId } of batch.restarts) for (const key of closed) if (key.startsWith(`${runId} `)) closed.delete(key);
    return taken;
  });
  const engine = await opened(disturbed(watched));
  const failures: string[] = [];
  engine.on('engine:failed', ({ error }) => failures.push(error.message));
  try {
    const futures = [
      engine.start(order, [], { id: 'order' }),
      engine.start(loop, [2], { id: 'loop' }),
      engine.start(held, [], { id: 'held' }),
    ];
    for (const id of SLEEPERS) futures.push(engine.start(sleeper, [id], { id }));
    await Promise.all(futures.map((future) => future.recorded()));
    await insist(() => engine.send('order', 'paid', 7));
    await insist(() => engine.cancel('held'));
    expect((await insist(() => engine.list({ limit: 50 }))).length).toBeGreaterThanOrEqual(futures.length);
    const given = await token;
    await insist(() => engine.complete(given, 'yes'));
    await Promise.all(futures.map((future) => future.exception()));
    const ends: Played['ends'] = {};
    for (const { id } of futures) {
      const { status, result } = await insist(() => engine.get(id));
      ends[id] = [status, result];
    }
    const forked = await insist(async () => engine.fork('loop', '0').result());
    expect(forked).toBe('looped');
    await insist(() => engine.operations('order'));
    expect(await insist(() => engine.prune({ count: 1 }))).toBeGreaterThanOrEqual(0);
    return { ends, failures, repeated: world.repeated };
  } finally {
    await engine.close({ timeout: 0 }).catch(() => undefined);
    await memory.open();
    await expectWellFormed(memory);
    await memory.close();
  }
}
