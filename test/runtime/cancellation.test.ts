import { action, actionContext, asCompleted, CancelledError, type DurableFuture, type Engine, flow, shield, sleep, wait } from 'perdure';
import { describe, expect, test } from 'vitest';
import { deferred, inFlow, nextEvent, openEngine, settle, startFlow, thrownBy, unique } from '../api/with-engine.js';

const noop = action(unique('noop'), async (value: string) => value);
const sleeper = flow(unique('sleeper'), async () => {
  await sleep('7d');
});

/** An action that runs until its signal fires, and what tells about it. */
function abortable(): { start: () => DurableFuture<void>; running: Promise<void>; aborted: Promise<unknown> } {
  const [running, aborted] = [deferred(), deferred<unknown>()];
  const act = action(
    unique('abortable'),
    () =>
      new Promise<void>((_resolve, reject) => {
        const { signal } = actionContext();
        signal.addEventListener('abort', () => {
          aborted.resolve(signal.reason);
          reject(signal.reason);
        });
        running.resolve();
      }),
  );
  return { start: () => act.start(), running: running.promise, aborted: aborted.promise };
}

/** Cancels a run once it is recorded. */
async function cancelRun(engine: Engine, future: DurableFuture<unknown>, reason?: string): Promise<boolean> {
  await future.recorded();
  return engine.cancel(future.id, reason);
}

describe('cancelling an action', () => {
  test('settles its future at once, and its signal fires', async () => {
    const { start, running, aborted } = abortable();
    const gate = action(unique('gate'), () => running);
    const { future } = await startFlow(async () => {
      const started = start();
      await gate();
      const cancelled = started.cancel('changed my mind');
      const error = await thrownBy(() => started.result());
      return [cancelled, started.status, started.done(), error instanceof CancelledError, error.message, started.cancel()];
    });
    expect(await future[0]).toStrictEqual([true, 'CANCELLED', true, true, expect.stringContaining('changed my mind'), false]);
    expect(await aborted).toBeInstanceOf(CancelledError);
  });

  test('before it has begun means that its body never runs', async () => {
    let ran = false;
    const act = action(unique('act'), async () => {
      ran = true;
    });
    await inFlow(async () => {
      act.start().cancel();
      await sleep(1);
    });
    expect(ran).toBe(false);
  });

  test('ignores what the body returns later', async () => {
    const [gate, ended] = [deferred(), deferred()];
    const act = action(unique('act'), async () => {
      await gate.promise;
      ended.resolve();
      return 'late';
    });
    const afterIt = action(unique('after-it'), async () => {
      gate.resolve();
      await ended.promise;
    });
    const { future } = await startFlow(async () => {
      const started = act.start();
      await sleep(1);
      started.cancel();
      await afterIt();
      return [started.status, (await started.exception())?.name];
    });
    expect(await future[0]).toStrictEqual(['CANCELLED', 'CancelledError']);
  });

  test('the signal of an action that asks for it afterwards has fired', async () => {
    const [begun, gate, seen] = [deferred(), deferred(), deferred<boolean>()];
    const act = action(unique('act'), async () => {
      begun.resolve();
      await gate.promise;
      seen.resolve(actionContext().signal.aborted);
    });
    const waiting = action(unique('waiting'), () => begun.promise);
    await inFlow(async () => {
      const started = act.start();
      await waiting();
      started.cancel();
    });
    gate.resolve();
    expect(await seen.promise).toBe(true);
  });
});

