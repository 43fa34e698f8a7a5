import {
  type Action,
  type ActionCall,
  action,
  actionContext,
  asCompleted,
  CancelledError,
  callback,
  type EngineEvents,
  memoryStore,
  type PollDecision,
  RetryPresets,
  sleep,
  TimeoutError,
  waitForCondition,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { withCommit } from '../../src/testing/wrapped-store.js';
import type { TestEngine } from '../../src/testing.js';
import { deferred, settle, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { keptOf, notesOf } from './attempts-of.js';

const START = 0;
const MINUTE_MS = 60_000;

const work = action(unique('work'), async (): Promise<unknown> => 'really done');
const call = (options: ActionCall = {}) => aFlow(async () => work.with({ name: 'work', ...options })());
const retry = RetryPresets.fixed({ maxAttempts: 3, delay: '10s' });

/** An action that takes as long as it is told for each attempt, unless its signal fires: then it fails with the reason. */
function taking(engine: TestEngine, ...latencies: number[]): { signals: AbortSignal[] } {
  const signals: AbortSignal[] = [];
  const standIn = async (): Promise<unknown> => `done by attempt ${actionContext().attempt}`;
  const latency = (): number => {
    const { attempt, signal } = actionContext();
    signals.push(signal);
    return latencies[Math.min(attempt, latencies.length) - 1] as number;
  };
  engine.mock(work, standIn, { latency });
  return { signals };
}

/** An action that does something at given times after its beginning, and ends at the last of them. */
function doing(engine: TestEngine, times: readonly number[], what: (time: number) => void): void {
  const pass = action(unique('pass'), async () => {});
  engine.mock(pass, undefined);
  engine.mock(work, async () => {
    const begun = engine.now();
    for (const time of times) {
      await until(engine, begun + time);
      what(time);
    }
    return 'done';
  });
}

/** Waits until the virtual time has come to a point, by whatever else moves it. */
async function until(engine: TestEngine, time: number): Promise<void> {
  while (engine.now() < time) await new Promise((resolve) => setImmediate(resolve));
}

describe('timeout', () => {
  test('ends an attempt that takes longer, and the signal fires with the reason', async () => {
    const engine = testEngine({ startTime: START });
    const { signals } = taking(engine, 2 * MINUTE_MS);
    const { error, runId } = await engine.run(call({ timeout: '1m' }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({
      code: 'ACTION_TIMEOUT',
      message: `attempt 1 of action "work" (operation 0 of run ${runId}) took longer than its timeout of 60000 ms`,
    });
    expect(engine.now() - START).toBe(MINUTE_MS);
    expect(signals[0]?.reason).toMatchObject({ name: 'TimeoutError', code: 'ACTION_TIMEOUT', message: error?.message });
  });

  test('does nothing to an attempt that is done in time, and leaves no timer behind', async () => {
    const engine = testEngine({ startTime: START });
    const { signals } = taking(engine, MINUTE_MS - 1);
    const report = await engine.run(call({ timeout: '1m', scheduleTimeout: '2m', heartbeatTimeout: '3m' }));
    expect(report.result).toBe('done by attempt 1');
    expect(signals[0]?.aborted).toBe(false);
    expect(engine.now() - START).toBe(MINUTE_MS - 1);
  });

  test('is a failure of the attempt like any other: the strategy is asked, and each attempt has the whole time', async () => {
    const engine = testEngine({ startTime: START });
    taking(engine, 2 * MINUTE_MS, 2 * MINUTE_MS, 50_000);
    const report = await engine.run(call({ timeout: '1m', retry }));
    expect(report.result).toBe('done by attempt 3');
    expect(engine.now() - START).toBe(MINUTE_MS + 10_000 + MINUTE_MS + 10_000 + 50_000);
    expect(notesOf(report, 'work')?.kept.map(({ error }) => /took longer than its timeout/.test(error))).toEqual([true, true]);
  });

  test('counts from the beginning of the body, not of the wait for a place', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 1 });
    taking(engine, 50_000);
    const both = aFlow(async () => {
      const futures = [work.with({ timeout: '1m' }).start(), work.with({ timeout: '1m' }).start()];
      return Promise.all(futures);
    });
    expect((await engine.run(both)).status).toBe('SUCCEEDED');
    expect(engine.now() - START).toBe(100_000);
  });

  test('gives an attempt up that does not listen to its signal; what it comes to later changes nothing', async () => {
    const engine = testEngine({ patience: 1 });
    const late = deferred<string>();
    engine.mock(work, () => late.promise);
    const main = aFlow(async () => {
      const error = await thrownBy(() => work.with({ timeout: '1m' })());
      await sleep('1h');
      return error.message;
    });
    const future = engine.start(main, []);
    expect(await future).toContain('took longer than its timeout');
    late.resolve('too late');
    await settle();
    expect((await engine.report(future.id)).get(work.name).status).toBe('FAILED');
  });

  test('lets an attempt that was given up fail without anybody hearing of it', async () => {
    const engine = testEngine({ patience: 1 });
    const late = deferred<string>();
    engine.mock(work, async () => (actionContext().attempt === 1 ? late.promise : 'done'));
    const events: EngineEvents['attempt:failed'][] = [];
    engine.on('attempt:failed', (event) => events.push(event));
    expect((await engine.run(call({ timeout: '1m', retry }))).result).toBe('done');
    late.reject(new Error('too late'));
    await settle();
    expect(events.map(({ attempt, error }) => [attempt, error.code])).toEqual([[1, 'ACTION_TIMEOUT']]);
  });

  test('shows a signal that has fired to a body that asks for it afterwards', async () => {
    const engine = testEngine({ patience: 1 });
    const late = deferred();
    const seen = deferred<AbortSignal>();
    engine.mock(work, async () => {
      const context = actionContext();
      await late.promise;
      seen.resolve(context.signal);
    });
    await engine.run(call({ timeout: '1m' }));
    late.resolve();
    const signal = await seen.promise;
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(TimeoutError);
  });

  test('may be an option of the action, of which a call says otherwise', async () => {
    const engine = testEngine({ startTime: START });
    const slow = action(unique('slow'), async () => {}, { timeout: '1m', heartbeatTimeout: '90s' });
    engine.mock(slow, undefined, { latency: '1h' });
    expect((await engine.run(aFlow(async () => slow()))).error?.message).toContain('timeout of 60000 ms');
    expect((await engine.run(aFlow(async () => slow.with({ timeout: '30s' })()))).error?.message).toContain('timeout of 30000 ms');
    expect((await engine.run(aFlow(async () => slow.with({ timeout: '2m' })()))).error?.message).toContain('heartbeatTimeout of 90000 ms');
  });

  test('of nothing is over at once', async () => {
    const engine = testEngine({ startTime: START });
    taking(engine, 1);
    expect((await engine.run(call({ timeout: 0 }))).error).toMatchObject({ code: 'ACTION_TIMEOUT' });
    expect(engine.now() - START).toBe(0);
  });
});

describe('scheduleTimeout', () => {
  test('ends an operation in the middle of an attempt, and its signal fires with the reason', async () => {
    const engine = testEngine({ startTime: START });
    const { signals } = taking(engine, 2 * MINUTE_MS);
    const { error, runId } = await engine.run(call({ scheduleTimeout: '90s', retry }));
    expect(error).toMatchObject({
      name: 'TimeoutError',
      code: 'ACTION_TIMEOUT',
      message: `attempt 1 of action "work" (operation 0 of run ${runId}) was not done within its scheduleTimeout of 90000 ms`,
    });
    expect(signals.map(({ reason }) => (reason as Error).message)).toEqual([error?.message]);
    expect(engine.now() - START).toBe(90_000);
  });

  test('ends an operation in its back-off, with the last error as the cause', async () => {
    const engine = testEngine({ startTime: START });
    engine.mock(work, () => {
      throw new Error(`no ${actionContext().attempt}`);
    });
    const { error } = await engine.run(call({ scheduleTimeout: '15s', retry }));
    expect(error).toMatchObject({ code: 'ACTION_TIMEOUT', cause: { message: 'no 2' } });
    expect(engine.calls(work)).toHaveLength(2);
    expect(engine.now() - START).toBe(15_000);
  });

  test('counts over all attempts, time-outs of attempts included', async () => {
    const engine = testEngine({ startTime: START });
    taking(engine, 2 * MINUTE_MS);
    const { error } = await engine.run(call({ timeout: '1m', scheduleTimeout: '100s', retry }));
    expect(error?.message).toContain('attempt 2 of');
    expect(error?.message).toContain('scheduleTimeout of 100000 ms');
    expect(error?.cause).toMatchObject({ message: expect.stringContaining('timeout of 60000 ms') });
  });

  test('ends an operation that waits for a place, which goes to the next', async () => {
    const engine = testEngine({ startTime: START, maxConcurrentActions: 1 });
    taking(engine, MINUTE_MS);
    const main = aFlow(async () => {
      const first = work.with({ name: 'first' }).start();
      const second = work.with({ name: 'second', scheduleTimeout: '30s' }).start();
      const third = work.with({ name: 'third' }).start();
      const error = await second.exception();
      return [error?.message, await first, await third];
    });
    const { result } = await engine.run(main);
    expect(result[0]).toContain('attempt 1 of action "second"');
    expect(result.slice(1)).toEqual(['done by attempt 1', 'done by attempt 1']);
    expect(engine.calls(work)).toHaveLength(2);
    expect(engine.now() - START).toBe(2 * MINUTE_MS);
  });

  test('begins no other attempt when it ran out while no process was there', async () => {
    const store = memoryStore();
    const main = call({ scheduleTimeout: '1h', retry: RetryPresets.fixed({ maxAttempts: 9, delay: '10m' }) });
    const first = testEngine({ store, startTime: START, autoAdvance: false });
    first.mock(work, new Error('no'));
    first
      .start(main, [], { id: 'run' })
      .exception()
      .catch(() => {});
    await first.advance('25m');
    await first.close({ timeout: 0 });
    const second = testEngine({ store, startTime: START + 120 * MINUTE_MS });
    const error = await second.future('run').exception();
    expect(error).toMatchObject({ code: 'ACTION_TIMEOUT', cause: { message: 'no' } });
    expect(first.calls(work)).toHaveLength(3);
    expect(second.calls(work)).toHaveLength(0);
  });

  test('that ran out while no process was there comes in its due order, among all that did', async () => {
    const store = memoryStore();
    const strategy = (): PollDecision => ({ continue: true, delay: '1d' });
    const main = aFlow(async () => {
      const futures = [
        work.with({ name: 'fourth', scheduleTimeout: '40m', retry: RetryPresets.fixed({ delay: '1d' }) }).start(),
        waitForCondition.start(work as Action<[unknown], unknown>, { name: 'fifth', initial: 0, strategy, timeout: '50m' }),
        work.with({ name: 'second', scheduleTimeout: '20m', retry: RetryPresets.fixed({ delay: '1m' }) }).start(),
        sleep.start('10m'),
        callback({ name: 'third', timeout: '30m' }).future,
      ];
      const names: string[] = [];
      for await (const { name } of asCompleted(futures)) names.push(name);
      return names;
    });
    const first = testEngine({ store, startTime: START, autoAdvance: false });
    first.mock(work, () => {
      if (first.calls(work).length === 2) return 'looked';
      throw new Error('no');
    });
    first
      .start(main, [], { id: 'run' })
      .exception()
      .catch(() => {});
    await first.advance(1_000);
    await first.close({ timeout: 0 });
    const second = testEngine({ store, startTime: START + 60 * MINUTE_MS });
    expect(await second.future('run')).toEqual(['sleep', 'second', 'third', 'fourth', 'fifth']);
    expect(second.calls(work)).toHaveLength(0);
    await second.assertReplays();
  });

  test('keeps what failed before it, when it ends an attempt', async () => {
    const engine = testEngine({ startTime: START });
    taking(engine, 2 * MINUTE_MS);
    const report = await engine.run(call({ timeout: '1m', scheduleTimeout: '100s', retry }));
    expect(keptOf(report, 'work')).toEqual([1, 2]);
  });

  test('keeps what failed before it, when it ends a back-off', async () => {
    const engine = testEngine({ startTime: START });
    engine.mock(work, new Error('no'));
    const report = await engine.run(call({ scheduleTimeout: '5s', retry }));
    expect(keptOf(report, 'work')).toEqual([1]);
  });
});

describe('heartbeatTimeout', () => {
  test('ends an attempt that sends no heartbeat for so long, and the signal fires with the reason', async () => {
    const engine = testEngine({ startTime: START });
    const { signals } = taking(engine, 10 * MINUTE_MS);
    const { error, runId } = await engine.run(call({ heartbeatTimeout: '1m' }));
    expect(error).toMatchObject({
      name: 'TimeoutError',
      code: 'ACTION_TIMEOUT',
      message: `attempt 1 of action "work" (operation 0 of run ${runId}) sent no heartbeat for longer than its heartbeatTimeout of 60000 ms`,
    });
    expect(signals[0]?.reason).toMatchObject({ message: error?.message });
    expect(engine.now() - START).toBe(MINUTE_MS);
  });

  test('counts anew from each heartbeat', async () => {
    const engine = testEngine({ startTime: START, patience: 1 });
    doing(engine, [50_000, 100_000, 150_000, 200_000], () => actionContext().heartbeat());
    const main = aFlow(async () => {
      const ticks = [50, 100, 150, 200].map((seconds) => sleep.start(`${seconds}s`));
      const result = await work.with({ heartbeatTimeout: '1m' })();
      await Promise.all(ticks);
      return result;
    });
    expect((await engine.run(main)).result).toBe('done');
    expect(engine.now() - START).toBe(200_000);
  });

  test('ends the attempt so long after the last of them', async () => {
    const engine = testEngine({ startTime: START, patience: 1 });
    doing(engine, [50_000, 100_000, 500_000], (time) => time < 500_000 && actionContext().heartbeat());
    const main = aFlow(async () => {
      const ticks = [50, 100].map((seconds) => sleep.start(`${seconds}s`));
      const error = await thrownBy(() => work.with({ heartbeatTimeout: '1m' })());
      await Promise.all(ticks);
      return error.message;
    });
    const future = engine.start(main, []);
    expect(await future).toContain('sent no heartbeat');
    expect(engine.now() - START).toBe(160_000);
  });

  test('goes by heartbeats of the attempt that counts, not of one that was given up', async () => {
    const engine = testEngine({ startTime: START, patience: 1 });
    const contexts: ReturnType<typeof actionContext>[] = [];
    engine.mock(work, () => {
      contexts.push(actionContext());
      return new Promise(() => {});
    });
    const main = call({ heartbeatTimeout: '1m', retry: RetryPresets.fixed({ maxAttempts: 2, delay: 0 }) });
    const future = engine.start(main, []);
    while (contexts.length < 2) await new Promise((resolve) => setImmediate(resolve));
    contexts[0]?.heartbeat('from the dead');
    expect((await future.exception())?.message).toContain('attempt 2 of');
    expect(engine.now() - START).toBe(2 * MINUTE_MS);
    expect(contexts[1]?.heartbeatDetail).toBeUndefined();
  });

  test('makes no event of a heartbeat that an attempt sends after it was given up, but still refuses a bad detail', async () => {
    const engine = testEngine({ patience: 1 });
    const events: EngineEvents['action:heartbeat'][] = [];
    engine.on('action:heartbeat', (event) => events.push(event));
    const contexts: ReturnType<typeof actionContext>[] = [];
    engine.mock(work, () => {
      contexts.push(actionContext());
      actionContext().heartbeat('in time');
      return new Promise(() => {});
    });
    const { runId, error } = await engine.run(call({ timeout: '1m' }));
    expect(error).toMatchObject({ code: 'ACTION_TIMEOUT' });
    contexts[0]?.heartbeat('from the dead');
    expect(await thrownBy(() => contexts[0]?.heartbeat(() => 1))).toMatchObject({ code: 'VALUE_NOT_SERIALIZABLE' });
    expect(events).toMatchObject([{ runId, operationId: '0', attempt: 1, detail: 'in time' }]);
  });
});

describe('heartbeat(detail)', () => {
  /** What each attempt found, where each but the last gives details and fails. */
  async function foundBy(give: (attempt: number) => void, attempts: number): Promise<unknown[]> {
    const engine = testEngine();
    const found: unknown[] = [];
    engine.mock(work, async () => {
      const { attempt, heartbeatDetail } = actionContext();
      found.push(heartbeatDetail);
      give(attempt);
      if (attempt < attempts) throw new Error('no');
    });
    await engine.run(call({ retry: RetryPresets.fixed({ maxAttempts: attempts, delay: '1s' }) }));
    return found;
  }

  test('gives the last detail to the next attempt', async () => {
    const give = (attempt: number): void => {
      actionContext().heartbeat({ attempt, page: 1 });
      actionContext().heartbeat({ attempt, page: 2, at: new Date(5) });
    };
    expect(await foundBy(give, 3)).toEqual([undefined, { attempt: 1, page: 2, at: new Date(5) }, { attempt: 2, page: 2, at: new Date(5) }]);
  });

  test('keeps the last detail through heartbeats and attempts without any', async () => {
    const give = (attempt: number): void => {
      if (attempt === 1) actionContext().heartbeat('page 1');
      actionContext().heartbeat();
    };
    expect(await foundBy(give, 3)).toEqual([undefined, 'page 1', 'page 1']);
  });

  test('gives each attempt a copy', async () => {
    const detail = { pages: [1] };
    const found = await foundBy((attempt) => {
      if (attempt > 1) return;
      actionContext().heartbeat(detail);
      detail.pages.push(2);
    }, 2);
    expect(found[1]).toEqual({ pages: [1] });
  });

  test('is not what the same attempt finds', async () => {
    const engine = testEngine();
    engine.mock(work, async () => {
      actionContext().heartbeat('page 1');
      return actionContext().heartbeatDetail ?? 'nothing';
    });
    expect((await engine.run(call())).result).toBe('nothing');
  });

  test('throws for a detail that cannot be stored, and says of which action', async () => {
    const engine = testEngine();
    engine.mock(work, async () => (await thrownBy(() => actionContext().heartbeat(() => {}))).message);
    expect((await engine.run(call())).result).toContain('the heartbeat detail of action "work"');
  });

  test('tells of each by an event', async () => {
    const engine = testEngine();
    const events: EngineEvents['action:heartbeat'][] = [];
    engine.on('action:heartbeat', (event) => events.push(event));
    engine.mock(work, async () => {
      actionContext().heartbeat('page 1');
      actionContext().heartbeat();
    });
    const { runId } = await engine.run(call());
    expect(events).toMatchObject([
      { runId, operationId: '0', attempt: 1, detail: 'page 1' },
      { runId, operationId: '0', attempt: 1, detail: null },
    ]);
  });

  /** An attempt that goes on for ever: what it says by, and what is written of that. */
  async function speaking(): Promise<{
    engine: TestEngine;
    heartbeat: (detail?: unknown) => void;
    written: () => Promise<string | undefined>;
    commits: () => number;
    end: (value: unknown) => void;
  }> {
    let commits = 0;
    const store = withCommit(memoryStore(), (batch, commit) => {
      if (batch.operations.some(({ attempts }) => attempts?.includes('heartbeat'))) commits += 1;
      return commit(batch);
    });
    const engine = testEngine({ store, startTime: 1e9, autoAdvance: false });
    const [context, end] = [deferred<ReturnType<typeof actionContext>>(), deferred<unknown>()];
    engine.mock(work, () => {
      context.resolve(actionContext());
      return end.promise;
    });
    const { id } = engine.start(call(), []);
    const { heartbeat } = await context.promise;
    const written = async (): Promise<string | undefined> => {
      await settle();
      return notesOf(await engine.report(id), 'work')?.heartbeat;
    };
    return { engine, heartbeat, written, commits: () => commits, end: end.resolve };
  }

  test('is written while the attempt is under way, once a second at most', async () => {
    const { engine, heartbeat, written, commits } = await speaking();
    heartbeat('page 1');
    expect(await written()).toContain('page 1');
    heartbeat('page 2');
    heartbeat('page 3');
    await engine.advance(999);
    expect(await written()).toContain('page 1');
    await engine.advance(1);
    expect(await written()).toContain('page 3');
    heartbeat('page 4');
    expect(await written()).toContain('page 3');
    await engine.advance(1_000);
    expect(await written()).toContain('page 4');
    expect(commits()).toBe(3);
  });

  test('that says nothing new is not written again', async () => {
    const { engine, heartbeat, commits } = await speaking();
    for (const detail of ['page 1', 'page 2', 'page 1', undefined, 'page 1']) heartbeat(detail);
    for (let seconds = 0; seconds < 5; seconds += 1) await engine.advance(1_000);
    expect(commits()).toBe(1);
  });

  test('is not written any more when the attempt has ended, nor is what its body says later', async () => {
    const { engine, heartbeat, written, end } = await speaking();
    heartbeat('page 1');
    heartbeat('page 2');
    end('done');
    await settle();
    await engine.advance(1_000);
    expect(await written()).toBeUndefined();
    heartbeat('page 3');
    await engine.advance(5_000);
    expect(await written()).toBeUndefined();
  });
});

describe('the signal', () => {
  test('fires with a CancelledError when the operation is cancelled', async () => {
    const engine = testEngine();
    const { signals } = taking(engine, 60 * MINUTE_MS);
    const main = aFlow(async () => {
      const future = work.start();
      await sleep('1m');
      future.cancel('not needed');
    });
    await engine.run(main);
    expect(signals[0]?.reason).toBeInstanceOf(CancelledError);
    expect(String(signals[0]?.reason)).toContain('not needed');
  });

  test('is one of its own for each attempt', async () => {
    const engine = testEngine();
    const { signals } = taking(engine, 2 * MINUTE_MS, 1);
    await engine.run(call({ timeout: '1m', retry }));
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(signals[0]).not.toBe(signals[1]);
  });
});
