import {
  type Action,
  action,
  actionContext,
  InterruptedError,
  map,
  memoryStore,
  now,
  parallel,
  RetryPresets,
  sleep,
  TimeoutError,
} from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, test } from 'vitest';
import { failingStore } from '../../src/testing/wrapped-store.js';
import { type CrashOptions, type CrashReport, crashEverywhere, type TestEngine } from '../../src/testing.js';
import { deferred, settle, thrownBy, unique } from '../api/with-engine.js';
import { keptOf, notesOf } from '../runtime/attempts-of.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';

const MINUTE_MS = 60_000;
const START = Date.UTC(2025, 0, 1);

/** Ten minutes, then twenty, then thirty. */
const patient = () => RetryPresets.linear({ maxAttempts: 4, increment: '10m' });

/** Fails until the attempt of this number. */
const until =
  <R>(last: number, result: R) =>
  (): R => {
    const { attempt } = actionContext();
    if (attempt < last) throw new Error(`no ${attempt}`);
    return result;
  };

const FAULTS = { failingCommit: true, lostWorker: true };

/** Crashes a body as a flow everywhere, with what else can happen to it. */
async function crash<R>(body: () => Promise<R>, options: CrashOptions<R> = {}): Promise<CrashReport> {
  const report = await crashEverywhere(aFlow(body), [], { faults: FAULTS, ...options });
  expect(report.crashes).toBe(2 * report.commits);
  return report;
}

describe('a back-off', () => {
  const work = action(unique('work'), until(3, 'done'), { retry: patient() });

  test('is not begun anew after a crash, and the attempts are not counted anew', async () => {
    const body = async (): Promise<unknown> => {
      const begun = now();
      return [await work(), now() - begun];
    };
    const { commits } = await crash(body, {
      invariant: (report) => {
        expect(report.result).toEqual(['done', 30 * MINUTE_MS]);
        expect(keptOf(report, work.name)).toEqual([1, 2]);
        expect(notesOf(report, work.name)?.kept.map(({ failedAt }) => failedAt - START)).toEqual([0, 10 * MINUTE_MS]);
      },
    });
    expect(commits).toBeGreaterThan(3);
  });

  test('goes on beside what else the flow waits for', async () => {
    await crash(async () => {
      const begun = now();
      const future = work.start();
      const times: number[] = [];
      for (const minutes of [5, 10, 10]) {
        await sleep(minutes * MINUTE_MS);
        times.push(now() - begun);
      }
      return [await future, times, now() - begun];
    });
  });

  test('ends with the last error of the action when no attempt is left', async () => {
    const hopeless = action(unique('hopeless'), until(99, ''), { retry: patient() });
    await crash(
      async () => {
        const error = await thrownBy(() => hopeless());
        return [error.name, error.message];
      },
      {
        invariant: (report) => {
          expect(report.result).toEqual(['Error', 'no 4']);
          expect(keptOf(report, hopeless.name)).toEqual([1, 2, 3, 4]);
        },
      },
    );
  });

  test('is that of each branch of map and parallel', async () => {
    const flaky = action(unique('flaky'), async (last: number) => until(last, last)(), { retry: patient() });
    await crash(
      async () => {
        const mapped = await map([1, 2, 3], flaky, { maxConcurrency: 2 });
        const branches = await parallel({ two: () => flaky(2), never: () => flaky(9) }, { completionConfig: { toleratedFailureCount: 1 } });
        return [mapped.getResults(), branches.getResults(), branches.getErrors().map(({ message }) => message)];
      },
      { invariant: ({ result }) => expect(result).toEqual([[1, 2, 3], [2], ['no 4']]) },
    );
  });

  test('is over when the action is cancelled', async () => {
    let last = 0;
    await crash(
      async () => {
        const future = work.start();
        await sleep('5m');
        const cancelled = future.cancel('enough');
        await sleep('1d');
        return [cancelled, future.status];
      },
      {
        reset: () => {
          last = 0;
        },
        setup: (engine) =>
          void engine.mock(work, () => {
            last = Math.max(last, actionContext().attempt);
            throw new Error('no');
          }),
        invariant: ({ result }) => {
          expect(result).toEqual([true, 'CANCELLED']);
          expect(last).toBe(1);
        },
      },
    );
  });

  test('is over when the time for all attempts is', async () => {
    await crash(
      async () => {
        const begun = now();
        const error = await thrownBy(() =>
          work.with({ name: 'work', retry: RetryPresets.fixed({ delay: '10m' }), scheduleTimeout: '15m' })(),
        );
        return [error instanceof TimeoutError, error.message, now() - begun];
      },
      {
        setup: (engine) => void engine.mock(work, new Error('no')),
        invariant: ({ result }) => expect(result).toEqual([true, expect.stringContaining('scheduleTimeout of 900000 ms'), 15 * MINUTE_MS]),
      },
    );
  });

  test('after a time-out goes on as well', async () => {
    // A crash in the middle of the attempt begins it anew, with all of its time, so the end does not tell when it was.
    const begun: number[] = [];
    await crash(async () => work.with({ timeout: '1m' })(), {
      reset: () => void begun.splice(0),
      setup: (engine) =>
        void engine.mock(
          work,
          () => {
            begun.push(engine.now() - START);
            return 'done';
          },
          { latency: () => (actionContext().attempt === 1 ? '1h' : 0) },
        ),
      invariant: (report) => {
        expect(report.result).toBe('done');
        expect(keptOf(report, work.name)).toEqual([1]);
        const [failed] = notesOf(report, work.name)?.kept ?? [];
        expect((failed?.failedAt ?? 0) - (failed?.startedAt ?? 0)).toBe(MINUTE_MS);
        expect(new Set(begun)).toEqual(new Set([(failed?.failedAt ?? 0) + 10 * MINUTE_MS - START]));
      },
    });
  });
});

