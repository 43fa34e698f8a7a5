import { action, actionContext, CancelledError, flow, LeakedFuturesError, memoryStore, parallel, sleep, UsageError } from 'perdure';
import { describe, expect, test } from 'vitest';
import { deferred, nextEvent, openEngine, unique } from '../api/with-engine.js';

/** Something that cannot even be turned into text. */
const INDESCRIBABLE: unknown = Object.create(null);

describe('a failed operation that nobody handles', () => {
  const failing = action(unique('failing'), async () => {
    throw new Error('nobody listens');
  });
  const ways = {
    'a direct call': async () => {
      void failing();
      await sleep(5);
    },
    'a result() nobody awaits': async () => {
      void failing.start().result();
      await sleep(5);
    },
    'a closure nobody awaits': async () => {
      void (async () => failing())();
      await sleep(5);
    },
    'a rejection in the last turn': async () => {
      void Promise.reject(new Error('nobody listens'));
    },
  };

  test.each(Object.entries(ways))('%s is held and reported as a leak', async (way, body) => {
    const { engine } = await openEngine();
    const leak = nextEvent(engine, 'leak', () => true);
    await engine.start(flow(unique(way), body), []);
    expect((await leak).futures).toMatchObject([{ state: 'REJECTED', error: { message: 'nobody listens' } }]);
  });

  test("fails the flow under leaks: 'error', in its last turn as well", async () => {
    const { engine } = await openEngine({ leaks: 'error' });
    const run = flow(unique('run'), ways['a rejection in the last turn']);
    expect(await engine.start(run, []).exception()).toBeInstanceOf(LeakedFuturesError);
  });
});

describe('something thrown that cannot even be looked at', () => {
  const unreadable = (): unknown => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };

  test('fails the flow that throws it', async () => {
    const { engine } = await openEngine();
    const run = flow(unique('run'), async () => {
      throw unreadable();
    });
    const error = await engine.start(run, []).exception();
    expect(error?.message).toBe('what was thrown cannot be read');
  });

  test('by a cancelled branch is logged', async () => {
    const { engine, lines } = await openEngine();
    const run = flow(unique('run'), async () => {
      const branches = [
        () => 1,
        async () => {
          await sleep('1h').catch(() => {
            throw unreadable();
          });
        },
      ];
      const result = await parallel(branches, { completionConfig: { minSuccessful: 1 } });
      return result.all.map(({ status }) => status);
    });
    expect(await engine.start(run, [])).toStrictEqual(['SUCCEEDED', 'STARTED']);
    expect(lines.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('was cancelled, and failed while it came to its end: an error that cannot be read'),
    );
  });
});

test('a loop that polls the engine lets its runs go on', async () => {
  const { engine } = await openEngine();
  const run = flow(unique('run'), async () => sleep(5));
  const { id } = engine.start(run, []);
  while ((await engine.get(id)).status === 'RUNNING');
  expect((await engine.get(id)).status).toBe('SUCCEEDED');
});

describe('the reason of a cancellation', () => {
  test('that is no short text is refused by the engine and by the future', async () => {
    const { engine } = await openEngine();
    const run = flow(unique('run'), async () => sleep('1h'));
    const future = engine.start(run, []);
    const long = 'x'.repeat(10_001);
    await expect(engine.cancel(future.id, long)).rejects.toThrow(UsageError);
    expect(() => future.cancel(long)).toThrow(UsageError);
    await engine.cancel(future.id, 'x'.repeat(10_000));
    expect(await future.exception()).toBeInstanceOf(CancelledError);
  });
});

describe('what cannot be described', () => {
  test('is the error of a run, and disturbs no listener', async () => {
    const { engine } = await openEngine();
    const seen: unknown[] = [];
    engine.on('run:finished', ({ error }) => seen.push(error?.message));
    engine.on('attempt:failed', ({ error }) => seen.push(error.message));
    const act = action(unique('act'), async () => {
      throw INDESCRIBABLE;
    });
    const run = flow(unique('run'), async () => {
      void Promise.reject(INDESCRIBABLE);
      await act().catch(() => undefined);
      throw INDESCRIBABLE;
    });
    expect(await engine.start(run, []).exception()).toBeInstanceOf(Error);
    expect(seen).toStrictEqual(['something that cannot be described', 'something that cannot be described']);
  });
});

test('a limit on waiting that is refused leaves nobody waiting', async () => {
  const { engine } = await openEngine({ nonDurableAwait: 'error' });
  const gate = deferred<string>();
  const gated = action(unique('gated'), () => gate.promise);
  const run = flow(unique('run'), async () => {
    const future = gated.start();
    await new Promise((resolve) => setImmediate(resolve));
    const refused = await future.result({ timeout: '1h' }).catch((error: unknown) => (error as UsageError).code);
    gate.resolve('done');
    return [refused, await future];
  });
  expect(await engine.start(run, [])).toStrictEqual(['NON_DURABLE_AWAIT', 'done']);
});

test('a run that blocks after it has dispatched actions stops them', async () => {
  const store = memoryStore();
  const [name, actions] = [unique('run'), [unique('long'), unique('short'), unique('last')]];
  const signals: AbortSignal[] = [];
  const long = action(actions[0] as string, async () => {
    signals.push(actionContext().signal);
    await new Promise(() => {});
  });
  const open = { gate: false };
  const short = action(actions[1] as string, async () => (open.gate ? undefined : new Promise(() => {})));
  const last = action(actions[2] as string, async () => new Promise(() => {}));
  const first = await openEngine({ store });
  const begun = nextEvent(first.engine, 'operation:started', (event) => event.name === actions[2]);
  first.engine.start(
    flow(name, async () => {
      const futures = [long.start(), short.start(), last.start()];
      await Promise.all(futures);
    }),
    [],
    { id: name },
  );
  await begun;
  await first.engine.close({ timeout: 0 });

  open.gate = true;
  flow(
    name,
    async () => {
      void long.start();
      await short.start();
      await sleep(1);
    },
    { replace: true },
  );
  const second = await openEngine({ store, leaks: 'ignore' });
  const blocked = await nextEvent(second.engine, 'run:blocked', ({ runId }) => runId === name);
  expect(blocked.error.message).toContain('timer "sleep"');
  expect(signals.map((signal) => signal.aborted)).toStrictEqual([true, true]);
});
