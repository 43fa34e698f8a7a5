import { action, CancelledError, type DurableFuture, flow, sleep, TimeoutError } from 'perdure';
import { describe, expect, test } from 'vitest';
import { deferred, inFlow, nextEvent, openEngine, settle, startFlow, thrownBy, unique } from '../api/with-engine.js';

const succeed = action(unique('succeed'), async () => 'value');
const fail = action(unique('fail'), async (): Promise<string> => {
  throw new RangeError('failed');
});
const childThatSucceeds = flow(unique('child-succeeds'), async () => 'value');
const childThatFails = flow(unique('child-fails'), async (): Promise<string> => {
  throw new RangeError('failed');
});

const kinds: readonly [string, () => DurableFuture<string>, () => DurableFuture<string>][] = [
  ['action', () => succeed.start(), () => fail.start()],
  ['flow', () => childThatSucceeds.start(), () => childThatFails.start()],
];

describe.each(kinds)('the future of an %s in a flow', (kind, start, startFailing) => {
  test('goes from STARTED to SUCCEEDED', async () => {
    const seen = await inFlow(async () => {
      const future = start();
      const before = [future.kind, future.status, future.done()];
      const value = await future.result();
      return [before, value, future.status, future.done(), await future.exception()];
    });
    expect(seen).toStrictEqual([[kind, 'STARTED', false], 'value', 'SUCCEEDED', true, undefined]);
  });

  test('goes from STARTED to FAILED', async () => {
    const seen = await inFlow(async () => {
      const future = startFailing();
      const exception = await future.exception();
      const thrown = await thrownBy(() => future.result());
      return [future.status, future.done(), exception instanceof RangeError, exception?.message, thrown === exception];
    });
    expect(seen).toStrictEqual(['FAILED', true, true, 'failed', true]);
  });

  test('is awaited as its result', async () => {
    expect(await inFlow(async () => [await start(), (await thrownBy(startFailing)).message])).toStrictEqual(['value', 'failed']);
  });

  test('can be asked several times', async () => {
    expect(
      await inFlow(async () => {
        const future = start();
        return [await future, await future.result(), ...(await Promise.all([future, future.result()]))];
      }),
    ).toStrictEqual(['value', 'value', 'value', 'value']);
  });

  test('is not cancelled once it is done', async () => {
    expect(
      await inFlow(async () => {
        const future = start();
        await future;
        return [future.cancel(), future.status];
      }),
    ).toStrictEqual([false, 'SUCCEEDED']);
  });

  test('raises no unhandledRejection when it fails and nobody listens', async () => {
    const { engine, future } = await startFlow(
      async () => {
        startFailing();
        await sleep(10);
        return 'through';
      },
      { leaks: 'ignore' },
    );
    // Vitest fails the run when a rejection is not handled.
    expect(await future[0]).toBe('through');
    await settle();
    expect((await engine.list()).length).toBeGreaterThan(0);
  });

  test('recorded() belongs outside flows', async () => {
    const codes = await inFlow(async () => {
      const future = start();
      const { code } = await thrownBy(() => future.recorded());
      await future;
      return code;
    });
    expect(codes).toBe('ENGINE_IN_FLOW');
  });

  test('works with the four joins of Promise', async () => {
    const seen = await inFlow(async () => {
      const all = await Promise.all([start(), start(), 'plain']);
      const any = await Promise.any([startFailing(), start()]);
      const race = await Promise.race([start()]);
      const settled = await Promise.allSettled([start(), startFailing()]);
      return { all, any, race, settled: settled.map(({ status }) => status) };
    });
    expect(seen).toStrictEqual({ all: ['value', 'value', 'plain'], any: 'value', race: 'value', settled: ['fulfilled', 'rejected'] });
  });

  test('Promise.all rejects with the error of the operation', async () => {
    const error = await inFlow(async () => thrownBy(() => Promise.all([start(), startFailing()]))).catch((thrown: unknown) => thrown);
    // What a flow returns is a value: errors among values keep their class.
    expect(error).toBeInstanceOf(RangeError);
  });
});

