import {
  action,
  actionContext,
  callback,
  type Engine,
  event,
  flow,
  flowContext,
  memoryStore,
  open,
  parallel,
  shield,
  sleep,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { crashEverywhere } from '../../src/testing.js';
import { nextEvent, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { cancelRun, FAULTS, senders, sendingEngine, step } from './senders.js';

const sleeper = aFlow(async () => sleep('1d'));

/** A flow with a limit of its own. */
function limited<A extends unknown[], R>(timeout: string | number, body: (...args: A) => Promise<R>) {
  return flow(unique('limited'), body, { timeout: timeout as number });
}

describe('a run that takes longer than its timeout', () => {
  test('has failed with an error that says which limit of which run', async () => {
    const engine = testEngine();
    const startedAt = engine.now();
    const slow = limited('1h', async () => sleep('1d'));
    const { status, error, runId } = await engine.run(slow);
    expect(status).toBe('FAILED');
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'FLOW_TIMEOUT' });
    expect(error?.message).toBe(`flow "${slow.name}" (run ${runId}): it took longer than its timeout of 3600000 ms`);
    expect(engine.now() - startedAt).toBe(3_600_000);
    await engine.assertReplays();
  });

  test.each<[string, () => Promise<unknown>]>([
    ['a timer', () => sleep('1d')],
    ['an event', async () => event('never')],
    ['a callback', async () => callback().future],
    ['a child run', () => sleeper()],
    ['branches', () => parallel([() => sleep('1d'), async () => event('never')])],
  ])('is cancelled while it waits for %s', async (_, waits) => {
    const engine = testEngine();
    const { status, error } = await engine.run(limited('1m', waits));
    expect([status, (error as { code?: string }).code]).toEqual(['FAILED', 'FLOW_TIMEOUT']);
    await engine.assertReplays();
  });

  test('fires the signals of its actions with the reason', async () => {
    const engine = testEngine();
    const reasons: Error[] = [];
    const hang = action(unique('hang'), async () => {
      const { signal } = actionContext();
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason as Error);
          reject(signal.reason);
        });
      });
    });
    await engine.run(limited('1m', async () => hang()));
    expect(reasons).toEqual([expect.objectContaining({ message: expect.stringContaining('its timeout of 60000 ms') })]);
  });

  test('runs finally and shields', async () => {
    const body = limited('1m', async () => {
      try {
        await sleep('1d');
      } finally {
        await shield(async () => {
          await step('clean');
          await sleep('2h');
          await step('up');
        });
      }
    });
    const engine = testEngine();
    const { status, error } = await engine.run(body);
    expect([status, (error as { code?: string }).code]).toEqual(['FAILED', 'FLOW_TIMEOUT']);
    expect(engine.calls(step)).toEqual([['clean'], ['up']]);
    await engine.assertReplays();
    await crashEverywhere(body, [], { faults: FAULTS, invariant: ({ status }) => expect(status).toBe('FAILED') });
  });

  test('has succeeded when its body returns in spite of it', async () => {
    const body = limited('1m', async () => {
      try {
        await sleep('1d');
        return 'not reached';
      } catch {
        return 'what there is';
      }
    });
    await crashEverywhere(body, [], { faults: FAULTS, invariant: ({ result }) => expect(result).toBe('what there is') });
  });

  test('has failed with the error of its own that its body throws', async () => {
    const engine = testEngine();
    const { error } = await engine.run(
      limited('1m', async () => {
        try {
          await sleep('1d');
        } catch (cause) {
          throw new RangeError('mine', { cause });
        }
      }),
    );
    expect(error).toMatchObject({ name: 'RangeError', message: 'mine', cause: { name: 'CancelledError' } });
    await engine.assertReplays();
  });

  test('tells listeners of its end with that error', async () => {
    const engine = testEngine();
    const ended = nextEvent(engine, 'run:finished');
    await engine.run(limited('1m', async () => sleep('1d')));
    expect(await ended).toMatchObject({ status: 'FAILED', error: { name: 'TimeoutError', code: 'FLOW_TIMEOUT' } });
  });
});

