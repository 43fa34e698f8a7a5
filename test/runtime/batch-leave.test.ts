import { action, CompletionConfig, flow, map, parallel, shield, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { deferred, nextEvent, openEngine, settle, startFlow, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async (value?: unknown) => value);
const leave = { completionConfig: CompletionConfig.firstSuccessful(), unfinished: 'leave' } as const;

describe("unfinished: 'leave'", () => {
  test('lets the others go on to their ends, and records their outcomes', async () => {
    const gates = new Gates();
    const seen: unknown[] = [];
    const { result, journal } = await runBatch(async () => {
      const batch = await parallel(
        [
          async () => {
            seen.push(await gates.pass('slow'));
            seen.push(await noop('and more'));
            gates.open('ended');
            return 'late';
          },
          () => noop('winner'),
          async () => {
            await gates.pass('failing');
          },
        ],
        leave,
      );
      seen.push(batch.all.map(({ status }) => status));
      gates.fail('failing', new Error('late failure'));
      gates.open('slow', 'slow');
      await gates.pass('ended');
      await noop('its outcome is on its way');
      await noop('and was delivered');
      return batch;
    });
    expect(seen).toStrictEqual([['STARTED', 'SUCCEEDED', 'STARTED'], 'slow', 'and more']);
    expect(result?.all.map(({ status }) => status)).toStrictEqual(['STARTED', 'SUCCEEDED', 'STARTED']);
    expect(['0.0', '0.1', '0.2'].map((id) => journal.get(id)?.status)).toStrictEqual(['SUCCEEDED', 'SUCCEEDED', 'FAILED']);
  });

  test('stops them at the end of the run, which does not wait for them', async () => {
    const gates = new Gates();
    const { status, journal, leaks } = await runBatch(
      async () => (await parallel([() => gates.pass('loser'), () => sleep('7d'), () => noop()], leave)).startedCount,
      { leaks: 'error' },
    );
    expect([status, leaks]).toStrictEqual(['SUCCEEDED', []]);
    expect(await gates.aborted('loser')).toMatchObject({ name: 'CancelledError' });
    expect([journal.has('0.0'), journal.get('0.0.0')?.status, journal.get('0.1.0')?.status]).toStrictEqual([
      false,
      'CANCELLED',
      'CANCELLED',
    ]);
  });

  test('stops them at the end of the branch around the batch', async () => {
    const gates = new Gates();
    const { journal, status } = await runBatch(async () => {
      const outer = await parallel([async () => (await parallel([() => gates.pass('loser'), () => noop()], leave)).startedCount]);
      await gates.aborted('loser').then(() => undefined);
      return outer.getResults();
    });
    expect([status, journal.get('0.0')?.status, journal.get('0.0.0.0.0')?.status]).toStrictEqual(['SUCCEEDED', 'SUCCEEDED', 'CANCELLED']);
  });

  test('begins no more branches', async () => {
    const begun: string[] = [];
    const { result } = await runBatch(async () => {
      const batch = await map(
        ['slow', 'winner', 'third'],
        async (item) => {
          begun.push(item);
          await sleep(item === 'slow' ? 20 : 1);
        },
        { ...leave, maxConcurrency: 2 },
      );
      await sleep(40);
      return batch;
    });
    expect(begun).toStrictEqual(['slow', 'winner']);
    expect(result?.all.map(({ status }) => status)).toStrictEqual(['STARTED', 'SUCCEEDED', 'NOT_STARTED']);
  });

  test('a shield in one of them keeps the run from ending', async () => {
    const gates = new Gates();
    const { future } = await startFlow(async () => {
      await parallel([() => shield(() => gates.pass('shielded')), () => noop()], leave);
      return 'done';
    });
    await gates.begun('shielded');
    await settle();
    expect(future[0]?.done()).toBe(false);
    gates.open('shielded');
    expect(await future[0]).toBe('done');
  });

  test('they are cancelled with the flow', async () => {
    const seen: string[] = [];
    const { engine, future } = await startFlow(async () => {
      await parallel(
        [
          async () => {
            await sleep('7d').catch((error: Error) => seen.push(error.name));
          },
          () => noop(),
        ],
        leave,
      );
      await sleep('7d');
    });
    const run = future[0];
    await settle();
    await engine.cancel(run?.id as string);
    await run?.exception();
    expect(seen).toStrictEqual(['CancelledError']);
  });

  test('leaks in one of them are told at its own end', async () => {
    const gates = new Gates();
    const { leaks } = await runBatch(async () => {
      await parallel(
        [
          {
            name: 'careless',
            run: async () => {
              await gates.pass('careless');
              noop.start('lost');
            },
          },
          { name: 'winner', run: () => noop() },
        ],
        leave,
      );
      gates.open('careless');
      await sleep(20);
    });
    expect(leaks).toMatchObject([{ scope: '0.0', branch: 'careless', futures: [{ kind: 'action', id: '0.0.1' }] }]);
  });
});

describe('detach()', () => {
  test('on a batch keeps it from being a leak; what runs is stopped at the end of its scope', async () => {
    const gates = new Gates();
    const { status, leaks } = await runBatch(
      async () => {
        const batch = parallel.start([() => gates.pass('detached')]);
        batch.detach();
        await noop();
      },
      { leaks: 'error' },
    );
    expect([status, leaks]).toStrictEqual(['SUCCEEDED', []]);
    expect(await gates.aborted('detached')).toMatchObject({ name: 'CancelledError' });
  });

  test("on a batch in a branch keeps it going when the branch's batch is complete and cancels the rest", async () => {
    const gates = new Gates();
    const seen: unknown[] = [];
    const { future } = await startFlow(async () => {
      const inner = map.start(['detached'], async (key) => seen.push(await gates.pass(key)));
      inner.detach();
      await parallel([() => inner, () => noop()], { completionConfig: CompletionConfig.firstSuccessful() });
      gates.open('detached', 'went on');
      await inner;
    });
    await future[0];
    expect(seen).toStrictEqual(['went on']);
  });

  const endings: readonly [string, (detaching: () => Promise<unknown>) => Promise<unknown>][] = [
    ['a branch that ends', async (detaching) => parallel([detaching])],
    [
      'a branch that fails',
      async (detaching) =>
        parallel([
          async () => {
            await detaching();
            throw new Error('failed');
          },
        ]),
    ],
    [
      'a loser, when the flow goes on',
      async (detaching) => {
        await parallel([() => detaching().then(() => sleep('7d')), () => sleep(10)], {
          completionConfig: CompletionConfig.firstSuccessful(),
        });
        await sleep(5);
      },
    ],
    [
      'a loser, when the flow ends at once',
      (detaching) =>
        parallel([() => detaching().then(() => sleep('7d')), () => sleep(10)], { completionConfig: CompletionConfig.firstSuccessful() }),
    ],
    [
      'a branch that is left, when the flow ends',
      (detaching) => parallel([() => detaching().then(() => sleep('7d')), () => sleep(10)], leave),
    ],
    [
      'a branch of a batch that is cancelled',
      async (detaching) => {
        const batch = parallel.start([() => detaching().then(() => sleep('7d'))]);
        await sleep(10);
        batch.cancel();
      },
    ],
    [
      'a branch of a nested batch whose branch loses',
      (detaching) =>
        parallel([() => parallel([() => detaching().then(() => sleep('7d'))]), () => sleep(10)], {
          completionConfig: CompletionConfig.firstSuccessful(),
        }),
    ],
  ];

  test.each(endings)(
    'of an action in %s lets it go on as a run of its own',
    async (_what, body) => {
      const [gate, ended] = [deferred(), deferred<string>()];
      const detached = action(unique('detached'), async (value: string) => {
        await gate.promise;
        ended.resolve(value);
        return value;
      });
      const { engine } = await openEngine({ leaks: 'error' });
      const future = engine.start(
        flow(unique('detaching'), () =>
          body(async () => {
            detached.start('value').detach();
          }),
        ),
        [],
      );
      await future;
      gate.resolve();
      expect(await ended.promise).toBe('value');
      const [carrier] = (await engine.list()).filter(({ flow: name }) => name.endsWith(detached.name));
      expect(await engine.future(carrier?.id as string)).toBe('value');
    },
    5_000,
  );

  test.each(endings)(
    'of a child flow in %s lets it go on',
    async (_what, body) => {
      const gates = new Gates();
      const child = flow(unique('child'), () => gates.pass('child'));
      const { engine } = await openEngine({ leaks: 'error' });
      const finished = nextEvent(engine, 'run:finished', ({ flow: name }) => name === child.name);
      const future = engine.start(
        flow(unique('detaching'), () =>
          body(async () => {
            child.start().detach();
          }),
        ),
        [],
      );
      await future;
      await gates.begun('child');
      gates.open('child');
      expect(await finished).toMatchObject({ status: 'SUCCEEDED' });
    },
    5_000,
  );
});
