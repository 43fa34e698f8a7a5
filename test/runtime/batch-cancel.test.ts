import { action, CancelledError, type DurableFuture, flow, map, parallel, shield, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { deferred, inFlow, openEngine, settle, startFlow, thrownBy, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async (value?: unknown) => value);

describe("cancelling a batch's future", () => {
  test('cancels its branches at once, and it is CANCELLED', async () => {
    const gates = new Gates();
    const seen: unknown[] = [];
    const { future, engine } = await startFlow(async () => {
      const batch = parallel.start([
        async () => {
          await gates.pass('a').catch((error: Error) => seen.push(`branch: ${error.name}`));
        },
        () => sleep('7d'),
      ]);
      await sleep(5);
      const cancelled = batch.cancel('changed my mind');
      seen.push(cancelled, batch.status, batch.done(), batch.cancel());
      const error = await thrownBy(() => batch.result());
      seen.push(error instanceof CancelledError, error.message.includes('changed my mind'));
      await noop();
      return batch.status;
    });
    expect(await future[0]).toBe('CANCELLED');
    expect([...seen].sort()).toStrictEqual(['branch: CancelledError', true, 'CANCELLED', true, false, true, true].sort());
    expect(await gates.aborted('a')).toBeInstanceOf(CancelledError);
    expect((await engine.get((future[0] as DurableFuture<unknown>).id))?.status).toBe('SUCCEEDED');
  });

  test('begins no more branches', async () => {
    const begun: number[] = [];
    await inFlow(async () => {
      const batch = map.start(
        [0, 1, 2],
        async (item) => {
          begun.push(item);
          await sleep(item === 0 ? 5 : '7d').catch(() => undefined);
        },
        { maxConcurrency: 2 },
      );
      batch.cancel();
      await sleep(20);
      return batch.status;
    });
    expect(begun).toStrictEqual([0, 1]);
  });

  test('leaves CANCELLED entries and no outcome of its branches', async () => {
    const { journal, status } = await runBatch(async () => {
      const batch = map.start([1, 2], () => sleep('7d'));
      await noop();
      batch.cancel();
      await noop();
    });
    expect(status).toBe('SUCCEEDED');
    expect([...journal].map(([id, { status: each }]) => `${id} ${each}`).sort()).toStrictEqual([
      '0 CANCELLED',
      '0.0.0 CANCELLED',
      '0.1.0 CANCELLED',
      '1 SUCCEEDED',
      '2 SUCCEEDED',
    ]);
  });

  test('is possible only where it was started', async () => {
    const code = await inFlow(async () => {
      const batch: DurableFuture<unknown>[] = [];
      batch.push(
        parallel.start([
          async () => {
            await noop();
            return (await thrownBy(() => batch[0]?.cancel())) as { code?: string };
          },
        ]),
      );
      const result = (await batch[0]) as { getResults(): { code?: string }[] } | undefined;
      return result?.getResults()[0]?.code;
    }).catch((error: Error) => error.message);
    expect(code).toBe('FOREIGN_FUTURE');
  });

  test('after it is complete does nothing', async () => {
    const seen = await inFlow(async () => {
      const batch = parallel.start([() => noop()]);
      await batch;
      return [batch.cancel(), batch.status];
    });
    expect(seen).toStrictEqual([false, 'SUCCEEDED']);
  });
});

describe('cancelling the flow', () => {
  test('cancels the batch and its branches; finally and shields run; the run is CANCELLED', async () => {
    const seen: string[] = [];
    const begun = deferred();
    const { engine, future } = await startFlow(async () => {
      try {
        await map(['a', 'b'], async (item) => {
          try {
            if (item === 'b') begun.resolve();
            await sleep('7d');
          } catch (error) {
            seen.push(`${item} ${(error as Error).name}`);
            throw error;
          } finally {
            seen.push(`${item} ${await shield(() => noop('shield'))}`);
          }
        });
      } finally {
        seen.push('finally');
      }
    });
    const run = future[0] as DurableFuture<unknown>;
    await Promise.all([begun.promise, run.recorded()]);
    await settle();
    await engine.cancel(run.id);
    expect((await run.exception())?.name).toBe('CancelledError');
    expect(run.status).toBe('CANCELLED');
    expect([...seen].sort()).toStrictEqual(['a CancelledError', 'a shield', 'b CancelledError', 'b shield', 'finally']);
  });

  test('before the batch means that no branch begins', async () => {
    const begun: number[] = [];
    const { engine, future } = await startFlow(async () => {
      await sleep('7d').catch(() => undefined);
      await parallel([() => begun.push(0)]);
    });
    const run = future[0] as DurableFuture<unknown>;
    await run.recorded();
    await engine.cancel(run.id);
    expect((await run.exception())?.name).toBe('CancelledError');
    expect(begun).toStrictEqual([]);
  });

  test('leaves a detached batch alone, until the scope that it was started in ends', async () => {
    const gates = new Gates();
    const { engine } = await openEngine();
    const future = engine.start(
      flow(unique('detaching'), async () => {
        const batch = parallel.start([() => gates.pass('a'), () => gates.pass('b')]);
        batch.detach();
        await sleep('7d').catch(() => undefined);
        return shield(() => noop(1));
      }),
      [],
    );
    await gates.begun('b');
    await engine.cancel(future.id);
    expect(await future).toBe(1);
    expect(await Promise.all([gates.aborted('a'), gates.aborted('b')])).toHaveLength(2);
  });
});

describe('a batch in a shield', () => {
  test('is not cancelled with its flow, nor are its branches', async () => {
    const gates = new Gates();
    const { engine, future } = await startFlow(() => shield(async () => (await map(['a', 'b'], (key) => gates.pass(key))).getResults()));
    const run = future[0] as DurableFuture<unknown>;
    await gates.begun('b');
    await engine.cancel(run.id);
    await settle();
    gates.open('a', 1);
    gates.open('b', 2);
    expect(await run).toStrictEqual([1, 2]);
  });

  test('can be started by a flow that was cancelled before', async () => {
    const { engine, future } = await startFlow(async () => {
      await sleep('7d').catch(() => undefined);
      return shield(async () => (await map([1, 2], (item) => noop(item))).getResults());
    });
    const run = future[0] as DurableFuture<unknown>;
    await run.recorded();
    await engine.cancel(run.id);
    expect(await run).toStrictEqual([1, 2]);
  });
});

test('10,000 pending branches are cancelled in a few seconds', async () => {
  const started = performance.now();
  const { status, result } = await runBatch(async () => {
    const branches = Array.from({ length: 10_000 }, () => () => sleep('7d'));
    return (await parallel([...branches, () => sleep(1)], { completionConfig: { minSuccessful: 1 } })).startedCount;
  });
  expect([status, result]).toStrictEqual(['SUCCEEDED', 10_000]);
  expect(performance.now() - started).toBeLessThan(10_000);
});