describe('a place', () => {
  test('is waited for again, and a call that was cancelled in the queue is never begun', async () => {
    const work = action(unique('work'), async (text: string) => text);
    const begun = new Set<string>();
    await crash(
      async () => {
        const futures = ['a', 'b', 'c'].map((text) => work.start(text));
        const last = work.start('cancelled');
        await sleep('1m');
        last.cancel();
        return Promise.all(futures);
      },
      {
        engine: { maxConcurrentActions: 1 },
        faults: FAULTS,
        reset: () => begun.clear(),
        setup: (engine) =>
          void engine.mock(
            work,
            (text) => {
              begun.add(text);
              return text;
            },
            { latency: '1h' },
          ),
        invariant: ({ result }) => {
          expect(result).toEqual(['a', 'b', 'c']);
          expect([...begun].sort()).toEqual(['a', 'b', 'c']);
        },
      },
    );
  });

  test('is free for the others after whatever has happened', async () => {
    const narrow = action(unique('narrow'), until(2, 'done'), {
      concurrency: 1,
      execution: 'at-most-once',
      retry: RetryPresets.fixed({ delay: '1m' }),
    });
    await crash(async () => Promise.all([narrow(), narrow(), narrow()]), { engine: { maxConcurrentActions: 2 }, faults: FAULTS });
  });
});

