import {
  asCompleted,
  continueAsNew,
  type DurableFuture,
  event,
  FIRST_COMPLETED,
  flow,
  flowContext,
  parallel,
  shield,
  sleep,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { crashEverywhere } from '../../src/testing.js';
import { nextEvent, unique } from '../api/with-engine.js';
import { aFlow } from '../testing/with-test-engine.js';
import { STORES, sleepingEngine } from '../worker/sleeping.js';
import { cancelRun, FAULTS, senders, sendingEngine, sendOnce, sendTo, step } from './senders.js';

// A future that was given up is a leak at the end of its scope: here that says nothing.
const everywhere = { ...senders, faults: FAULTS, engine: { leaks: 'ignore' as const } };

/** What a wait came to: a value, or the code of its error. */
async function told(wait: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await wait;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

/** A call that may throw at once, as a promise. */
async function asking(call: () => PromiseLike<unknown>): Promise<unknown> {
  return call();
}

/** Sends these messages at these times, in milliseconds from now; its end is to be awaited. */
async function sending(...messages: readonly (readonly [atMs: number, value: unknown, name?: string])[]): Promise<void> {
  await Promise.all(
    messages.map(async ([atMs, value, name = 'm']) => {
      await sleep(atMs);
      await sendOnce(name, value);
    }),
  );
}

/** A flow of a name, which comes to the same end wherever it crashes. */
const SHAPES: Readonly<Record<string, readonly [body: () => Promise<unknown>, expected: unknown]>> = {
  'a loop around result({ timeout }) on a new event each': [
    async () => {
      const sent = sending([250, 'hello']);
      let got: unknown = 'WAIT_TIMEOUT';
      while (got === 'WAIT_TIMEOUT') got = await told(event('m').result({ timeout: 100 }));
      await sent;
      return got;
    },
    'hello',
  ],
  'a loop around exception({ timeout }) that does something between': [
    async () => {
      const sent = sending([350, 'hello']);
      for (;;) {
        const waiting = event('m');
        const ended = await told(waiting.exception({ timeout: 100 }));
        if (ended === undefined) {
          await sent;
          return waiting;
        }
        await sleep(100);
      }
    },
    'hello',
  ],
  'a loop around wait() with a limit': [
    async () => {
      const sent = sending([250, 'hello']);
      for (;;) {
        const waiting = event('m');
        const { done } = await wait([waiting], { timeout: 100 });
        if (!done.has(waiting)) continue;
        await sent;
        return waiting;
      }
    },
    'hello',
  ],
  'a loop around event() with a timeout': [
    async () => {
      const sent = sending([250, 'hello']);
      let got: unknown = 'EVENT_TIMEOUT';
      while (got === 'EVENT_TIMEOUT') got = await told(event('m', { timeout: 100 }));
      await sent;
      return got;
    },
    'hello',
  ],
  'one event that is waited for again': [
    async () => {
      const sent = sending([150, 'hello']);
      const waiting = event('m');
      const seen: unknown[] = [];
      do {
        seen.push(await told(waiting.result({ timeout: 100 })), await step(waiting.status));
        await sleep(100);
        seen.push(await step(waiting.status));
      } while (seen.length < 6 && !waiting.done());
      await sent;
      return seen;
    },
    ['WAIT_TIMEOUT', 'STARTED', 'STARTED', 'hello', 'SUCCEEDED', 'SUCCEEDED'],
  ],
  'an event that is out of the line, whose message is taken by another': [
    async () => {
      const sent = sending([150, 'first'], [350, 'second']);
      const first = event('m');
      const ended = await told(first.result({ timeout: 100 }));
      const second = event('m');
      const got = [ended, await second, await told(first.result({ timeout: 100 })), await first];
      await sent;
      return got;
    },
    ['WAIT_TIMEOUT', 'first', 'WAIT_TIMEOUT', 'second'],
  ],
  'an event that joins again at the end': [
    async () => {
      const sent = sending([150, 'first'], [160, 'second']);
      const [one, two] = [event('m'), event('m')];
      await told(one.result({ timeout: 100 }));
      const got = [await one, await two];
      await sent;
      return got;
    },
    ['second', 'first'],
  ],
  'an event with several waits, which leaves when the last has run out of time': [
    async () => {
      const sent = sending([150, 'first'], [450, 'second']);
      const [one, two] = [event('m'), event('m')];
      const waits = [one.result({ timeout: 100 }), one.exception({ timeout: 200 }), wait([one], { timeout: 300 })];
      const first = await Promise.all([told(waits[0] as Promise<unknown>), waits[1], waits[2]]).then(() => one.result());
      const [three, four] = [event('m'), event('m')];
      await Promise.all([told(three.result({ timeout: 100 })), wait([three], { timeout: 200 })]);
      const got = [first, await two, three.status];
      four.cancel();
      await sent;
      return got;
    },
    ['first', 'second', 'STARTED'],
  ],
  'an event with a wait that ended otherwise before the last ran out of time': [
    async () => {
      const sent = sending([250, 'hello']);
      const one = event('m');
      const pause = sleep.start(50);
      await Promise.all([wait([one, pause], { returnWhen: FIRST_COMPLETED }), told(one.result({ timeout: 100 }))]);
      const got = await event('m');
      await sent;
      return [got, one.status];
    },
    ['hello', 'STARTED'],
  ],
  'an event that then() waits for, which never leaves': [
    async () => {
      const sent = sending([250, 'hello']);
      const one = event('m');
      const first = one.then((value) => `first: ${String(value)}`);
      await told(one.result({ timeout: 100 }));
      event('m');
      await sent;
      return first;
    },
    'first: hello',
  ],
  'an event in a race, which never leaves': [
    async () => {
      const sent = sending([250, 'swallowed'], [300, 'hello']);
      const one = event('m');
      await Promise.race([one, sleep(100)]);
      const got = await event('m');
      await sent;
      return [got, await one];
    },
    ['hello', 'swallowed'],
  ],
  'an event in a loop over asCompleted(), which stays as long as that goes': [
    async () => {
      const sent = sending([250, 'hello']);
      const one = event('m');
      const order: string[] = [];
      const loop = (async () => {
        for await (const future of asCompleted<DurableFuture<unknown>>([one, sleep.start(50)])) order.push(future.kind);
      })();
      order.push(String(await told(one.result({ timeout: 100 }))));
      event('m');
      await Promise.all([loop, sent]);
      return order;
    },
    ['timer', 'WAIT_TIMEOUT', 'event'],
  ],
  'several events in one wait with a limit': [
    async () => {
      const sent = sending([150, 1], [160, 2], [170, 'o', 'other'], [350, 3]);
      const [one, other, two, three] = [event('m'), event('other'), event('m'), event('m')];
      const first = await wait([two, other, one, three], { timeout: 100 });
      await sleep(100);
      const second = await wait([three, other, one, two], { timeout: 100 });
      const values = [await three, await other, await one, two.status];
      await sent;
      return [first.notDone.size, second.done.size, values, await two];
    },
    [4, 3, [1, 'o', 2, 'STARTED'], 3],
  ],
  'two names': [
    async () => {
      const sent = sending([150, 'a1', 'a'], [160, 'b1', 'b'], [250, 'a2', 'a']);
      const [a, b] = [event('a'), event('b')];
      const ended = [await told(a.result({ timeout: 100 })), await b, await event('a'), await event('a')];
      await sent;
      return [...ended, a.status];
    },
    ['WAIT_TIMEOUT', 'b1', 'a1', 'a2', 'STARTED'],
  ],
  'a message at the moment of the time-out': [
    async () => {
      const sent = sending([100, 1], [200, 2], [200, 3]);
      const got: unknown[] = [];
      while (got.length < 3) {
        const value = await told(event('m').result({ timeout: 100 }));
        if (value !== 'WAIT_TIMEOUT') got.push(value);
      }
      await sent;
      return got.sort();
    },
    [1, 2, 3],
  ],
  'messages that came before, and the kept one that is taken first': [
    async () => {
      await sending([1, 'early'], [2, 'earlier than asked for']);
      const sent = sending([150, 'between the waits'], [160, 'later']);
      const got = [await event('m', { timeout: 100 }), await event('m').result({ timeout: 100 })];
      const one = event('m');
      got.push(await told(one.result({ timeout: 100 })));
      await sleep(100);
      got.push(await one, await event('m'));
      await sent;
      return got;
    },
    ['early', 'earlier than asked for', 'WAIT_TIMEOUT', 'between the waits', 'later'],
  ],
  'a branch that waits for an event around it, which takes it neither out nor in': [
    async () => {
      const sent = sending([350, 'first'], [450, 'second']);
      const outer = event('m');
      const ended = await parallel([
        () => told(outer.result({ timeout: 100 })),
        () => wait([outer], { timeout: 50 }).then(({ done }) => done.size),
      ]);
      const behind = event('m');
      // It is still the first in the line, until its own scope gives it up.
      await told(outer.result({ timeout: 100 }));
      const refused = await parallel([
        async () => told(asking(() => outer.result({ timeout: 100 }))),
        async () => told(asking(() => outer.exception())),
        async () => told(outer),
        async () => told(wait([outer])),
        async () => told(asking(async () => asCompleted([outer]))),
        () => parallel([async () => told(outer)]).then((inner) => inner.getResults()[0]),
      ]);
      const got = await behind;
      const again = outer.result({ timeout: 200 });
      const admitted = await parallel([() => told(outer.result({ timeout: 1 }))]);
      const last = await again;
      await sent;
      return [...ended.getResults(), refused.getResults(), got, admitted.getResults(), last];
    },
    ['WAIT_TIMEOUT', 0, new Array(6).fill('FOREIGN_FUTURE'), 'first', ['WAIT_TIMEOUT'], 'second'],
  ],
  'a branch that is over, whose events took messages and left the line': [
    async () => {
      const sent = sending([150, 1], [250, 2], [350, 3]);
      const batch = await parallel([
        async () => {
          const one = event('m');
          const first = await told(one.result({ timeout: 100 }));
          await sleep(100);
          return [first, await one];
        },
        async () => {
          const one = event('m');
          await sleep(160);
          return [await told(one.result({ timeout: 10 })), await told(one.result({ timeout: 200 }))];
        },
        async () => told(event('m').result({ timeout: 1 })),
      ]);
      const last = await event('m');
      await sent;
      return [...batch.getResults(), last];
    },
    [['WAIT_TIMEOUT', 2], [1, 1], 'WAIT_TIMEOUT', 3],
  ],
  'a branch that was cancelled, whose events are in no line': [
    async () => {
      const sent = sending([150, 'hello']);
      const outer = event('m');
      await told(outer.result({ timeout: 10 }));
      await parallel(
        [async () => event('m'), async () => told(event('m').result({ timeout: 10 })).then(() => event('m')), () => sleep(100)],
        {
          completionConfig: { minSuccessful: 1 },
        },
      );
      const got = await outer;
      await sent;
      return got;
    },
    'hello',
  ],
  'a shield in a cancelled run, and a wait outside of it that the cancellation ended': [
    async () => {
      const { runId } = flowContext();
      const inside: DurableFuture<unknown>[] = [];
      const shielded = shield(async () => {
        const waiting = event('m');
        inside.push(waiting);
        const sent = sending([300, 'first'], [310, 'second']);
        await cancelRun(runId);
        const got = [await told(waiting.result({ timeout: 100 })), await event('m'), await waiting];
        await sent;
        return got;
      });
      return [await told(inside[0] as DurableFuture<unknown>), ...(await shielded)];
    },
    ['CANCELLED', 'WAIT_TIMEOUT', 'first', 'second'],
  ],
};

describe('a message is for who waits, wherever the run crashes:', () => {
  test.each(Object.entries(SHAPES))('%s', async (_, [body, expected]) => {
    const report = await crashEverywhere(aFlow(body), [], {
      ...everywhere,
      invariant: ({ status, result, error }) =>
        expect({ status, result, error }).toEqual({ status: 'SUCCEEDED', result: expected, error: undefined }),
    });
    expect(report.crashes).toBeGreaterThan(5);
  });
});

describe.each(Object.entries(STORES))('over %s, an event that is out of the line', (_, makeStore) => {
  test('is so when its run has left memory, and has the message that was kept when it is waited for again', async () => {
    const { engine, left } = sleepingEngine(makeStore, { leaks: 'ignore' });
    const body = aFlow(async () => {
      const waiting = event('m');
      const got = [await told(waiting.result({ timeout: '1h' }))];
      await sleep('10h');
      got.push(await step(waiting.status), await told(waiting.result({ timeout: '1h' })));
      return got;
    });
    const other = aFlow(async (runId: string) => {
      await sleep('5h');
      await sendTo(runId, 'm', 'kept');
      await sleep('20h');
    });
    const future = engine.start(body, []);
    const sender = engine.start(other, [future.id]);
    expect(await future).toEqual(['WAIT_TIMEOUT', 'STARTED', 'kept']);
    await sender;
    expect(left.get(future.id)).toBeGreaterThan(0);
    await engine.assertReplays();
  });
});

test('what was kept while an event was out of the line follows into the next generation', async () => {
  const name = unique('generations');
  const body = flow(name, async (round: number): Promise<unknown> => {
    const sent = round === 0 ? sending([150, 'first'], [160, 'second']) : undefined;
    const got = await told(event('m').result({ timeout: 100 }));
    await sleep(100);
    await sent;
    return round === 0 ? continueAsNew(1) : [got, await event('m')];
  });
  await crashEverywhere(body, [0], { ...everywhere, invariant: ({ result }) => expect(result).toEqual(['first', 'second']) });
});

test('a message that an event was given before its wait ran out of time goes nowhere else', async () => {
  const engine = sendingEngine({ autoAdvance: false, leaks: 'ignore' });
  const future = engine.start(
    aFlow(async () => {
      const waiting = event('m');
      return [await told(waiting.result({ timeout: 100 })), await told(event('m').result({ timeout: 100 })), waiting.status];
    }),
    [],
  );
  await nextEvent(engine, 'operation:started', ({ kind }) => kind === 'timer');
  await engine.send(future.id, 'm', 'in time');
  await engine.advance(100);
  await engine.advance(100);
  expect(await future).toEqual(['in time', 'WAIT_TIMEOUT', 'SUCCEEDED']);
});
