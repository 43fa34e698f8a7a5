import { action, parallel, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { deferred, inFlow, nextEvent, startFlow, thrownBy, unique } from '../api/with-engine.js';
import { runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async (value?: unknown) => value);

describe('code of a branch that has ended', () => {
  test('can start nothing: RUN_ENDED', async () => {
    const codes: (string | undefined)[] = [];
    await inFlow(async () => {
      const outer = sleep.start(10);
      await parallel([
        async () => {
          void outer.result().then(async () => {
            codes.push((await thrownBy(() => noop())).code, (await thrownBy(() => noop.start())).code);
            codes.push((await thrownBy(() => parallel([() => noop()]))).code, (await thrownBy(() => sleep(1))).code);
          });
        },
      ]);
      await outer;
      await sleep(5);
    });
    expect(codes).toStrictEqual(['RUN_ENDED', 'RUN_ENDED', 'RUN_ENDED', 'RUN_ENDED']);
  });
});

describe('branches that share a promise', () => {
  const sharing = async (): Promise<string[]> => {
    const shared = deferred<string>();
    const result = await parallel([
      async () => {
        await noop();
        shared.resolve('shared');
        await noop();
        return 'a';
      },
      async () => {
        await shared.promise;
        await noop();
        return 'b';
      },
    ]);
    result.throwIfError();
    return result.getResults();
  };

  test("are told of by NON_DURABLE_AWAIT: an error under 'error'", async () => {
    const { error } = await runBatch(sharing, { nonDurableAwait: 'error' });
    expect(error).toMatchObject({ name: 'UsageError', code: 'NON_DURABLE_AWAIT' });
  });

  test("one line under 'warn', and they go on", async () => {
    const { result, lines } = await runBatch(sharing, { nonDurableAwait: 'warn' });
    expect(result).toStrictEqual(['a', 'b']);
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  test("nothing under 'ignore'", async () => {
    const { result, lines } = await runBatch(sharing, { nonDurableAwait: 'ignore' });
    expect([result, lines.filter(({ level }) => level === 'warn')]).toStrictEqual([['a', 'b'], []]);
  });
});

describe('a branch that waits for something that is not durable', () => {
  const body = async (): Promise<unknown> => {
    await new Promise((resolve) => setImmediate(resolve));
    return noop(1);
  };

  test("fails with NON_DURABLE_AWAIT under 'error', and no other branch does", async () => {
    const { result } = await runBatch(async () => parallel([() => sleep(5), body], { completionConfig: { toleratedFailureCount: 1 } }), {
      nonDurableAwait: 'error',
    });
    expect(result?.all.map(({ status }) => status)).toStrictEqual(['SUCCEEDED', 'FAILED']);
    expect(result?.getErrors()).toMatchObject([{ code: 'NON_DURABLE_AWAIT', message: expect.stringContaining(noop.name) }]);
  });

  test("goes on under 'warn'", async () => {
    const { result, lines } = await runBatch(async () => parallel([() => sleep(5), body]), { nonDurableAwait: 'warn' });
    expect(result?.getResults()).toStrictEqual([undefined, 1]);
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  test('and that never comes leaves the run stuck, which is told', async () => {
    const { engine, future } = await startFlow(async () => parallel([() => new Promise(() => {}), () => noop()], { name: 'waiting' }));
    expect(await nextEvent(engine, 'run:stuck')).toMatchObject({ runId: future[0]?.id });
  });

  test('and that never comes delays neither the batch nor the run when it loses', async () => {
    const { status, result, leaks } = await runBatch(
      async () => (await parallel([() => new Promise(() => {}), () => noop()], { completionConfig: { minSuccessful: 1 } })).startedCount,
      { leaks: 'error', nonDurableAwait: 'error' },
    );
    expect([status, result, leaks]).toStrictEqual(['SUCCEEDED', 1, []]);
  });
});