describe('an at-most-once action', () => {
  /** How often its body was begun, by the number of the attempt. */
  function counted(last: number): { readonly begun: Map<number, number>; readonly standIn: () => string } {
    const begun = new Map<number, number>();
    const standIn = (): string => {
      const { attempt } = actionContext();
      begun.set(attempt, (begun.get(attempt) ?? 0) + 1);
      return until(last, 'done')();
    };
    return { begun, standIn };
  }

  const once = action(unique('once'), async () => 'done', { execution: 'at-most-once' });

  test('without a strategy is begun once at most, and is done or was interrupted', async () => {
    const { begun, standIn } = counted(1);
    const ends = new Set<string>();
    await crash(
      async () => {
        const end = await once().catch((error: Error) => (error instanceof InterruptedError ? 'interrupted' : error.message));
        ends.add(end);
        return end === 'done' || end === 'interrupted';
      },
      {
        faults: FAULTS,
        reset: () => begun.clear(),
        setup: (engine) => void engine.mock(once, standIn),
        invariant: ({ result }) => {
          expect(result).toBe(true);
          expect(begun.get(1) ?? 0).toBeLessThanOrEqual(1);
        },
      },
    );
    expect([...ends].sort()).toEqual(['done', 'interrupted']);
  });

  test('with a strategy is begun once at most for each attempt, and is done in the end', async () => {
    const { begun, standIn } = counted(3);
    const last: number[] = [];
    await crash(async () => once.with({ retry: RetryPresets.fixed({ maxAttempts: 9, delay: '1h' }) })(), {
      faults: FAULTS,
      reset: () => begun.clear(),
      setup: (engine) => void engine.mock(once, standIn),
      invariant: ({ result }) => {
        expect(result).toBe('done');
        expect([...begun.values()].every((count) => count === 1)).toBe(true);
        last.push(Math.max(...begun.keys()));
      },
    });
    expect(new Set(last)).toEqual(new Set([3, 4]));
  });

  test('in branches is begun once at most for each attempt', async () => {
    const counts = new Map<string, number>();
    const step = action(unique('step'), async (item: string) => item, {
      execution: 'at-most-once',
      retry: RetryPresets.fixed({ maxAttempts: 9 }),
    });
    await crash(async () => (await map(['a', 'b', 'c'], step, { maxConcurrency: 2 })).getResults(), {
      faults: FAULTS,
      reset: () => counts.clear(),
      setup: (engine) =>
        void engine.mock(step, (item) => {
          const key = `${item} ${actionContext().attempt}`;
          counts.set(key, (counts.get(key) ?? 0) + 1);
          if (actionContext().attempt === 1) throw new Error('no');
          return item;
        }),
      invariant: ({ result }) => {
        expect(result).toEqual(['a', 'b', 'c']);
        expect([...counts.values()].every((count) => count === 1)).toBe(true);
      },
    });
  });
});

test('a run whose creation was durable although it was reported as failed is executed once', async () => {
  const work = action(unique('work'), async () => 'done', { execution: 'at-most-once' });
  const engine = testEngine({ store: failingStore(memoryStore(), { number: 1, when: 'after' }, () => {}) });
  const begun: boolean[] = [];
  engine.on('run:started', ({ recovered }) => begun.push(recovered));
  await engine.run(aFlow(async () => work()));
  expect(begun).toHaveLength(1);
  expect(engine.calls(work)).toHaveLength(1);
});

describe('the last heartbeat detail', () => {
  test('is there for the next attempt, whichever process makes it', async () => {
    const download = action(unique('download'), async () => {
      const page = ((actionContext().heartbeatDetail as number | undefined) ?? 0) + 1;
      actionContext().heartbeat(page);
      if (page < 4) throw new Error(`interrupted after page ${page}`);
      return page;
    });
    await crash(async () => download.with({ retry: RetryPresets.fixed({ maxAttempts: 9, delay: '1m' }) })(), {
      invariant: ({ result }) => expect(result).toBe(4),
    });
  });

  /** A process that ends after its action has said something, and what the action finds in the next. */
  async function foundAfterCrash(work: Action<[], unknown>): Promise<unknown> {
    const store = memoryStore();
    const main = aFlow(async () => work());
    const first = testEngine({ store, autoAdvance: false });
    const said = deferred();
    first.mock(work, () => {
      actionContext().heartbeat({ page: 7 });
      said.resolve();
      return new Promise(() => {});
    });
    begin(first, main);
    await said.promise;
    await settle();
    await first.close({ timeout: 0 });
    const second = testEngine({ store });
    second.mock(work, () => [actionContext().attempt, actionContext().heartbeatDetail]);
    return second.future('run');
  }

  test('survives the end of the process in the middle of the attempt', async () => {
    const work = action(unique('work'), async (): Promise<unknown> => undefined);
    expect(await foundAfterCrash(work)).toEqual([1, { page: 7 }]);
  });

  test('of an interrupted at-most-once attempt is given to the next', async () => {
    const options = { execution: 'at-most-once', retry: RetryPresets.fixed() } as const;
    const work = action(unique('work'), async (): Promise<unknown> => undefined, options);
    expect(await foundAfterCrash(work)).toEqual([2, { page: 7 }]);
  });
});

