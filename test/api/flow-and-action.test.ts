import { action, actionContext, flow, flowContext, RetryPresets, sleep, waitForCondition } from 'perdure';
import { describe, expect, test } from 'vitest';
import { inFlow, openEngine, thrownBy, unique } from './with-engine.js';

const wrappers = [
  ['flow', flow as (...given: unknown[]) => unknown],
  ['action', action as (...given: unknown[]) => unknown],
] as const;

describe.each(wrappers)('%s()', (kind, wrap) => {
  test('takes its name from the function', () => {
    const name = unique('namedByFunction').replaceAll('-', '');
    const fn = { [name]: async () => 1 }[name];
    expect((wrap(fn) as { name: string }).name).toBe(name);
  });

  test('takes the name it is given', () => {
    const name = unique(kind);
    expect((wrap(name, async function other() {}) as { name: string }).name).toBe(name);
  });

  test.each([
    ['an anonymous function', () => wrap(async () => 1)],
    ['an empty name', () => wrap('', async () => 1)],
    ['a blank name', () => wrap('  ', async () => 1)],
  ])('refuses %s with NAME_REQUIRED', (_case, call) => {
    expect(call).toThrow(expect.objectContaining({ name: 'UsageError', code: 'NAME_REQUIRED' }));
  });

  test('refuses a second function under a taken name', () => {
    const name = unique(kind);
    wrap(name, async () => 1);
    expect(() => wrap(name, async () => 2)).toThrow(
      expect.objectContaining({ name: 'UsageError', code: 'NAME_TAKEN', message: expect.stringContaining('replace: true') }),
    );
  });

  test('gives a taken name to the second function when it says replace', async () => {
    const name = unique(kind);
    wrap(name, async () => 'old');
    const second = wrap(name, async () => 'new', { replace: true }) as () => Promise<string>;
    expect(await inFlow(async () => second())).toBe('new');
  });

  test('gives with() another function and leaves the first as it is', () => {
    const first = wrap(unique(kind), async () => 1) as { with(options: object): unknown };
    expect(first.with({ name: 'other' })).not.toBe(first);
  });
});

test('a flow and an action may have the same name', () => {
  const name = unique('both');
  flow(name, async () => 1);
  expect(() => action(name, async () => 2)).not.toThrow();
});

test('a synchronous function can be wrapped', async () => {
  const add = action(unique('add'), (a: number, b: number) => a + b);
  expect(await inFlow(async () => add(1, 2))).toBe(3);
});

test('an older handle starts the body that has replaced its own', async () => {
  const name = unique('flow');
  const old = flow(name, async () => 'old');
  flow(name, async () => 'new', { replace: true });
  const { engine } = await openEngine();
  expect(await engine.start(old, [])).toBe('new');
});

const looksOnce = { initial: undefined as never, strategy: () => ({ continue: false }) };

test('an older handle of an action calls the body that has replaced its own, under the options that were given with it', async () => {
  const name = unique('action');
  const old = action(name, async () => 'old', { timeout: '1h' });
  let calls = 0;
  const replacement = async (): Promise<string> => {
    calls += 1;
    if (calls < 3) throw new Error('busy');
    return `new, call ${calls}`;
  };
  action(name, replacement, { replace: true, retry: RetryPresets.fixed({ maxAttempts: 3, delay: 0 }) });
  expect(await inFlow(async () => [await old(), await old.with({ name: 'named' })(), await waitForCondition(old, looksOnce)])).toEqual([
    'new, call 3',
    'new, call 4',
    'new, call 5',
  ]);
});

describe('versions', () => {
  test('a flow without a version starts on the highest one', async () => {
    const name = unique('versioned');
    const plain = flow(name, async () => flowContext().version);
    flow(name, async () => flowContext().version, { version: 10 });
    flow(name, async () => flowContext().version, { version: 2 });
    const { engine } = await openEngine();
    expect(await engine.start(plain, [])).toBe(10);
  });

  test('a flow with a version starts on that version', async () => {
    const name = unique('versioned');
    const second = flow(name, async () => flowContext().version, { version: 2 });
    flow(name, async () => flowContext().version, { version: 3 });
    const { engine } = await openEngine();
    expect(await engine.start(second, [])).toBe(2);
  });

  test('a child flow without a version starts on the highest one', async () => {
    const name = unique('versioned');
    const plain = flow(name, async () => flowContext().version);
    flow(name, async () => flowContext().version, { version: 7 });
    expect(await inFlow(async () => plain())).toBe(7);
  });

  test('a version can be taken once', () => {
    const name = unique('versioned');
    flow(name, async () => 1, { version: 2 });
    expect(() => flow(name, async () => 1, { version: 2 })).toThrow(expect.objectContaining({ code: 'NAME_TAKEN' }));
  });
});

