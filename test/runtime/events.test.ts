import { asCompleted, event, FIRST_COMPLETED, flow, flowContext, map, memoryStore, parallel, shield, sleep, wait } from 'perdure';
import { describe, expect, test } from 'vitest';
import { crashEverywhere, explore } from '../../src/testing.js';
import { deferred, inFlow, nextEvent, settle, thrownBy, unique } from '../api/with-engine.js';
import { aFlow } from '../testing/with-test-engine.js';
import { cancelRun, FAULTS, send, senders, sendingEngine, sendOnce, sendTo, step } from './senders.js';

/** Starts a flow that waits for what the test sends, and sends it when the run has begun. */
function begun<R>(body: () => Promise<R>) {
  const engine = sendingEngine();
  const future = engine.start(aFlow(body), []);
  return { engine, future };
}

describe('a message', () => {
  test('completes the event that waits for it', async () => {
    const { engine, future } = begun(async () => event<string>('answer'));
    await nextEvent(engine, 'operation:started');
    await engine.send(future.id, 'answer', 'yes');
    expect(await future).toBe('yes');
    await engine.assertReplays();
  });

  test('that nobody waits for is kept for the next event of its name', async () => {
    const { engine, future } = begun(async () => {
      await sleep('1h');
      return [await event('answer'), await event('answer')];
    });
    await engine.send(future.id, 'answer', 'first');
    await engine.send(future.id, 'answer', 'second');
    expect(await future).toEqual(['first', 'second']);
    await engine.assertReplays();
  });

  test('sent right behind the start reaches the run', async () => {
    const { engine, future } = begun(async () => event('answer'));
    await engine.send(future.id, 'answer', 1);
    expect(await future).toBe(1);
  });

  test('sent twice arrives twice, in order', async () => {
    const { engine, future } = begun(async () => [await event('n'), await event('n'), await event('n')]);
    for (const n of [1, 1, 2]) await engine.send(future.id, 'n', n);
    expect(await future).toEqual([1, 1, 2]);
  });

  test('of a thousand comes in its place', async () => {
    const { engine, future } = begun(async () => {
      const numbers: number[] = [];
      for (let count = 0; count < 1000; count += 1) numbers.push(await event<number>('n'));
      return numbers;
    });
    await Promise.all(Array.from({ length: 1000 }, (_, n) => engine.send(future.id, 'n', n)));
    expect(await future).toEqual(Array.from({ length: 1000 }, (_, n) => n));
    await engine.assertReplays();
  });

  test('goes to the event that has waited longest', async () => {
    const { engine, future } = begun(async () => {
      const waiting = [event('n'), event('other'), event('n'), event('n')];
      return Promise.all(waiting);
    });
    for (const [name, value] of [
      ['n', 1],
      ['n', 2],
      ['other', 'o'],
      ['n', 3],
    ] as const)
      await engine.send(future.id, name, value);
    expect(await future).toEqual([1, 'o', 2, 3]);
    await engine.assertReplays();
  });

  test('is not swallowed by an event that was cancelled', async () => {
    const { engine, future } = begun(async () => {
      const [first, second] = [event('n'), event<number>('n')];
      await step('both wait');
      first.cancel('no need');
      return [(await first.exception())?.message, await second];
    });
    await nextEvent(engine, 'operation:finished');
    await engine.send(future.id, 'n', 7);
    expect(await future).toEqual(['event "n" (0) was cancelled: no need', 7]);
    await engine.assertReplays();
  });

  test('without a value is undefined', async () => {
    const { engine, future } = begun(async () => [await event('n')]);
    await engine.send(future.id, 'n');
    expect(await future).toEqual([undefined]);
  });

  const values: readonly (readonly [string, unknown])[] = [
    ['null', null],
    ['a date', new Date(0)],
    ['a map', new Map([['a', new Set([1n])]])],
    ['an error', new RangeError('no')],
    ['minus zero', -0],
    ['NaN', Number.NaN],
    ['a text of several lines', 'a\nb\0'],
    ['a large list', Array.from({ length: 10_000 }, (_, n) => n)],
    ['an object with a key of its own making', { ['__proto__' as string]: 1, undefined }],
  ];
  test.each(values)('brings %s as it is', async (_, value) => {
    const { engine, future } = begun(async () => [await event('n')]);
    await engine.send(future.id, 'n', value);
    expect(await future).toStrictEqual([value]);
    await engine.assertReplays();
  });

  test('gives the flow a copy', async () => {
    const given = { list: [1] };
    const { engine, future } = begun(async () => {
      const got = await event<{ list: number[] }>('n');
      got.list.push(2);
      return got;
    });
    await engine.send(future.id, 'n', given);
    expect(await future).toEqual({ list: [1, 2] });
    expect(given).toEqual({ list: [1] });
  });

  test('is written and read with the serdes of the engine, whatever that of the flow is', async () => {
    const reversed = (text: string): string => [...text].reverse().join('');
    const serdes = {
      serialize: (value: unknown) => reversed(JSON.stringify(value)),
      deserialize: (text: string) => JSON.parse(reversed(text)),
    };
    const own = { serialize: () => '"own"', deserialize: () => [] as unknown };
    const engine = sendingEngine({ serdes });
    const body = flow(unique('serdes'), async () => void (await step(String(await event('n')))), { serdes: own });
    const future = engine.start(body, []);
    await engine.send(future.id, 'n', 'abc');
    await future;
    expect(engine.calls(step)).toEqual([['abc']]);
  });

  test('has any name', async () => {
    const names = ['__proto__', 'constructor', 'message', 'cancel', 'two words', 'ä\n'];
    const { engine, future } = begun(async () => Promise.all(names.map((name) => event(name))));
    for (const name of [...names].reverse()) await engine.send(future.id, name, name);
    expect(await future).toEqual(names);
    await engine.assertReplays();
  });
});

