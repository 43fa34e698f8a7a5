import { action, createRetryStrategy, type DurableFuture, flow, memoryStore, NonRetryableError, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { type LogLine, nextEvent, openEngine, settle, unique } from '../api/with-engine.js';

/** The warnings: their messages and fields, without stacks. */
function warnings(lines: readonly LogLine[]): { message: string; fields: Record<string, unknown> }[] {
  return lines
    .filter(({ level }) => level === 'warn')
    .map(({ message, fields: { error, ...fields } }) => {
      const { name, message: told } = (error ?? {}) as { name?: string; message?: string };
      return { message, fields: { ...fields, ...(error === undefined ? {} : { error: `${name}: ${told}` }) } };
    });
}

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);

describe('a failed attempt is logged', () => {
  const failing = (name: string, error: () => Error = () => new TypeError('busy')) =>
    action(name, async () => {
      throw error();
    });

  test('each time, with its number, the number of attempts, and the time of the next', async () => {
    const { engine, lines } = await openEngine();
    const charge = failing(unique('charge')).with({ retry: createRetryStrategy({ maxAttempts: 3, initialDelay: 1, jitter: 'NONE' }) });
    const order = flow(unique('order'), async () => charge().catch(() => 'caught'));
    expect(await engine.start(order, [], { id: 'run' })).toBe('caught');
    const fields = { runId: 'run', flow: order.name, operationId: '0', maxAttempts: 3, error: 'TypeError: busy' };
    const what = `action "${charge.name}" failed: TypeError: busy`;
    expect(warnings(lines)).toStrictEqual([
      {
        message: expect.stringMatching(`^attempt 1 of 3 of ${what}; the next is due at \\d{4}-`),
        fields: { ...fields, attempt: 1, nextAt: TIME },
      },
      {
        message: expect.stringMatching(`^attempt 2 of 3 of ${what}; the next is due at \\d{4}-`),
        fields: { ...fields, attempt: 2, nextAt: TIME },
      },
      { message: `attempt 3 of 3 of ${what}; it was the last`, fields: { ...fields, attempt: 3 } },
    ]);
  });

  test.each<[string, Parameters<ReturnType<typeof failing>['with']>[0], () => Error, string]>([
    ['without a strategy', {}, () => new Error('no'), 'attempt 1 of 1'],
    ['where no other is worth it', { retry: createRetryStrategy({ maxAttempts: 5 }) }, () => new NonRetryableError('no'), 'attempt 1 of 5'],
    ['where a strategy says no number', { retry: () => ({ retry: false }) }, () => new Error('no'), 'attempt 1'],
  ])('that is the only one: %s', async (_what, call, error, number) => {
    const { engine, lines } = await openEngine();
    const once = failing(unique('once'), error).with(call);
    await engine.start(
      flow(unique('order'), async () => once().catch(() => 'caught')),
      [],
    );
    expect(lines.map(({ message }) => message)).toStrictEqual([
      expect.stringMatching(new RegExp(`^${number} of action .*; it was the last$`)),
    ]);
  });

  test('and so is a strategy that fails, with the run, the flow and the operation', async () => {
    const { engine, lines } = await openEngine();
    const retry = (): never => {
      throw new Error('broken');
    };
    const charge = failing(unique('charge')).with({ retry });
    const child = flow(unique('child'), async () => charge.with({ retry: createRetryStrategy({ maxAttempts: 1 }) })());
    const order = flow(unique('order'), async () => {
      await charge().catch(() => 'caught');
      await child
        .with({ retry })()
        .catch(() => 'caught');
    });
    await engine.start(order, [], { id: 'run' });
    const told = warnings(lines).filter(({ message }) => message.startsWith('the retry strategy of'));
    expect(told.map(({ fields }) => fields)).toStrictEqual(
      ['0', '1'].map((operationId) => ({ runId: 'run', flow: order.name, operationId, error: 'Error: broken' })),
    );
  });

  test('of a child flow that is retried, and of one that took too long', async () => {
    const { engine, lines } = await openEngine();
    let tries = 0;
    const child = flow(unique('child'), async () => {
      tries += 1;
      if (tries === 1) throw new Error('first');
    });
    const slow = action(unique('slow'), () => new Promise(() => {}), { timeout: 1 });
    const parent = flow(unique('parent'), async () => {
      await child.with({ retry: createRetryStrategy({ maxAttempts: 2, initialDelay: 1 }) })();
      await slow().catch(() => 'caught');
    });
    await engine.start(parent, [], { id: 'parent' });
    expect(warnings(lines)).toMatchObject([
      {
        message: expect.stringMatching(`^attempt 1 of 2 of flow "${child.name}" failed: Error: first; the next is due`),
        fields: { runId: 'parent' },
      },
      { message: expect.stringMatching(`^attempt 1 of 1 of action "${slow.name}" failed: TimeoutError: .*; it was the last$`) },
    ]);
  });

  test('once, and not again when the run is replayed', async () => {
    const store = memoryStore();
    const first = await openEngine({ store });
    const once = failing(unique('once'));
    const order = flow(unique('order'), async () => {
      await once().catch(() => 'caught');
      await sleep('1h');
    });
    const slept = nextEvent(first.engine, 'operation:started', ({ kind }) => kind === 'timer');
    first.engine.start(order, [], { id: 'run' });
    await slept;
    await first.engine.close();
    expect(first.lines).toHaveLength(1);
    const second = await openEngine({ store });
    await settle();
    expect(second.lines).toStrictEqual([]);
  });
});

