import {
  callback,
  event,
  FIRST_COMPLETED,
  flowContext,
  map,
  memoryStore,
  now,
  parallel,
  shield,
  sleep,
  wait,
  waitForCondition,
} from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { failingStore } from '../../src/testing/wrapped-store.js';
import { crashEverywhere, createTestEngine } from '../../src/testing.js';
import { beat, cancelRun, complete, FAULTS, send, sendBy, senders, sendOnce, step } from '../runtime/senders.js';
import { aFlow } from '../testing/with-test-engine.js';

const everywhere = { ...senders, faults: FAULTS };

test('an action that sends is done again after a crash: what it sends may arrive twice, and nothing is lost', async () => {
  const received = new Set<number>();
  const body = aFlow(async () => {
    await send('n', 'first');
    await send('n', 'last');
    let count = 0;
    for (;;) {
      count += 1;
      if ((await event('n')) === 'last') return count > 3 ? 'too many' : 'the last came';
      received.add(count);
    }
  });
  await crashEverywhere(body, [], { ...everywhere, invariant: ({ result }) => expect(result).toBe('the last came') });
  expect(Math.max(...received)).toBeGreaterThan(1);
});

test('messages, timers and actions come on a replay in the order in which they came', async () => {
  const body = aFlow(async () => {
    const order: unknown[] = [];
    // Each asks for something that tells what came before: a replay in another order asks for something else.
    const note = async (what: Promise<unknown>): Promise<void> => {
      order.push(await what);
      await step(`${order.join()} at ${now()}`);
    };
    await Promise.all([
      note(event<string>('a').result()),
      note(event<string>('b').result()),
      note(sleep('10m').then(() => 'slept')),
      sleep('5m').then(() => sendOnce('b', 'b came')),
      sendOnce('a', 'a came'),
      note(step('stepped')),
    ]);
    return order.map(String).sort();
  });
  await crashEverywhere(body, [], {
    ...everywhere,
    faults: { ...FAULTS, slow: 2 },
    invariant: ({ result }) => expect(result).toEqual(['a came', 'b came', 'slept', 'stepped']),
  });
});

test('a run that waits, is answered and waits again comes to the same end', async () => {
  const body = aFlow(async () => {
    const answers: unknown[] = [];
    for (const name of ['legal', 'finance', 'board']) {
      const { token, future } = callback<string>({ name, timeout: '3d' });
      await step(`mail ${name}`);
      await sleep('1h');
      await complete(token, `${name} agrees`);
      answers.push(await future);
    }
    return answers;
  });
  const report = await crashEverywhere(body, [], {
    ...everywhere,
    invariant: ({ result }) => expect(result).toEqual(['legal agrees', 'finance agrees', 'board agrees']),
  });
  expect(report.commits).toBeGreaterThan(9);
});

test('messages in nested branches stay where they were taken', async () => {
  const body = aFlow(async () => {
    const outer = map.start(['x', 'y'], async (name) => {
      const inner = await parallel([() => event<string>(name), async () => [await event<string>(name), await step(`in ${name}`)]]);
      return inner.getResults();
    });
    for (const name of ['y', 'x', 'x', 'y', 'x']) await sendOnce(name, `${name} came`);
    const results = (await outer).getResults();
    return [results, await event<string>('x')];
  });
  await crashEverywhere(body, [], {
    ...everywhere,
    invariant: ({ result }) =>
      expect(result).toEqual([
        [
          ['x came', ['x came', 'in x']],
          ['y came', ['y came', 'in y']],
        ],
        'x came',
      ]),
  });
});

test('a loser among branches takes nothing with it', async () => {
  const body = aFlow(async () => {
    const batch = await parallel(
      [
        async () => {
          await event('n');
          return event('n');
        },
        async () => {
          await sendOnce('n', 1);
          await sleep('1h');
          return 'fast';
        },
      ],
      { completionConfig: { minSuccessful: 1 } },
    );
    await sendOnce('n', 2);
    return [batch.getResults(), await event('n')];
  });
  await crashEverywhere(body, [], { ...everywhere, invariant: ({ result }) => expect(result).toEqual([['fast'], 2]) });
});

test('a cancellation among messages is delivered at the same point', async () => {
  const body = aFlow(async () => {
    const seen: unknown[] = [];
    try {
      await sendOnce('n', 1);
      await cancelRun(flowContext().runId).catch(() => undefined);
      for (;;) seen.push(await event('n'));
    } finally {
      await shield(async () => {
        await sendOnce('clean', 'up');
        await step(`${seen.length} and ${await event<string>('clean')}`);
      });
    }
  });
  await crashEverywhere(body, [], { ...everywhere, invariant: ({ status }) => expect(status).toBe('CANCELLED') });
});

test('everything at once comes to the same end, with a store that is slow', async () => {
  const body = aFlow(async () => {
    const { token, future } = callback<string>({ timeout: '2h', heartbeatTimeout: '90m' });
    const looking = waitForCondition.start(step, { initial: '', strategy: (_, attempt) => ({ continue: attempt < 3, delay: '10m' }) });
    const answering = sleep('50m').then(async () => {
      await beat(token);
      await sendOnce('go', 1);
    });
    const { done } = await wait([event('go'), sleep.start('1d')], FIRST_COMPLETED);
    await complete(token, 'done');
    await Promise.all([looking, answering]);
    return [done.size, await future];
  });
  await crashEverywhere(body, [], {
    ...senders,
    faults: { ...FAULTS, slow: 3 },
    engine: { leaks: 'ignore' },
    invariant: ({ result }) => expect(result).toEqual([1, 'done']),
  });
});

test('a run whose creation was written although the commit failed is executed once', async () => {
  const store = memoryStore();
  const engine = createTestEngine({ store: failingStore(store, { number: 1, when: 'after' }, () => {}) });
  onTestFinished(() => engine.close({ timeout: 0 }));
  sendBy(engine);
  let begun = 0;
  engine.on('run:started', () => {
    begun += 1;
  });
  const body = aFlow(async () => {
    await sendOnce('n', 'yes');
    const [value, stepped] = [event('n'), step('a')];
    return [await stepped, await value];
  });
  await engine.run(body, [], { id: 'id' });
  expect(begun).toBe(1);
});
