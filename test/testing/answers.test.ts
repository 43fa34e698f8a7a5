import { callback, event, FIRST_COMPLETED, sleep, wait } from 'perdure';
import { describe, expect, test } from 'vitest';
import { crashEverywhere, explore } from '../../src/testing.js';
import { nextEvent, settle, thrownBy } from '../api/with-engine.js';
import { step } from '../runtime/senders.js';
import { aFlow, testEngine } from './with-test-engine.js';

/** Waits for one thing of a name. */
const KINDS = {
  event: <T>(name: string) => event<T>(name),
  callback: <T>(name: string) => callback<T>({ name }).future,
};
const kinds = (Object.keys(KINDS) as (keyof typeof KINDS)[]).map((kind) => ({ kind, ask: KINDS[kind] }));

describe.each(kinds)('answer() for a $kind', ({ kind, ask }) => {
  test('that waits gives it the value', async () => {
    const engine = testEngine();
    const future = engine.start(
      aFlow(async () => ask('approval')),
      [],
    );
    await nextEvent(engine, 'operation:started');
    await engine.answer('approval', { by: 'Ada' });
    expect(await future).toEqual({ by: 'Ada' });
    await engine.assertReplays();
  });

  test('that is asked for later is kept until then', async () => {
    const engine = testEngine();
    await engine.answer('approval', 'early');
    const { result } = await engine.run(
      aFlow(async () => {
        await sleep('1h');
        return ask('approval');
      }),
    );
    expect(result).toBe('early');
    await engine.assertReplays();
  });

  test('that was started and is not awaited yet is there when it is', async () => {
    const engine = testEngine();
    const future = engine.start(
      aFlow(async () => {
        const waiting = ask('approval');
        await sleep('1h');
        await step('long after');
        return waiting;
      }),
      [],
    );
    await nextEvent(engine, 'operation:started', ({ kind: started }) => started === 'event');
    await engine.answer('approval', 'during');
    expect(await future).toBe('during');
  });

  test('after the wait has given up comes to whoever asks next', async () => {
    const engine = testEngine();
    const future = engine.start(
      aFlow(async () => {
        const waiting = ask<string>('approval');
        const { notDone } = await wait([waiting], { timeout: '1h' });
        return [notDone.size, await waiting];
      }),
      [],
    );
    await nextEvent(engine, 'operation:finished', ({ kind: finished }) => finished === 'timer');
    await engine.answer('approval', 'late');
    expect(await future).toEqual([1, 'late']);
  });

  test('goes by the name, and in order', async () => {
    const engine = testEngine();
    for (const [name, value] of [
      ['b', 'b1'],
      ['a', 'a1'],
      ['a', 'a2'],
    ] as const)
      await engine.answer(name, value);
    const { result } = await engine.run(aFlow(async () => [await ask('a'), await ask('b'), await ask('a')]));
    expect(result).toEqual(['a1', 'b1', 'a2']);
  });

  test('goes to the run that has waited longest', async () => {
    const engine = testEngine();
    const body = aFlow(async () => ask('approval'));
    const futures = [];
    for (const id of ['first', 'second', 'third']) {
      const asked = nextEvent(engine, 'operation:started', ({ runId }) => runId === id);
      futures.push(engine.start(body, [], { id }));
      await asked;
    }
    for (const value of [1, 2, 3]) await engine.answer('approval', value);
    expect(await Promise.all(futures)).toEqual([1, 2, 3]);
  });

  test.each([[undefined], [null], [0], [new Date(0)]])('brings %s', async (value) => {
    const engine = testEngine();
    await engine.answer('approval', value);
    const { result } = await engine.run(aFlow(async () => [await ask('approval')]));
    expect(result).toStrictEqual([value]);
  });

  test('of a child run reaches it', async () => {
    const engine = testEngine();
    const child = aFlow(async () => ask('approval'));
    const future = engine.start(
      aFlow(async () => [await child()]),
      [],
    );
    await nextEvent(engine, 'operation:started', ({ kind: started }) => started === 'event');
    await engine.answer('approval', 'down there');
    expect(await future).toEqual(['down there']);
  });

  test('in `setup` answers wherever the run crashes', async () => {
    const body = aFlow(async () => {
      const first = await ask('approval');
      await step('between');
      const { done, notDone } = await wait([ask('second'), sleep.start('1d')], FIRST_COMPLETED);
      for (const loser of notDone) loser.cancel();
      return [first, done.size];
    });
    // Not with `lostWorker`: a worker that is taken for dead while its run waits for the test alone would find that out by its heartbeat, and in virtual
    // time it has none.
    await crashEverywhere(body, [], {
      faults: { slow: 1 },
      setup: (engine) => void Promise.all([engine.answer('approval', 'yes'), engine.answer('second', 2)]),
      invariant: ({ result }) => expect(result).toEqual(['yes', 1]),
    });
  });

  test('in `setup` answers in every order', async () => {
    const body = aFlow(async () => {
      const other = step.start('work');
      const value = await ask('approval');
      return [value, await other];
    });
    const report = await explore(body, [], {
      runs: 10,
      setup: (engine) => void engine.answer('approval', 'yes'),
      invariant: ({ result }) => expect(result).toEqual(['yes', 'work']),
    });
    expect(report.runs).toBeGreaterThan(0);
  });

  test('does not go to one that was cancelled', async () => {
    const engine = testEngine();
    const future = engine.start(
      aFlow(async () => {
        const cancelled = ask('approval');
        await step('both');
        cancelled.cancel();
        await sleep('1h');
        return 'gave up';
      }),
      [],
    );
    expect(await future).toBe('gave up');
    await engine.answer('approval', `for the ${kind} that asks next`);
    const { result } = await engine.run(aFlow(async () => wait([ask('approval')], { timeout: '1h' }).then(({ done }) => done.size)));
    expect(result).toBe(1);
  });

  test('does not go to one whose run has ended', async () => {
    const engine = testEngine({ leaks: 'ignore' });
    await engine.run(
      aFlow(async () => {
        ask('approval');
        await sleep('1h');
      }),
    );
    await engine.answer('approval', 'for the next');
    expect((await engine.run(aFlow(async () => ask('approval')))).result).toBe('for the next');
  });
});