describe('a run that failed is logged', () => {
  const fails = (): ReturnType<typeof flow<[], never>> =>
    flow(unique('fails'), async (): Promise<never> => {
      throw new RangeError('lost');
    });
  const FAILED = /^flow "fails-\d+" \(run .*\) failed, and nobody waits for its result: RangeError: lost$/;

  test('when nobody waits for it', async () => {
    const { engine, lines } = await openEngine();
    const lost = fails();
    const ended = nextEvent(engine, 'run:finished');
    await engine.start(lost, [], { id: 'run' }).recorded();
    await ended;
    expect(warnings(lines)).toStrictEqual([
      { message: expect.stringMatching(FAILED), fields: { runId: 'run', flow: lost.name, error: 'RangeError: lost' } },
    ]);
  });

  test.each<[string, (future: DurableFuture<unknown>) => unknown]>([
    ['its future', async (future) => future.result().catch(() => {})],
    ['its exception', (future) => void future.exception()],
    ['it and others', (future) => void Promise.allSettled([future])],
  ])('not when somebody waits for %s', async (_what, wait) => {
    const { engine, lines } = await openEngine();
    const ended = nextEvent(engine, 'run:finished');
    wait(engine.start(fails(), []));
    await ended;
    await settle();
    expect(lines).toStrictEqual([]);
  });

  test('not when somebody who asked by its id waits for it', async () => {
    const { engine, lines } = await openEngine();
    const later = flow(unique('fails'), async () => {
      await sleep(20);
      throw new RangeError('lost');
    });
    await engine.start(later, [], { id: 'run' }).recorded();
    expect(await engine.future('run').exception()).toBeInstanceOf(RangeError);
    expect(lines).toStrictEqual([]);
  });

  test('not when it is a child whose parent waits for it, or was told of the leak', async () => {
    const { engine, lines } = await openEngine();
    const lost = fails();
    const parent = flow(unique('parent'), async () => {
      await lost().catch(() => 'caught');
    });
    await engine.start(parent, []);
    await settle();
    expect(lines).toStrictEqual([]);
  });

  test('when it is a child that was detached, whether its parent has ended or not', async () => {
    const { engine, lines } = await openEngine();
    const lost = flow(unique('fails'), async () => {
      await sleep(20);
      throw new RangeError('lost');
    });
    const ending = flow(unique('parent'), async () => lost.start().detach());
    const staying = flow(unique('parent'), async () => {
      lost.start().detach();
      await sleep(100);
    });
    for (const parent of [ending, staying]) {
      const ended = nextEvent(engine, 'run:finished', ({ status }) => status === 'FAILED');
      const future = engine.start(parent, []);
      await ended;
      await future;
      await settle();
    }
    expect(lines.map(({ message }) => message)).toStrictEqual([expect.stringMatching(FAILED), expect.stringMatching(FAILED)]);
  });

  test('not when it was cancelled, nor when it succeeded', async () => {
    const { engine, lines } = await openEngine();
    const cancelled = nextEvent(engine, 'run:finished', ({ status }) => status === 'CANCELLED');
    const begun = nextEvent(engine, 'run:started');
    engine.start(
      flow(unique('sleeps'), async () => sleep('1h')),
      [],
      { id: 'run' },
    );
    await begun;
    await engine.cancel('run');
    await cancelled;
    expect(lines).toStrictEqual([]);
  });
});
