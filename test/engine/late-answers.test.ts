import { action, callback, type DurableFuture, type Engine, event, flow, memoryStore, parallel, type Serdes, sleep } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { reading } from '../../src/testing/reading.js';
import { wrappedStore } from '../../src/testing/wrapped-store.js';
import { crashEverywhere, createTestEngine, type TestEngine, type TestEngineOptions } from '../../src/testing.js';
import { nextEvent, settle, unique } from '../api/with-engine.js';
import { complete, FAULTS, fail, senders } from '../runtime/senders.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { STORES } from '../worker/sleeping.js';

/** Takes the tokens that flows give out. */
const tokens: string[] = [];
const mail = action(unique('mail'), async (token: string) => void tokens.push(token));

/** A call that may be refused: what it comes to. */
async function said(answer: Promise<void>): Promise<string> {
  return answer.then(
    () => 'thank you',
    (error: { code: string }) => error.code,
  );
}

interface Asked {
  readonly engine: TestEngine;
  readonly store: Store;
  readonly token: string;
  readonly future: DurableFuture<unknown>;
}

/** Starts a run that gives a token out and goes on until it is told to end; resolves when it waits for that. */
async function asked(
  store: Store,
  body: (token: string, future: DurableFuture<unknown>) => Promise<unknown>,
  options: Omit<TestEngineOptions, 'store'> = {},
): Promise<{ readonly asked: Asked }> {
  tokens.length = 0;
  const engine = testEngine({ store, leaks: 'ignore', autoAdvance: false, ...options });
  const asking = flow(unique('asking'), async () => {
    const { token, future } = callback({ name: 'approval', timeout: '1h' });
    await mail(token);
    const got = await body(token, future);
    return [got, await event('end')];
  });
  const future = engine.start(asking, []);
  await nextEvent(engine, 'operation:finished', ({ name }) => name === mail.name);
  await settle();
  // In an object: a future is thenable.
  return { asked: { engine, store, token: tokens[0] as string, future } };
}

/** An engine on the same store that executes nothing. */
function client(store: Store): TestEngine {
  return testEngine({ store, execute: false });
}

const refusal = async (_token: string, future: DurableFuture<unknown>): Promise<unknown> => (await future.exception())?.message ?? future;

/** How a callback comes to its end. */
const CLOSINGS: Readonly<
  Record<string, { body(token: string, future: DurableFuture<unknown>): Promise<unknown>; close?(asked: Asked): Promise<void> }>
> = {
  'it timed out': { body: async (_, future) => future.exception(), close: ({ engine }) => engine.advance('1h') },
  'it was cancelled': { body: async (_, future) => future.cancel() },
  'it was cancelled before it was written': {
    body: async () => {
      const { token, future } = callback();
      future.cancel();
      tokens[0] = token;
    },
  },
  'its branch is over': {
    body: async () => {
      await parallel([
        async () => {
          tokens[0] = callback().token;
        },
      ]);
    },
  },
  'it has another answer': { body: refusal, close: ({ engine, token }) => engine.complete(token, false) },
  'it has failed': { body: refusal, close: ({ engine, token }) => engine.fail(token, new RangeError('refused')) },
};

