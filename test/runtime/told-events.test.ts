import {
  action,
  CompletionConfig,
  callback,
  type EngineEvents,
  event,
  flow,
  map,
  memoryStore,
  open,
  parallel,
  RetryPresets,
  sleep,
} from 'perdure';
import { createTestEngine } from 'perdure/testing';
import { describe, expect, test } from 'vitest';
import { nextEvent, openEngine, settle, unique } from '../api/with-engine.js';

const quick = action(unique('quick'), async (n: number) => n);
const hang = action(unique('hang'), () => new Promise<never>(() => {}));

type Told = { readonly [E in keyof EngineEvents]: EngineEvents[E] & { readonly event: E } }[keyof EngineEvents];

interface Listening {
  on<E extends keyof EngineEvents>(event: E, listener: (payload: EngineEvents[E]) => void): () => void;
}

/** What is told of these events, in order. */
function listening<E extends keyof EngineEvents>(engine: Listening, ...events: readonly E[]): Extract<Told, { readonly event: E }>[] {
  const told: Extract<Told, { readonly event: E }>[] = [];
  for (const event of events)
    engine.on(event, (payload) => told.push({ event, ...payload } as unknown as Extract<Told, { readonly event: E }>));
  return told;
}

describe('events', () => {
  test('have the time at which they are told, and those with a beginning have that too', async () => {
    await using kit = await createTestEngine();
    const told = listening(kit, 'run:started', 'operation:started', 'operation:finished', 'run:finished');
    const body = flow(unique('body'), async () => sleep('1h'));
    await kit.run(body, []);
    const began = told[0]?.at as number;
    const hour = 3_600_000;
    expect(told.map(({ event, at, startedAt }) => [event, at - began, startedAt - began])).toEqual([
      ['run:started', 0, 0],
      ['operation:started', 0, 0],
      ['operation:finished', hour, 0],
      ['run:finished', hour, 0],
    ]);
  });

  test('of runs name the operation that has started them', async () => {
    const { engine } = await openEngine();
    const child = flow(unique('child'), async () => quick(1));
    const parent = flow(unique('parent'), async () => {
      await quick(0);
      await child();
    });
    const told = listening(engine, 'run:started', 'run:finished');
    await engine.start(parent, [], { id: 'root' });
    await settle();
    expect(told.map(({ event, runId, parentRunId, parentOperationId }) => [event, runId, parentRunId, parentOperationId])).toEqual([
      ['run:started', 'root', null, null],
      ['run:started', 'root//1', 'root', '1'],
      ['run:finished', 'root//1', 'root', '1'],
      ['run:finished', 'root', null, null],
    ]);
  });

  test('of operations name the branch that they belong to', async () => {
    const { engine } = await openEngine();
    const told = listening(engine, 'operation:started');
    await engine.start(
      flow(unique('body'), async () => {
        await quick(0);
        await parallel([() => map([1], (n) => quick(n))]);
      }),
      [],
    );
    expect(told.map(({ operationId, parentOperationId }) => [operationId, parentOperationId])).toEqual([
      ['0', null],
      ['1', null],
      ['1.0', '1'],
      ['1.0.0', '1.0'],
      ['1.0.0.0', '1.0.0'],
      ['1.0.0.0.0', '1.0.0.0'],
    ]);
  });

  test('tell of each attempt, when it begins and how it ends', async () => {
    let tries = 0;
    const flaky = action(
      unique('flaky'),
      async () => {
        tries += 1;
        if (tries < 2) throw new TypeError('not yet');
      },
      { retry: RetryPresets.linear() },
    );
    await using kit = await createTestEngine();
    const told = listening(kit, 'attempt:started', 'attempt:finished', 'attempt:failed');
    await kit.run(
      flow(unique('body'), async () => flaky()),
      [],
    );
    expect(told).toMatchObject([
      { event: 'attempt:started', operationId: '0', kind: 'action', name: flaky.name, attempt: 1 },
      { event: 'attempt:finished', attempt: 1, status: 'FAILED', error: { name: 'TypeError', message: 'not yet' } },
      { event: 'attempt:failed', attempt: 1, error: { message: 'not yet' }, nextAt: expect.any(Number) },
      { event: 'attempt:started', attempt: 2 },
      { event: 'attempt:finished', attempt: 2, status: 'SUCCEEDED' },
    ]);
    expect(told.at(-1)).not.toHaveProperty('error');
  });

  test.each<[string, (first: Awaited<ReturnType<typeof open>>) => Promise<unknown>]>([
    ['its operation is cancelled', async (engine) => engine.cancel('run')],
    ['its run leaves this process', async (engine) => engine.close({ timeout: 0 })],
  ])('tell that an attempt is waited for no more when %s', async (_, stop) => {
    const engine = await open({ store: memoryStore(), logger: silent });
    const told = listening(engine, 'attempt:finished');
    const begun = nextEvent(engine, 'attempt:started');
    engine.start(
      flow(unique('body'), async () => hang()),
      [],
      { id: 'run' },
    );
    await begun;
    await stop(engine);
    await settle();
    expect(told).toMatchObject([{ operationId: '0', attempt: 1, status: 'CANCELLED', error: { name: 'CancelledError' } }]);
    await engine.close({ timeout: 0 });
  });

  test.each<[string, () => Promise<unknown>, string[]]>([
    [
      'the flow',
      async () => {
        const futures = [hang.start(), event('never'), callback().future, sleep.start('1h')];
        await quick(1);
        for (const future of futures) future.cancel();
      },
      ['flow', 'flow', 'flow', 'flow'],
    ],
    [
      'the policy of a batch',
      () => parallel([() => quick(1), () => hang()], { completionConfig: CompletionConfig.firstSuccessful() }),
      ['policy', 'policy'],
    ],
    [
      'the end of its scope',
      async () => {
        hang.start();
        await quick(1);
      },
      ['leak'],
    ],
    [
      'the cancellation of its run',
      async () => {
        const never = event('never');
        const asked = hang.start();
        await Promise.allSettled([never, asked]);
      },
      ['run', 'run'],
    ],
  ])('say that %s has cancelled an operation', async (what, body, by) => {
    const { engine } = await openEngine({ leaks: 'ignore' });
    const told = listening(engine, 'operation:finished');
    const begun = nextEvent(engine, 'attempt:started');
    const future = engine.start(flow(unique('body'), body), [], { id: 'run' });
    if (what.startsWith('the cancellation')) {
      await begun;
      await engine.cancel('run');
    }
    await future.exception();
    await settle();
    expect(told.filter(({ status }) => status === 'CANCELLED').map((end) => end.by)).toEqual(by);
  });

  test('are all plain JSON', async () => {
    const { engine } = await openEngine();
    const events = [
      'run:started',
      'operation:started',
      'attempt:started',
      'attempt:finished',
      'operation:finished',
      'run:finished',
    ] as const;
    const told = listening(engine, ...events);
    await engine.start(
      flow(unique('body'), async () => quick(1)),
      [],
    );
    await settle();
    expect(told.map(({ event }) => event)).toEqual(events);
    expect(JSON.parse(JSON.stringify(told))).toEqual(told);
  });
});

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
