import { action, asCompleted, callback, event, flow, map, memoryStore, open, parallel, sleep, wait } from 'perdure';
import { describe, expect, test } from 'vitest';
import { nextEvent, openEngine, settle, thrownBy, unique } from './with-engine.js';

const HERE = 'stacks.test.ts:';

const quick = action(unique('quick'), async (value?: unknown) => value);
const hang = action(unique('hang'), () => new Promise<never>(() => {}));
const bad = action(unique('bad'), async () => {
  throw new TypeError('no');
});
const big = action(unique('big'), async () => 'x'.repeat(5_000));
const child = flow(unique('child'), async () => bad());
const greet = flow(unique('greet'), async () => 'hello');
const waits = flow(unique('waits'), async () => event('never').result());

const loose = (value: unknown): never => value as never;

/** What the code of a flow may be thrown, by its code. */
const IN_FLOWS: Readonly<Record<string, () => unknown>> = {
  'an action fails': () => bad(),
  'a started action fails': () => bad.start().result(),
  'a child fails': () => child(),
  'a branch fails': async () => (await parallel([async () => bad()])).throwIfError(),
  'a duration is none': () => sleep(loose('x')),
  'no futures': () => wait([loose(1)]),
  'no futures to loop over': () => asCompleted([loose(1)]),
  'no items': () => map(loose(1), quick),
  'no branches': () => parallel([loose(1)]),
  'an option is none': () => hang.with(loose({ nope: 1 })),
  'an argument too many': () => (sleep as (...args: unknown[]) => unknown)(1, 2),
  'an argument cannot be stored': () => quick(() => 1),
  'a limit of a wait is none': () => quick.start().result({ timeout: loose('x') }),
  'through functions of the user': () => [1].map(() => [1].map(() => [1].map(() => hang.with({ timeout: loose('x') })))),
  WAIT_TIMEOUT: () => hang.start().result({ timeout: 5 }),
  'WAIT_TIMEOUT of exception()': () => hang.start().exception({ timeout: 5 }),
  'ACTION_TIMEOUT of a started action': () => hang.with({ timeout: 5 }).start(),
  EVENT_TIMEOUT: () => event('x', { timeout: 5 }),
  CALLBACK_TIMEOUT: () => callback({ timeout: 5 }).future,
  'a result cannot be stored': () => big.start(),
  'a child has a reserved id': () => child.with({ id: 'a//b' }).start(),
  'its own cancellation': () => {
    const future = hang.start();
    future.cancel();
    return future;
  },
};

/** As above; what is called without `.start()` is known where places are kept. */
const WHERE_PLACES_ARE_KEPT: Readonly<Record<string, () => unknown>> = {
  ACTION_TIMEOUT: () => hang.with({ timeout: 5 })(),
  'a result cannot be stored': () => big(),
  'a child has a reserved id': () => child.with({ id: 'a//b' })(),
};