describe('cancelling a child flow', () => {
  test('is a request: the child ends by itself, and then the future is done', async () => {
    const seen = await inFlow(async () => {
      const child = sleeper.start();
      await sleep(1);
      const asked = child.cancel('not needed');
      const before = child.done();
      const error = await child.exception();
      return [asked, before, child.status, error?.name, error?.message];
    });
    expect(seen).toStrictEqual([true, false, 'CANCELLED', 'CancelledError', expect.stringContaining('not needed')]);
  });

  test('in the turn of its start is not lost', async () => {
    const seen = await inFlow(async () => {
      const child = sleeper.start();
      child.cancel();
      return (await child.exception())?.name;
    });
    expect(seen).toBe('CancelledError');
  });

  test('a child that catches its cancellation and returns has succeeded', async () => {
    const stubborn = flow(unique('stubborn'), async () => {
      await sleep('7d').catch(() => undefined);
      return 'anyway';
    });
    expect(
      await inFlow(async () => {
        const child = stubborn.start();
        await sleep(1);
        child.cancel();
        return [await child, child.status];
      }),
    ).toStrictEqual(['anyway', 'SUCCEEDED']);
  });
});

describe('cancelling a run', () => {
  test('throws CancelledError where the flow waits; finally runs; the run is CANCELLED', async () => {
    const seen: string[] = [];
    const { engine, future } = await startFlow(async () => {
      try {
        await sleep('7d');
      } catch (error) {
        seen.push((error as Error).name);
        throw error;
      } finally {
        seen.push('finally');
      }
    });
    const root = future[0] as DurableFuture<void>;
    expect(await cancelRun(engine, root, 'closing time')).toBe(true);
    expect((await root.exception())?.message).toContain('closing time');
    expect(root.status).toBe('CANCELLED');
    expect(seen).toStrictEqual(['CancelledError', 'finally']);
    expect((await engine.get(root.id)).status).toBe('CANCELLED');
  });

  const endings: readonly [string, () => Promise<string>, string][] = [
    ['returns', async () => 'value', 'SUCCEEDED'],
    [
      'throws CancelledError',
      async () => {
        throw new CancelledError('mine');
      },
      'CANCELLED',
    ],
    [
      'throws something else',
      async () => {
        throw new TypeError('other');
      },
      'FAILED',
    ],
  ];
  test.each(endings)('a body that then %s decides the status', async (_how, then, status) => {
    const { engine, future } = await startFlow(async () => {
      await sleep('7d').catch(() => undefined);
      return then();
    });
    const root = future[0] as DurableFuture<unknown>;
    await cancelRun(engine, root);
    await root.exception();
    expect(root.status).toBe(status);
  });

  test('is sticky: later calls throw, start() gives CANCELLED futures, wait() throws', async () => {
    const { engine, future } = await startFlow(async () => {
      await sleep('7d').catch(() => undefined);
      const started = noop.start('x');
      const child = sleeper.start();
      const timer = sleep.start(0);
      return {
        statuses: [started.status, child.status, timer.status],
        done: [started.done(), child.done(), timer.done()],
        call: (await thrownBy(() => noop('x'))).name,
        childCall: (await thrownBy(() => sleeper())).name,
        sleep: (await thrownBy(() => sleep(0))).name,
        wait: (await thrownBy(() => wait([started]))).name,
        emptyWait: (await thrownBy(() => wait([]))).name,
      };
    });
    const root = future[0] as DurableFuture<unknown>;
    await cancelRun(engine, root);
    expect(await root).toStrictEqual({
      statuses: ['CANCELLED', 'CANCELLED', 'CANCELLED'],
      done: [true, true, true],
      call: 'CancelledError',
      childCall: 'CancelledError',
      sleep: 'CancelledError',
      wait: 'CancelledError',
      emptyWait: 'CancelledError',
    });
  });

  test('settles pending actions and fires their signals', async () => {
    const { start, running, aborted } = abortable();
    const { engine, future } = await startFlow(async () => {
      await start();
    });
    await running;
    await cancelRun(engine, future[0] as DurableFuture<void>);
    expect(await aborted).toBeInstanceOf(CancelledError);
    expect(await (future[0] as DurableFuture<void>).exception()).toBeInstanceOf(CancelledError);
  });

  test('cancels its children', async () => {
    const childId = unique('child-run');
    const { engine, future } = await startFlow(async () => {
      await sleeper.with({ id: childId })();
    });
    const root = future[0] as DurableFuture<void>;
    await root.recorded();
    await settle();
    await engine.cancel(root.id);
    expect(await root.exception()).toBeInstanceOf(CancelledError);
    expect(await engine.future(childId).exception()).toBeInstanceOf(CancelledError);
  });

  test('does not cancel a child that was only attached to', async () => {
    const childId = unique('attached');
    const { engine, future } = await startFlow(async () => {
      await sleeper.with({ id: childId })();
    });
    const owned = engine.start(sleeper.with({ id: childId }), []);
    await owned.recorded();
    const root = engine.start(
      flow(unique('attaching'), async () => sleeper.with({ id: childId })()),
      [],
    );
    await root.recorded();
    await settle();
    await engine.cancel(root.id);
    expect(await root.exception()).toBeInstanceOf(CancelledError);
    await settle();
    expect((await engine.get(childId)).status).toBe('RUNNING');
    owned.cancel();
    await (future[0] as DurableFuture<void>).exception();
  });

  test('answers false for a run that has ended', async () => {
    const { engine } = await openEngine();
    const future = engine.start(
      flow(unique('run'), async () => 1),
      [],
    );
    await future;
    expect(await engine.cancel(future.id)).toBe(false);
  });

  test('twice is once', async () => {
    const { engine, future } = await startFlow(async () => {
      let times = 0;
      for (const step of [1, 2]) {
        await sleep('7d').catch(() => {
          times += step / step;
        });
      }
      return times;
    });
    const root = future[0] as DurableFuture<number>;
    await root.recorded();
    await Promise.all([engine.cancel(root.id, 'one'), engine.cancel(root.id, 'two')]);
    expect(await root).toBe(2);
  });

  test('is not seen before it is delivered', async () => {
    const { engine } = await openEngine();
    const gate = deferred();
    const gated = action(unique('gated'), () => gate.promise);
    const run = flow(unique('run'), async () => {
      const first = gated.start();
      const name = (await first.exception())?.name ?? 'none';
      return name;
    });
    const future = engine.start(run, []);
    await future.recorded();
    const asked = engine.cancel(future.id);
    await asked;
    gate.resolve();
    expect(await future).toBe('CancelledError');
  });
});