describe.each(Object.entries(STORES))('over %s', (_, makeStore) => {
  describe.each(Object.entries(CLOSINGS))('when %s', (_how, { body, close }) => {
    test.each(['the process that owns the run', 'a client', 'a client, while nothing owns the run'] as const)(
      'an answer is refused in %s',
      async (where) => {
        const { asked: made } = await asked(makeStore(), body);
        const { engine, store, future } = made;
        await close?.(made);
        await settle();
        const token = tokens[0] as string;
        if (where === 'a client, while nothing owns the run') await engine.close({ timeout: 0 });
        const sender: Engine = where === 'the process that owns the run' ? engine : client(store);
        expect(await said(sender.complete(token, true))).toBe('CALLBACK_CLOSED');
        expect(await said(sender.fail(token, new RangeError('other')))).toBe('CALLBACK_CLOSED');
        expect(await said(sender.heartbeat(token))).toBe('CALLBACK_CLOSED');
        await store.open();
        expect(await reading(store, (reader) => reader.inbox(future.id))).toEqual([]);
        await store.close();
      },
    );
  });

  test('the same answer again resolves, from anywhere, and is not sent again', async () => {
    const { asked: made } = await asked(makeStore(), refusal);
    const { engine, store, token, future } = made;
    const other = client(store);
    const value = { by: 'Ada', at: new Date(0), lines: new Map([[1, 'a']]) };
    expect(await said(engine.complete(token, value))).toBe('thank you');
    await settle();
    const again = { lines: new Map([[1, 'a']]), at: new Date(0), by: 'Ada' };
    for (const sender of [engine, other]) expect(await said(sender.complete(token, again))).toBe('thank you');
    for (const sender of [engine, other]) expect(await said(sender.complete(token, { ...value, by: 'Bob' }))).toBe('CALLBACK_CLOSED');
    expect(await said(other.fail(token, value))).toBe('CALLBACK_CLOSED');
    await store.open();
    const messages = (await journalOf(store, future.id)).filter(({ kind }) => kind === 'message');
    await store.close();
    expect(messages).toHaveLength(1);
  });

  test('the same error again resolves, wherever it was made', async () => {
    const { asked: made } = await asked(makeStore(), refusal);
    const { engine, store, token } = made;
    const make = (message: string): Error => Object.assign(new RangeError(message, { cause: new TypeError('inner') }), { status: 409 });
    expect(await said(engine.fail(token, make('taken')))).toBe('thank you');
    await settle();
    const elsewhere = (): Error => make('taken');
    for (const sender of [engine, client(store)]) {
      expect(await said(sender.fail(token, elsewhere()))).toBe('thank you');
      expect(await said(sender.fail(token, make('other')))).toBe('CALLBACK_CLOSED');
      expect(await said(sender.fail(token, new RangeError('taken')))).toBe('CALLBACK_CLOSED');
    }
  });

  test('the same answer again resolves when the run has ended by it', async () => {
    const { asked: made } = await asked(makeStore(), refusal);
    const { engine, store, token, future } = made;
    expect(await said(engine.complete(token, { by: 'Ada' }))).toBe('thank you');
    await engine.send(future.id, 'end');
    await future;
    for (const sender of [engine, client(store)]) {
      expect(await said(sender.complete(token, { by: 'Ada' }))).toBe('thank you');
      expect(await said(sender.complete(token, { by: 'Bob' }))).toBe('RUN_FINISHED');
      expect(await said(sender.fail(token, { by: 'Ada' }))).toBe('RUN_FINISHED');
      expect(await said(sender.heartbeat(token))).toBe('RUN_FINISHED');
    }
  });

  test('while nothing owns the run, the first answer counts and is known', async () => {
    const { asked: made } = await asked(makeStore(), async (_token, future) => future);
    const { engine, store, token, future } = made;
    await engine.close({ timeout: 0 });
    const [one, two] = [client(store), client(store)];
    expect(await said(one.heartbeat(token))).toBe('thank you');
    expect(await said(one.complete(token, 1))).toBe('thank you');
    expect(await said(two.complete(token, 1))).toBe('thank you');
    expect(await said(two.complete(token, 2))).toBe('CALLBACK_CLOSED');
    expect(await said(two.heartbeat(token))).toBe('CALLBACK_CLOSED');
    await one.send(future.id, 'end');
    const last = testEngine({ store, leaks: 'ignore' });
    expect(await last.future(future.id)).toEqual([1, undefined]);
  });

  test('of answers that are sent at once one counts, and all others are told', async () => {
    const { asked: made } = await asked(makeStore(), async (_token, future) => future);
    const { engine, store, token, future } = made;
    const senders = [engine, client(store), engine, client(store)];
    const answers = await Promise.all(senders.map((sender, index) => said(sender.complete(token, index))));
    await engine.send(future.id, 'end');
    const [got] = (await future) as [number];
    expect(answers).toEqual(senders.map((_sender, index) => (index === got ? 'thank you' : 'CALLBACK_CLOSED')));
  });
});

