import { join } from 'node:path';
import { action, actionContext, callback, type DurableFuture, type EngineEvents, event, flow, memoryStore, open, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import type { RunRecord } from '../../src/model/records.js';
import { wrappedStore } from '../../src/testing/wrapped-store.js';
import { runChild } from '../api/run-child.js';
import { deferred, nextEvent, openEngine, settle, startFlow, thrownBy, unique } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';
import { readerShowing } from '../testing/reader-with.js';
import { testEngine } from '../testing/with-test-engine.js';

const echo = flow(unique('echo'), async (value: string) => value);
const other = flow(unique('other'), async (value: string) => value);
const fails = flow(unique('fails'), async () => {
  throw new RangeError('failed');
});
const noop = action(unique('noop'), async () => 1);

describe('ids', () => {
  test('the same id is the same run', async () => {
    const { engine } = await openEngine();
    let runs = 0;
    const counting = flow(unique('counting'), async () => {
      runs += 1;
      return runs;
    });
    const first = engine.start(counting, [], { id: 'once' });
    const second = engine.start(counting, [], { id: 'once' });
    expect(await Promise.all([first, second])).toStrictEqual([1, 1]);
    expect(await engine.start(counting, [], { id: 'once' })).toBe(1);
    expect(runs).toBe(1);
  });

  test.each([
    ['another flow', (): [typeof echo, string] => [other, 'value']],
    ['another input', (): [typeof echo, string] => [echo, 'another']],
  ])('an id that belongs to a run with %s is RUN_ID_TAKEN', async (_what, second) => {
    const { engine } = await openEngine();
    await engine.start(echo, ['value'], { id: 'taken' });
    const [run, argument] = second();
    const future = engine.start(run, [argument], { id: 'taken' });
    await expect(future.recorded()).rejects.toMatchObject({ name: 'UsageError', code: 'RUN_ID_TAKEN' });
    await expect(future.result()).rejects.toMatchObject({ code: 'RUN_ID_TAKEN', message: expect.stringContaining('taken') });
    expect(await engine.future('taken')).toBe('value');
  });

  test('of two different starts in one turn the first has the id', async () => {
    const { engine } = await openEngine();
    const futures = [engine.start(echo, ['one'], { id: 'contested' }), engine.start(echo, ['two'], { id: 'contested' })];
    const [one, two] = await Promise.allSettled(futures);
    expect(one).toStrictEqual({ status: 'fulfilled', value: 'one' });
    expect(two).toMatchObject({ status: 'rejected', reason: { code: 'RUN_ID_TAKEN' } });
  });

  test('a child under a taken id fails with RUN_ID_TAKEN, under the same run attaches', async () => {
    const { engine } = await openEngine();
    await engine.start(echo, ['value'], { id: 'existing' });
    const parent = flow(unique('parent'), async () => [
      await echo.with({ id: 'existing' })('value'),
      ((await other.with({ id: 'existing' }).start('value').exception()) as { code?: string }).code,
    ]);
    expect(await engine.start(parent, [])).toStrictEqual(['value', 'RUN_ID_TAKEN']);
  });
});

describe('get, list, cancel, retry', () => {
  test('get() tells what is known of a run', async () => {
    const { engine } = await openEngine();
    const good = engine.start(echo, ['value']);
    const bad = engine.start(fails, []);
    await Promise.allSettled([good, bad]);
    const info = await engine.get(good.id);
    expect(info).toMatchObject({ id: good.id, flow: echo.name, version: 1, status: 'SUCCEEDED', args: ['value'], result: 'value' });
    expect(info.createdAt).toBeInstanceOf(Date);
    expect(info.finishedAt).toBeInstanceOf(Date);
    const failed = await engine.get(bad.id);
    expect(failed.status).toBe('FAILED');
    expect(failed.error).toBeInstanceOf(RangeError);
    expect('result' in failed).toBe(false);
  });

  test('get() sees a run that was started in this turn', async () => {
    const { engine } = await openEngine();
    const { id } = engine.start(echo, ['value']);
    expect((await engine.get(id)).id).toBe(id);
  });

  test('list() filters by flow and status, newest first, up to a limit', async () => {
    const { engine } = await openEngine();
    const nap = flow(unique('nap'), async () => sleep(2));
    const ids: string[] = [];
    for (const value of ['a', 'b', 'c']) {
      const future = engine.start(echo, [value]);
      ids.unshift(future.id);
      await future;
      await engine.start(nap, []);
    }
    await engine.start(fails, []).exception();
    expect((await engine.list({ flow: echo.name })).map(({ id }) => id)).toStrictEqual(ids);
    expect((await engine.list({ flow: echo.name, limit: 2 })).map(({ id }) => id)).toStrictEqual(ids.slice(0, 2));
    expect((await engine.list({ status: 'FAILED' })).map(({ flow: name }) => name)).toStrictEqual([fails.name]);
    expect(await engine.list({ status: ['FAILED', 'SUCCEEDED'] })).toHaveLength(7);
    expect(await engine.list({ flow: 'nobody' })).toStrictEqual([]);
    expect(await engine.list()).toHaveLength(7);
  });

  test.each(['get', 'cancel', 'retry'] as const)('%s() of an unknown run is RUN_NOT_FOUND', async (method) => {
    const { engine } = await openEngine();
    expect(await thrownBy(() => engine[method]('nobody'))).toMatchObject({ name: 'UsageError', code: 'RUN_NOT_FOUND' });
  });

  test('an unknown run may be gone, or elsewhere', async () => {
    const { engine } = await openEngine();
    const { message } = await thrownBy(() => engine.get('nobody'));
    expect(message).toBe('there is no run nobody in this store; it may have been pruned, or lies in another store');
  });

  test('what cannot be sent to a run that has ended is a matter for another run', async () => {
    const { engine } = await openEngine();
    const future = engine.start(echo, ['value'], { id: 'ended' });
    await future;
    const { message } = await thrownBy(() => engine.send('ended', 'n', 1));
    expect(message).toBe('run ended is SUCCEEDED: nothing can be sent to it any more; start another run');
  });

  test('an error that cannot be read hides nothing else', async () => {
    const store = memoryStore();
    const damaged = (runs: readonly RunRecord[]): RunRecord[] =>
      runs.map((run) => (run.id === 'bad' ? { ...run, outcome: 'damaged' } : run));
    store.reader = readerShowing({ reader: store.reader.bind(store) }, damaged);
    const { engine } = await openEngine({ store });
    await engine.start(echo, ['value'], { id: 'good' });
    await engine.start(fails, [], { id: 'bad' }).exception();
    const listed = await engine.list();
    expect(listed.map(({ id, status }) => [id, status])).toEqual([
      ['bad', 'FAILED'],
      ['good', 'SUCCEEDED'],
    ]);
    for (const info of [listed[0], await engine.get('bad')])
      expect(await thrownBy(() => info?.error)).toMatchObject({ name: 'ExecutionError', code: 'VALUE_UNREADABLE' });
    expect(listed[1]?.result).toBe('value');
    expect('error' in (listed[1] as object)).toBe(false);
  });

  test('retry() of a run that is not blocked is RUN_NOT_BLOCKED', async () => {
    const { engine } = await openEngine();
    const future = engine.start(echo, ['value']);
    await future;
    expect(await thrownBy(() => engine.retry(future.id))).toMatchObject({
      name: 'UsageError',
      code: 'RUN_NOT_BLOCKED',
      message: expect.stringContaining('SUCCEEDED'),
    });
  });
});

describe('close()', () => {
  test('is idempotent', async () => {
    const engine = await open({ store: ':memory:', default: false });
    await Promise.all([engine.close(), engine.close()]);
    await engine.close();
  });

  test('is what `await using` does', async () => {
    let outside: { start(flow: typeof echo, args: [string]): unknown } | undefined;
    {
      await using engine = await open({ store: ':memory:', default: false });
      outside = engine;
      expect(await engine.start(echo, ['value'])).toBe('value');
    }
    expect(() => outside?.start(echo, ['value'])).toThrow(expect.objectContaining({ code: 'ENGINE_CLOSED' }));
  });

  test.each([['in memory'], ['in a file']])('lets calls that came before it come to their end, %s', async (where) => {
    const store = where === 'in memory' ? memoryStore() : join(tempDirectory(), 'app.db');
    const { engine, lines } = await openEngine({ store });
    let token = '';
    const waits = flow(unique('waits'), async () => {
      const asked = callback();
      token = asked.token;
      await Promise.all([asked.future, event('go')]);
    });
    await engine.start(waits, [], { id: 'cancelled' }).recorded();
    await settle();
    await engine.start(waits, [], { id: 'run' }).recorded();
    await settle();
    const future = engine.future('cancelled');
    await future.recorded();
    const calls = {
      send: engine.send('run', 'other', 1),
      get: engine.get('run').then(({ id }) => id),
      list: engine.list().then((runs) => runs.length),
      operations: engine.operations('run').then((operations) => operations.length),
      retry: thrownBy(() => engine.retry('run')).then(({ code }) => code),
      heartbeat: engine.heartbeat(token),
      complete: engine.complete(token, 'answer'),
      fail: thrownBy(() => engine.fail(token, new Error('too late'))).then(({ code }) => code),
      cancel: engine.cancel('cancelled'),
      future: future.cancel(),
    };
    const long = [thrownBy(() => engine.check(waits)), thrownBy(() => engine.prune({ count: 1 }))];
    const closed = engine.close({ timeout: 0 });
    expect(await Promise.all(Object.values(calls))).toEqual([
      undefined,
      'run',
      2,
      2,
      'RUN_NOT_BLOCKED',
      undefined,
      undefined,
      'CALLBACK_CLOSED',
      true,
      true,
    ]);
    expect((await Promise.all(long)).map(({ code }) => code)).toEqual(['ENGINE_CLOSED', 'ENGINE_CLOSED']);
    await closed;
    expect(lines).toEqual([]);
  });

  test('does not wait for ever for a call that the store never answers', async () => {
    const store = wrappedStore(memoryStore(), (method, call) => (method === 'records' && stuck ? new Promise(() => {}) : call()));
    let stuck = false;
    const engine = testEngine({ store });
    await engine.open();
    const pending = engine.future('nobody');
    stuck = true;
    void engine.list();
    await engine.close({ timeout: 0 });
    expect((await thrownBy(() => pending.result())).code).toBe('RUN_NOT_FOUND');
    expect((await thrownBy(() => engine.list())).code).toBe('ENGINE_CLOSED');
  });

  test('pending futures reject with ENGINE_CLOSED', async () => {
    const { engine, future } = await startFlow(async () => sleep('7d'));
    const root = future[0] as DurableFuture<void>;
    await root.recorded();
    const attached = engine.future(root.id);
    const seen = Promise.all([thrownBy(() => root.result()), thrownBy(() => attached.result())]);
    await engine.close();
    expect((await seen).map(({ name, code }) => `${name} ${code}`)).toStrictEqual(['UsageError ENGINE_CLOSED', 'UsageError ENGINE_CLOSED']);
  });

  const calls: readonly [string, (engine: Awaited<ReturnType<typeof open>>) => unknown][] = [
    ['open', (engine) => engine.open()],
    ['start', (engine) => engine.start(echo, ['value'])],
    ['future', (engine) => engine.future('id')],
    ['get', (engine) => engine.get('id')],
    ['list', (engine) => engine.list()],
    ['cancel', (engine) => engine.cancel('id')],
    ['retry', (engine) => engine.retry('id')],
    ['on', (engine) => engine.on('leak', () => {})],
  ];
  test.each(calls)('%s() afterwards is a UsageError ENGINE_CLOSED', async (_name, call) => {
    const { engine } = await openEngine();
    await engine.close();
    expect(await thrownBy(() => call(engine))).toMatchObject({
      name: 'UsageError',
      code: 'ENGINE_CLOSED',
      message: expect.stringContaining('open()'),
    });
  });

  test('lets running actions end and records them', async () => {
    const [running, gate] = [deferred(), deferred<string>()];
    const act = action(unique('act'), async () => {
      running.resolve();
      return gate.promise;
    });
    const { engine } = await openEngine();
    const finished = nextEvent(engine, 'operation:finished');
    const future = engine.start(
      flow(unique('run'), async () => act()),
      [],
    );
    await running.promise;
    let closed = false;
    const closing = engine.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    gate.resolve('ended');
    await closing;
    expect((await finished).status).toBe('SUCCEEDED');
    expect(await future.exception()).toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  test.each([0, 5])('with timeout %i does not wait longer for actions, and fires their signals', async (timeout) => {
    const [running, aborted] = [deferred(), deferred()];
    const act = action(unique('act'), async () => {
      actionContext().signal.addEventListener('abort', () => aborted.resolve());
      running.resolve();
      await aborted.promise;
    });
    const { engine, future } = await startFlow(async () => act());
    await running.promise;
    await engine.close({ timeout });
    await aborted.promise;
    expect(await (future[0] as DurableFuture<void>).exception()).toMatchObject({ code: 'ENGINE_CLOSED' });
  });
});

describe('inside flows', () => {
  const calls: readonly [string, (engine: Awaited<ReturnType<typeof open>>) => unknown][] = [
    ['engine.start', (engine) => engine.start(echo, ['value'])],
    ['engine.future', (engine) => engine.future('id')],
    ['engine.get', (engine) => engine.get('id')],
    ['engine.list', (engine) => engine.list()],
    ['engine.cancel', (engine) => engine.cancel('id')],
    ['engine.retry', (engine) => engine.retry('id')],
    ['engine.on', (engine) => engine.on('leak', () => {})],
    ['engine.close', (engine) => engine.close({ timeout: 0 })],
    ['open', () => open({ store: ':memory:', default: false })],
  ];
  test.each(calls)('%s() is ENGINE_IN_FLOW', async (_name, call) => {
    const { engine } = await openEngine();
    const run = flow(unique('run'), async () => {
      const { name, code } = await thrownBy(() => call(engine));
      return [name, code];
    });
    expect(await engine.start(run, [])).toStrictEqual(['UsageError', 'ENGINE_IN_FLOW']);
  });

  test('a root future cannot be awaited', async () => {
    const { engine } = await openEngine();
    const root = engine.start(echo, ['value']);
    await root;
    const run = flow(unique('run'), async () => [
      (await thrownBy(() => root.result())).code,
      (await thrownBy(() => root.exception())).code,
      (await thrownBy(async () => root)).code,
    ]);
    expect(await engine.start(run, [])).toStrictEqual(['ENGINE_IN_FLOW', 'ENGINE_IN_FLOW', 'ENGINE_IN_FLOW']);
  });

  test('a root future can be neither cancelled nor detached, nor asked whether it is recorded', async () => {
    const { engine } = await openEngine();
    const root = engine.start(
      flow(unique('waits'), async () => event<string>('go')),
      [],
    );
    const run = flow(unique('run'), async () => [
      (await thrownBy(() => root.cancel())).code,
      (await thrownBy(() => root.detach())).code,
      (await thrownBy(() => root.recorded())).code,
    ]);
    expect(await engine.start(run, [])).toStrictEqual(['ENGINE_IN_FLOW', 'ENGINE_IN_FLOW', 'ENGINE_IN_FLOW']);
    await engine.send(root.id, 'go', 'on');
    expect(await root).toBe('on');
  });
});

describe('events', () => {
  test('tell the life of a run in order, as plain JSON', async () => {
    const { engine } = await openEngine();
    const bad = action(unique('bad'), async () => {
      throw new RangeError('bad', { cause: new TypeError('why') });
    });
    const names = ['run:started', 'run:finished', 'operation:started', 'operation:finished', 'attempt:failed', 'action:heartbeat'] as const;
    const seen: [string, unknown][] = [];
    for (const name of names) engine.on(name, (payload) => seen.push([name, payload]));
    const beating = action(unique('beating'), async () => actionContext().heartbeat({ progress: 1n }));
    const future = engine.start(
      flow(unique('run'), async () => {
        await beating();
        return bad();
      }),
      [],
    );
    await future.exception();
    expect(seen.map(([name]) => name)).toStrictEqual([
      'run:started',
      'operation:started',
      'action:heartbeat',
      'operation:finished',
      'operation:started',
      'attempt:failed',
      'operation:finished',
      'run:finished',
    ]);
    for (const [, payload] of seen) expect(payload).toMatchObject({ runId: future.id });
    expect(seen.at(-1)?.[1]).toMatchObject({
      status: 'FAILED',
      error: { name: 'RangeError', message: 'bad', cause: { name: 'TypeError' } },
    });
    expect(JSON.parse(JSON.stringify(seen))).toStrictEqual(seen);
  });

  test('a listener that throws or rejects disturbs nothing, and is logged', async () => {
    const { engine, lines } = await openEngine();
    const seen: string[] = [];
    engine.on('run:started', () => {
      throw new Error('listener threw');
    });
    engine.on('run:started', async () => {
      throw new Error('listener rejected');
    });
    engine.on('run:started', () => seen.push('next'));
    expect(await engine.start(echo, ['value'])).toBe('value');
    await settle();
    expect(seen).toStrictEqual(['next']);
    expect(lines.map(({ level }) => level)).toStrictEqual(['error', 'error']);
    expect(lines.map(({ message }) => message).join()).toContain('listener threw');
  });

  test('on() returns what removes the listener', async () => {
    const { engine } = await openEngine();
    let seen = 0;
    const off = engine.on('run:started', () => {
      seen += 1;
    });
    await engine.start(echo, ['value']);
    off();
    await engine.start(echo, ['value']);
    expect(seen).toBe(1);
  });
});

test('the default logger prints one JSON object a line', async () => {
  const { code, stdout, stderr } = await runChild('json-log.ts');
  expect({ code, stdout }).toStrictEqual({ code: 0, stdout: '' });
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toMatchObject([
    { level: 'info', message: 'from the flow', runId: 'logged', flow: 'logging', order: 7 },
    { level: 'warn', message: 'from the action', runId: 'logged', flow: 'logging', operationId: '0', attempt: 1, big: '1' },
    { level: 'error', message: 'keeps its own message', runId: 'logged' },
  ]);
  for (const { time } of lines) expect(new Date(time as string).toISOString()).toBe(time);
});

describe('continuations and foreign futures', () => {
  test('code that goes on after its flow has returned gets RUN_ENDED', async () => {
    const [gate, seen] = [deferred(), deferred<string[]>()];
    const { future } = await startFlow(
      async () => {
        void (async () => {
          await gate.promise;
          const codes = [];
          for (const call of [() => noop.start(), () => noop(), () => sleep(1), () => echo.start('x')])
            codes.push((await thrownBy(call)).code ?? 'none');
          seen.resolve(codes);
        })();
        return 'returned';
      },
      { nonDurableAwait: 'ignore' },
    );
    expect(await future[0]).toBe('returned');
    gate.resolve();
    expect(await seen.promise).toStrictEqual(['RUN_ENDED', 'RUN_ENDED', 'RUN_ENDED', 'RUN_ENDED']);
  });

  test.each([
    ['in another run', true],
    ['outside of any flow', false],
  ])('a future of a flow awaited %s is FOREIGN_FUTURE', async (_where, inside) => {
    let kept: DurableFuture<number> | undefined;
    const { engine, future } = await startFlow(async () => {
      kept = noop.start();
      await kept;
    });
    await future[0];
    const ask = async (): Promise<string | undefined> => (await thrownBy(() => (kept as DurableFuture<number>).result())).code;
    expect(inside ? await engine.start(flow(unique('asking'), ask), []) : await ask()).toBe('FOREIGN_FUTURE');
  });
});

describe('an await that is not durable', () => {
  const body = async (): Promise<string> => {
    await new Promise((resolve) => setTimeout(resolve, 3));
    await noop();
    await new Promise((resolve) => setTimeout(resolve, 3));
    await noop();
    return 'through';
  };

  test('is warned of once a run', async () => {
    const { future, lines } = await startFlow(body);
    expect(await future[0]).toBe('through');
    const warnings = lines.filter(({ fields }) => fields['code'] === 'NON_DURABLE_AWAIT');
    expect(warnings.map(({ level }) => level)).toStrictEqual(['warn']);
  });

  test("fails the flow under 'error'", async () => {
    const { future } = await startFlow(body, { nonDurableAwait: 'error' });
    await expect((future[0] as DurableFuture<string>).result()).rejects.toMatchObject({ name: 'UsageError', code: 'NON_DURABLE_AWAIT' });
  });

  test("says nothing under 'ignore'", async () => {
    const { future, lines } = await startFlow(body, { nonDurableAwait: 'ignore' });
    expect(await future[0]).toBe('through');
    expect(lines.filter(({ fields }) => fields['code'] === 'NON_DURABLE_AWAIT')).toStrictEqual([]);
  });

  test('promises that settle within the turn are none', async () => {
    const { future, lines } = await startFlow(
      async () => {
        await Promise.resolve();
        await (async () => 1)();
        return noop();
      },
      { nonDurableAwait: 'error' },
    );
    expect(await future[0]).toBe(1);
    expect(lines).toStrictEqual([]);
  });
});

test('a flow that waits for nothing that could come is reported once', async () => {
  const { engine, lines } = await openEngine();
  const events: EngineEvents['run:stuck'][] = [];
  engine.on('run:stuck', (event) => events.push(event));
  const name = unique('stuck');
  const future = engine.start(
    flow(name, async () => {
      await noop();
      await new Promise(() => {});
    }),
    [],
  );
  await nextEvent(engine, 'run:stuck');
  await settle();
  expect(events).toStrictEqual([
    { at: expect.any(Number), runId: future.id, flow: name, lastOperation: expect.stringContaining(noop.name) },
  ]);
  expect(lines.map(({ level }) => level)).toStrictEqual(['warn']);
  expect(lines[0]?.message).toContain(name);
});
