import {
  action,
  callback,
  createRetryStrategy,
  event,
  FIRST_COMPLETED,
  flow,
  memoryStore,
  now,
  parallel,
  shield,
  sleep,
  wait,
  waitForCondition,
} from 'perdure';
import { expect, test } from 'vitest';
import { StorageError } from '../../src/errors/errors.js';
import { withCommit } from '../../src/testing/wrapped-store.js';
import { type CrashOptions, type CrashReport, crashEverywhere } from '../../src/testing.js';
import { settle, unique } from '../api/with-engine.js';
import { complete, FAULTS, senders, sendOnce, sendTo, step } from '../runtime/senders.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';

/** As `crashEverywhere`, with one run in memory and everything that a store can do; runs must have left memory. */
async function asleepEverywhere<A extends readonly unknown[], R>(
  body: (...args: A) => Promise<R>,
  args: A,
  options: CrashOptions<R> = {},
): Promise<CrashReport> {
  let left = 0;
  const report = await crashEverywhere(body, args, {
    ...senders,
    faults: FAULTS,
    engine: { maxResidentRuns: 1, leaks: 'ignore' },
    store: () =>
      withCommit(memoryStore(), (batch, commit) => {
        left += batch.suspends.length;
        return commit(batch);
      }),
    ...options,
  });
  expect(left).toBeGreaterThan(report.commits);
  return report;
}

const sleeper = aFlow(async (seconds: number) => {
  await sleep(seconds * 1_000);
  return `slept ${seconds}`;
});

const waiter = aFlow(async () => `got ${await event('go')}`);

test('children that sleep next to each other, and their parent', async () => {
  const body = aFlow(async () => {
    const results = await Promise.all([sleeper(10), sleeper(8), sleeper(12)]);
    return [...results, await sleeper(7)];
  });
  await asleepEverywhere(body, [], {
    invariant: ({ result }) => expect(result).toEqual(['slept 10', 'slept 8', 'slept 12', 'slept 7']),
  });
});

test('children that sleep below each other', async () => {
  const middle = aFlow(async (seconds: number) => `${await sleeper(seconds)} below`);
  const body = aFlow(async () => {
    const [first, second] = [middle.start(9), middle.start(11)];
    const { done } = await wait([first, second], FIRST_COMPLETED);
    return [done.size, await first, await second];
  });
  await asleepEverywhere(body, [], {
    invariant: ({ result }) => expect(result).toEqual([1, 'slept 9 below', 'slept 11 below']),
  });
});