describe('shield()', () => {
  test('clean-up in finally goes through although the run is cancelled', async () => {
    const released: string[] = [];
    const release = action(unique('release'), async (what: string) => {
      released.push(what);
      return what;
    });
    const { engine, future } = await startFlow(async () => {
      try {
        await sleep('7d');
      } finally {
        await shield(async () => {
          await release('one');
          await sleep(1);
          await wait([release.start('two')]);
        });
      }
    });
    const root = future[0] as DurableFuture<void>;
    await cancelRun(engine, root);
    expect(await root.exception()).toBeInstanceOf(CancelledError);
    expect(released).toStrictEqual(['one', 'two']);
  });

  test('is not interrupted by a cancellation that comes while it runs', async () => {
    const [running, gate] = [deferred(), deferred<string>()];
    const gated = action(unique('gated'), () => {
      running.resolve();
      return gate.promise;
    });
    const { engine, future } = await startFlow(async () => {
      const value = await shield(async () => gated());
      return [value, (await thrownBy(() => sleep(0))).name];
    });
    const root = future[0] as DurableFuture<unknown>;
    await running.promise;
    await engine.cancel(root.id);
    await settle();
    gate.resolve('whole');
    expect(await root).toStrictEqual(['whole', 'CancelledError']);
  });

  test('gives the result and the error of its body', async () => {
    expect(
      await inFlow(async () => [
        await shield(async () => 'value'),
        await shield(() => 'sync'),
        (await thrownBy(() => shield(() => Promise.reject(new TypeError('x'))))).name,
      ]),
    ).toStrictEqual(['value', 'sync', 'TypeError']);
  });

  test('can be nested', async () => {
    const { engine, future } = await startFlow(async () => {
      await sleep('7d').catch(() => undefined);
      const inside = await shield(async () => {
        const nested = await shield(async () => noop('nested'));
        return [nested, await noop('after')];
      });
      return [...inside, (await thrownBy(() => noop('outside'))).name];
    });
    const root = future[0] as DurableFuture<unknown>;
    await cancelRun(engine, root);
    expect(await root).toStrictEqual(['nested', 'after', 'CancelledError']);
  });

  test('the end of a run waits for its shield, even if nobody awaits it', async () => {
    const gate = deferred();
    const seen: string[] = [];
    const gated = action(unique('gated'), () => gate.promise);
    const { future } = await startFlow(async () => {
      void shield(async () => {
        await gated();
        seen.push('shield');
      });
      return 'returned';
    });
    const root = future[0] as DurableFuture<string>;
    await root.recorded();
    await settle();
    expect(root.done()).toBe(false);
    gate.resolve();
    expect(await root).toBe('returned');
    expect(seen).toStrictEqual(['shield']);
  });

  test('a timer, a child and a wait inside it are not cancelled with the run', async () => {
    const child = flow(unique('child'), async () => {
      await sleep(5);
      return 'child';
    });
    const { engine, future } = await startFlow(async () =>
      shield(async () => {
        const futures = [child.start(), sleep.start(5)] as DurableFuture<unknown>[];
        const { done } = await wait(futures);
        return [...done].map(({ status }) => status);
      }),
    );
    const root = future[0] as DurableFuture<string[]>;
    await cancelRun(engine, root);
    expect(await root).toStrictEqual(['SUCCEEDED', 'SUCCEEDED']);
  });
});