test('an answer right behind another is told of it, while that is on its way', async () => {
  const { asked: made } = await asked(memoryStore(), async (_token, future) => future);
  const { engine, token } = made;
  expect(await said(engine.complete(token, 1))).toBe('thank you');
  expect(await said(engine.complete(token, 2))).toBe('CALLBACK_CLOSED');
  expect(await said(engine.complete(token, 1))).toBe('thank you');
});

test('an answer that was overtaken between the look and the sending is refused after it was sent', async () => {
  const memory = memoryStore();
  let onSend = async (): Promise<void> => {};
  const store = wrappedStore(memory, async (method, call) => {
    if (method === 'send') await onSend();
    return call();
  });
  const { asked: made } = await asked(memory, async (_token, future) => future.exception());
  const { engine, token } = made;
  const sender = client(store);
  onSend = async () => {
    await engine.advance('1h');
    await settle();
  };
  expect(await said(sender.complete(token, 1))).toBe('CALLBACK_CLOSED');
});

test('the values are compared, and not their texts, where a serdes makes another text each time', async () => {
  let salt = 0;
  const serdes: Serdes = {
    serialize: (value) => {
      salt += 1;
      return `${salt}:${JSON.stringify(value ?? null)}`;
    },
    deserialize: (text) => JSON.parse(text.slice(text.indexOf(':') + 1)),
  };
  const { asked: made } = await asked(memoryStore(), async (_token, future) => future, { serdes });
  const { engine, token } = made;
  expect(await said(engine.complete(token, { a: 1, b: 2 }))).toBe('thank you');
  await settle();
  expect(await said(engine.complete(token, { b: 2, a: 1 }))).toBe('thank you');
  expect(await said(engine.complete(token, { b: 2, a: 2 }))).toBe('CALLBACK_CLOSED');
  // Written with another serdes, it cannot be compared.
  const other = testEngine({ store: made.store, execute: false });
  expect(await said(other.complete(token, { a: 1, b: 2 }))).toBe('CALLBACK_CLOSED');
});

test('an action that answers is done again after a crash, and finds its own answer', async () => {
  const body = aFlow(async () => {
    const { token, future } = callback<string>();
    await complete(token, 'yes');
    const again = await complete(token, 'yes').then(() => 'thank you');
    const other = await complete(token, 'no').catch((error: { code: string }) => error.code);
    const failed = await fail(token, 'no').catch((error: { code: string }) => error.code);
    await sleep('1h');
    return [await future, again, other, failed];
  });
  await crashEverywhere(body, [], {
    ...senders,
    faults: { ...FAULTS, slow: 2 },
    invariant: ({ result }) => expect(result).toEqual(['yes', 'thank you', 'CALLBACK_CLOSED', 'CALLBACK_CLOSED']),
  });
});

test('the error says which callback it was, and why', async () => {
  const { asked: made } = await asked(memoryStore(), async (_token, future) => future.exception());
  const { engine, token, future } = made;
  await engine.advance('1h');
  await settle();
  const error = await engine.complete(token, 1).catch((refused: Error) => refused);
  expect(error).toMatchObject({ name: 'UsageError', code: 'CALLBACK_CLOSED' });
  expect((error as Error).message).toContain(`engine.complete(token, value): the callback (operation 0 of run ${future.id}) timed out`);
});

test('answer() of the testing kit goes to the next callback when one has come to its end', async () => {
  await using engine = createTestEngine({ leaks: 'ignore' });
  const body = aFlow(async () => {
    const first = callback({ name: 'approval' });
    first.future.cancel();
    return callback<string>({ name: 'approval' }).future;
  });
  await engine.answer('approval', 'yes');
  expect((await engine.run(body)).result).toBe('yes');
});
