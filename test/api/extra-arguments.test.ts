import {
  action,
  actionContext,
  asCompleted,
  CompletionConfig,
  callback,
  createRetryStrategy,
  event,
  flow,
  map,
  open,
  parallel,
  patched,
  RetryPresets,
  registerError,
  shield,
  sleep,
  sleepUntil,
  sqliteStore,
  startable,
  UsageError,
  uuid,
  wait,
  waitForCondition,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { assertReplays, crashEverywhere, createTestEngine, explore } from '../../src/testing.js';
import { inFlow, openEngine, thrownBy, unique } from './with-engine.js';

const echo = action(unique('echo'), async (value: unknown) => value);
const child = flow(unique('child'), async (value: unknown) => value);
class Refused extends Error {}

type Call = (...args: unknown[]) => unknown;
const loose = (call: unknown): Call => call as Call;

/** What is too much for each: an object that looks like options. */
const MORE = { timeout: 5 };

/** Functions of the api, with arguments that are right. */
const ANYWHERE: Readonly<Record<string, () => readonly [call: Call, args: readonly unknown[]]>> = {
  'flow(fn, options)': () => [loose(flow), [async function named() {}, {}]],
  'flow(name, fn, options)': () => [loose(flow), [unique('never'), async () => {}, {}]],
  'action(name, fn, options)': () => [loose(action), [unique('never'), async () => {}, {}]],
  'flow.with(options)': () => [loose(child.with), [{}]],
  'action.with(options)': () => [loose(echo.with), [{}]],
  'open(options)': () => [loose(open), [{ store: ':memory:', default: false }]],
  'startable(method)': () => [loose(startable), [echo]],
  'registerError(errorClass, name)': () => [loose(registerError), [Refused, unique('Refused')]],
  'createRetryStrategy(options)': () => [loose(createRetryStrategy), [{}]],
  'RetryPresets.default()': () => [loose(RetryPresets.default), []],
  'RetryPresets.none()': () => [loose(RetryPresets.none), []],
  'RetryPresets.transient()': () => [loose(RetryPresets.transient), []],
  'RetryPresets.critical()': () => [loose(RetryPresets.critical), []],
  'RetryPresets.linear(options)': () => [loose(RetryPresets.linear), [{}]],
  'RetryPresets.fixed(options)': () => [loose(RetryPresets.fixed), [{}]],
  'CompletionConfig.firstSuccessful()': () => [loose(CompletionConfig.firstSuccessful), []],
  'CompletionConfig.allSuccessful()': () => [loose(CompletionConfig.allSuccessful), []],
  'CompletionConfig.allCompleted()': () => [loose(CompletionConfig.allCompleted), []],
  'sqliteStore(path, options)': () => [loose(sqliteStore), ['never.db', {}]],
  'createTestEngine(options)': () => [loose(createTestEngine), [{}]],
  'explore(flow, args, options)': () => [loose(explore), [child, [1], {}]],
  'crashEverywhere(flow, args, options)': () => [loose(crashEverywhere), [child, [1], {}]],
  'assertReplays(flow, journal, options)': () => [loose(assertReplays), [child, [], {}]],
};

const IN_FLOWS: Readonly<Record<string, () => readonly [call: Call, args: readonly unknown[]]>> = {
  'event(name, options)': () => [loose(event), ['n', {}]],
  'callback(options)': () => [loose(callback), [{}]],
  'wait(futures, options)': () => [loose(wait), [[], {}]],
  'asCompleted(futures)': () => [loose(asCompleted), [[]]],
  'shield(fn)': () => [loose(shield), [async () => {}]],
  'patched(id)': () => [loose(patched), ['change']],
  'sleep(duration)': () => [loose(sleep), [1]],
  'sleep.start(duration)': () => [loose(sleep.start), [1]],
  'sleepUntil(date)': () => [loose(sleepUntil), [0]],
  'map(items, fn, options)': () => [loose(map), [[1], echo, {}]],
  'map.start(items, fn, options)': () => [loose(map.start), [[1], echo, {}]],
  'parallel(branches, options)': () => [loose(parallel), [[async () => 1], {}]],
  'parallel.start(branches, options)': () => [loose(parallel.start), [[async () => 1], {}]],
  'waitForCondition(look, options)': () => [loose(waitForCondition), [echo, { initial: 1, strategy: () => ({ continue: false }) }]],
  'waitForCondition.start(look, options)': () => [
    loose(waitForCondition.start),
    [echo, { initial: 1, strategy: () => ({ continue: false }) }],
  ],
  'result(options)': () => {
    const future = echo.start(1);
    return [loose(future.result.bind(future)), [{ timeout: 1000 }]];
  },
  'exception(options)': () => {
    const future = echo.start(1);
    return [loose(future.exception.bind(future)), [{ timeout: 1000 }]];
  },
  'done()': () => {
    const future = echo.start(1);
    return [loose(future.done.bind(future)), []];
  },
  'detach()': () => {
    const future = echo.start(1);
    return [loose(future.detach.bind(future)), []];
  },
  'cancel(reason)': () => {
    const future = echo.start(1);
    return [loose(future.cancel.bind(future)), ['reason']];
  },
};

const OF_ENGINES: Readonly<Record<string, readonly unknown[]>> = {
  'engine.start(flow, args, options)': [child, [1], {}],
  'engine.fork(runId, operationId)': ['id', '0'],
  'engine.future(runId)': ['id'],
  'engine.get(runId)': ['id'],
  'engine.operations(runId)': ['id'],
  'engine.list(filter)': [{}],
  'engine.cancel(runId, reason)': ['id', 'reason'],
  'engine.send(runId, name, value)': ['id', 'name', 1],
  'engine.complete(token, value)': ['token', 1],
  'engine.fail(token, error)': ['token', new Error('no')],
  'engine.heartbeat(token)': ['token'],
  'engine.retry(runId)': ['id'],
  'engine.check(flow)': [child],
  'engine.prune(retention)': [{ age: '1d' }],
  'engine.on(event, listener)': ['leak', () => {}],
  'engine.close(options)': [{ timeout: 0 }],
};

function expectRefused(error: unknown, signature: string): void {
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
  const name = signature.replace(/^(flow|action)\.with/, 'with');
  expect((error as Error).message).toContain(name);
  expect((error as Error).message).toContain('would do nothing');
}

describe('an argument too many is refused before anything starts:', () => {
  test.each(Object.entries(ANYWHERE))('%s', async (signature, call) => {
    const [given, args] = call();
    expectRefused(await thrownBy(() => given(...args, MORE)), signature);
  });

  test.each(Object.entries(IN_FLOWS))('%s, in a flow', async (signature, call) => {
    const error = await inFlow(
      async () => {
        const [given, args] = call();
        return thrownBy(() => given(...args, MORE));
      },
      { leaks: 'ignore' },
    );
    expectRefused(error, signature);
  });

  test('heartbeat(detail), in an action', async () => {
    const beat = action(unique('beat'), async () => thrownBy(() => loose(actionContext().heartbeat)(1, MORE)));
    expect(await inFlow(async () => beat())).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('recorded(), of a run', async () => {
    const { engine } = await openEngine();
    const future = engine.start(child, [1]);
    expectRefused(await thrownBy(() => loose(future.recorded.bind(future))(MORE)), 'recorded()');
  });

  test.each(Object.entries(OF_ENGINES))('%s', async (signature, args) => {
    const { engine } = await openEngine();
    const method = /\.(\w+)\(/.exec(signature)?.[1] as 'get';
    expectRefused(await thrownBy(() => loose(engine[method]).apply(engine, [...args, MORE])), signature);
    expect(await engine.list()).toEqual([]);
  });

  test.each<[string, readonly unknown[]]>([
    ['engine.run(flow, args, options)', [child, [1], {}]],
    ['mock(target, standIn, options)', [echo, 1, {}]],
    ['answer(name, value)', ['n', 1]],
    ['advance(duration)', [1]],
  ])('%s of the testing kit', async (signature, args) => {
    await using engine = createTestEngine();
    const method = /(\w+)\(/.exec(signature)?.[1] as 'run';
    expectRefused(await thrownBy(() => loose(engine[method])(...args, MORE)), signature);
  });

  test('a future outside of flows', async () => {
    const { engine } = await openEngine();
    const future = engine.start(child, [1]);
    expectRefused(await thrownBy(() => loose(future.result.bind(future))({}, MORE)), 'result(options)');
    expectRefused(await thrownBy(() => loose(future.cancel.bind(future))('no', MORE)), 'cancel(reason)');
    expect(await future).toBe(1);
  });
});

describe('an argument too many is no matter', () => {
  test('when it is undefined', async () => {
    const got = await inFlow(async () => [await loose(sleep)(0, undefined, undefined), loose(asCompleted)([], undefined) !== undefined]);
    expect(got).toEqual([undefined, true]);
  });

  test('for flows and actions of the program: a list gives them what it gives', async () => {
    const got = await inFlow(async () => [await Promise.all([1, 2].map(loose(echo))), await Promise.all([3].map(loose(child)))]);
    expect(got).toEqual([[1, 2], [3]]);
  });

  test('for what takes none and has no options', async () => {
    const got = await inFlow(async () => new Set(Array.from({ length: 3 }, loose(uuid))).size);
    expect(got).toBe(3);
  });

  test("for perdure's own functions in map(), which gives them the item alone", async () => {
    await using engine = createTestEngine();
    const waiting = flow(unique('waiting'), async () => {
      const slept = await map([1, 2], sleep);
      const started = await map([1, 2], sleep.start);
      const got = await map(['a', 'b'], loose(event));
      return [slept.successCount, started.successCount, got.getResults()];
    });
    const future = engine.start(waiting, []);
    for (const name of ['a', 'b']) await engine.send(future.id, name, name);
    expect(await future).toEqual([2, 2, ['a', 'b']]);
    await engine.assertReplays();
  });
});