describe('calling', () => {
  test('a direct call of an action starts it and gives its result', async () => {
    const double = action(unique('double'), async (n: number) => n * 2);
    expect(await inFlow(async () => double(21))).toBe(42);
  });

  test('a direct call of a flow inside a flow is a child run', async () => {
    const child = flow(unique('child'), async () => flowContext().runId);
    const { engine } = await openEngine();
    const parent = flow(unique('parent'), async () => [flowContext().runId, await child()] as const);
    const [parentId, childId] = await engine.start(parent, []);
    expect((await engine.get(childId)).parent).toStrictEqual({ runId: parentId, operationId: '0' });
  });

  test('an action called outside of any flow is refused', async () => {
    const act = action(unique('act'), async () => 1);
    expect(() => act.start()).toThrow(expect.objectContaining({ name: 'UsageError', code: 'ACTION_OUTSIDE_FLOW' }));
    await expect(act()).rejects.toMatchObject({ code: 'ACTION_OUTSIDE_FLOW' });
  });

  test('starts are eager: bodies run although nobody has asked for the result', async () => {
    const { engine } = await openEngine({ leaks: 'ignore' });
    let ran = 0;
    const act = action(unique('act'), async () => {
      ran += 1;
    });
    const eager = flow(unique('eager'), async () => {
      act.start();
      await sleep(5);
    });
    await engine.start(eager, []);
    expect(ran).toBe(1);
  });
});

describe('with()', () => {
  test('name is the name of the future', async () => {
    const act = action(unique('act'), async () => 1);
    const child = flow(unique('child'), async () => 1);
    const names = await inFlow(async () => {
      const futures = [act.with({ name: 'first' }).start(), child.with({ name: 'second' }).start()];
      await Promise.all(futures);
      return futures.map((future) => future.name);
    });
    expect(names).toStrictEqual(['first', 'second']);
  });

  test('id is the id of a root run', async () => {
    const { engine } = await openEngine();
    const run = flow(unique('flow'), async () => flowContext().runId);
    const future = engine.start(run.with({ id: 'mine' }), []);
    expect(future.id).toBe('mine');
    expect(await future).toBe('mine');
  });

  test('id is the id of a child run', async () => {
    const child = flow(unique('child'), async () => flowContext().runId);
    const ids = await inFlow(async () => {
      const future = child.with({ id: 'child-of-mine' }).start();
      return [future.id, await future];
    });
    expect(ids).toStrictEqual(['child-of-mine', 'child-of-mine']);
  });

  test('options of several calls add up', async () => {
    const { engine } = await openEngine();
    const run = flow(unique('flow'), async () => 1);
    const future = engine.start(run.with({ id: 'added' }).with({ name: 'up' }), []);
    expect([future.id, future.name]).toStrictEqual(['added', 'up']);
    await future;
  });

  test('an option that is undefined counts as left out', async () => {
    const { engine } = await openEngine();
    const run = flow(unique('flow'), async () => 1);
    const options = { id: undefined } as unknown as { id: string };
    expect(engine.start(run.with({ id: 'kept' }).with(options), []).id).toBe('kept');
    expect(engine.start(run.with({ id: 'kept' }), [], options).id).toBe('kept');
    await engine.future('kept');
  });

  test('serdes on an action is used for its arguments and its result', async () => {
    const seen: string[] = [];
    const serdes = {
      serialize: (value: unknown) => {
        seen.push('serialize');
        return JSON.stringify(value);
      },
      deserialize: (text: string) => {
        seen.push('deserialize');
        return JSON.parse(text) as unknown;
      },
    };
    const act = action(unique('act'), async (n: number) => n + 1);
    expect(await inFlow(async () => act.with({ serdes })(1))).toBe(2);
    expect(seen.sort()).toStrictEqual(['deserialize', 'deserialize', 'serialize', 'serialize']);
  });
});