describe("the stack of an error leads to the user's line", () => {
  const cases = [
    ...Object.entries(IN_FLOWS).map(([what, call]) => [what, call, 'ignore'] as const),
    ...Object.entries(WHERE_PLACES_ARE_KEPT).map(([what, call]) => [what, call, 'error'] as const),
  ];
  test.each(cases)('in a flow: %s', async (_what, call, leaks) => {
    const { engine } = await openEngine({ leaks, maxValueBytes: 1_000 });
    let thrown: Error | undefined;
    const body = flow(unique('body'), async () => {
      thrown = await thrownBy(async () => call());
    });
    await engine.start(body, []).exception();
    expect(thrown?.stack).toContain(HERE);
  });

  test.each<[string, (engine: Awaited<ReturnType<typeof openEngine>>['engine']) => unknown]>([
    ['an action outside', () => quick()],
    ['get()', (engine) => engine.get('nope')],
    ['operations()', (engine) => engine.operations('nope')],
    ['list()', (engine) => engine.list(loose({ limit: -1 }))],
    ['cancel()', (engine) => engine.cancel('nope')],
    ['send()', (engine) => engine.send('nope', 'x')],
    ['complete()', (engine) => engine.complete('nope')],
    ['fail()', (engine) => engine.fail('nope', new Error('no'))],
    ['heartbeat()', (engine) => engine.heartbeat('nope')],
    ['retry()', (engine) => engine.retry('nope')],
    ['prune()', (engine) => engine.prune({ age: loose('x') })],
    ['future()', (engine) => engine.future('nope')],
    ['future().result()', (engine) => engine.future('nope').result()],
    ['future().recorded()', (engine) => engine.future('nope').recorded()],
    ['fork()', (engine) => engine.fork('nope', '0')],
    ['start() of nothing', (engine) => engine.start(loose(1), [])],
    ['start() with a reserved id', (engine) => engine.start(greet, [], { id: 'a//b' })],
    ['a taken id', (engine) => Promise.all([engine.start(greet, [], { id: 'x' }), engine.start(child, [], { id: 'x' })])],
    [
      'a taken id, by recorded()',
      async (engine) => {
        await engine.start(greet, [], { id: 'x' });
        await engine.start(child, [], { id: 'x' }).recorded();
      },
    ],
    ['a failed run', (engine) => engine.start(child, [])],
    ['WAIT_TIMEOUT', (engine) => engine.start(waits, []).result({ timeout: 5 })],
    [
      'FLOW_TIMEOUT',
      (engine) =>
        engine.start(
          flow(unique('slow'), async () => event('never').result(), { timeout: 5 }),
          [],
        ),
    ],
    [
      'a cancelled run',
      async (engine) => {
        const future = engine.start(waits, []);
        future.cancel('enough');
        await future;
      },
    ],
    [
      'a closed engine',
      async (engine) => {
        const future = engine.start(waits, []);
        await future.recorded();
        void engine.close({ timeout: 0 });
        await future;
      },
    ],
    ['open() without a directory', () => open({ store: '/nowhere/at/all/app.db', default: false })],
    ['open() of a directory', () => open({ store: '/tmp', default: false })],
  ])('outside of flows: %s', async (_what, call) => {
    const { engine } = await openEngine();
    const error = await thrownBy(() => call(engine));
    expect(error.stack).toContain(HERE);
    // However often somebody asks.
    const lines = (error.stack as string).split('\n');
    expect(new Set(lines).size).toBe(lines.length);
  });
});

describe("a blocked run's log line has the user's line", () => {
  /** Runs the first body until it waits, then the second in its place. */
  async function blocked(first: () => Promise<unknown>, second: () => Promise<unknown>) {
    const store = memoryStore();
    let body = first;
    const changing = flow(unique('changing'), async () => body());
    const one = await openEngine({ store });
    await one.engine.start(changing, [], { id: 'run' }).recorded();
    await settle();
    await one.engine.close({ timeout: 0 });
    body = second;
    const two = await openEngine({ store });
    if ((await two.engine.get('run')).status !== 'BLOCKED') await nextEvent(two.engine, 'run:blocked');
    await settle();
    const { error } = await two.engine.get('run');
    const line = two.lines.find(({ fields }) => fields['code'] === 'NON_DETERMINISM');
    return { error, line };
  }

  const AT = expect.stringContaining(HERE);

  test.each<[string, () => Promise<unknown>]>([
    ['another action', async () => bad()],
    ['the same in the background', async () => hang.start()],
    ['a timer', async () => sleep(1)],
    ['a batch', async () => map([1], quick)],
    ['an event', async () => event('other')],
    ['a branch deep within', async () => parallel([async () => parallel([async () => bad()])])],
  ])('where it asks for %s', async (_what, second) => {
    const { line, error } = await blocked(async () => Promise.all([quick(1), event('go')]), second);
    expect(line).toMatchObject({ level: 'error', fields: { runId: 'run', code: 'NON_DETERMINISM', at: AT } });
    expect(error?.stack).toContain(HERE);
  });

  test('where it waits for a future that was started', async () => {
    const { line } = await blocked(
      async () => {
        await Promise.all([event('a'), quick(1), quick(2)]);
      },
      async () => {
        await event('a');
      },
    );
    expect(line).toMatchObject({ fields: { at: AT } });
  });
});