test('answer() with an error lets a callback fail', async () => {
  const engine = testEngine();
  await engine.answer('approval', new RangeError('refused'));
  const { error } = await engine.run(aFlow(async () => callback({ name: 'approval' }).future));
  expect(error).toMatchObject({ name: 'RangeError', message: 'refused' });
  await engine.assertReplays();
});

test('answer() with an error is refused for an event, which cannot fail', async () => {
  const engine = testEngine();
  const future = engine.start(
    aFlow(async () => event('approval')),
    [],
  );
  await nextEvent(engine, 'operation:started');
  expect(await thrownBy(() => engine.answer('approval', new Error('no')))).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
  await engine.send(future.id, 'approval', 'yes');
  expect(await future).toBe('yes');
});

test('answer() refuses a value that cannot be stored when something waits', async () => {
  const engine = testEngine();
  engine
    .start(
      aFlow(async () => event('approval')),
      [],
    )
    .exception()
    .catch(() => undefined);
  await nextEvent(engine, 'operation:started');
  expect(await thrownBy(() => engine.answer('approval', () => 1))).toMatchObject({ code: 'VALUE_NOT_SERIALIZABLE' });
});

test.each([[''], [undefined], [3]])('answer() refuses %j as a name', async (name) => {
  const engine = testEngine();
  expect(await thrownBy(() => engine.answer(name as string, 1))).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
});

test('a callback without a name is answered as "callback"', async () => {
  const engine = testEngine();
  await engine.answer('callback', 1);
  expect((await engine.run(aFlow(async () => callback().future))).result).toBe(1);
});

test('an answer that was given by hand leaves the next for the next', async () => {
  const engine = testEngine();
  const body = aFlow(async () => event('approval'));
  const first = engine.start(body, [], { id: 'first' });
  await nextEvent(engine, 'operation:started');
  await engine.send('first', 'approval', 'by hand');
  expect(await first).toBe('by hand');
  await engine.answer('approval', 'by name');
  await settle();
  expect(await engine.start(body, [])).toBe('by name');
});

test('a month of waiting is over in a moment', async () => {
  const engine = testEngine();
  const startedAt = engine.now();
  const body = aFlow(async () => {
    const approval = callback<string>({ name: 'approval', timeout: '30d' });
    return approval.future.result().catch((error: { code: string }) => error.code);
  });
  expect((await engine.run(body)).result).toBe('CALLBACK_TIMEOUT');
  expect(engine.now() - startedAt).toBe(30 * 86_400_000);
  await engine.answer('approval', 'yes');
  expect((await engine.run(body)).result).toBe('yes');
});
