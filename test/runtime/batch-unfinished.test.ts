import {
  action,
  asCompleted,
  CancelledError,
  CompletionConfig,
  type EngineEvents,
  flow,
  map,
  parallel,
  shield,
  sleep,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { besideFailures, deferred, inFlow, nextEvent, settle, startFlow, thrownBy, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async (value?: unknown) => value);
const refuse = action(unique('refuse'), async () => {
  throw new RangeError('second');
});
const sleeper = flow(unique('sleeper'), () => sleep('7d'));
const first = { completionConfig: CompletionConfig.firstSuccessful() };

/** Runs a loser next to a branch that wins when the loser has settled down; returns what it saw. */
async function losing(loser: (seen: unknown[]) => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const result = await inFlow(
    async () => {
      const batch = await parallel([() => loser(seen), () => sleep(5)], first);
      seen.push('batch');
      await noop();
      return batch;
    },
    { leaks: 'error' },
  );
  expect(result.all.map(({ status }) => status)).toStrictEqual(['STARTED', 'SUCCEEDED']);
  await settle();
  return seen;
}

describe('what is not done when the batch is complete', () => {
  const pending: readonly [string, () => Promise<unknown>][] = [
    ['a sleep', () => sleep('7d')],
    ['a child flow', () => sleeper()],
    ['a future of a child flow', async () => sleeper.start()],
    ['a wait()', () => wait([sleep.start('7d'), sleep.start('8d')])],
    ['a wait() with a limit', () => wait([sleep.start('7d')], { timeout: '1d' })],
    ['a result() with a limit', () => sleep.start('7d').result({ timeout: '1d' })],
    ['Promise.race', () => Promise.race([sleep.start('7d'), sleep.start('8d')])],
    ['Promise.all', () => Promise.all([sleep.start('7d'), sleep.start('8d')])],
    ['a nested batch', () => parallel([() => sleep('7d')])],
    ['a batch nested twice', () => map([1], () => map([1], () => sleep('7d')))],
    [
      'asCompleted',
      async () => {
        for await (const future of asCompleted([sleep.start('7d')])) await future;
      },
    ],
  ];

  test.each(pending)('is cancelled: %s throws CancelledError, and finally runs', async (_what, waitFor) => {
    const seen = await losing(async (log) => {
      try {
        return await waitFor();
      } catch (error) {
        log.push(error instanceof CancelledError);
        throw error;
      } finally {
        log.push('finally');
      }
    });
    expect([...seen].sort()).toStrictEqual(['batch', 'finally', true].sort());
    expect(seen.indexOf('finally')).toBeGreaterThan(seen.indexOf(true));
  });

  test('says which branch was cancelled and why', async () => {
    const seen = await losing(async (log) => {
      await sleep('7d').catch((error: Error) => log.push(error.message));
    });
    expect(seen).toContainEqual(expect.stringContaining('it is complete'));
  });

  test('its actions get their signals, and the batch does not wait for their bodies', async () => {
    const gates = new Gates();
    const result = await inFlow(async () => parallel([() => gates.pass('loser'), async () => sleep(5)], first));
    expect(result.startedCount).toBe(1);
    expect(await gates.aborted('loser')).toBeInstanceOf(CancelledError);
  });

  test('an action in it that ignores its signal delays neither the batch nor the end of the run', async () => {
    const gate = deferred();
    const stubborn = action(unique('stubborn'), () => gate.promise);
    const { status } = await runBatch(async () => parallel([() => stubborn(), () => noop()], first));
    expect(status).toBe('SUCCEEDED');
    gate.resolve();
    await settle();
  });

  test('its child flows are cancelled', async () => {
    const { engine, future } = await startFlow(async () => parallel([() => sleeper(), () => sleep(5)], first));
    const ended: EngineEvents['run:finished'][] = [];
    engine.on('run:finished', (event) => ended.push(event));
    const child = nextEvent(engine, 'run:finished', ({ flow: name }) => name === sleeper.name);
    await future[0];
    expect(await child).toMatchObject({ status: 'CANCELLED' });
  });

  test('what it starts later is a CANCELLED future, and waits throw, for as long as it goes on', async () => {
    const seen = await losing(async (log) => {
      await sleep('7d').catch(() => undefined);
      const started = noop.start('late');
      log.push(started.status, started.done());
      log.push((await thrownBy(() => started.result())).name);
      log.push((await thrownBy(() => noop('later'))).name);
      log.push((await thrownBy(() => sleep(1))).name);
      log.push((await thrownBy(() => parallel([() => log.push('a branch began')]))).name);
      log.push((await thrownBy(() => wait([started]))).name);
    });
    expect(seen.filter((line) => line !== 'batch')).toStrictEqual(['CANCELLED', true, ...Array(5).fill('CancelledError')]);
  });

  test('what it returns after that changes nothing', async () => {
    const { result, journal } = await runBatch(async () => {
      const batch = await parallel(
        [
          async () => {
            await sleep('7d').catch(() => undefined);
            return 'anyway';
          },
          () => sleep(5),
        ],
        first,
      );
      await noop();
      return batch;
    });
    expect(result?.all[0]).toStrictEqual({ index: 0, name: 'parallel-branch-0', status: 'STARTED' });
    expect([journal.has('0.0'), journal.get('0.0.0')?.status]).toStrictEqual([false, 'CANCELLED']);
  });

  test('a shield in it goes on: the batch does not wait for it, the end of the run does', async () => {
    const gates = new Gates();
    const seen: unknown[] = [];
    const { future } = await startFlow(async () => {
      const batch = await parallel(
        [
          async () => {
            try {
              await sleep('7d');
            } finally {
              seen.push(await shield(() => gates.pass('clean up')));
            }
          },
          () => sleep(5),
        ],
        first,
      );
      seen.push('batch');
      return batch.startedCount;
    });
    await gates.begun('clean up');
    await settle();
    expect([seen, future[0]?.done()]).toStrictEqual([['batch'], false]);
    gates.open('clean up', 'cleaned');
    expect(await future[0]).toBe(1);
    expect(seen).toStrictEqual(['batch', 'cleaned']);
  });

  test('a nested batch in a shield is not cancelled', async () => {
    const gates = new Gates();
    const seen: unknown[] = [];
    const { future } = await startFlow(async () => {
      await parallel(
        [() => shield(async () => seen.push((await map(['a', 'b'], (key) => gates.pass(key))).getResults())), () => sleep(5)],
        first,
      );
    });
    await gates.begun('b');
    gates.open('a', 1);
    await settle();
    gates.open('b', 2);
    await future[0];
    expect(seen).toStrictEqual([[1, 2]]);
  });

  test('branches that have not begun never begin', async () => {
    const begun: number[] = [];
    await inFlow(async () => {
      await parallel([() => noop(), () => begun.push(1), () => begun.push(2)], { ...first, maxConcurrency: 1 });
      await sleep(5);
    });
    expect(begun).toStrictEqual([]);
  });

  test.each([
    ['goes on', () => sleep(5)],
    ['ends at once', async () => undefined],
  ])('losers that throw leave no leaks; a failed clean-up is told in one line, when the flow %s', async (_what, after) => {
    const { status, leaks, lines } = await runBatch(
      async () => {
        await parallel(
          [
            async () => {
              await sleep('7d');
            },
            async () => {
              await sleep('7d').catch(() => undefined);
              throw new RangeError('in spite');
            },
            async () => {
              sleep.start('7d');
              await sleep('8d');
            },
            () => noop(),
          ],
          first,
        );
        await after();
      },
      { leaks: 'error' },
    );
    expect([status, leaks]).toStrictEqual(['SUCCEEDED', []]);
    const told = besideFailures(lines);
    expect(told).toMatchObject([{ level: 'warn', fields: { operationId: '0.1', error: { name: 'RangeError', message: 'in spite' } } }]);
    expect(told[0]?.message).toContain('parallel-branch-1');
  });

  test.each([
    ['body', (): Promise<unknown> => Promise.reject(new RangeError('second'))],
    ['action', (): Promise<unknown> => refuse()],
  ])('a failure of its %s that comes when the batch is decided, and not yet delivered, is told', async (_what, branch) => {
    const { result, lines } = await runBatch(async () => parallel([branch, branch]));
    expect(result?.all.map(({ status }) => status)).toStrictEqual(['FAILED', 'STARTED']);
    const told = besideFailures(lines);
    expect(told).toMatchObject([{ level: 'warn', fields: { operationId: '0.1', error: { name: 'RangeError', message: 'second' } } }]);
  });

  test('a failure that is one too many cancels the rest as well', async () => {
    const gates = new Gates();
    const { result } = await runBatch(async () => parallel([() => gates.pass('other'), () => Promise.reject(new Error('no'))]));
    expect(result?.completionReason).toBe('FAILURE_TOLERANCE_EXCEEDED');
    expect(await gates.aborted('other')).toBeInstanceOf(CancelledError);
  });
});
