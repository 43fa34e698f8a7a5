import {
  action,
  CompletionConfig,
  callback,
  type Engine,
  type EngineEvents,
  type EngineOptions,
  event,
  flow,
  map,
  memoryStore,
  parallel,
  shield,
  sleep,
  wait,
  waitForCondition,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { reading } from '../../src/testing/reading.js';
import { nextEvent, openEngine, settle, unique } from '../api/with-engine.js';

const hang = action(unique('hang'), () => new Promise<never>(() => {}));
const fail = action(unique('fail'), async () => {
  throw new Error('no');
});
const quick = action(unique('quick'), async () => 1);
const child = flow(unique('child'), async () => event('never').result());

type Told = EngineEvents['operation:started'] | EngineEvents['operation:finished'];

/** What is told of the operations of the run, without those of its children. */
function listening(engine: Engine, runId: string) {
  const started: Told[] = [];
  const finished: EngineEvents['operation:finished'][] = [];
  engine.on('operation:started', (told) => told.runId === runId && started.push(told));
  engine.on('operation:finished', (told) => told.runId === runId && finished.push(told));
  const ends = (): string[] => finished.map(({ operationId, kind, status }) => `${operationId} ${kind} ${status}`).sort();
  return { started, finished, ends };
}

async function endsOf(body: () => Promise<unknown>, options: EngineOptions = {}) {
  const { engine } = await openEngine({ leaks: 'ignore', ...options });
  const told = listening(engine, 'run');
  await engine.start(flow(unique('body'), body), [], { id: 'run' }).exception();
  await settle();
  return told;
}

describe('each operation that was started has one end, cancelled and leaked ones too', () => {
  test.each<[string, () => Promise<unknown>, string[]]>([
    [
      'cancelled by the flow',
      async () => {
        const futures = [
          hang.start(),
          sleep.start('1h'),
          event('never'),
          callback().future,
          child.start(),
          waitForCondition.start(hang as never, { initial: 1, strategy: () => ({ continue: true }) }),
        ];
        await quick();
        for (const future of futures) future.cancel('enough');
        await wait(futures);
      },
      [
        '0 action CANCELLED',
        '1 timer CANCELLED',
        '2 event CANCELLED',
        '3 event CANCELLED',
        '4 flow CANCELLED',
        '5 action CANCELLED',
        '6 action SUCCEEDED',
      ],
    ],
    [
      'left behind',
      async () => {
        hang.start();
        sleep.start('1h');
        event('never');
        callback();
        child.start();
        await quick();
      },
      ['0 action CANCELLED', '1 timer CANCELLED', '2 event CANCELLED', '3 event CANCELLED', '4 flow CANCELLED', '5 action SUCCEEDED'],
    ],
    [
      'left behind by a flow that throws',
      async () => {
        void hang();
        await fail();
      },
      ['0 action CANCELLED', '1 action FAILED'],
    ],
    [
      'a forgotten await',
      async () => {
        void hang();
        await quick();
      },
      ['0 action CANCELLED', '1 action SUCCEEDED'],
    ],
    [
      'the limit of a wait',
      async () => {
        const future = quick.start();
        await future.result({ timeout: '1h' });
      },
      ['0 action SUCCEEDED', '1 timer CANCELLED'],
    ],
    [
      'losing branches, and what they have started',
      async () =>
        parallel([async () => quick(), async () => hang(), async () => map([1], async () => hang())], {
          completionConfig: CompletionConfig.firstSuccessful(),
        }),
      [
        '0 parallel SUCCEEDED',
        '0.0 branch SUCCEEDED',
        '0.0.0 action SUCCEEDED',
        '0.1 branch CANCELLED',
        '0.1.0 action CANCELLED',
        '0.2 branch CANCELLED',
        '0.2.0 map CANCELLED',
        '0.2.0.0 branch CANCELLED',
        '0.2.0.0.0 action CANCELLED',
      ],
    ],
    [
      'a batch that is left behind, and one that is cancelled',
      async () => {
        parallel.start([async () => hang()]);
        const other = map.start([1], async () => hang());
        await quick();
        other.cancel();
      },
      [
        '0 parallel CANCELLED',
        '0.0 branch CANCELLED',
        '0.0.0 action CANCELLED',
        '1 map CANCELLED',
        '1.0 branch CANCELLED',
        '1.0.0 action CANCELLED',
        '2 action SUCCEEDED',
      ],
    ],
    [
      'a branch that cleans up after that',
      async () => {
        parallel.start([
          async () => {
            try {
              await hang();
            } finally {
              await shield(async () => quick());
            }
          },
        ]);
        await quick();
      },
      ['0 parallel CANCELLED', '0.0 branch CANCELLED', '0.0.0 action CANCELLED', '0.0.1 action SUCCEEDED', '1 action SUCCEEDED'],
    ],
  ])('%s', async (_what, body, expected) => {
    const { started, finished, ends } = await endsOf(body);
    expect(ends()).toEqual(expected);
    expect(started.map(({ operationId }) => operationId).sort()).toEqual(finished.map(({ operationId }) => operationId).sort());
    for (const { status, error } of finished) {
      if (status === 'CANCELLED') expect(error).toMatchObject({ name: 'CancelledError', code: 'CANCELLED' });
    }
    expect([...started, ...finished].filter((told) => 'recovered' in told)).toEqual([]);
  });

  test('of a run that is cancelled, before the end of the run', async () => {
    const { engine } = await openEngine();
    const { ends } = listening(engine, 'run');
    const order: string[] = [];
    engine.on('operation:finished', ({ operationId }) => order.push(operationId));
    engine.on('run:finished', ({ runId }) => order.push(runId));
    const future = engine.start(
      flow(unique('body'), async () => Promise.all([hang(), sleep('1h'), event('never')])),
      [],
      { id: 'run' },
    );
    await nextEvent(engine, 'operation:started', ({ kind }) => kind === 'event');
    await engine.cancel('run', 'no more');
    await future.exception();
    expect(ends()).toEqual(['0 action CANCELLED', '1 timer CANCELLED', '2 event CANCELLED']);
    expect(order).toEqual(['0', '1', '2', 'run']);
  });
});

test('what was cancelled when nothing of it had begun was not started, and has no end', async () => {
  const { started, finished } = await endsOf(async () => {
    hang.start().cancel();
    sleep.start('1h').cancel();
  });
  expect([started, finished]).toEqual([[], []]);
});

test('the cancellation is durable when it is told, and told once', async () => {
  const store = memoryStore();
  const { engine } = await openEngine({ store });
  const body = flow(unique('body'), async () => {
    const future = hang.start();
    await quick();
    future.cancel();
    await event('go').result();
  });
  const told = nextEvent(engine, 'operation:finished', ({ status }) => status === 'CANCELLED');
  await engine.start(body, [], { id: 'run' }).recorded();
  const { operationId } = await told;
  expect(await reading(store, (reader) => reader.operation('run', operationId))).toMatchObject({ status: 'CANCELLED' });
  await engine.close({ timeout: 0 });

  const { engine: next } = await openEngine({ store });
  const { finished, started } = listening(next, 'run');
  await next.send('run', 'go');
  await next.future('run');
  await settle();
  expect(started).toMatchObject([{ operationId: '2', recovered: true }]);
  expect(finished.map(({ operationId }) => operationId)).toEqual(['2']);
});

test('an operation that is announced again says so, a branch too', async () => {
  const store = memoryStore();
  const { engine } = await openEngine({ store });
  const body = flow(unique('body'), async () =>
    Promise.all([
      map([1, 2], async () => {
        await sleep('1h');
        await event('never');
      }),
      hang(),
      event('never'),
    ]),
  );
  const told = nextEvent(engine, 'operation:started', ({ kind }) => kind === 'event');
  const { started: before } = listening(engine, 'run');
  await engine.start(body, [], { id: 'run' }).recorded();
  await told;
  await settle();
  await engine.close({ timeout: 0 });

  const { engine: next } = await openEngine({ store });
  const { started } = listening(next, 'run');
  await settle();
  const ids = (events: readonly Told[]): string[] => events.map(({ operationId }) => operationId).sort();
  expect(ids(before)).toEqual(['0', '0.0', '0.0.0', '0.1', '0.1.0', '1', '2']);
  expect(ids(started)).toEqual(ids(before));
  expect(started.filter((each) => !('recovered' in each))).toEqual([]);
  expect(before.filter((each) => 'recovered' in each)).toEqual([]);
});