describe('the future of a timer', () => {
  test('goes from STARTED to SUCCEEDED', async () => {
    const seen = await inFlow(async () => {
      const timer = sleep.start(1);
      const before = [timer.kind, timer.name, timer.status, timer.done()];
      return [before, await timer.result(), timer.status, timer.done(), await timer.exception()];
    });
    expect(seen).toStrictEqual([['timer', 'sleep', 'STARTED', false], undefined, 'SUCCEEDED', true, undefined]);
  });

  test('is settled CANCELLED in the turn in which it is cancelled', async () => {
    const seen = await inFlow(async () => {
      const timer = sleep.start('7d');
      const cancelled = timer.cancel('no need');
      const thrown = await thrownBy(() => timer.result());
      return [cancelled, timer.status, timer.done(), thrown instanceof CancelledError, thrown.code, thrown.message, timer.cancel()];
    });
    expect(seen).toStrictEqual([true, 'CANCELLED', true, true, 'CANCELLED', expect.stringContaining('no need'), false]);
  });

  test('loses a race against an action', async () => {
    expect(
      await inFlow(async () => {
        const late = sleep.start('1h');
        const winner = await Promise.race([late.result().then(() => 'late'), succeed()]);
        late.cancel();
        return winner;
      }),
    ).toBe('value');
  });
});

describe('ids', () => {
  test('operations are numbered in the order of their starts', async () => {
    const ids = await inFlow(async () => {
      const futures = [succeed.start(), sleep.start(0), succeed.start()];
      await Promise.all(futures);
      return futures.map(({ id }) => id);
    });
    expect(ids).toStrictEqual(['0', '1', '2']);
  });

  test('a child flow goes by the id of its run', async () => {
    const { engine, future } = await startFlow(async () => {
      const child = childThatSucceeds.start();
      await child;
      return child.id;
    });
    expect(await engine.future(await (future[0] as DurableFuture<string>).result())).toBe('value');
  });
});

describe('limits on waiting', () => {
  test.each(['result', 'exception'] as const)('%s() in a flow throws WAIT_TIMEOUT and leaves the operation running', async (method) => {
    const { promise, resolve } = deferred<string>();
    const sent = deferred();
    const slow = action(unique('slow'), () => promise);
    const { engine, future } = await startFlow(async () => {
      const started = slow.start();
      const error = await thrownBy(() => started[method]({ timeout: 5 }));
      const seen = [error instanceof TimeoutError, error.name, error.code, started.status];
      sent.resolve();
      return [seen, await started.result()];
    });
    await sent.promise;
    resolve('late');
    expect(await future[0]).toStrictEqual([[true, 'TimeoutError', 'WAIT_TIMEOUT', 'STARTED'], 'late']);
    expect((await engine.list()).map(({ status }) => status)).toStrictEqual(['SUCCEEDED']);
  });

  test.each(['result', 'exception'] as const)('%s() of a root run throws WAIT_TIMEOUT and leaves the run running', async (method) => {
    const gate = deferred<string>();
    const slow = action(unique('slow'), () => gate.promise);
    const { future } = await startFlow(async () => slow());
    const root = future[0] as DurableFuture<string>;
    expect(await thrownBy(() => root[method]({ timeout: 1 }))).toMatchObject({ name: 'TimeoutError', code: 'WAIT_TIMEOUT' });
    expect(root.status).toBe('STARTED');
    gate.resolve('late');
    expect(await root.result({ timeout: '1h' })).toBe('late');
  });

  test.each(['result', 'exception'] as const)('%s() that is in time gives the outcome', async (method) => {
    const expected = method === 'result' ? 'value' : undefined;
    const { lines, future } = await startFlow(async () => succeed.start()[method]({ timeout: '7d' }));
    expect(await future[0]).toBe(expected);
    expect(lines).toStrictEqual([]);
  });

  test('a limit on what is done already is not waited for', async () => {
    expect(
      await inFlow(async () => {
        const future = succeed.start();
        await future;
        return future.result({ timeout: 0 });
      }),
    ).toBe('value');
  });

  test('a failure within the limit is the own error of the operation', async () => {
    expect(await inFlow(async () => (await thrownBy(() => fail.start().result({ timeout: '1h' }))).name)).toBe('RangeError');
  });
});