describe('a detached action that outlives its run', () => {
  /** Attempts that were begun: their numbers, keys and virtual times. */
  const seen: { attempt: number; key: string; at: number }[] = [];
  const reset = (): void => void seen.splice(0);

  function standIn(engine: TestEngine, last: number): () => string {
    return () => {
      const { attempt, idempotencyKey: key } = actionContext();
      seen.push({ attempt, key, at: engine.now() - START });
      return until(last, 'done')();
    };
  }

  test('is tried again at its times, whatever happens to its process', async () => {
    const work = action(unique('work'), async () => 'done', { retry: patient() });
    const child = aFlow(async () => {
      work.start().detach();
      return 'gone';
    });
    await crash(
      async () => {
        const end = await child();
        await sleep('1d');
        return end;
      },
      {
        reset,
        setup: (engine) => void engine.mock(work, standIn(engine, 3)),
        invariant: ({ runId }) => {
          expect(new Set(seen.map(({ attempt }) => attempt))).toEqual(new Set([1, 2, 3]));
          expect(new Set(seen.map(({ key }) => key))).toEqual(new Set([`${runId}//0/0`]));
          for (const { attempt, at } of seen) expect(at).toBe([0, 10, 30][attempt - 1]! * MINUTE_MS);
        },
      },
    );
  });

  test('is begun once at most for each attempt, where that is asked for', async () => {
    const work = action(unique('work'), async () => 'done', { execution: 'at-most-once', retry: patient() });
    const child = aFlow(async () => void work.start().detach());
    await crash(
      async () => {
        await child();
        await sleep('1d');
      },
      {
        reset,
        setup: (engine) => void engine.mock(work, standIn(engine, 2)),
        invariant: () => {
          const attempts = seen.map(({ attempt }) => attempt);
          expect(attempts).toEqual([...new Set(attempts)]);
        },
      },
    );
  });

  /** A process that ends while a detached action of a run that has ended is under way; the next begins later. */
  async function leftDetached(
    work: Action<[], unknown>,
    standIn: () => unknown,
    laterMs: number,
  ): Promise<{ readonly engine: TestEngine; readonly store: Store }> {
    const store = memoryStore();
    const main = aFlow(async () => void work.start().detach());
    const first = testEngine({ store, autoAdvance: false, startTime: START });
    const begun = deferred();
    first.mock(work, () => {
      begun.resolve();
      return standIn();
    });
    begin(first, main);
    await begun.promise;
    await first.future('run');
    await settle();
    await first.close({ timeout: 0 });
    return { store, engine: testEngine({ store, startTime: START + laterMs }) };
  }

  const hung = (): Promise<never> => new Promise(() => {});

  test('has the time for all attempts once, from its own start', async () => {
    const work = action(unique('work'), async (): Promise<unknown> => undefined, { scheduleTimeout: '1h', retry: RetryPresets.fixed() });
    const { engine } = await leftDetached(
      work,
      () => {
        throw new Error('no');
      },
      30 * MINUTE_MS,
    );
    engine.mock(work, hung as never, { latency: '9h' });
    expect(await engine.future('run//0').exception()).toMatchObject({ code: 'ACTION_TIMEOUT', cause: { message: 'no' } });
    expect(engine.now() - START).toBe(60 * MINUTE_MS);
  });

  test('has the time for all attempts once, also when the first is under way', async () => {
    const work = action(unique('work'), async (): Promise<unknown> => undefined, { scheduleTimeout: '1h' });
    const { engine } = await leftDetached(work, hung, 30 * MINUTE_MS);
    engine.mock(work, hung as never, { latency: '9h' });
    expect(await engine.future('run//0').exception()).toMatchObject({ code: 'ACTION_TIMEOUT' });
    expect(engine.now() - START).toBe(60 * MINUTE_MS);
  });

  test('goes by the options of the action after a crash, not by those of the call', async () => {
    const work = action(unique('work'), async (): Promise<unknown> => undefined, { retry: RetryPresets.fixed({ maxAttempts: 2 }) });
    const called = work.with({ retry: RetryPresets.none() });
    const { engine } = await leftDetached(called, hung, 0);
    engine.mock(work, until(2, 'done'));
    expect(await engine.future('run//0')).toBe('done');
  });
});

function begin(engine: TestEngine, main: () => Promise<unknown>): void {
  engine
    .start(main, [], { id: 'run' })
    .exception()
    .catch(() => {});
}
