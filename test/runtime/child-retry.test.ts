import {
  action,
  CancelledError,
  createRetryStrategy,
  type Flow,
  type FlowOptions,
  flow,
  flowContext,
  NonRetryableError,
  parallel,
  RetryPresets,
  sleep,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { crashEverywhere } from '../../src/testing.js';
import { nextEvent, openEngine, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { cancelRun, FAULTS, senders, sendingEngine, step } from './senders.js';

const EVERY_MINUTE = createRetryStrategy({ maxAttempts: 4, initialDelay: '1m', backoffRate: 1, jitter: 'NONE' });

/** A child that fails in its first attempts; it knows by its run's id which this is. */
function failing(times: number, options: FlowOptions = { retry: EVERY_MINUTE }): Flow<[], string> {
  return flow(
    unique('failing'),
    async () => {
      const { runId } = flowContext();
      await step(`in ${runId}`);
      const attempt = Number(/~(\d+)$/.exec(runId)?.[1] ?? 1);
      if (attempt <= times) throw new RangeError(`attempt ${attempt}`);
      return `attempt ${attempt}`;
    },
    options,
  );
}

describe('a child run that fails', () => {
  test('is made again, as a run of its own, after the back-off', async () => {
    const engine = testEngine();
    const child = failing(2);
    const startedAt = engine.now();
    const report = await engine.run(aFlow(async () => child()));
    expect(report.result).toBe('attempt 3');
    expect(engine.now() - startedAt).toBe(120_000);
    const id = `${report.runId}//0`;
    expect(engine.calls(step)).toEqual([[`in ${id}`], [`in ${id}~2`], [`in ${id}~3`]]);
    const runs = await engine.list({ flow: child.name });
    expect(runs.map(({ id: runId, status, parent }) => [runId, status, parent?.runId]).sort()).toEqual([
      [id, 'FAILED', report.runId],
      [`${id}~2`, 'FAILED', report.runId],
      [`${id}~3`, 'SUCCEEDED', report.runId],
    ]);
    await engine.assertReplays();
  });

  test('has the error of its last attempt when there are no more', async () => {
    const engine = testEngine();
    const child = failing(9);
    const startedAt = engine.now();
    const { error } = await engine.run(aFlow(async () => child()));
    expect(error).toMatchObject({ name: 'RangeError', message: 'attempt 4' });
    expect(engine.now() - startedAt).toBe(180_000);
    await engine.assertReplays();
  });

  test.each(['a flow', 'an action of it'] as const)(
    'is not made again after a subclass of NonRetryableError that %s throws',
    async (thrower) => {
      class Fatal extends NonRetryableError {
        override name = 'Fatal';
      }
      const engine = testEngine();
      const work = action(unique('work'), async () => {
        throw new Fatal('never');
      });
      let begun = 0;
      const child = flow(
        unique('child'),
        async () => {
          begun += 1;
          if (thrower === 'a flow') throw new Fatal('never');
          await work();
        },
        { retry: EVERY_MINUTE },
      );
      const { error } = await engine.run(aFlow(async () => child()));
      expect(error).toMatchObject({ name: 'Fatal', message: 'never', code: 'NON_RETRYABLE' });
      expect(begun).toBe(1);
      expect(await engine.list({ flow: child.name })).toHaveLength(1);
    },
  );

  test('is not made again without a strategy, whatever the engine retries', async () => {
    const engine = testEngine({ retry: EVERY_MINUTE });
    const child = failing(1, {});
    const { error } = await engine.run(aFlow(async () => child()));
    expect(error).toMatchObject({ message: 'attempt 1' });
  });

  test('is made again as the call says, in place of the flow', async () => {
    const engine = testEngine();
    const child = failing(1);
    const never = await engine.run(aFlow(async () => child.with({ retry: () => ({ retry: false }) })()));
    expect(never.error).toMatchObject({ message: 'attempt 1' });
    const at_once = failing(1, {});
    const startedAt = engine.now();
    const retried = await engine.run(aFlow(async () => at_once.with({ retry: () => ({ retry: true }) })()));
    expect(retried.result).toBe('attempt 2');
    expect(engine.now()).toBe(startedAt);
  });

  test('under an id of yours is made again under that id and a number', async () => {
    const engine = testEngine();
    const child = failing(1);
    const { result } = await engine.run(aFlow(async () => child.with({ id: 'mine' })()));
    expect(result).toBe('attempt 2');
    expect((await engine.get('mine')).status).toBe('FAILED');
    expect((await engine.get('mine~2')).status).toBe('SUCCEEDED');
    await engine.assertReplays();
  });

  test('with NonRetryableError is not made again', async () => {
    const engine = testEngine();
    const child = flow(
      unique('final'),
      async () => {
        await step('once');
        throw new NonRetryableError('never');
      },
      { retry: EVERY_MINUTE },
    );
    const { error } = await engine.run(aFlow(async () => child()));
    expect(error).toBeInstanceOf(NonRetryableError);
    expect(engine.calls(step)).toHaveLength(1);
  });

  test('is shown to the strategy with its error and the number of the attempt', async () => {
    const seen: unknown[] = [];
    const engine = testEngine();
    const child = failing(2);
    await engine.run(
      aFlow(async () =>
        child.with({
          retry: (error, attempt) => {
            seen.push([(error as Error).name, (error as Error).message, attempt]);
            return { retry: true };
          },
        })(),
      ),
    );
    expect(seen).toEqual([
      ['RangeError', 'attempt 1', 1],
      ['RangeError', 'attempt 2', 2],
    ]);
  });

  test('keeps its own error where a strategy throws', async () => {
    const engine = testEngine();
    const child = failing(9);
    const { error } = await engine.run(
      aFlow(async () =>
        child.with({
          retry: () => {
            throw new TypeError('no plan');
          },
        })(),
      ),
    );
    expect(error).toMatchObject({ name: 'RangeError', message: 'attempt 1' });
    await engine.assertReplays();
  });

  test('for its time-out is made again: the limit is of each attempt', async () => {
    const engine = testEngine();
    const child = flow(
      unique('slow'),
      async () => {
        await sleep(flowContext().runId.endsWith('~3') ? '10m' : '2h');
        return flowContext().runId;
      },
      { timeout: '1h', retry: EVERY_MINUTE },
    );
    const startedAt = engine.now();
    const { result, runId } = await engine.run(aFlow(async () => child()));
    expect(result).toBe(`${runId}//0~3`);
    expect(engine.now() - startedAt).toBe(2 * 3_660_000 + 600_000);
    await engine.assertReplays();
  });

  test('in a branch is made again as well', async () => {
    const child = failing(1);
    const body = aFlow(async () => (await parallel([() => child(), () => child()])).getResults());
    await crashEverywhere(body, [], { faults: FAULTS, invariant: ({ result }) => expect(result).toEqual(['attempt 2', 'attempt 2']) });
  });
});

describe('a cancellation', () => {
  const backingOff = failing(9, { retry: () => ({ retry: true, delay: '1d' }) });
  const cancelsIt = aFlow(async () => {
    const future = backingOff.start();
    await sleep('1h');
    const asked = future.cancel('enough');
    const error = await future.exception();
    return [asked, error instanceof CancelledError, error?.message.includes('enough')];
  });

  test('during the back-off ends it in that turn', async () => {
    const engine = testEngine();
    const startedAt = engine.now();
    const { result, runId } = await engine.run(cancelsIt);
    expect(result).toEqual([true, true, true]);
    expect(engine.now() - startedAt).toBe(3_600_000);
    expect(await thrownBy(() => engine.get(`${runId}//0~2`))).toMatchObject({ code: 'RUN_NOT_FOUND' });
    await engine.assertReplays();
  });

  test('during the back-off leaves well-formed journals, wherever the run crashes', async () => {
    await crashEverywhere(cancelsIt, [], { faults: FAULTS });
  });

  test('during an attempt cancels that, and there is no other', async () => {
    const child = flow(
      unique('slow'),
      async () => {
        if (!flowContext().runId.endsWith('~2')) throw new Error('the first attempt');
        await sleep('1d');
      },
      { retry: EVERY_MINUTE },
    );
    const body = aFlow(async () => {
      const future = child.start();
      await sleep('1h');
      future.cancel('enough');
      return (await future.exception())?.name;
    });
    const engine = testEngine();
    const { result, runId } = await engine.run(body);
    expect(result).toBe('CancelledError');
    expect((await engine.get(`${runId}//0~2`)).status).toBe('CANCELLED');
    expect(await thrownBy(() => engine.get(`${runId}//0~3`))).toMatchObject({ code: 'RUN_NOT_FOUND' });
    await engine.assertReplays();
    await crashEverywhere(body, [], { faults: FAULTS });
  });

  test('during an attempt that fails by it is not followed by another', async () => {
    const child = flow(
      unique('stubborn'),
      async () => {
        try {
          await sleep('1d');
        } catch (cause) {
          throw new RangeError('clean-up failed', { cause });
        }
      },
      { retry: () => ({ retry: true }) },
    );
    const body = aFlow(async () => {
      const future = child.start();
      await sleep('1h');
      future.cancel('enough');
      return (await future.exception())?.message;
    });
    const engine = testEngine();
    const { result, runId } = await engine.run(body);
    expect(result).toBe('clean-up failed');
    expect(await thrownBy(() => engine.get(`${runId}//0~2`))).toMatchObject({ code: 'RUN_NOT_FOUND' });
    await engine.assertReplays();
    await crashEverywhere(body, [], { faults: FAULTS });
  });

  test('of the parent cancels the attempt under way', async () => {
    const engine = sendingEngine();
    const child = flow(
      unique('slow'),
      async () => {
        if (!flowContext().runId.endsWith('~2')) throw new Error('the first attempt');
        await sleep('1d');
      },
      { retry: EVERY_MINUTE },
    );
    const future = engine.start(
      aFlow(async () => child()),
      [],
    );
    engine.start(
      aFlow(async () => sleep('1h').then(() => cancelRun(future.id))),
      [],
    );
    await future.exception();
    await engine.future(`${future.id}//0~2`).exception();
    expect(future.status).toBe('CANCELLED');
    expect((await engine.get(`${future.id}//0~2`)).status).toBe('CANCELLED');
  });

  test('of the parent during the back-off leaves nothing behind', async () => {
    const child = failing(9, { retry: () => ({ retry: true, delay: '1d' }) });
    const body = aFlow(async () => {
      const future = child.start();
      await sleep('1h');
      await cancelRun(flowContext().runId);
      await future;
    });
    await crashEverywhere(body, [], { ...senders, faults: FAULTS, invariant: ({ status }) => expect(status).toBe('CANCELLED') });
  });
});

test('attempts come to the same end wherever the run crashes, and none of them is made twice', async () => {
  const child = failing(2);
  const body = aFlow(async () => [await child(), await step('after')]);
  const report = await crashEverywhere(body, [], {
    faults: { ...FAULTS, slow: 2 },
    invariant: ({ result }) => expect(result).toEqual(['attempt 3', 'after']),
  });
  expect(report.commits).toBeGreaterThan(9);
});

test('the report of a run shows how many attempts a child took', async () => {
  const engine = testEngine();
  const child = failing(2);
  const report = await engine.run(aFlow(async () => child()));
  const [operation] = report.operations;
  expect(operation).toMatchObject({ kind: 'flow', status: 'SUCCEEDED', attempts: 3, output: 'attempt 3' });
  expect(operation?.children.map(({ name, output }) => [name, output])).toEqual([['step', `in ${report.runId}//0~3`]]);
});

test('a flow with a strategy that is started from outside is warned of, once an engine', async () => {
  const { engine, lines } = await openEngine();
  const retry = RetryPresets.fixed({ maxAttempts: 3, delay: 0 });
  const failing = flow(
    unique('retried'),
    async () => {
      throw new RangeError('no');
    },
    { retry },
  );
  const once = flow(unique('once'), async () => 1, { retry: RetryPresets.none() });
  const parent = flow(unique('parent'), async () => failing.start().exception());
  const warnings = (): string[] => lines.filter(({ message }) => message.includes('retry strategy')).map(({ message }) => message);
  expect(await engine.start(once, [])).toBe(1);
  expect(await engine.start(parent, [])).toBeInstanceOf(RangeError);
  expect(warnings()).toEqual([]);
  const runs = [engine.start(failing, []), engine.start(failing, [])];
  expect(warnings()).toEqual([expect.stringContaining(`flow "${failing.name}" has a retry strategy, which holds for child runs only`)]);
  for (const run of runs) expect(await run.exception()).toBeInstanceOf(RangeError);
  expect(warnings()).toHaveLength(1);
});

test('retry is refused for a run that is started from outside', async () => {
  const engine = testEngine();
  const child = failing(1);
  const call = child.with({ retry: EVERY_MINUTE });
  expect(await thrownBy(() => engine.start(call, []))).toMatchObject({
    name: 'UsageError',
    code: 'INVALID_OPTION',
    message: expect.stringContaining('child runs'),
  });
});

test('a flow with a strategy of its own can be started from outside, where it has one attempt', async () => {
  const engine = testEngine();
  const { error } = await engine.run(failing(1));
  expect(error).toMatchObject({ message: 'attempt 1' });
});

test('a strategy that is none is refused', async () => {
  for (const retry of [3, 'often', {}, true]) {
    expect(await thrownBy(() => flow(unique('bad'), async () => 1, { retry: retry as never }))).toMatchObject({ code: 'INVALID_OPTION' });
    expect(await thrownBy(() => failing(0).with({ retry: retry as never }))).toMatchObject({ code: 'INVALID_OPTION' });
  }
});

test('a child that is detached goes on being retried by nobody once its parent has ended', async () => {
  const engine = testEngine();
  const child = failing(2, { retry: () => ({ retry: true, delay: '1h' }) });
  const work = action(unique('work'), async () => 1);
  const ended = nextEvent(engine, 'run:finished', ({ flow: name }) => name === child.name);
  const { runId, status } = await engine.run(
    aFlow(async () => {
      child.start().detach();
      return work();
    }),
  );
  await ended;
  await engine.advance('1d');
  expect(status).toBe('SUCCEEDED');
  expect((await engine.get(`${runId}//0`)).status).toBe('FAILED');
  expect(await thrownBy(() => engine.get(`${runId}//0~2`))).toMatchObject({ code: 'RUN_NOT_FOUND' });
});