describe('the future of a root run', () => {
  test('is a flow future with the id of the run and the name of the flow', async () => {
    const { engine } = await openEngine();
    const future = engine.start(childThatSucceeds, []);
    expect([future.kind, future.name, future.status, future.done()]).toStrictEqual(['flow', childThatSucceeds.name, 'STARTED', false]);
    expect(await future.result()).toBe('value');
    expect([future.status, future.done(), future.cancel()]).toStrictEqual(['SUCCEEDED', true, false]);
    expect((await engine.get(future.id)).status).toBe('SUCCEEDED');
  });

  test('gives the error of a run that failed, both ways', async () => {
    const { engine } = await openEngine();
    const future = engine.start(childThatFails, []);
    const error = await future.exception();
    expect(error).toBeInstanceOf(RangeError);
    await expect(future).rejects.toBe(error);
    expect(future.status).toBe('FAILED');
  });

  test('works with the four joins of Promise', async () => {
    const { engine } = await openEngine();
    const start = () => engine.start(childThatSucceeds, []);
    const startFailing = () => engine.start(childThatFails, []);
    expect(await Promise.all([start(), start()])).toStrictEqual(['value', 'value']);
    expect(await Promise.any([startFailing(), start()])).toBe('value');
    expect(await Promise.race([start()])).toBe('value');
    expect((await Promise.allSettled([start(), startFailing()])).map(({ status }) => status)).toStrictEqual(['fulfilled', 'rejected']);
  });

  test('is recorded before its run has ended', async () => {
    const gate = deferred<string>();
    const slow = action(unique('slow'), () => gate.promise);
    const { engine, future } = await startFlow(async () => slow());
    const root = future[0] as DurableFuture<string>;
    await root.recorded();
    expect((await engine.get(root.id)).status).toBe('RUNNING');
    gate.resolve('done');
    await root;
    await root.recorded();
  });

  test('raises no unhandledRejection when it fails and nobody listens', async () => {
    const { engine } = await openEngine();
    const finished = nextEvent(engine, 'run:finished');
    engine.start(childThatFails, []);
    expect((await finished).status).toBe('FAILED');
    await settle();
  });

  test('cancel() asks for the cancellation of the run', async () => {
    const { future } = await startFlow(async () => sleep('7d'));
    const root = future[0] as DurableFuture<void>;
    await root.recorded();
    expect(root.cancel('enough')).toBe(true);
    const error = await root.exception();
    expect(error).toBeInstanceOf(CancelledError);
    expect(error?.message).toContain('enough');
    expect(root.status).toBe('CANCELLED');
  });

  test('cancel() in the turn of the start is not lost', async () => {
    const { engine } = await openEngine();
    const started = engine.start(
      flow(unique('flow'), async () => sleep('7d')),
      [],
    );
    expect(started.cancel()).toBe(true);
    expect(await started.exception()).toBeInstanceOf(CancelledError);
  });

  test('detach() does nothing to the run', async () => {
    const { engine } = await openEngine();
    const future = engine.start(childThatSucceeds, []);
    future.detach();
    expect(await future).toBe('value');
  });
});

describe('engine.future', () => {
  test('finds a run by its id, running or ended', async () => {
    const gate = deferred<string>();
    const slow = action(unique('slow'), () => gate.promise);
    const { engine, future } = await startFlow(async () => slow());
    const root = future[0] as DurableFuture<string>;
    await root.recorded();
    const attached = engine.future<string>(root.id);
    expect([attached.id, attached.kind, attached.status]).toStrictEqual([root.id, 'flow', 'STARTED']);
    gate.resolve('done');
    expect(await attached).toBe('done');
    expect(attached.name).toBe(root.name);
    expect(await engine.future(root.id)).toBe('done');
  });

  test('gives the error of a run that failed', async () => {
    const { engine } = await openEngine();
    const { id } = engine.start(childThatFails, []);
    expect(await engine.future(id).exception()).toBeInstanceOf(RangeError);
  });

  test('finds a run whose start is not written yet', async () => {
    const { engine } = await openEngine();
    const { id } = engine.start(childThatSucceeds, []);
    expect(await engine.future(id)).toBe('value');
  });

  test('rejects for an id that no run has', async () => {
    const { engine } = await openEngine();
    const future = engine.future('nobody');
    await expect(future.result()).rejects.toMatchObject({
      name: 'UsageError',
      code: 'RUN_NOT_FOUND',
      message: expect.stringContaining('nobody'),
    });
    await expect(future.recorded()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    expect(await future.exception()).toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  test('raises no unhandledRejection for an unknown id', async () => {
    const { engine } = await openEngine();
    engine.future('nobody');
    await settle();
  });

  test('cancels a run', async () => {
    const { engine, future } = await startFlow(async () => sleep('7d'));
    const root = future[0] as DurableFuture<void>;
    expect(engine.future(root.id).cancel()).toBe(true);
    expect(await root.exception()).toBeInstanceOf(CancelledError);
  });
});

test('exception() gives the error of a value that cannot be read', async () => {
  const unreadable = {
    serialize: JSON.stringify,
    deserialize: (text: string): unknown => {
      if (text === '5') throw new RangeError('unreadable');
      return JSON.parse(text);
    },
  };
  const { engine } = await openEngine();
  const future = engine.start(
    flow(unique('five'), async () => 5, { serdes: unreadable }),
    [],
  );
  const errors = [await future.exception(), await future.exception(), await thrownBy(() => future.result())];
  const seen = [future.status, ...errors.map((error) => (error as { code?: string }).code)];
  expect(seen).toStrictEqual(['SUCCEEDED', ...Array(3).fill('VALUE_UNREADABLE')]);
});
