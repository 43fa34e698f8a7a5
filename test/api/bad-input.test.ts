import {
  action,
  asCompleted,
  createRetryStrategy,
  type DurableFuture,
  type Engine,
  type FlowMethodOptions,
  flow,
  map,
  now,
  open,
  parallel,
  random,
  registerError,
  shield,
  sleep,
  sleepUntil,
  startable,
  UsageError,
  uuid,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { createTestEngine } from '../../src/testing.js';
import { inFlow, openEngine, thrownBy, unique } from './with-engine.js';

const echo = flow(unique('echo'), async (value: unknown) => value);
const noop = action(unique('noop'), async () => 1);
const wrong = (value: unknown): never => value as never;

/** It is a UsageError that says something beyond its code. */
function expectUsageError(error: Error & { readonly code?: string }, code?: string): void {
  expect(error).toBeInstanceOf(UsageError);
  expect(error.message.length).toBeGreaterThan(20);
  if (code !== undefined) expect(error.code).toBe(code);
}

const badOptions: readonly [string, unknown][] = [
  ['null', null],
  ['a text', 'options'],
  ['an array', []],
  ['an unknown option', { bogus: 1 }],
];
const badTexts: readonly unknown[] = ['', '  ', 5, null, undefined, {}, ['x']];
const badDurations: readonly unknown[] = [
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  '5',
  '-5s',
  '5 w',
  '1w',
  's',
  '5S',
  null,
  {},
  true,
  '5s 3ms',
  1n,
  Symbol('5s'),
];
const throwing = (): never => {
  throw new RangeError('it has no text');
};
/** Durations that do not even become a text; in functions, as a test could not be named after them. */
const badDurationsWithoutText: readonly [string, () => unknown][] = [
  ['an object without a prototype', () => Object.create(null)],
  ['an object whose toString throws', () => ({ toString: throwing })],
  ['a list nested in itself', () => [Object.create(null)]],
  [
    'a revoked proxy',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
  ],
];

describe('flow() and action()', () => {
  for (const [kind, wrap] of [
    ['flow', flow],
    ['action', action],
  ] as const) {
    const call = wrap as unknown as (...given: unknown[]) => unknown;
    test.each([
      [],
      [undefined],
      [null],
      [5],
      ['name-without-function'],
      ['name', 'text'],
      ['name', null],
      [[]],
      [Symbol('x')],
      [{}, async () => 1],
    ])(`${kind}(%j, %j) is refused`, async (...given: unknown[]) => expectUsageError(await thrownBy(() => call(...given))));
    test.each(badOptions)(`${kind}(name, fn, %s) is refused`, async (_what, options) =>
      expectUsageError(await thrownBy(() => call(unique(kind), async () => 1, options)), 'INVALID_OPTION'),
    );
    test.each([{ replace: 'yes' }, { serdes: {} }, { serdes: { serialize: () => '' } }])(`${kind} option %j is refused`, async (options) =>
      expectUsageError(await thrownBy(() => call(unique(kind), async () => 1, options)), 'INVALID_OPTION'),
    );
  }

  test.each([{ version: 0 }, { version: 1.5 }, { version: '2' }, { version: -1 }, { version: Number.NaN }, { leaks: 'loud' }])(
    'flow option %j is refused',
    async (options) => expectUsageError(await thrownBy(() => flow(unique('flow'), async () => 1, wrong(options))), 'INVALID_OPTION'),
  );

  test.each(badOptions)('with(%s) is refused', async (_what, options) => {
    expectUsageError(await thrownBy(() => echo.with(wrong(options))), 'INVALID_OPTION');
    expectUsageError(await thrownBy(() => noop.with(wrong(options))), 'INVALID_OPTION');
  });

  test.each([{ id: '' }, { id: 5 }, { name: ' ' }, { name: 5 }, { leaks: 'loud' }])('flow.with(%j) is refused', async (options) =>
    expectUsageError(await thrownBy(() => echo.with(wrong(options))), 'INVALID_OPTION'),
  );

  test.each([{ name: '' }, { name: 5 }, { serdes: 5 }])('action.with(%j) is refused', async (options) =>
    expectUsageError(await thrownBy(() => noop.with(wrong(options))), 'INVALID_OPTION'),
  );
});

describe('open()', () => {
  test.each([
    ...badOptions,
    ...Object.entries({
      'an empty path': { store: '' },
      'a store that is none': { store: {} },
      'a number as store': { store: 5 },
      'postgres:// (not built yet)': { store: 'postgres://localhost/db' },
      'a logger without methods': { logger: {} },
      'a logger that is a function': { logger: () => {} },
      'an unknown policy': { leaks: 'loud' },
      'another unknown policy': { nonDurableAwait: 'loud' },
      'a serdes without methods': { serdes: {} },
      'a size of 0': { maxValueBytes: 0 },
      'a size as text': { maxValueBytes: '4MiB' },
      'a lease of 0': { leaseMs: 0 },
      'a lease as text': { leaseMs: '30s' },
      'no recovery': { maxRecoveries: 0 },
      'a part of a recovery': { maxRecoveries: 1.5 },
      'recoveries without end': { maxRecoveries: Number.POSITIVE_INFINITY },
      'recoveries as text': { maxRecoveries: '10' },
      'default as text': { default: 'yes' },
    }),
  ] as [string, unknown][])('refuses %s', async (_what, options) =>
    expectUsageError(await thrownBy(() => open(wrong(options))), 'INVALID_OPTION'),
  );

  test('refuses an option that is inherited, as it would read it', async () => {
    class Config {
      get maxConcurrentActions(): number {
        return 0;
      }
    }
    expectUsageError(await thrownBy(() => open(new Config())), 'INVALID_OPTION');
    class Mild {
      get leaks(): 'ignore' {
        return 'ignore';
      }
      describe(): string {
        return 'what a class has besides is no option';
      }
    }
    const { engine } = await openEngine(Object.assign(new Mild(), { store: ':memory:', default: false }));
    expect(await engine.start(echo, ['taken'])).toBe('taken');
  });
});

describe('what options inherit counts like what they have', () => {
  const inheriting = (options: object): never => wrong(Object.create(options));
  const never = (): Promise<never> => new Promise(() => {});

  test.each<[string, (engine: Engine, options: never) => unknown, object]>([
    ['open()', (_engine, options) => open(options), { leaks: 'loud' }],
    ['engine.start()', (engine, options) => engine.start(echo, [1], options), { leaks: 'loud' }],
    ['flow()', (_engine, options) => flow(unique('flow'), async () => 1, options), { version: 0 }],
    ['flow.with()', (_engine, options) => echo.with(options), { id: '' }],
    ['action()', (_engine, options) => action(unique('action'), async () => 1, options), { timeout: 'soon' }],
    ['action.with()', (_engine, options) => noop.with(options), { timeout: 'soon' }],
    ['createTestEngine()', (_engine, options) => createTestEngine(options), { startTime: 'soon' }],
    ['parallel()', (_engine, options) => inFlow(async () => parallel([], options)), { maxConcurrency: 0 }],
    ['map()', (_engine, options) => inFlow(async () => map([1], async () => 1, options)), { unfinished: 'bogus' }],
  ])('%s refuses it, with the code that it has for its own', async (_caller, call, options) => {
    const { engine } = await openEngine();
    const { code } = await thrownBy(() => call(engine, wrong(options)));
    expectUsageError(await thrownBy(() => call(engine, inheriting(options))), code);
    expect(code).toMatch(/^INVALID_(OPTION|DURATION)$/);
  });

  test('engine.start() and flow.with() take it', async () => {
    const { engine } = await openEngine();
    let leaks = 0;
    engine.on('leak', () => {
      leaks += 1;
    });
    const leaky = flow(unique('leaky'), async () => void noop.start());
    const future = engine.start(leaky, [], inheriting({ id: 'inherited', leaks: 'ignore' }));
    expect(future.id).toBe('inherited');
    await future;
    await engine.start(leaky.with(inheriting({ leaks: 'ignore' })), []);
    expect(leaks).toBe(0);
    await engine.start(leaky, []);
    expect(leaks).toBe(1);
    expect(engine.start(echo.with(inheriting({ id: 'called' })), [1]).id).toBe('called');
  });

  test('a timeout of flow.with() is taken, and one of an earlier with() stays', async () => {
    await using engine = createTestEngine();
    const slow = flow(unique('slow'), async () => sleep('1d'));
    const limited = slow.with(inheriting({ timeout: '1h' }));
    for (const call of [limited, limited.with({ name: 'renamed' }), limited.with(wrong({ timeout: undefined }))]) {
      expect((await engine.run(call)).error).toMatchObject({ name: 'TimeoutError' });
    }
  });

  test('action() and action.with() take it', async () => {
    await using engine = createTestEngine({ patience: 1 });
    const stuck = action(unique('stuck'), never, inheriting({ timeout: 5 }));
    const called = action(unique('called'), never).with(inheriting({ timeout: 5, name: 'named' }));
    for (const act of [stuck, called]) {
      const report = await engine.run(flow(unique('main'), async () => act()));
      expect(report.error).toMatchObject({ name: 'TimeoutError' });
    }
    const name = unique('replaced');
    action(name, async () => 1);
    action(name, async () => 2, inheriting({ replace: true }));
  });

  test('createTestEngine() takes it', async () => {
    await using engine = createTestEngine(inheriting({ startTime: 5 }));
    expect(engine.now()).toBe(5);
  });

  test('parallel() and map() take it', async () => {
    const { engine } = await openEngine();
    const names = (items: readonly { readonly name: string }[]): string[] => items.map(({ name }) => name);
    const main = flow(unique('main'), async () => {
      const named = inheriting({ itemNamer: (_item: unknown, index: number) => `item ${index}` });
      return [names((await parallel([async () => 1], named)).all), names((await map([1], async () => 1, named)).all)];
    });
    expect(await engine.start(main, [])).toEqual([['item 0'], ['item 0']]);
  });

  test('the decorators take it', async () => {
    await using engine = createTestEngine();
    class Leaky {
      @flow(inheriting({ leaks: 'ignore' }) as FlowMethodOptions)
      async work(): Promise<void> {
        noop.start();
      }
    }
    expect(await engine.run(startable(new Leaky().work))).toMatchObject({ error: undefined, status: 'SUCCEEDED' });
  });

  test('an option of its own that is undefined leaves out what it hides', async () => {
    await using engine = createTestEngine(wrong(Object.assign(inheriting({ startTime: 5 }), { startTime: undefined })));
    expect(engine.now()).toBe(Date.UTC(2025, 0, 1));
  });

  test('each is read once, so that what is checked is what is used', async () => {
    const { engine } = await openEngine();
    const ids = ['first', ''];
    const options = {
      get id(): string {
        return ids.shift() ?? 'third';
      },
    };
    expect(engine.start(echo, [1], options).id).toBe('first');
  });
});

describe('an engine', () => {
  const calls: Record<string, (engine: Engine, value: unknown) => unknown> = {
    'engine.future': (engine, value) => engine.future(wrong(value)),
    'engine.get': (engine, value) => engine.get(wrong(value)),
    'engine.cancel': (engine, value) => engine.cancel(wrong(value)),
    'engine.retry': (engine, value) => engine.retry(wrong(value)),
  };
  for (const [name, call] of Object.entries(calls)) {
    test.each(badTexts)(`${name}(%j) is refused`, async (value) => {
      const { engine } = await openEngine();
      expectUsageError(await thrownBy(() => call(engine, value)), 'INVALID_ARGUMENT');
    });
  }

  const more: readonly [string, (engine: Engine) => unknown, string?][] = [
    ['start(no flow)', (engine) => engine.start(wrong(undefined), wrong([])), 'NOT_STARTABLE'],
    ['start(plain function)', (engine) => engine.start(async () => 1, []), 'NOT_STARTABLE'],
    ['start(action)', (engine) => engine.start(noop, []), 'NOT_STARTABLE'],
    ['start(flow) without arguments', (engine) => engine.start(echo, wrong(undefined)), 'INVALID_ARGUMENT'],
    ['start(flow, text)', (engine) => engine.start(echo, wrong('x')), 'INVALID_ARGUMENT'],
    ['start(flow, object)', (engine) => engine.start(echo, wrong({ length: 1 })), 'INVALID_ARGUMENT'],
    ['start with an empty id', (engine) => engine.start(echo, [1], { id: '' }), 'INVALID_OPTION'],
    ['start with an unknown policy', (engine) => engine.start(echo, [1], wrong({ leaks: 'loud' })), 'INVALID_OPTION'],
    ['start with an unknown option', (engine) => engine.start(echo, [1], wrong({ bogus: 1 })), 'INVALID_OPTION'],
    ['start with options of the wrong type', (engine) => engine.start(echo, [1], wrong(null)), 'INVALID_OPTION'],
    ['cancel with a reason of the wrong type', (engine) => engine.cancel('id', wrong(5)), 'INVALID_ARGUMENT'],
    ['list(null)', (engine) => engine.list(wrong(null)), 'INVALID_OPTION'],
    ['list with an unknown option', (engine) => engine.list(wrong({ bogus: 1 })), 'INVALID_OPTION'],
    ['list with an unknown status', (engine) => engine.list(wrong({ status: 'DONE' })), 'INVALID_OPTION'],
    ['list with an unknown status among others', (engine) => engine.list(wrong({ status: ['FAILED', 'DONE'] })), 'INVALID_OPTION'],
    ['list with a limit of 0', (engine) => engine.list({ limit: 0 }), 'INVALID_OPTION'],
    ['list with an empty flow', (engine) => engine.list({ flow: '' }), 'INVALID_OPTION'],
    ['on without a listener', (engine) => engine.on('leak', wrong(undefined)), 'INVALID_ARGUMENT'],
    ['on without an event', (engine) => engine.on(wrong(undefined), () => {}), 'INVALID_ARGUMENT'],
    ['on with an event there is not', (engine) => engine.on(wrong('run:finnished'), () => {}), 'INVALID_ARGUMENT'],
    ['close with a bad duration', (engine) => engine.close({ timeout: wrong('soon') }), 'INVALID_DURATION'],
    ['close with an unknown option', (engine) => engine.close(wrong({ timeuot: 5 }))],
    ['close with a duration in place of options', (engine) => engine.close(wrong('5s'))],
    ['cancel(reason) of a future with a reason of the wrong type', (engine) => engine.future('id').cancel(wrong(5)), 'INVALID_ARGUMENT'],
    ['result(number)', (engine) => engine.future('id').result(wrong(5)), 'INVALID_OPTION'],
    ['result with an unknown option', (engine) => engine.future('known').result(wrong({ timeuot: 5 })), 'INVALID_OPTION'],
    ['wait(no futures) outside', () => wait(wrong([1]))],
  ];
  test.each(more)('%s is refused', async (_what, call, code) => {
    const { engine } = await openEngine();
    const known = engine.start(echo, [1], { id: 'known' });
    await known;
    expectUsageError(await thrownBy(() => call(engine)), code);
  });
});

describe('inside a flow', () => {
  /** What a call in a flow throws. */
  const inside = (call: () => unknown): Promise<{ name: string; code: string | undefined; message: string }> =>
    inFlow(async () => {
      const { name, code, message } = await thrownBy(call);
      return { name, code, message };
    });

  test.each(badDurations)('%s is no duration', async (duration) => {
    const future = (): DurableFuture<number> => noop.start();
    for (const call of [
      () => sleep(wrong(duration)),
      () => sleep.start(wrong(duration)),
      () => future().result({ timeout: wrong(duration) }),
      () => future().exception({ timeout: wrong(duration) }),
      () => wait([future()], { timeout: wrong(duration) }),
    ]) {
      expect(await inside(call)).toStrictEqual({
        name: 'UsageError',
        code: 'INVALID_DURATION',
        message: expect.stringContaining('150ms'),
      });
    }
  });

  test.each(badDurationsWithoutText)('%s is no duration', async (_what, duration) => {
    const { engine } = await openEngine();
    for (const call of [
      () => inside(() => sleep(wrong(duration()))),
      () => thrownBy(() => wait([], { timeout: wrong(duration()) })),
      () => thrownBy(() => action(unique('timeless'), async () => 1, { timeout: wrong(duration()) })),
      () => thrownBy(() => createRetryStrategy({ initialDelay: wrong(duration()) })),
      () => thrownBy(() => engine.prune({ age: wrong(duration()) })),
      () => thrownBy(() => engine.close({ timeout: wrong(duration()) })),
    ]) {
      expect(await call()).toMatchObject({ name: 'UsageError', code: 'INVALID_DURATION', message: expect.stringContaining('150ms') });
    }
  });

  test.each([undefined, null, 'tomorrow', new Date(Number.NaN), Number.NaN, Number.POSITIVE_INFINITY, {}])(
    'sleepUntil(%s) is refused',
    async (date) => expect(await inside(() => sleepUntil(wrong(date)))).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' }),
  );

  const noFutures: readonly [string, () => unknown][] = [
    ['nothing', () => undefined],
    ['null', () => null],
    ['a text', () => 'abc'],
    ['a number', () => 5],
    ['an object', () => ({})],
    ['an object whose iterator is none', () => ({ [Symbol.iterator]: 1 })],
    ['a future itself', () => noop.start()],
    ['promises', () => [Promise.resolve(1)]],
    ['flows', () => [noop]],
    ['a future and something else', () => [noop.start(), 5]],
    ['a hole', () => [undefined]],
  ];
  test.each(noFutures)('wait() and asCompleted() refuse %s', async (_what, make) => {
    expect(await inside(() => wait(wrong(make())))).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
    expect(await inside(() => asCompleted(wrong(make())))).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
  });

  test.each(['SOMETIME', 5, null, [], { bogus: 1 }, { returnWhen: 'SOMETIME' }])('wait(futures, %j) is refused', async (options) =>
    expect(await inside(() => wait([], wrong(options)))).toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION' }),
  );

  test.each([undefined, null, 5, 'fn', {}])('shield(%j) is refused', async (body) =>
    expect(await inside(() => shield(wrong(body)))).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' }),
  );

  test('cancel() takes a text as its reason', async () =>
    expect(await inside(() => noop.start().cancel(wrong(5)))).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' }));
});

test.each([undefined, null, 'method', {}, () => 1])('startable(%s) is refused', async (value) =>
  expectUsageError(await thrownBy(() => startable(wrong(value))), 'NOT_STARTABLE'),
);

test.each([undefined, null, 5, 'Error', {}, class Plain {}, () => 1])('registerError(%s) is refused', async (value) =>
  expectUsageError(await thrownBy(() => registerError(wrong(value))), 'INVALID_ARGUMENT'),
);

/** Everything durable, with what it may be called where no flow is. */
const durable: readonly [string, () => unknown, string | undefined][] = [
  ['action.start', () => noop.start(), 'ACTION_OUTSIDE_FLOW'],
  ['action()', () => noop(), 'ACTION_OUTSIDE_FLOW'],
  ['flow.start', () => echo.start(1), undefined],
  ['flow()', () => echo(1), undefined],
  ['sleep', () => sleep(1), 'NOT_IN_FLOW'],
  ['sleep.start', () => sleep.start(1), 'NOT_IN_FLOW'],
  ['sleepUntil', () => sleepUntil(0), 'NOT_IN_FLOW'],
  ['shield', () => shield(async () => 1), 'NOT_IN_FLOW'],
  ['now', () => now(), 'NOT_IN_FLOW'],
  ['random', () => random(), 'NOT_IN_FLOW'],
  ['uuid', () => uuid(), 'NOT_IN_FLOW'],
  ['wait', () => wait([]), undefined],
  ['asCompleted', () => asCompleted([]), undefined],
];

test.each(durable)('%s inside an action is OPERATION_IN_ACTION', async (_what, call) => {
  const act = action(unique('act'), async () => {
    const { name, code } = await thrownBy(call);
    return `${name} ${code}`;
  });
  expect(await inFlow(async () => act())).toBe('UsageError OPERATION_IN_ACTION');
});

test.each(durable.filter(([, , code]) => code !== undefined))('%s outside of any flow is refused', async (_what, call, code) =>
  expectUsageError(await thrownBy(call), code),
);