describe('engine.send()', () => {
  test('rejects for an unknown run', async () => {
    const engine = sendingEngine();
    expect(await thrownBy(() => engine.send('nobody', 'n', 1))).toMatchObject({ name: 'UsageError', code: 'RUN_NOT_FOUND' });
  });

  test.each([
    { how: 'succeeded', body: async () => 1, status: 'SUCCEEDED' },
    {
      how: 'failed',
      body: async () => {
        throw new Error('no');
      },
      status: 'FAILED',
    },
  ])('rejects for a run that has $how', async ({ body, status }) => {
    const engine = sendingEngine();
    const { runId } = await engine.run(aFlow<[], unknown>(body));
    const error = await thrownBy(() => engine.send(runId, 'n', 1));
    expect(error).toMatchObject({ name: 'UsageError', code: 'RUN_FINISHED', message: expect.stringContaining(runId) });
    expect(error.message).toContain(status);
  });

  test('rejects for a run that was cancelled', async () => {
    const { engine, future } = begun(async () => event('n'));
    await engine.cancel(future.id);
    await future.exception();
    expect(await thrownBy(() => engine.send(future.id, 'n', 1))).toMatchObject({ code: 'RUN_FINISHED' });
  });

  test.each([
    ['a function', () => 1, 'VALUE_NOT_SERIALIZABLE'],
    ['an object with a symbol', { a: [Symbol('s')] }, 'VALUE_NOT_SERIALIZABLE'],
    ['a value that is too large', 'x'.repeat(5 * 1024 * 1024), 'VALUE_TOO_LARGE'],
  ])('rejects %s, and nothing is sent', async (_, value, code) => {
    const { engine, future } = begun(async () => event('n'));
    expect(await thrownBy(() => engine.send(future.id, 'n', value))).toMatchObject({ name: 'UsageError', code });
    await engine.send(future.id, 'n', 'good');
    expect(await future).toBe('good');
  });

  test.each([[['', 'n']], [[1, 'n']], [[undefined, 'n']], [['run', '']], [['run', 3]], [['run', undefined]]])(
    'rejects wrong arguments: %j',
    async (args) => {
      const engine = sendingEngine();
      const call = engine.send as (...args: unknown[]) => Promise<void>;
      expect(await thrownBy(() => call.apply(engine, args))).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
    },
  );

  test('belongs outside of flows', async () => {
    const engine = sendingEngine();
    const { error } = await engine.run(aFlow(async () => engine.send(flowContext().runId, 'n', 1)));
    expect(error).toMatchObject({ code: 'ENGINE_IN_FLOW' });
  });

  test('rejects when the engine is closed', async () => {
    const engine = sendingEngine();
    await engine.close();
    expect(await thrownBy(() => engine.send('run', 'n', 1))).toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  test('to a run that is blocked waits there until it goes on', async () => {
    const engine = sendingEngine({ store: memoryStore() });
    const name = unique('changing');
    const waits = flow(name, async () => [await step('a'), await event('n')]);
    const future = engine.start(waits, []);
    await nextEvent(engine, 'operation:finished');
    const store = memoryStore();
    const other = sendingEngine({ store });
    const id = 'blocked';
    other.start(waits, [], { id });
    await nextEvent(other, 'operation:finished');
    await other.close({ timeout: 0 });
    flow(name, async () => [await step('b'), await event('n')], { replace: true });
    const later = sendingEngine({ store });
    await nextEvent(later, 'run:blocked');
    await later.send(id, 'n', 'kept');
    flow(name, async () => [await step('a'), await event('n')], { replace: true });
    await later.retry(id);
    expect(await later.future(id)).toEqual(['a', 'kept']);
    await engine.send(future.id, 'n', 'too');
    expect(await future).toEqual(['a', 'too']);
  });
});

describe('event()', () => {
  test.each([[''], [undefined], [3], [null], [{}]])('refuses %j as a name', async (name) => {
    const failure = inFlow(async () => event(name as string));
    expect(await thrownBy(() => failure)).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
  });

  test('belongs inside a flow', async () => {
    expect(await thrownBy(() => event('n'))).toMatchObject({ code: 'NOT_IN_FLOW' });
  });

  test('is a future like others', async () => {
    const { engine, future } = begun(async () => {
      const waiting = event<number>('n');
      const before = [waiting.id, waiting.name, waiting.kind, waiting.status, waiting.done()];
      const value = await waiting;
      return { before, after: [waiting.status, waiting.done(), await waiting.exception(), waiting.cancel()], value };
    });
    await engine.send(future.id, 'n', 1);
    expect(await future).toEqual({
      before: ['0', 'n', 'event', 'STARTED', false],
      after: ['SUCCEEDED', true, undefined, false],
      value: 1,
    });
  });

  test('is told of to listeners: its start, and its end with what it came to', async () => {
    const engine = sendingEngine();
    const told: string[] = [];
    engine.on('operation:started', ({ kind, operationId, name }) => told.push(`started ${kind} ${operationId} ${name}`));
    engine.on('operation:finished', ({ kind, operationId, name, status }) =>
      told.push(`finished ${kind} ${operationId} ${name} ${status}`),
    );
    const future = engine.start(
      aFlow(async () => event('n')),
      [],
    );
    await nextEvent(engine, 'operation:started');
    await engine.send(future.id, 'n', 1);
    await future;
    expect(told).toEqual(['started event 0 n', 'finished event 0 n SUCCEEDED']);
  });

  test('gives up after the limit of its waiting, and takes the message all the same', async () => {
    const { engine, future } = begun(async () => {
      const waiting = event<number>('n');
      const error = await thrownBy(() => waiting.result({ timeout: '1d' }));
      await send('n', 5);
      return [error.code, await waiting];
    });
    expect(await future).toEqual(['WAIT_TIMEOUT', 5]);
    await engine.assertReplays();
  });

  test('stands in the report of its run, with its value', async () => {
    const engine = sendingEngine();
    const report = await engine.run(
      aFlow(async () => {
        const waiting = event('n');
        await send('n', { a: 1 });
        return waiting;
      }),
    );
    expect(report.operations.map(({ kind, name, status, output }) => [kind, name, status, output])).toEqual([
      ['event', 'n', 'SUCCEEDED', { a: 1 }],
      ['action', 'send', 'SUCCEEDED', undefined],
    ]);
  });
});

describe('a race', () => {
  const raced = {
    wait: aFlow(async () => {
      const contestants = [event<string>('answer'), sleep.start('1h'), step.start('action')];
      const { done, notDone } = await wait(contestants, FIRST_COMPLETED);
      for (const loser of notDone) loser.cancel();
      return [...done].map(({ kind }) => kind);
    }),
    'Promise.race': aFlow(async () => {
      const [answer, timer, tried] = [event<string>('answer'), sleep.start('1h'), step.start('action')];
      const first = await Promise.race([
        answer.result().then(() => 'event'),
        timer.result().then(() => 'timer'),
        tried.result().then(() => 'action'),
      ]);
      for (const each of [answer, timer, tried]) each.cancel();
      return [first];
    }),
    asCompleted: aFlow(async () => {
      const contestants = [event<string>('answer'), sleep.start('1h'), step.start('action')];
      const order: string[] = [];
      for await (const future of asCompleted(contestants)) order.push(future.kind);
      return order;
    }),
  };
  const cases = (Object.keys(raced) as (keyof typeof raced)[]).flatMap((by) => [
    { by, winner: 'event', answerAfter: 10 as number, actionTakes: 1000 },
    { by, winner: 'action', answerAfter: 2000, actionTakes: 1000 },
    { by, winner: 'timer', answerAfter: 5_000_000, actionTakes: 4_000_000 },
  ]);

  test.each(cases)('by $by is won by the $winner, live and on replay', async ({ by, winner, answerAfter, actionTakes }) => {
    const engine = sendingEngine();
    engine.mock(step, 'done', { latency: actionTakes });
    const future = engine.start(raced[by], []);
    const sender = engine.start(
      aFlow(async (runId: string) => {
        await sleep(answerAfter);
        await sendTo(runId, 'answer', 'yes');
      }),
      [future.id],
    );
    const order = await future;
    await sender.exception();
    expect(order[0]).toBe(winner);
    expect(order).toHaveLength(by === 'asCompleted' ? 3 : 1);
    await engine.assertReplays();
    engine.assertNoLeaks();
  });

  test.each(Object.entries(raced))('by %s comes to the same end wherever it crashes', async (_, body) => {
    for (const answered of ['at once', 'late'] as const) {
      const racing = aFlow(async () => {
        if (answered === 'at once') await sendOnce('answer', 'yes');
        const late = sleep
          .start('10m')
          .result()
          .then(async () => {
            if (answered === 'late') await sendOnce('answer', 'yes');
          });
        const order = await raceHere(body.name);
        await late;
        return order;
      });
      const report = await crashEverywhere(racing, [], { ...senders, faults: FAULTS });
      expect(report.crashes).toBeGreaterThan(5);
    }
  });

  /** The body of one of the races, as a part of another flow. */
  async function raceHere(name: string): Promise<string[]> {
    const contestants = [event<string>('answer'), sleep.start('1h'), step.start('action')];
    if (name === raced.asCompleted.name) {
      const order: string[] = [];
      for await (const future of asCompleted(contestants)) order.push(future.kind);
      return order;
    }
    if (name === raced.wait.name) {
      const { done, notDone } = await wait(contestants, FIRST_COMPLETED);
      for (const loser of notDone) loser.cancel();
      return [...done].map(({ kind }) => kind);
    }
    const first = await Promise.race(contestants.map((future) => future.result().then(() => future.kind)));
    for (const each of contestants) each.cancel();
    return [first];
  }

  test('is won by every contestant in some order of what happens, and replays', async () => {
    const seen = new Set<string>();
    const racing = aFlow(async () => {
      const answer = event<string>('answer');
      const other = step.start('action');
      const sending = step('before it is sent').then(() => send('answer', 'yes'));
      const first = await Promise.race([answer.result().then(() => 'event'), other.result().then(() => 'action')]);
      await Promise.all([answer, sending, other]);
      return first;
    });
    await explore(racing, [], { setup: senders.setup, runs: 30, seed: 3, invariant: ({ result }) => void seen.add(result) });
    expect([...seen].sort()).toEqual(['action', 'event']);
  });
});

describe('a branch', () => {
  test('takes messages of its run, the branch that asked first the first', async () => {
    const engine = sendingEngine();
    const report = await engine.run(
      aFlow(async () => {
        const batch = parallel.start([() => event('n'), () => event('n'), async () => [await event('n'), await event('n')]]);
        for (const n of [1, 2, 3, 4]) await send('n', n);
        return (await batch).getResults();
      }),
    );
    expect(report.result).toEqual([1, 2, [3, 4]]);
    await engine.assertReplays();
  });

  test('of a map waits for a message of its own name', async () => {
    const engine = sendingEngine();
    const report = await engine.run(
      aFlow(async () => {
        const batch = map.start(['a', 'b', 'c'], (name) => event(name));
        for (const name of ['c', 'a', 'b']) await send(name, name.toUpperCase());
        return (await batch).getResults();
      }),
    );
    expect(report.result).toEqual(['A', 'B', 'C']);
    await engine.assertReplays();
  });

  test('that has ended keeps the messages it took, wherever the run crashes (J4)', async () => {
    const body = aFlow(async () => {
      const batch = parallel.start([
        async () => [await event<number>('n'), await event<number>('n')],
        async () => {
          for (const n of [1, 2, 3, 4]) await sendOnce('n', n);
          return [];
        },
      ]);
      const taken = (await batch).getResults();
      const rest = [await event<number>('n'), await step('between'), await event<number>('n')];
      return [taken, rest];
    });
    const results = new Set<string>();
    const report = await crashEverywhere(body, [], {
      ...senders,
      faults: FAULTS,
      invariant: ({ result }) => void results.add(JSON.stringify(result)),
    });
    expect(report.crashes).toBeGreaterThan(15);
    expect([...results]).toEqual([
      JSON.stringify([
        [[1, 2], []],
        [3, 'between', 4],
      ]),
    ]);
  });

  test('that took a message before an older event of another scope gave up does not lose it on replay (J4)', async () => {
    const body = aFlow(async () => {
      const outer = event<number>('n');
      const batch = parallel.start([() => event<number>('n'), () => event<number>('n')]);
      await sendOnce('n', 1);
      await sendOnce('n', 2);
      const first = await outer;
      const again = event<number>('n');
      await sendOnce('n', 3);
      const results = (await batch).getResults();
      await sleep('1h');
      await sendOnce('n', 4);
      return [first, results, await again];
    });
    await crashEverywhere(body, [], {
      ...senders,
      faults: FAULTS,
      invariant: ({ result }) => expect(result).toEqual([1, [2, 3], 4]),
    });
  });

  test('that loses gives its waiting up, and the message goes to another', async () => {
    const body = aFlow(async () => {
      const batch = await parallel([() => event('n'), () => step('fast')], { completionConfig: { minSuccessful: 1 } });
      const waiting = event<number>('n');
      await sendOnce('n', 1);
      return [batch.completionReason, await waiting];
    });
    await crashEverywhere(body, [], {
      ...senders,
      faults: FAULTS,
      invariant: ({ result }) => expect(result).toEqual(['MIN_SUCCESSFUL_REACHED', 1]),
    });
  });

  test('that runs again after a crash takes the same messages', async () => {
    const body = aFlow(async () => {
      const batch = parallel.start([
        async () => {
          const got = [await event<number>('n')];
          await sleep('1h');
          got.push(await event<number>('n'));
          return got;
        },
        async () => [await event<number>('n')],
      ]);
      for (const n of [1, 2, 3]) await sendOnce('n', n);
      return (await batch).getResults();
    });
    await crashEverywhere(body, [], {
      ...senders,
      faults: FAULTS,
      invariant: ({ result }) => expect(result).toEqual([[1, 3], [2]]),
    });
  });
});

describe('a run that is cancelled', () => {
  test('gives up its events', async () => {
    const { engine, future } = begun(async () => event('n'));
    await nextEvent(engine, 'operation:started');
    await engine.cancel(future.id, 'too late');
    expect(await thrownBy(() => future)).toMatchObject({ name: 'CancelledError', message: expect.stringContaining('too late') });
    await engine.assertReplays();
  });

  test('waits for events in a shield', async () => {
    const body = aFlow(async () => {
      try {
        await cancelRun(flowContext().runId);
        await event('never');
        return 'not reached';
      } finally {
        await shield(async () => {
          const waiting = event<string>('n');
          await sendOnce('n', 'clean');
          await step(await waiting);
        });
      }
    });
    const engine = sendingEngine();
    const { status } = await engine.run(body);
    expect(status).toBe('CANCELLED');
    expect(engine.calls(step)).toEqual([['clean']]);
    await engine.assertReplays();
    await crashEverywhere(body, [], { ...senders, faults: FAULTS });
  });

  test('keeps a message that an event lost by it did not take, for a shield', async () => {
    const { engine, future } = begun(async () => {
      try {
        return await event<string>('n');
      } catch {
        return await shield(async () => event<string>('n'));
      }
    });
    await nextEvent(engine, 'operation:started');
    await engine.cancel(future.id);
    await engine.send(future.id, 'n', 'kept');
    expect(await future).toBe('kept');
    await engine.assertReplays();
  });

  test('waits in a shield for a future that its body returns', async () => {
    const { engine, future } = begun(async () => {
      try {
        return await event<string>('n');
      } catch {
        return await shield<unknown>(() => event<string>('n'));
      }
    });
    await nextEvent(engine, 'operation:started');
    await engine.cancel(future.id);
    await engine.send(future.id, 'n', 'kept').catch(() => undefined);
    expect(await future).toBe('kept');
  });

  test('has either the message or the cancellation, whichever is sent first', async () => {
    for (const first of ['message', 'cancellation'] as const) {
      const { engine, future } = begun(async () => event('n'));
      await nextEvent(engine, 'operation:started');
      const calls = [() => engine.send(future.id, 'n', 1), () => engine.cancel(future.id)];
      if (first === 'cancellation') calls.reverse();
      await Promise.allSettled(calls.map((call) => call()));
      await future.exception();
      expect(future.status).toBe(first === 'message' ? 'SUCCEEDED' : 'CANCELLED');
      await engine.assertReplays();
    }
  });
});

describe('a leak', () => {
  test('is an event that nobody took delivery of', async () => {
    const engine = sendingEngine();
    const { error } = await engine.run(
      aFlow(async () => {
        event('forgotten');
        await step('a');
      }),
    );
    expect(error).toMatchObject({ name: 'LeakedFuturesError', message: expect.stringContaining('forgotten') });
    expect(() => engine.assertNoLeaks()).toThrow('event "forgotten" (RUNNING)');
  });

  test('is an event that has its message, when nobody looks', async () => {
    const engine = sendingEngine();
    await engine.run(
      aFlow(async () => {
        event('unseen');
        await send('unseen', 1);
        await step('a');
      }),
    );
    expect(() => engine.assertNoLeaks()).toThrow('event "unseen" (UNOBSERVED)');
  });

  test('is no message that nobody asks for, and no event that was cancelled', async () => {
    const engine = sendingEngine();
    const { status } = await engine.run(
      aFlow(async () => {
        const waiting = event('n');
        await send('unread', 1);
        waiting.cancel();
      }),
    );
    expect(status).toBe('SUCCEEDED');
    engine.assertNoLeaks();
    await engine.assertReplays();
  });
});

test('time does not pass while a message is on its way, and an event alone does not move it', async () => {
  const engine = sendingEngine();
  const startedAt = engine.now();
  const future = engine.start(
    aFlow(async () => event('n')),
    [],
  );
  await nextEvent(engine, 'operation:started');
  await settle();
  await engine.send(future.id, 'n', 1);
  await future;
  expect(engine.now()).toBe(startedAt);
});

test('a run that waits for an event is not stuck', async () => {
  const engine = sendingEngine();
  const stuck = deferred<string>();
  engine.on('run:stuck', ({ runId }) => stuck.resolve(runId));
  const future = engine.start(
    aFlow(async () => event('n')),
    [],
  );
  await nextEvent(engine, 'operation:started');
  await settle();
  await engine.send(future.id, 'n', 'done');
  expect(await Promise.race([stuck.promise, future.result()])).toBe('done');
});

test('an event that a recovered run asks for has the message that came while nobody ran it', async () => {
  const store = memoryStore();
  const body = aFlow(async () => [await event('n'), await event('n')]);
  const first = sendingEngine({ store });
  first.start(body, [], { id: 'id' });
  await nextEvent(first, 'operation:started');
  await first.send('id', 'n', 1);
  await nextEvent(first, 'operation:finished');
  await first.close({ timeout: 0 });
  const without = sendingEngine({ store: foreign(store) });
  await without.send('id', 'n', 2);
  await without.close({ timeout: 0 });
  const last = sendingEngine({ store });
  expect(await last.future('id')).toEqual([1, 2]);
  await last.assertReplays();
});

/** A store whose runs this process does not execute. */
function foreign(store: ReturnType<typeof memoryStore>): ReturnType<typeof memoryStore> {
  return new Proxy(store, {
    get(target, key) {
      if (key === 'claimRuns') return async () => ({ claimed: [], blocked: [], suspects: false, more: false });
      const member: unknown = Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