test('a flow that throws has its running operations cancelled before it is FAILED', async () => {
  const { start, running, aborted } = abortable();
  const gate = action(unique('gate'), () => running);
  const { future } = await startFlow(
    async () => {
      start();
      await gate();
      throw new TypeError('own');
    },
    { leaks: 'ignore' },
  );
  expect(await aborted).toBeInstanceOf(CancelledError);
  await expect((future[0] as DurableFuture<never>).result()).rejects.toBeInstanceOf(TypeError);
});

describe('a future that cancellation passes by', () => {
  const ways = {
    'of a shield, awaited outside': async () => {
      const [timer] = await shield(async () => [sleep.start('7d')]);
      await timer;
    },
    'of a shield, awaited outside with a limit': async () => {
      const [timer] = await shield(async () => [sleep.start('7d')]);
      await timer?.result({ timeout: '1h' });
    },
    'that was detached': async () => {
      const child = flow(unique('child'), async () => sleep('7d')).start();
      child.detach();
      await child.exception();
    },
    'of a shield, in asCompleted': async () => {
      const timers = await shield(async () => [sleep.start('7d')]);
      for await (const timer of asCompleted(timers)) timer.done();
    },
  };

  test.each(Object.entries(ways))('%s lets go of whoever waits', async (way, body) => {
    const { engine } = await openEngine({ leaks: 'ignore' });
    const waiting = nextEvent(engine, 'operation:started', () => true);
    const root = engine.start(flow(unique(way), body), []);
    await waiting;
    await engine.cancel(root.id);
    expect(await root.exception()).toBeInstanceOf(CancelledError);
  });

  test('gives its outcome to whoever asks again inside a shield', async () => {
    const gate = deferred<string>();
    const gated = action(unique('gated'), () => gate.promise);
    const { engine } = await openEngine();
    const waiting = nextEvent(engine, 'operation:started', () => true);
    const run = flow(unique('run'), async () => {
      const [future] = await shield(async () => [gated.start()]);
      const first = await future?.result().catch((error: unknown) => (error as Error).name);
      gate.resolve('outcome');
      return [first, await shield(async () => future)];
    });
    const root = engine.start(run, []);
    await waiting;
    await engine.cancel(root.id);
    expect(await root).toStrictEqual(['CancelledError', 'outcome']);
  });
});