test('a suspension that is written although its commit fails wakes when it is due', async () => {
  let failed = false;
  const store = withCommit(memoryStore(), async (batch, commit) => {
    const taken = await commit(batch);
    if (failed || batch.suspends.length === 0) return taken;
    failed = true;
    throw new StorageError('STORE_BUSY', 'the commit was written, and nobody heard of it');
  });
  const engine = testEngine({ store, maxResidentRuns: 1 });
  const futures = [10, 11, 12].map((seconds) => engine.start(sleeper, [seconds]));
  for (let times = 0; times < 20; times += 1) await settle();
  expect(failed).toBe(true);
  expect(futures.map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
});

test('suspensions whose commits do not fail wake when they are due, as fast', async () => {
  const engine = testEngine({ maxResidentRuns: 1 });
  const futures = [10, 11, 12].map((seconds) => engine.start(sleeper, [seconds]));
  for (let times = 0; times < 20; times += 1) await settle();
  expect(futures.map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
});

test('a parent that wakes by its own timer while its children sleep on', async () => {
  const body = aFlow(async () => {
    const children = [sleeper.start(14), sleeper.start(20)];
    await sleep('7s');
    await step('between');
    const { notDone } = await wait(children, { timeout: '1s' });
    return [notDone.size, ...(await Promise.all(children))];
  });
  await asleepEverywhere(body, [], { invariant: ({ result }) => expect(result).toEqual([2, 'slept 14', 'slept 20']) });
});

test('children that are woken by messages of a sibling', async () => {
  const sender = aFlow(async (to: string) => {
    await sleep('8s');
    await sendTo(to, 'go', 1);
    await sleep('6s');
    // Where the first was sent again after a crash, the other has all that it waits for.
    await sendTo(to, 'go', 2).catch(() => undefined);
  });
  const twice = aFlow(async () => [await event('go'), await event('go')]);
  const body = aFlow(async () => {
    const child = twice.start();
    const sending = sender.start(child.id);
    const got = await child;
    await sending;
    return got[0];
  });
  await asleepEverywhere(body, [], { invariant: ({ result }) => expect(result).toBe(1) });
});

test('attempts of actions and of child runs that lie far from each other', async () => {
  const strategy = createRetryStrategy({ maxAttempts: 3, initialDelay: '8s', backoffRate: 1, jitter: 'NONE' });
  const failing = action(unique('failing'), async (what: string) => {
    throw new RangeError(what);
  });
  const child = aFlow(async () => failing('child'));
  const other = aFlow(async () => failing.with({ retry: strategy })('action'));
  const body = aFlow(async () => {
    const errors = [
      child
        .with({ retry: strategy })()
        .then(undefined, (error: Error) => error.message),
      other().then(undefined, (error: Error) => error.message),
      sleeper(9),
    ];
    return Promise.all(errors);
  });
  await asleepEverywhere(body, [], { invariant: ({ result }) => expect(result).toEqual(['child', 'action', 'slept 9']) });
});

test('time-outs of flows and callbacks, and looks that lie far from each other', async () => {
  const limited = flow(unique('limited'), async () => event('never'), { timeout: '9s' });
  const called = aFlow(async () => callback({ timeout: '11s' }).future);
  const looking = aFlow(async () =>
    waitForCondition(step, { initial: 'x', strategy: (_, attempt) => ({ continue: attempt < 3, delay: '7s' }) }),
  );
  const failed = (error: Error): string => error.name;
  const body = aFlow(async () => Promise.all([limited().catch(failed), called().catch(failed), looking(), sleeper(6)]));
  await asleepEverywhere(body, [], {
    invariant: ({ result }) => expect(result).toEqual(['TimeoutError', 'TimeoutError', 'x', 'slept 6']),
  });
});

test('branches that sleep, with children in them', async () => {
  const body = aFlow(async () => {
    const batch = await parallel([
      () => sleep('9s'),
      async () => [await sleeper(8), await step('in a branch')],
      async () => {
        const { token, future } = callback<string>();
        await sleeper(7);
        await complete(token, 'done');
        return future;
      },
    ]);
    return batch.getResults();
  });
  await asleepEverywhere(body, [], {
    invariant: ({ result }) => expect(result).toEqual([undefined, ['slept 8', 'in a branch'], 'done']),
  });
});

test('children that are cancelled in their sleep clean up', async () => {
  const cleaning = aFlow(async () => {
    try {
      await event('never');
    } finally {
      await shield(async () => {
        await sleep('6s');
        await step('clean');
      });
    }
  });
  const body = aFlow(async () => {
    const [one, two] = [cleaning.start(), cleaning.start()];
    await sleep('7s');
    one.cancel('enough');
    const error = await one.exception();
    const { done } = await wait([two], { timeout: '6s' });
    two.cancel();
    await two.exception();
    return [(error as Error).name, done.size];
  });
  await asleepEverywhere(body, [], { invariant: ({ result }) => expect(result).toEqual(['CancelledError', 0]) });
});

test('what wakes a run arrives while that is leaving, with a store that is slow', async () => {
  const body = aFlow(async () => {
    const child = waiter.start();
    const others = [sleeper.start(6), sleeper.start(7)];
    await sendTo(child.id, 'go', 'early');
    await sendOnce('n', 'late');
    const answers = [await child, await event('n')];
    return [...answers, ...(await Promise.all(others)), now() > 0];
  });
  await asleepEverywhere(body, [], {
    faults: { ...FAULTS, slow: 5 },
    invariant: ({ result }) => expect(result).toEqual(['got early', 'late', 'slept 6', 'slept 7', true]),
  });
});
