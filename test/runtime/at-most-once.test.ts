import {
  type ActionCall,
  action,
  actionContext,
  type DurableFuture,
  type EngineEvents,
  InterruptedError,
  memoryStore,
  RetryPresets,
  type RetryStrategy,
  StorageError,
  sleep,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { slowStore, withCommit } from '../../src/testing/wrapped-store.js';
import type { TestEngine } from '../../src/testing.js';
import { deferred, settle, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { keptOf, notesOf } from './attempts-of.js';

const once = { execution: 'at-most-once' } as const;
const work = action(unique('work'), async (): Promise<unknown> => 'really done');
const call = (options: ActionCall = once) => aFlow(async () => work.with({ name: 'work', ...options })());
const hung = (): Promise<never> => new Promise(() => {});

/** A run whose process ends while its action is under way, and the next process on its store. */
async function interrupted(
  main: () => Promise<unknown>,
  second: { standIn?: () => unknown } = {},
): Promise<{ engine: TestEngine; future: DurableFuture<unknown>[] }> {
  const store = memoryStore();
  const first = testEngine({ store, autoAdvance: false });
  const begun = deferred();
  first.mock(work, () => {
    begun.resolve();
    return hung();
  });
  first
    .start(main, [], { id: 'run' })
    .exception()
    .catch(() => {});
  await begun.promise;
  await settle();
  await first.close({ timeout: 0 });
  const engine = testEngine({ store, startTime: first.now() + 60_000 });
  engine.mock(work, second.standIn ?? 'done');
  return { engine, future: [engine.future('run')] };
}

describe('an at-most-once action', () => {
  test('is done like any other when nothing goes wrong', async () => {
    const engine = testEngine();
    engine.mock(work, 'done');
    const report = await engine.run(call());
    expect(report.result).toBe('done');
    expect(notesOf(report, 'work')).toBeNull();
  });

  test('begins its body only when the beginning is durable', async () => {
    const events: string[] = [];
    const store = withCommit(memoryStore(), async (batch, commit) => {
      const taken = await commit(batch);
      for (const { name, attempts } of batch.operations) if (attempts?.includes('begunAt')) events.push(`${name} is durable`);
      return taken;
    });
    const engine = testEngine({ store });
    engine.mock(work, () => void events.push('begun'));
    await engine.run(call());
    expect(events).toEqual(['work is durable', 'begun']);
  });

  test('has failed with an InterruptedError when its process ended while it was under way', async () => {
    const { engine, future } = await interrupted(call());
    const error = await future[0]?.exception();
    expect(error).toBeInstanceOf(InterruptedError);
    expect(error).toMatchObject({ code: 'INTERRUPTED' });
    expect(error?.message).toMatch(/^attempt 1 of action "work" \(operation 0 of run run\) was interrupted: /);
    expect(engine.calls(work)).toHaveLength(0);
  });

  test('that was interrupted is told of by an event', async () => {
    const { engine, future } = await interrupted(call({ ...once, retry: RetryPresets.fixed({ delay: '10s' }) }));
    const events: EngineEvents['attempt:failed'][] = [];
    engine.on('attempt:failed', (event) => events.push(event));
    await future[0];
    expect(events).toMatchObject([{ attempt: 1, name: 'work', error: { name: 'InterruptedError', code: 'INTERRUPTED' } }]);
    expect(events[0]?.nextAt).toBe(engine.now());
  });

  test('is tried again after an interruption where its strategy says so, as another attempt with the same key', async () => {
    const asked: Error[] = [];
    const retry: RetryStrategy = (error) => {
      asked.push(error);
      return { retry: true, delay: '1m' };
    };
    const standIn = (): unknown => [actionContext().attempt, actionContext().idempotencyKey];
    const { engine, future } = await interrupted(call({ ...once, retry }), { standIn });
    expect(await future[0]).toEqual([2, 'run/0']);
    expect(asked.map((error) => error instanceof InterruptedError)).toEqual([true]);
    const report = await engine.report('run');
    expect(keptOf(report, 'work')).toEqual([1]);
    const [first] = notesOf(report, 'work')?.kept ?? [];
    expect((first?.failedAt ?? 0) - (first?.startedAt ?? 0)).toBe(60_000);
  });

  test('that was interrupted, and whose scheduleTimeout has passed meanwhile, keeps the interruption', async () => {
    const retry = RetryPresets.fixed();
    const { engine, future } = await interrupted(call({ ...once, retry, scheduleTimeout: '30s' }));
    const events: EngineEvents['attempt:failed'][] = [];
    engine.on('attempt:failed', (event) => events.push(event));
    const error = await future[0]?.exception();
    expect(error).toMatchObject({ code: 'ACTION_TIMEOUT', message: expect.stringContaining('scheduleTimeout of 30000 ms') });
    expect(error?.cause).toBeInstanceOf(InterruptedError);
    expect(error?.cause).toMatchObject({ message: expect.stringContaining('attempt 1 of action "work"') });
    expect(engine.calls(work)).toHaveLength(0);
    expect(events).toMatchObject([{ attempt: 1, error: { code: 'INTERRUPTED' } }]);
    const [operation] = await engine.operations('run');
    expect(operation?.failedAttempts).toMatchObject([{ attempt: 1, error: { code: 'INTERRUPTED' } }]);
  });

  test('may be handled by the flow, which can look whether it was done', async () => {
    const looked = action(unique('look'), async () => 'it was');
    const main = aFlow(async () => {
      const error = await thrownBy(() => work.with(once)());
      return error instanceof InterruptedError ? looked() : 'another error';
    });
    const { future } = await interrupted(main);
    expect(await future[0]).toBe('it was');
  });

  test('fails with its own error, and is tried again after it, as any other', async () => {
    const engine = testEngine();
    engine.mock(work, () => {
      if (actionContext().attempt < 3) throw new Error('no');
      return actionContext().attempt;
    });
    expect((await engine.run(call())).error?.message).toBe('no');
    const report = await engine.run(call({ ...once, retry: RetryPresets.fixed() }));
    expect(report.result).toBe(3);
    expect(keptOf(report, 'work')).toEqual([1, 2]);
  });

  test('is recorded when the engine closes and lets it come to its end', async () => {
    const store = memoryStore();
    const main = call();
    const first = testEngine({ store, autoAdvance: false });
    const [begun, end] = [deferred(), deferred<string>()];
    first.mock(work, () => {
      begun.resolve();
      return end.promise;
    });
    first
      .start(main, [], { id: 'run' })
      .exception()
      .catch(() => {});
    await begun.promise;
    const closed = first.close({ timeout: '1h' });
    end.resolve('done in time');
    await closed;
    const second = testEngine({ store });
    expect(await second.future('run')).toBe('done in time');
    expect(second.calls(work)).toHaveLength(0);
  });

  test('may be an option of the action, of which a call says otherwise', async () => {
    const own = action(unique('own'), hung, once);
    const lenient = aFlow(async () => own.with({ execution: 'at-least-once' })());
    const strict = aFlow(async () => own());
    const store = memoryStore();
    const first = testEngine({ store, autoAdvance: false });
    for (const [id, main] of Object.entries({ lenient, strict }))
      first
        .start(main, [], { id })
        .exception()
        .catch(() => {});
    while (first.calls(own).length < 2) await settle();
    await first.close({ timeout: 0 });
    const second = testEngine({ store });
    second.mock(own, 'done' as never);
    expect(await second.future('lenient')).toBe('done');
    expect(await second.future('strict').exception()).toBeInstanceOf(InterruptedError);
  });

  test('may be an option of a call that is detached, and holds when its run has ended and the process then does', async () => {
    const { engine, future } = await interrupted(
      aFlow(async () => {
        work.with(once).start().detach();
      }),
    );
    expect(await (future[0] as DurableFuture<unknown>)).toBeUndefined();
    const carrier = engine.future('run//0');
    expect(await thrownBy(() => carrier.result())).toMatchObject({ code: 'INTERRUPTED' });
    expect(engine.calls(work)).toHaveLength(0);
  });

  test('that was cancelled before its beginning was durable is not begun, and holds no place', async () => {
    const engine = testEngine({ store: slowStore(memoryStore(), 10), maxConcurrentActions: 1 });
    const other = action(unique('other'), async () => 'done');
    const main = aFlow(async () => {
      // Due together: their outcomes are durable together, and the flow has a turn for each.
      const [start, cancel] = [sleep.start('1h'), sleep.start('1h')];
      await start;
      const future = work.with(once).start();
      await cancel;
      future.cancel();
      return other();
    });
    expect((await engine.run(main)).result).toBe('done');
    expect(engine.calls(work)).toHaveLength(0);
  });

  test('whose beginning failed to be written gives its place back', async () => {
    const store = withCommit(memoryStore(), failOnce('begunAt'));
    const engine = testEngine({ store, maxConcurrentActions: 1 });
    engine.mock(work, 'done');
    expect((await engine.run(call())).result).toBe('done');
  });

  test('whose beginning failed to be written gives the place of its action back', async () => {
    const narrow = action(unique('narrow'), async () => 'done', { ...once, concurrency: 1 });
    const engine = testEngine({ store: withCommit(memoryStore(), failOnce('begunAt')) });
    expect((await engine.run(aFlow(async () => [await narrow(), await narrow()]))).result).toEqual(['done', 'done']);
  });

  test('that waits for a place while the engine closes is not begun any more', async () => {
    const store = memoryStore();
    const narrow = action(unique('narrow'), async (_name: string): Promise<string> => hung(), { ...once, concurrency: 1 });
    const main = aFlow(async () => Promise.all([narrow('first'), narrow('second')]));
    const first = testEngine({ store, autoAdvance: false });
    const [begun, end] = [deferred(), deferred<string>()];
    first.mock(narrow, (name) => {
      begun.resolve();
      return name === 'first' ? end.promise : hung();
    });
    first
      .start(main, [], { id: 'run' })
      .exception()
      .catch(() => {});
    await begun.promise;
    await settle();
    const closed = first.close({ timeout: '1h' });
    await settle();
    end.resolve('done');
    await closed;
    const second = testEngine({ store });
    second.mock(narrow, (name) => `${name} is done`);
    expect(await second.future('run')).toEqual(['done', 'second is done']);
  });

  test.each([0, '1h'] as const)(
    'whose beginning becomes durable while the engine closes (timeout %s) is not begun, and not interrupted',
    async (timeout) => {
      const kept = memoryStore();
      const writing = deferred();
      const store = withCommit(kept, async (batch, commit) => {
        if (batch.operations.some(({ attempts }) => attempts?.includes('begunAt'))) {
          writing.resolve();
          await settle();
        }
        return commit(batch);
      });
      const first = testEngine({ store, autoAdvance: false });
      first.mock(work, hung);
      first
        .start(call(), [], { id: 'run' })
        .exception()
        .catch(() => {});
      await writing.promise;
      await first.close({ timeout });
      expect(first.calls(work)).toHaveLength(0);
      const second = testEngine({ store: kept });
      second.mock(work, 'done');
      expect(await second.future('run')).toBe('done');
    },
  );
});

/** Lets the first commit fail in which such a text is noted of attempts. */
function failOnce(text: string): Parameters<typeof withCommit>[1] {
  let failed = false;
  return async (batch, commit) => {
    if (!failed && batch.operations.some(({ attempts }) => attempts?.includes(text))) {
      failed = true;
      throw new StorageError('STORE_BUSY', 'this commit is to fail');
    }
    return commit(batch);
  };
}