describe('contexts', () => {
  test('actionContext() tells where the action stands', async () => {
    const { engine } = await openEngine();
    const act = action(unique('act'), async () => {
      const { runId, operationId, attempt, idempotencyKey, signal } = actionContext();
      return { runId, operationId, attempt, hasKey: idempotencyKey.length > 0, aborted: signal.aborted };
    });
    const run = flow(unique('flow'), async () => {
      await act();
      return act();
    });
    const future = engine.start(run, []);
    expect(await future).toStrictEqual({ runId: future.id, operationId: '1', attempt: 1, hasKey: true, aborted: false });
  });

  test('idempotency keys differ between operations and runs', async () => {
    const { engine } = await openEngine();
    const act = action(unique('act'), async () => actionContext().idempotencyKey);
    const run = flow(unique('flow'), async () => [await act(), await act()]);
    const keys = [...(await engine.start(run, [])), ...(await engine.start(run, []))];
    expect(new Set(keys).size).toBe(4);
  });

  test('flowContext() tells where the flow stands', async () => {
    const { engine } = await openEngine();
    const name = unique('flow');
    const run = flow(name, async () => {
      const { runId, flow: flowName, version, replaying } = flowContext();
      return { runId, flow: flowName, version, replaying };
    });
    const future = engine.start(run, []);
    expect(await future).toStrictEqual({ runId: future.id, flow: name, version: 1, replaying: false });
  });

  test('both logs carry their context, and what the caller adds', async () => {
    const { engine, lines } = await openEngine();
    const act = action(unique('act'), async () => actionContext().log.info('from the action', { extra: 1 }));
    const name = unique('flow');
    const run = flow(name, async () => {
      flowContext().log.warn('from the flow');
      await act();
    });
    const future = engine.start(run, []);
    await future;
    expect(lines).toStrictEqual([
      { level: 'warn', message: 'from the flow', fields: { runId: future.id, flow: name } },
      { level: 'info', message: 'from the action', fields: { runId: future.id, flow: name, operationId: '0', attempt: 1, extra: 1 } },
    ]);
  });

  test('both logs keep their context whatever the caller adds, and take fields that cannot be read', async () => {
    const { engine, lines } = await openEngine();
    const fields = {
      runId: 'another',
      get order() {
        throw new Error('not loaded');
      },
    };
    const act = action(unique('act'), async () => actionContext().log.info('from the action', { attempt: 9, runId: 'another' }));
    const name = unique('flow');
    const run = flow(name, async () => {
      flowContext().log.warn('from the flow', fields);
      await act();
      return 'went on';
    });
    const future = engine.start(run, []);
    expect(await future).toBe('went on');
    expect(lines.map((line) => line.fields)).toStrictEqual([
      { runId: future.id, flow: name, order: '[unreadable: not loaded]' },
      { runId: future.id, flow: name, operationId: '0', attempt: 1 },
    ]);
  });

  test('each context is refused where the other belongs', async () => {
    const act = action(unique('act'), async () => (await thrownBy(flowContext)).code);
    const codes = await inFlow(async () => [await act(), (await thrownBy(actionContext)).code]);
    expect(codes).toStrictEqual(['NOT_IN_FLOW', 'NOT_IN_ACTION']);
    expect(flowContext).toThrow(expect.objectContaining({ name: 'UsageError', code: 'NOT_IN_FLOW' }));
    expect(actionContext).toThrow(expect.objectContaining({ name: 'UsageError', code: 'NOT_IN_ACTION' }));
  });

  test('contexts follow awaits and callbacks', async () => {
    const act = action(
      unique('act'),
      () => new Promise<string>((resolve) => setImmediate(() => queueMicrotask(() => resolve(actionContext().runId)))),
    );
    const { engine } = await openEngine();
    const future = engine.start(
      flow(unique('flow'), async () => act()),
      [],
    );
    expect(await future).toBe(future.id);
  });
});