describe('the limit', () => {
  test('is of no effect for a run that is done in time', async () => {
    const engine = testEngine();
    const { result } = await engine.run(limited('1h', async () => sleep('59m').then(() => 'in time')));
    expect(result).toBe('in time');
    await engine.advance('1d');
    await engine.assertReplays();
  });

  test('of a call counts in place of that of the flow', async () => {
    const engine = testEngine();
    const body = limited('1m', async () => sleep('1h').then(() => 'done'));
    expect(await engine.start(body.with({ timeout: '2h' }), [])).toBe('done');
    const error = await thrownBy(() => engine.start(body.with({ timeout: '10s' }), []));
    expect(error.message).toContain('its timeout of 10000 ms');
  });

  test('of a child lets its parent go on, with the error', async () => {
    const slow = limited('1h', async () => sleep('1d'));
    const body = aFlow(async () => {
      const error = await thrownBy(() => slow());
      const other = await thrownBy(() => slow.with({ timeout: '5m' })());
      return [error.code, other.code, error.message];
    });
    const engine = testEngine();
    const startedAt = engine.now();
    const { result, runId } = await engine.run(body);
    expect(result).toEqual(['FLOW_TIMEOUT', 'FLOW_TIMEOUT', expect.stringContaining(`run ${runId}//0`)]);
    expect(engine.now() - startedAt).toBe(65 * 60_000);
    await engine.assertReplays();
    await crashEverywhere(body, [], { faults: FAULTS });
  });

  test('of a parent cancels its children', async () => {
    const engine = testEngine();
    const ends: string[] = [];
    engine.on('run:finished', ({ runId, status }) => ends.push(`${runId.includes('/') ? 'child' : 'parent'} ${status}`));
    const child = aFlow(async () => sleep('1d'));
    const future = engine.start(
      limited('1m', async () => child()),
      [],
    );
    await future.exception();
    await engine.future(`${future.id}//0`).exception();
    expect(ends.sort()).toEqual(['child CANCELLED', 'parent FAILED']);
  });

  test('counts from the creation of the run, also after a crash', async () => {
    const store = memoryStore();
    const body = limited('1h', async () => sleep('1d'));
    const first = testEngine({ store, autoAdvance: false });
    first.start(body, [], { id: 'id' });
    await nextEvent(first, 'operation:started');
    await first.advance('50m');
    await first.close({ timeout: 0 });
    const second = testEngine({ store, startTime: first.now() });
    expect(await thrownBy(() => second.future('id'))).toMatchObject({ code: 'FLOW_TIMEOUT' });
    expect(second.now() - first.now()).toBe(10 * 60_000);
  });

  test('that ran out while nobody executed the run ends it as soon as somebody does', async () => {
    const store = memoryStore();
    const body = limited('1h', async () => sleep('2h'));
    const first = testEngine({ store, autoAdvance: false });
    first.start(body, [], { id: 'id' });
    await nextEvent(first, 'operation:started');
    await first.close({ timeout: 0 });
    const second = testEngine({ store, startTime: first.now() + 90 * 60_000 });
    expect(await thrownBy(() => second.future('id'))).toMatchObject({ code: 'FLOW_TIMEOUT' });
    await second.assertReplays();
  });

  test('is that of the start, whatever the code says when the run goes on', async () => {
    const store = memoryStore();
    const name = unique('changing');
    const body = flow(name, async () => sleep('1d'), { timeout: '1h' });
    const first = testEngine({ store, autoAdvance: false });
    first.start(body, [], { id: 'id' });
    await nextEvent(first, 'operation:started');
    await first.close({ timeout: 0 });
    flow(name, async () => sleep('1d'), { timeout: '9d', replace: true });
    const second = testEngine({ store, startTime: first.now() });
    const error = await thrownBy(() => second.future('id'));
    expect(error.message).toContain('its timeout of 3600000 ms');
  });

  test('and a cancellation: the first that is delivered counts', async () => {
    const ends: unknown[] = [];
    for (const after of ['30s', '2m'] as const) {
      const engine = sendingEngine();
      const future = engine.start(
        limited('1m', async () => {
          await shield(async () => sleep('1h'));
          await sleep('1h');
        }),
        [],
      );
      const cancels = engine.start(
        aFlow(async () => {
          await sleep(after);
          await cancelRun(future.id, 'by hand');
        }),
        [],
      );
      ends.push([(await future.exception())?.message, future.status]);
      await cancels;
      await engine.assertReplays();
    }
    expect(ends).toEqual([
      [expect.stringContaining('by hand'), 'CANCELLED'],
      [expect.stringContaining('its timeout of 60000 ms'), 'FAILED'],
    ]);
  });

  test('comes to the same end wherever the run crashes', async () => {
    const body = limited('1h', async () => {
      const ticks: number[] = [];
      for (;;) {
        await sleep('20m');
        ticks.push(ticks.length);
        await step(`tick ${ticks.length}`);
      }
    });
    const report = await crashEverywhere(body, [], {
      ...senders,
      faults: { ...FAULTS, slow: 2 },
      invariant: ({ error }) => expect(error).toMatchObject({ code: 'FLOW_TIMEOUT' }),
    });
    expect(report.crashes).toBeGreaterThan(8);
  });

  test.each<[unknown, string]>([
    ['soon', 'INVALID_DURATION'],
    [-1, 'INVALID_DURATION'],
    [{}, 'INVALID_DURATION'],
    [null, 'INVALID_DURATION'],
  ])('that is no duration is refused: %j', async (timeout, code) => {
    expect(await thrownBy(() => limited(timeout as string, async () => 1))).toMatchObject({ name: 'UsageError', code });
    const body = aFlow(async () => 1);
    expect(await thrownBy(() => body.with({ timeout: timeout as number }))).toMatchObject({ name: 'UsageError', code });
  });

  test('holds on the clock of the machine', async () => {
    const engine: Engine = await open({ store: ':memory:', default: false });
    try {
      const error = await thrownBy(() =>
        engine.start(
          limited(20, async () => sleep('1d')),
          [],
        ),
      );
      expect(error).toMatchObject({ code: 'FLOW_TIMEOUT' });
    } finally {
      await engine.close();
    }
  });
});

test('a flow that waits in a shield is not interrupted by its limit, and finds out behind it', async () => {
  const engine = testEngine();
  const { error, runId } = await engine.run(
    limited('1m', async () => {
      await shield(async () => sleep('1h'));
      await step(flowContext().runId);
    }),
  );
  expect(error).toMatchObject({ code: 'FLOW_TIMEOUT', message: expect.stringContaining(runId) });
  expect(engine.calls(step)).toEqual([]);
});
