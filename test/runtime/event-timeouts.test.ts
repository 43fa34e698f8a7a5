import { type EventOptions, event, memoryStore, parallel, sleep, TimeoutError } from 'perdure';
import { describe, expect, test } from 'vitest';
import { crashEverywhere, explore } from '../../src/testing.js';
import { inFlow, nextEvent, thrownBy } from '../api/with-engine.js';
import { aFlow } from '../testing/with-test-engine.js';
import { STORES } from '../worker/sleeping.js';
import { FAULTS, send, senders, sendingEngine, sendOnce, step } from './senders.js';

const everywhere = { ...senders, faults: FAULTS };

describe('an event with a timeout', () => {
  test('fails with an error that says which event it was', async () => {
    const engine = sendingEngine();
    const startedAt = engine.now();
    const { error, runId, status } = await engine.run(aFlow(async () => event('m', { timeout: '3d' })));
    expect(status).toBe('FAILED');
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ code: 'EVENT_TIMEOUT' });
    expect(error?.message).toBe(`event "m" (operation 0 of run ${runId}) had no message within its timeout of 259200000 ms`);
    expect(engine.now() - startedAt).toBe(3 * 86_400_000);
    await engine.assertReplays();
  });

  test('takes no message after it, and is no leak', async () => {
    const body = aFlow(async () => {
      const ended = (await event('m', { timeout: 100 }).exception()) as TimeoutError;
      const [first, second] = [event('m', { timeout: 1000 }), event('m')];
      await sendOnce('m', 1);
      await sendOnce('m', 2);
      return [ended.code, await first, await second];
    });
    await crashEverywhere(body, [], { ...everywhere, invariant: ({ result }) => expect(result).toEqual(['EVENT_TIMEOUT', 1, 2]) });
  });

  test('says until when it waits, and for what', async () => {
    const engine = sendingEngine({ autoAdvance: false, startTime: 0 });
    const { id } = engine.start(
      aFlow(async () => event('m', { timeout: '1h' })),
      [],
    );
    await nextEvent(engine, 'operation:started');
    const { pending } = await engine.get(id);
    expect(pending).toMatchObject([{ kind: 'event', event: 'm', dueAt: new Date(3_600_000) }]);
    expect(pending[0]?.waitsFor).toBe(`engine.send("${id}", "m", value), until 1970-01-01T01:00:00.000Z`);
    const [operation] = await engine.operations(id);
    expect(operation?.dueAt).toEqual(new Date(3_600_000));
  });

  test('has either the message or the time-out, whichever comes first, wherever it crashes', async () => {
    for (const [sentAt, expected] of [
      [50, 'm'],
      [150, 'EVENT_TIMEOUT'],
    ] as const) {
      const body = aFlow(async () => {
        const waiting = event('m', { timeout: 100 });
        const sent = sleep
          .start(sentAt)
          .result()
          .then(() => sendOnce('m', 'm'));
        const got = await waiting.result().catch((error: TimeoutError) => error.code);
        await sent;
        return got;
      });
      await crashEverywhere(body, [], { ...everywhere, invariant: ({ result }) => expect(result).toBe(expected) });
    }
  });

  test('has one outcome, in whatever order things come', async () => {
    const seen = new Set<string>();
    const body = aFlow(async () => {
      const waiting = event<string>('m', { timeout: 100 });
      const sent = step('before it is sent').then(() => send('m', 'message'));
      const got = await waiting.result().catch((error: TimeoutError) => error.code);
      await sent;
      return got === 'message' ? got : `${got}, then ${await event<string>('m')}`;
    });
    await explore(body, [], {
      setup: senders.setup,
      runs: 30,
      seed: 1,
      invariant: ({ result }) => void seen.add(result),
    });
    expect([...seen].sort()).toEqual(['EVENT_TIMEOUT, then message', 'message']);
  });

  test('counts from its first start, also after a crash, and the limit of today holds', async () => {
    const store = memoryStore();
    const body = aFlow(async () => event('m', { timeout: '1h' }));
    const first = sendingEngine({ store, autoAdvance: false });
    const { id } = first.start(body, []);
    await nextEvent(first, 'operation:started');
    await first.advance('40m');
    await first.close({ timeout: 0 });
    const startTime = first.now();
    const second = sendingEngine({ store, startTime });
    expect(await thrownBy(() => second.future(id))).toMatchObject({ code: 'EVENT_TIMEOUT' });
    expect(second.now() - startTime).toBe(20 * 60_000);
  });

  test('is answered in tests, and not when its time is over', async () => {
    const engine = sendingEngine();
    const body = aFlow(async () => {
      const first = await event<string>('m', { timeout: '1h' })
        .result()
        .catch((error: TimeoutError) => error.code);
      await step('between');
      return [first, await event<string>('m', { timeout: '1h' })];
    });
    const future = engine.start(body, []);
    await nextEvent(engine, 'operation:finished', ({ kind, status }) => kind === 'event' && status === 'FAILED');
    await engine.answer('m', 'second');
    expect(await future).toEqual(['EVENT_TIMEOUT', 'second']);
    await engine.assertReplays();
  });

  test.each(Object.entries(STORES))('ends in branches over %s', async (_, store) => {
    const body = aFlow(async () => {
      const batch = await parallel([
        () => event('m', { timeout: 100 }).exception(),
        async () => [await event<string>('m', { timeout: 300 }), await event('m', { timeout: 1 }).exception()].length,
        async () => {
          await sleep(200);
          await sendOnce('m', 'late');
        },
      ]);
      return batch.successCount;
    });
    await crashEverywhere(body, [], { ...senders, store, invariant: ({ result }) => expect(result).toBe(3) });
  });

  test.each<[unknown, string]>([
    [{ timeout: 'soon' }, 'INVALID_DURATION'],
    [{ timeout: -1 }, 'INVALID_DURATION'],
    [{ limit: 1 }, 'INVALID_OPTION'],
    [3, 'INVALID_OPTION'],
    [null, 'INVALID_OPTION'],
  ])('refuses the options %j with %s', async (options, code) => {
    const refused = (): Promise<unknown> => inFlow(async () => event('m', options as EventOptions));
    expect(await thrownBy(refused)).toMatchObject({ name: 'UsageError', code });
  });
});
