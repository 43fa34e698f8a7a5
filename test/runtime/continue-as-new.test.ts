import {
  action,
  actionContext,
  callback,
  continueAsNew,
  event,
  flow,
  flowContext,
  memoryStore,
  now,
  parallel,
  random,
  shield,
  sleep,
  uuid,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { collectingLogger, nextEvent, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { cancelRun, send, sendingEngine, sendOnce, sendTo, step } from './senders.js';

/** A flow that calls its body with the number of its generation, from 1, and begins anew until it is the last. */
function generations<R>(last: number, body: (generation: number) => Promise<R>) {
  return aFlow(async (generation: number): Promise<R> => {
    const result = await body(generation);
    return generation < last ? continueAsNew(generation + 1) : result;
  });
}

describe('a run that begins anew', () => {
  test('has the same id, the new arguments and an empty journal', async () => {
    const engine = testEngine();
    const body = generations(3, async (n) => step(`generation ${n}`));
    const report = await engine.run(body, [1], { id: 'again' });
    expect(report.result).toBe('generation 3');
    expect(report.operations.map(({ id, output }) => [id, output])).toEqual([['0', 'generation 3']]);
    const runs = await engine.list();
    expect(runs.map(({ id, args }) => ({ id, args }))).toEqual([{ id: 'again', args: [3] }]);
    expect(engine.calls(step)).toEqual([['generation 1'], ['generation 2'], ['generation 3']]);
    await engine.assertReplays();
  });

  test('takes any arguments, or none', async () => {
    const engine = testEngine();
    const body = aFlow(async (...args: unknown[]): Promise<unknown> => {
      if (args.length === 3) return continueAsNew();
      return args.length === 0 ? continueAsNew(new Map([['a', new Date(0)]]), undefined) : args;
    });
    expect(await engine.start(body, [1, 2, 3])).toEqual([new Map([['a', new Date(0)]]), undefined]);
    await engine.assertReplays();
  });

  test('gets copies of its arguments', async () => {
    const engine = testEngine();
    const given = { list: [1] };
    const body = aFlow(async (seen?: { list: number[] }): Promise<boolean> => {
      if (seen !== undefined) return seen === given || seen.list === given.list;
      return continueAsNew(given);
    });
    expect(await engine.start(body, [])).toBe(false);
  });

  test('settles no future on it before its last generation has ended', async () => {
    const engine = sendingEngine();
    const body = generations(3, async (n) => [n, await event('go')]);
    const future = engine.start(body, [1], { id: 'waited-for' });
    for (const n of [1, 2]) {
      await nextEvent(engine, 'operation:started', ({ kind }) => kind === 'event');
      expect(future.done()).toBe(false);
      await engine.send('waited-for', 'go', n);
    }
    await nextEvent(engine, 'operation:started', ({ kind }) => kind === 'event');
    const attached = engine.future('waited-for');
    await engine.send('waited-for', 'go', 3);
    expect(await future).toEqual([3, 3]);
    expect(await attached).toEqual([3, 3]);
  });

  test('settles the future of its parent by its last generation', async () => {
    const engine = testEngine();
    const child = generations(4, async (n) => step(`child ${n}`));
    const parent = aFlow(async () => {
      const [one, two] = [child.start(1), child.with({ id: 'named child' }).start(3)];
      await wait([one, two]);
      return [await one, await two];
    });
    const report = await engine.run(parent, []);
    expect(report.result).toEqual(['child 4', 'child 4']);
    expect((await engine.list()).length).toBe(3);
    await engine.assertReplays();
  });

  test('that fails later lets whoever waits see that', async () => {
    const engine = testEngine();
    const body = generations(2, async (n) => {
      if (n === 2) throw new RangeError('the second failed');
    });
    const { status, error } = await engine.run(body, [1]);
    expect([status, error?.message]).toEqual(['FAILED', 'the second failed']);
    expect((await thrownBy(() => engine.start(body, [1]).result())).message).toBe('the second failed');
  });

  test('is found by its id and its first arguments', async () => {
    const engine = testEngine();
    const body = generations(3, async (n) => n);
    expect(await engine.start(body, [1], { id: 'same' })).toBe(3);
    expect(await engine.start(body, [1], { id: 'same' })).toBe(3);
    await expect(engine.start(body, [7], { id: 'same' }).result()).rejects.toMatchObject({ code: 'RUN_ID_TAKEN' });
  });

  test('is found by its first arguments with their keys in another order', async () => {
    const engine = testEngine();
    const body = aFlow(async (given: { readonly a: number; readonly b?: number }): Promise<number> => {
      return given.b === undefined ? given.a : continueAsNew({ a: 9 });
    });
    expect(await engine.start(body, [{ a: 1, b: 2 }], { id: 'keys' })).toBe(9);
    expect(await engine.start(body, [{ b: 2, a: 1 }], { id: 'keys' })).toBe(9);
  });

  test('is not found by the arguments of a later generation', async () => {
    const engine = testEngine();
    const body = generations(3, async (n) => n);
    expect(await engine.start(body, [1], { id: 'later' })).toBe(3);
    for (const n of [2, 3]) {
      await expect(engine.start(body, [n], { id: 'later' }).result()).rejects.toMatchObject({ code: 'RUN_ID_TAKEN' });
    }
  });

  test('stays on its version', async () => {
    const engine = testEngine();
    const name = unique('versioned');
    const first = flow(name, async (n: number): Promise<number[]> => {
      await event('go');
      return n < 2 ? continueAsNew(n + 1) : [n, flowContext().version];
    });
    const future = engine.start(first, [1], { id: 'on one' });
    await nextEvent(engine, 'operation:started');
    flow(name, async (): Promise<number[]> => [0, 2], { version: 2 });
    await engine.send('on one', 'go');
    await engine.send('on one', 'go');
    expect(await future).toEqual([2, 1]);
    expect((await engine.get('on one')).version).toBe(1);
  });

  test('begins with its number of operations at 0, so ids come again', async () => {
    const engine = testEngine();
    const ids: string[] = [];
    const idOf = action(unique('idOf'), async () => {
      ids.push(actionContext().operationId);
    });
    await engine.run(
      generations(2, async () => {
        await idOf();
        await idOf();
      }),
      [1],
    );
    expect(ids).toEqual(['0', '1', '0', '1']);
  });

  test('gives its actions and its children keys and ids of their generation', async () => {
    const engine = testEngine();
    const keys: string[] = [];
    const keyOf = action(unique('keyOf'), async () => {
      keys.push(actionContext().idempotencyKey);
    });
    const child = aFlow(async () => flowContext().runId);
    const body = generations(3, async () => {
      await keyOf();
      keys.push(await child());
    });
    await engine.run(body, [1], { id: 'r' });
    expect(keys).toEqual(['r/0', 'r//1', 'r#2/0', 'r#2//1', 'r#3/0', 'r#3//1']);
  });

  test('draws other random values', async () => {
    const engine = testEngine();
    const drawn: unknown[] = [];
    const keep = action(unique('keep'), async (value: unknown) => {
      drawn.push(value);
    });
    const body = generations(2, async () => keep([random(), uuid()]));
    await engine.run(body, [1]);
    expect(drawn[0]).not.toEqual(drawn[1]);
  });

  test('has its own beginning as the time, and keeps its creation', async () => {
    const engine = testEngine({ startTime: 1000 });
    const body = generations(2, async () => {
      const began = now();
      await sleep('1h');
      return [began, now()];
    });
    const report = await engine.run(body, [1], { id: 'hours' });
    expect(report.result).toEqual([3_601_000, 7_201_000]);
    expect((await engine.get('hours')).createdAt).toEqual(new Date(1000));
    await engine.assertReplays();
  });

  test('many times keeps no more than its last journal', async () => {
    const engine = testEngine();
    const body = generations(300, async (n) => step(`${n}`));
    const report = await engine.run(body, [1]);
    expect([report.result, report.journal.length]).toEqual(['300', 2]);
  });

  test('without an operation begins anew all the same', async () => {
    const engine = testEngine();
    expect(
      await engine.start(
        generations(50, async (n) => n),
        [1],
      ),
    ).toBe(50);
  });

  test('can be cancelled, and is RUNNING, until its last generation has ended', async () => {
    const engine = testEngine();
    const body = generations(2, async (n) => (n === 2 ? event('never') : undefined));
    const future = engine.start(body, [1], { id: 'run' });
    await nextEvent(engine, 'operation:started');
    expect((await engine.get('run')).status).toBe('RUNNING');
    expect(await engine.cancel('run', 'enough')).toBe(true);
    await future.exception();
    expect((await engine.get('run')).status).toBe('CANCELLED');
    expect(await engine.cancel('run')).toBe(false);
  });
});

describe('messages', () => {
  test('that nobody has read go to the next generation, in their order', async () => {
    const engine = sendingEngine();
    const body = aFlow(async (seen: string[]): Promise<string[]> => {
      if (seen.length === 0) {
        for (const value of ['a', 'b', 'c']) await send('n', value);
        await send('other', 'x');
      }
      const next = [...seen, await event<string>('n')];
      return next.length < 3 ? continueAsNew(next) : [...next, await event<string>('other')];
    });
    expect(await engine.start(body, [[]])).toEqual(['a', 'b', 'c', 'x']);
    await engine.assertReplays();
  });

  test('that were read do not come again', async () => {
    const engine = sendingEngine();
    const body = aFlow(async (n: number): Promise<unknown> => {
      if (n === 2) return event('n').result({ timeout: '1h' });
      await send('n', 'read');
      await event('n');
      return continueAsNew(2);
    });
    await expect(engine.start(body, [1]).result()).rejects.toMatchObject({ code: 'WAIT_TIMEOUT' });
  });

  test('that an event took and nobody looked at are lost with it', async () => {
    const engine = sendingEngine({ leaks: 'ignore' });
    const body = aFlow(async (n: number): Promise<unknown> => {
      if (n === 2) return event('n').result({ timeout: '1h' });
      event('n');
      await send('n', 'taken');
      await step('a turn later');
      return continueAsNew(2);
    });
    await expect(engine.start(body, [1]).result()).rejects.toMatchObject({ code: 'WAIT_TIMEOUT' });
  });

  test('are not swallowed by an event that the old generation left waiting', async () => {
    const engine = sendingEngine({ leaks: 'ignore' });
    const body = aFlow(async (n: number): Promise<unknown> => {
      const future = event('n');
      if (n === 2) return future;
      return continueAsNew(2);
    });
    const future = engine.start(body, [1], { id: 'r' });
    await nextEvent(engine, 'operation:started');
    await engine.send('r', 'n', 'for the second');
    expect(await future).toBe('for the second');
  });

  test('come to the last of many generations', async () => {
    const engine = sendingEngine();
    const body = aFlow(async (n: number): Promise<unknown> => {
      if (n === 1) await send('late', 'here');
      return n < 20 ? continueAsNew(n + 1) : event('late');
    });
    expect(await engine.start(body, [1])).toBe('here');
    await engine.assertReplays();
  });

  test('of every value come through', async () => {
    const engine = sendingEngine();
    const values = [undefined, null, -0, new Map([[1, new Date(0)]]), 'a\nb'];
    const body = aFlow(async (n: number): Promise<unknown> => {
      if (n === 2) return [await event('n'), await event('n'), await event('n'), await event('n'), await event('n')];
      for (const value of values) await send('n', value);
      return continueAsNew(2);
    });
    expect(await engine.start(body, [1])).toEqual(values);
  });

  test('that nobody awaits any more pass to the end of the run without a trace', async () => {
    const engine = sendingEngine();
    const body = aFlow(async (n: number): Promise<number> => {
      await send('n', n);
      return n < 5 ? continueAsNew(n + 1) : n;
    });
    expect(await engine.start(body, [1])).toBe(5);
    await engine.assertReplays();
  });

  test('of a stream that outruns its reader are read each once', async () => {
    const engine = sendingEngine();
    const body = aFlow(async (sum: number, left: number): Promise<number> => {
      const value = await event<number>('n');
      return left > 1 ? continueAsNew(sum + value, left - 1) : sum + value;
    });
    const future = engine.start(body, [0, 200], { id: 'sum' });
    await Promise.all(Array.from({ length: 200 }, (_, n) => engine.send('sum', 'n', 2 ** (n % 20))));
    expect(await future).toBe(10 * (2 ** 20 - 1));
  });
});

describe('a callback of the old generation', () => {
  test('is void: it is refused, and that of the next is another', async () => {
    const engine = sendingEngine({ leaks: 'ignore' });
    const tokens: string[] = [];
    const keep = action(unique('keep'), async (token: string) => {
      tokens.push(token);
    });
    const body = aFlow(async (n: number): Promise<unknown> => {
      const { token, future } = callback();
      await keep(token);
      return n === 1 ? continueAsNew(2) : future;
    });
    const future = engine.start(body, [1], { id: 'r' });
    await nextEvent(engine, 'operation:finished', () => tokens.length === 2);
    for (const answer of [engine.complete(tokens[0] as string, 'old'), engine.heartbeat(tokens[0] as string)])
      await expect(answer).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
    await engine.complete(tokens[1] as string, 'new');
    expect(await future).toBe('new');
    expect(tokens[0]).not.toBe(tokens[1]);
  });
});

describe('what the old generation has started', () => {
  test('is cancelled when it was left behind', async () => {
    const engine = testEngine({ leaks: 'warn' });
    const child = aFlow(async () => event('never'));
    const aborted: string[] = [];
    const hang = action(unique('hang'), async () => {
      const { signal, idempotencyKey } = actionContext();
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted.push(idempotencyKey);
    });
    const body = generations(2, async (n) => {
      if (n === 2) return step('second');
      child.start();
      hang.start();
      sleep.start('1d');
      return step('first');
    });
    const report = await engine.run(body, [1], { id: 'r' });
    expect(report.result).toBe('second');
    expect((await engine.report('r//0')).status).toBe('CANCELLED');
    expect(aborted).toEqual(['r/1']);
    expect(engine.now() - Date.UTC(2025, 0, 1)).toBeLessThan(86_400_000);
  });

  test('fails the run under the policy error, which then does not begin anew', async () => {
    const engine = testEngine();
    let begun = 0;
    const body = aFlow(async (): Promise<void> => {
      begun += 1;
      sleep.start('1d');
      return continueAsNew();
    });
    const { status, error } = await engine.run(body, []);
    expect([status, error?.name, begun]).toEqual(['FAILED', 'LeakedFuturesError', 1]);
    await engine.assertReplays();
  });

  test('goes on when it was detached', async () => {
    const engine = sendingEngine();
    const child = aFlow(async () => step(`child at ${await event('go')}`));
    const body = generations(2, async (n) => {
      if (n === 2) return event('done');
      child.start().detach();
      sendTo.start('r', 'done', 'by the detached').detach();
      return undefined;
    });
    const future = engine.start(body, [1], { id: 'r' });
    expect(await future).toBe('by the detached');
    await engine.send('r//0', 'go', 'last');
    expect(await engine.future('r//0')).toBe('child at last');
  });
});

describe('cancellation', () => {
  test('of the last turn ends the run CANCELLED in place of beginning anew', async () => {
    const engine = sendingEngine();
    let begun = 0;
    const body = aFlow(async (): Promise<void> => {
      begun += 1;
      await cancelRun(flowContext().runId, 'before it is over').catch(() => undefined);
      return continueAsNew();
    });
    const report = await engine.run(body, []);
    expect([report.status, begun]).toEqual(['CANCELLED', 1]);
    expect(report.error?.message).toContain('before it is over');
    await engine.assertReplays();
  });

  test('that was seen and passed over in a shield counts', async () => {
    const engine = sendingEngine();
    const body = aFlow(async (): Promise<void> => {
      await shield(async () => {
        await cancelRun(flowContext().runId, 'now');
        await step('shielded');
      });
      return continueAsNew();
    });
    expect((await engine.run(body, [])).status).toBe('CANCELLED');
    await engine.assertReplays();
  });

  test('reaches the generation of the moment', async () => {
    const engine = sendingEngine();
    const cleaned: number[] = [];
    const body = generations(3, async (n) => {
      try {
        if (n === 3) await event('never');
      } catch (error) {
        cleaned.push(n);
        throw error;
      }
    });
    const future = engine.start(body, [1], { id: 'r' });
    await nextEvent(engine, 'operation:started', ({ kind }) => kind === 'event');
    await engine.cancel('r');
    expect((await future.exception())?.name).toBe('CancelledError');
    expect(cleaned).toEqual([3]);
  });

  test('by the parent reaches a child that has begun anew', async () => {
    const engine = testEngine();
    const child = generations(3, async (n) => (n === 3 ? event('never') : step(`${n}`)));
    const parent = aFlow(async () => {
      const future = child.start(1);
      await sleep('1m');
      future.cancel('not needed');
      return (await future.exception())?.message;
    });
    expect((await engine.run(parent, [])).result).toContain('not needed');
    await engine.assertReplays();
  });
});

describe('the time-out of the flow', () => {
  test('counts from its creation, over all generations', async () => {
    const engine = testEngine({ startTime: 0 });
    const ticking = flow(
      unique('ticking'),
      async (n: number): Promise<number> => {
        await sleep('1h');
        return continueAsNew(n + 1);
      },
      { timeout: '150m' },
    );
    const report = await engine.run(ticking, [1], { id: 'r' });
    expect([report.status, report.error]).toMatchObject(['FAILED', { code: 'FLOW_TIMEOUT' }]);
    expect(engine.now()).toBe(9_000_000);
    expect((await engine.list())[0]?.args).toEqual([3]);
    await engine.assertReplays();
  });
});

test('a run whose time is up fails by that, though its body passes over it and begins anew', async () => {
  const engine = testEngine();
  const stubborn = flow(
    unique('stubborn'),
    async (): Promise<void> => {
      await sleep('2h').catch(() => undefined);
      return continueAsNew();
    },
    { timeout: '1h' },
  );
  const { status, error } = await engine.run(stubborn, []);
  expect([status, error]).toMatchObject(['FAILED', { code: 'FLOW_TIMEOUT' }]);
  await engine.assertReplays();
});

describe('refused', () => {
  test('outside of a flow', () => {
    expect(() => continueAsNew(1)).toThrowError(expect.objectContaining({ name: 'UsageError', code: 'NOT_IN_FLOW' }));
  });

  test('in an action', async () => {
    const engine = testEngine();
    const bad = action(unique('bad'), async () => continueAsNew());
    const { error } = await engine.run(
      aFlow(async () => bad()),
      [],
    );
    expect(error).toMatchObject({ name: 'UsageError', code: 'OPERATION_IN_ACTION' });
  });

  test.each<{ readonly where: string; readonly body: () => Promise<unknown> }>([
    {
      where: 'from a branch',
      body: async () => {
        const batch = await parallel([async () => continueAsNew()]);
        batch.throwIfError();
        return batch.getResults();
      },
    },
    { where: 'in an object', body: async () => ({ next: continueAsNew() }) },
    { where: 'in an array', body: async () => [continueAsNew()] },
    { where: 'as an argument', body: async () => step(continueAsNew()) },
  ])('as a value: returned $where', async ({ body }) => {
    const engine = testEngine();
    let begun = 0;
    const { status, error } = await engine.run(
      aFlow(async () => {
        begun += 1;
        return body();
      }),
      [],
    );
    expect([status, begun]).toEqual(['FAILED', 1]);
    expect(error).toMatchObject({ code: 'VALUE_NOT_SERIALIZABLE' });
    await engine.assertReplays();
  });

  test('with arguments that cannot be stored: the run fails', async () => {
    const engine = testEngine();
    const { status, error } = await engine.run(
      aFlow(async (): Promise<void> => continueAsNew({ on: () => {} })),
      [],
    );
    expect(status).toBe('FAILED');
    expect(error).toMatchObject({ code: 'VALUE_NOT_SERIALIZABLE' });
    expect(error?.message).toMatch(/arguments of continueAsNew\(\) in flow/);
    await engine.assertReplays();
  });

  test('with arguments that are too large', async () => {
    const engine = testEngine({ maxValueBytes: 1000 });
    const { error } = await engine.run(
      aFlow(async (): Promise<void> => continueAsNew('x'.repeat(2000))),
      [],
    );
    expect(error).toMatchObject({ code: 'VALUE_TOO_LARGE' });
  });
});

test('called and not returned, it changes nothing', async () => {
  const engine = testEngine();
  const report = await engine.run(
    aFlow(async () => {
      const next: unknown = continueAsNew('unused');
      return typeof next;
    }),
    [],
  );
  expect(report.result).toBe('object');
});

test('thrown, it is the error of a failed run', async () => {
  const engine = testEngine();
  let begun = 0;
  const report = await engine.run(
    aFlow(async () => {
      begun += 1;
      throw continueAsNew('never thrown');
    }),
    [],
  );
  expect([report.status, begun]).toEqual(['FAILED', 1]);
});

test('a journal that grows long is told of once, and one that begins anew is not', async () => {
  const { logger, lines } = collectingLogger();
  const engine = testEngine({ logger });
  const loop = (count: number) => async (): Promise<void> => {
    for (let done = 0; done < count; done += 1) await cancelledEvent();
  };
  const cancelledEvent = async (): Promise<void> => {
    const future = event('none');
    future.cancel();
    await future.exception();
  };
  await engine.run(generations(3, loop(4000)), [1]);
  expect(lines.filter(({ message }) => message.includes('continueAsNew()'))).toEqual([]);
  await engine.run(aFlow(loop(10_002)), [], { id: 'long' });
  expect(lines.filter(({ message }) => message.includes('continueAsNew()'))).toMatchObject([{ level: 'warn', fields: { runId: 'long' } }]);
});

test('a run in the last of its generations is taken over by the next process', async () => {
  const store = memoryStore();
  const body = generations(3, async (n) => (n === 3 ? [n, now(), await event('go')] : step(`${n}`)));
  const before = testEngine({ store, startTime: 5000 });
  before.start(body, [1], { id: 'r' });
  await nextEvent(before, 'operation:started', ({ kind }) => kind === 'event');
  await before.get('r');
  await before.close({ timeout: 0 });
  const after = testEngine({ store, startTime: 9000 });
  await after.send('r', 'go', 'here');
  expect(await after.future('r')).toEqual([3, 5000, 'here']);
  expect(after.calls(step)).toEqual([]);
});

test('a message of the old generation that was kept is taken by whoever asks first in the next', async () => {
  const engine = sendingEngine();
  const body = aFlow(async (n: number): Promise<unknown> => {
    if (n === 2) {
      const futures = [event('n'), event('n')];
      await sendOnce('n', 'second');
      return Promise.all(futures);
    }
    await sendOnce('n', 'first');
    return continueAsNew(2);
  });
  expect(await engine.start(body, [1])).toEqual(['first', 'second']);
  await engine.assertReplays();
});
