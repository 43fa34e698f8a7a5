import {
  action,
  actionContext,
  asCompleted,
  type CallbackOptions,
  callback,
  FIRST_COMPLETED,
  flow,
  flowContext,
  memoryStore,
  parallel,
  registerError,
  shield,
  sleep,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { crashEverywhere, type TestEngine } from '../../src/testing.js';
import { inFlow, nextEvent, thrownBy, unique } from '../api/with-engine.js';
import { aFlow } from '../testing/with-test-engine.js';
import { beat, cancelRun, complete, FAULTS, fail, senders, sendingEngine, step } from './senders.js';

/** Takes the tokens that flows give out. */
const tokens: string[] = [];
const mail = action(unique('mail'), async (token: string) => void tokens.push(token));

/** A flow that asks for a callback, gives its token out, and comes to its value. */
function asks(options?: CallbackOptions): () => Promise<unknown> {
  return aFlow(async () => {
    const { token, future } = callback(options);
    await mail(token);
    return future;
  });
}

/** Starts a flow on an engine, and resolves when it has given a token out. */
async function asked(
  body: () => Promise<unknown>,
  engine: TestEngine = sendingEngine(),
): Promise<{ engine: TestEngine; runId: string; token: string }> {
  tokens.length = 0;
  const { id: runId } = engine.start(body, []);
  await nextEvent(engine, 'operation:finished', ({ name }) => name === mail.name);
  return { engine, runId, token: tokens[0] as string };
}

describe('a callback', () => {
  test('is completed by whoever has its token', async () => {
    const { engine, runId, token } = await asked(asks());
    await engine.complete(token, { approved: true });
    expect(await engine.future(runId)).toEqual({ approved: true });
    await engine.assertReplays();
  });

  test('fails with the error it is given', async () => {
    const { engine, runId, token } = await asked(asks());
    await engine.fail(token, new RangeError('too much', { cause: new TypeError('inner') }));
    const error = await thrownBy(() => engine.future(runId));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ message: 'too much', cause: expect.any(TypeError) });
    await engine.assertReplays();
  });

  test('fails with an error of a class that was registered', async () => {
    class Refused extends Error {
      override readonly name = 'Refused';
      readonly by = 'Ada';
    }
    registerError(Refused, unique('Refused'));
    const { engine, runId, token } = await asked(asks());
    await engine.fail(token, new Refused('no'));
    const error = await thrownBy(() => engine.future(runId));
    expect(error).toBeInstanceOf(Refused);
    expect(error).toMatchObject({ message: 'no', by: 'Ada' });
  });

  test.each([['a text'], [undefined], [null], [42], [{ code: 7 }]])(
    'fails with what is no error as the cause of one: %j',
    async (given) => {
      const { engine, runId, token } = await asked(asks());
      await engine.fail(token, given);
      const error = await thrownBy(() => engine.future(runId));
      expect(error).toBeInstanceOf(Error);
      expect(error.cause).toEqual(given);
    },
  );

  test('takes the first answer, and refuses others', async () => {
    const { engine, runId, token } = await asked(
      aFlow(async () => {
        const { token, future } = callback();
        await mail(token);
        const first = await future;
        await sleep('1h');
        return [first, await future];
      }),
    );
    const answers = [engine.complete(token, 1), engine.complete(token, 2), engine.fail(token, new Error('no'))];
    const closed = { status: 'rejected', reason: { code: 'CALLBACK_CLOSED' } };
    expect(await Promise.allSettled(answers)).toMatchObject([{ status: 'fulfilled' }, closed, closed]);
    expect(await thrownBy(() => engine.complete(token, 3))).toMatchObject({ code: 'CALLBACK_CLOSED' });
    expect(await engine.future(runId)).toEqual([1, 1]);
    await engine.assertReplays();
  });

  test('can be completed before anybody waits for it', async () => {
    const body = aFlow(async () => {
      const { token, future } = callback<string>();
      await complete(token, 'early');
      await sleep('1d');
      return future;
    });
    await crashEverywhere(body, [], { ...senders, faults: FAULTS, invariant: ({ result }) => expect(result).toBe('early') });
  });

  test('can be completed by an action in the turn in which it was asked for', async () => {
    const body = aFlow(async () => {
      const { token, future } = callback<string>();
      const completing = complete.start(token, 'at once');
      const value = await future;
      await completing;
      return value;
    });
    await crashEverywhere(body, [], {
      ...senders,
      faults: { ...FAULTS, slow: 3 },
      invariant: ({ result }) => expect(result).toBe('at once'),
    });
  });

  test('gives the same token on each replay', async () => {
    tokens.length = 0;
    const body = aFlow(async () => {
      const { token, future } = callback<string>();
      await mail(token);
      await sleep('1h');
      await complete(token, 'yes');
      return [token, await future];
    });
    await crashEverywhere(body, [], { ...senders, faults: FAULTS });
    expect(new Set(tokens).size).toBe(1);
  });

  test('has a token of its own, which nobody can guess from another', async () => {
    const seen = await inFlow(async () => {
      const callbacks = [callback(), callback(), callback({ name: 'other' })];
      const given = callbacks.map(({ token }) => token);
      for (const { future } of callbacks) future.cancel();
      return given;
    });
    expect(new Set(seen).size).toBe(3);
    for (const token of seen) expect(token).toMatch(/^[\w-]{40,}$/);
    const secrets = seen.map((token) => Buffer.from(token, 'base64url').toString().split('\n')[0]);
    expect(new Set(secrets).size).toBe(3);
    for (const secret of secrets) expect(secret).toMatch(/^[\w-]{22}$/);
  });

  test('is a future like others, and called "callback" unless it is given a name', async () => {
    const shown = await inFlow(async () => {
      const futures = [callback().future, callback({ name: 'approval' }).future];
      const said = futures.map(({ id, name, kind, status }) => [id, name, kind, status]);
      for (const future of futures) future.cancel();
      return said;
    });
    expect(shown).toEqual([
      ['0', 'callback', 'event', 'STARTED'],
      ['1', 'approval', 'event', 'STARTED'],
    ]);
  });

  test('does not take messages for events of its name', async () => {
    const { engine, runId, token } = await asked(asks({ name: 'approval' }));
    await engine.send(runId, 'approval', 'not this');
    await engine.send(runId, 'callback', 'nor this');
    await engine.complete(token, 'but this');
    expect(await engine.future(runId)).toBe('but this');
  });

  test('waits in a branch, and keeps its answer when the branch has ended before a crash', async () => {
    const body = aFlow(async () => {
      const batch = await parallel([
        async () => {
          const { token, future } = callback<string>();
          await complete(token, 'in a branch');
          return future;
        },
        () => step('beside it'),
      ]);
      await sleep('1h');
      const { token, future } = callback<string>();
      await complete(token, 'after it');
      return [...batch.getResults(), await future];
    });
    await crashEverywhere(body, [], {
      ...senders,
      faults: FAULTS,
      invariant: ({ result }) => expect(result).toEqual(['in a branch', 'beside it', 'after it']),
    });
  });

  test('waits in a shield while its run is cancelled', async () => {
    const engine = sendingEngine();
    const { status } = await engine.run(
      aFlow(async () => {
        try {
          await cancelRun(flowContext().runId);
          await sleep('1h');
        } finally {
          await shield(async () => {
            const { token, future } = callback<string>();
            const completing = complete.start(token, 'cleaned');
            await step(await future);
            await completing;
          });
        }
      }),
    );
    expect(status).toBe('CANCELLED');
    expect(engine.calls(step)).toEqual([['cleaned']]);
    await engine.assertReplays();
  });

  test('that was cancelled refuses answers, and its token is still one', async () => {
    const { engine, runId, token } = await asked(
      aFlow(async () => {
        const { token, future } = callback();
        future.cancel('no need');
        await mail(token);
        await sleep('1h');
        return [future.status, (await future.exception())?.message];
      }),
    );
    expect(await thrownBy(() => engine.complete(token, 1))).toMatchObject({ code: 'CALLBACK_CLOSED' });
    expect(await engine.future(runId)).toEqual(['CANCELLED', 'event "callback" (0) was cancelled: no need']);
    await engine.assertReplays();
  });
});

describe('engine.complete(), fail() and heartbeat()', () => {
  const calls = {
    complete: (engine: TestEngine, token: string) => engine.complete(token, 1),
    fail: (engine: TestEngine, token: string) => engine.fail(token, new Error('no')),
    heartbeat: (engine: TestEngine, token: string) => engine.heartbeat(token),
  };
  const each = Object.entries(calls);

  test.each(each)('%s rejects what is no token', async (_, call) => {
    const { engine, token, runId } = await asked(asks());
    const [secret, operationId] = Buffer.from(token, 'base64url').toString().split('\n') as [string, string];
    const made = (...parts: string[]): string => Buffer.from(parts.join('\n')).toString('base64url');
    const mangled = [
      '',
      'no token',
      token.slice(1),
      token.slice(0, 20),
      token.slice(0, -4),
      token.toLowerCase(),
      `${token}=`,
      ` ${token}`,
      `${token}!`,
      `${token.slice(0, 9)}\n${token.slice(9)}`,
      made(secret, operationId),
      made(secret, operationId, 'nobody'),
      made(secret, '1', runId),
      made('x'.repeat(22), operationId, runId),
      made('', operationId, runId),
      runId,
      undefined,
      null,
      7,
      {},
    ];
    for (const wrong of mangled) {
      expect(await thrownBy(() => call(engine, wrong as string))).toMatchObject({ name: 'UsageError', code: 'INVALID_TOKEN' });
    }
    await engine.complete(token, 'still waiting');
    expect(await engine.future(runId)).toBe('still waiting');
  });

  test.each(each)('%s rejects the token of a run in another store', async (_, call) => {
    const { token } = await asked(asks());
    const other = await asked(asks());
    const elsewhere = sendingEngine();
    expect(await thrownBy(() => call(elsewhere, token))).toMatchObject({ code: 'INVALID_TOKEN' });
    expect(token).not.toBe(other.token);
  });

  test.each(each)('%s rejects the token of a run that has ended', async (_, call) => {
    const { engine, token, runId } = await asked(asks());
    await engine.complete(token, 'the first');
    await engine.future(runId);
    const error = await thrownBy(() => call(engine, token));
    expect(error).toMatchObject({ name: 'UsageError', code: 'RUN_FINISHED', message: expect.stringContaining(runId) });
  });

  test.each(each)('%s rejects when the engine is closed', async (_, call) => {
    const { engine, token } = await asked(asks());
    await engine.close({ timeout: 0 });
    expect(await thrownBy(() => call(engine, token))).toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  test('the token of one run completes no other', async () => {
    const engine = sendingEngine();
    const first = await asked(asks(), engine);
    const second = await asked(asks(), engine);
    await engine.complete(second.token, 'second');
    expect(await engine.future(second.runId)).toBe('second');
    expect(engine.future(first.runId).done()).toBe(false);
    await engine.complete(first.token, 'first');
    expect(await engine.future(first.runId)).toBe('first');
  });

  test('complete rejects a value that cannot be stored, and the callback waits on', async () => {
    const { engine, runId, token } = await asked(asks());
    expect(await thrownBy(() => engine.complete(token, () => 1))).toMatchObject({ code: 'VALUE_NOT_SERIALIZABLE' });
    await engine.complete(token, 'good');
    expect(await engine.future(runId)).toBe('good');
  });

  test('a flow gets a copy of the value', async () => {
    const given = { list: [1] };
    const { engine, runId, token } = await asked(asks());
    await engine.complete(token, given);
    const got = await engine.future<typeof given>(runId);
    expect(got).toEqual(given);
    expect(got.list).not.toBe(given.list);
  });
});

describe('callback()', () => {
  test.each<[unknown, string]>([
    [{ timeout: 'soon' }, 'INVALID_DURATION'],
    [{ timeout: -1 }, 'INVALID_DURATION'],
    [{ heartbeatTimeout: {} }, 'INVALID_DURATION'],
    [{ name: '' }, 'INVALID_OPTION'],
    [{ limit: 1 }, 'INVALID_OPTION'],
    [3, 'INVALID_OPTION'],
  ])('refuses the options %j with %s', async (options, code) => {
    const refused = (): Promise<unknown> => inFlow(async () => callback(options as CallbackOptions).future);
    expect(await thrownBy(refused)).toMatchObject({ name: 'UsageError', code });
  });

  test('belongs inside a flow', async () => {
    expect(await thrownBy(() => callback())).toMatchObject({ code: 'NOT_IN_FLOW' });
  });
});

describe('a time-out', () => {
  test('lets the callback fail with an error that says which limit of which operation', async () => {
    const engine = sendingEngine();
    const startedAt = engine.now();
    const { error, runId } = await engine.run(asks({ name: 'approval', timeout: '3d' }));
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'CALLBACK_TIMEOUT' });
    expect(error?.message).toBe(`callback "approval" (operation 0 of run ${runId}) was not completed within its timeout of 259200000 ms`);
    expect(engine.now() - startedAt).toBe(3 * 86_400_000);
    await engine.assertReplays();
  });

  test('refuses later answers', async () => {
    const { engine, runId, token } = await asked(
      aFlow(async () => {
        const { token, future } = callback({ timeout: '1h' });
        await mail(token);
        const error = (await future.exception()) as { code?: string } | undefined;
        const refused = await complete(token, 'late').catch((late: { code: string }) => late.code);
        await sleep('1h');
        return [error?.code, refused, future.status];
      }),
    );
    expect(await engine.future(runId)).toEqual(['CALLBACK_TIMEOUT', 'CALLBACK_CLOSED', 'FAILED']);
    expect(token).toBe(tokens[0]);
    await engine.assertReplays();
  });

  test.each([
    { answerAfter: 59 * 60_000, comesTo: 'answered' },
    { answerAfter: 61 * 60_000, comesTo: 'CALLBACK_TIMEOUT' },
  ])('of 1h against an answer after $answerAfter ms: $comesTo, wherever it crashes', async ({ answerAfter, comesTo }) => {
    const body = aFlow(async () => {
      const { token, future } = callback<string>({ timeout: '1h' });
      const answering = sleep
        .start(answerAfter)
        .result()
        .then(() => complete(token, 'answered'))
        .catch((error: { code: string }) => expect(error.code).toBe('CALLBACK_CLOSED'));
      const value = await future.result().catch((error: { code: string }) => error.code);
      await answering;
      return value;
    });
    await crashEverywhere(body, [], { ...senders, faults: FAULTS, invariant: ({ result }) => expect(result).toBe(comesTo) });
  });

  test('counts from the first time the callback was asked for, also after a crash', async () => {
    const store = memoryStore();
    const body = asks({ timeout: '1h' });
    const first = sendingEngine({ store, autoAdvance: false });
    const { runId } = await asked(body, first);
    await first.advance('40m');
    await first.close({ timeout: 0 });
    const startTime = first.now();
    const second = sendingEngine({ store, startTime });
    const error = await thrownBy(() => second.future(runId));
    expect(error).toMatchObject({ code: 'CALLBACK_TIMEOUT' });
    expect(second.now() - startTime).toBe(20 * 60_000);
  });

  test('of an answer that was sent in time while nobody executed the run: the answer counts', async () => {
    const store = memoryStore();
    const body = asks({ timeout: '1h' });
    const first = sendingEngine({ store, autoAdvance: false });
    const { runId, token } = await asked(body, first);
    await first.close({ timeout: 0 });
    const idle = sendingEngine({ store: idleStore(store), startTime: first.now() });
    await idle.complete(token, 'in time');
    await idle.close({ timeout: 0 });
    const last = sendingEngine({ store, startTime: first.now() + 7_200_000 });
    expect(await last.future(runId)).toBe('in time');
  });
});

describe('a heartbeat', () => {
  const kept = (beats: number): (() => Promise<string>) =>
    aFlow(async () => {
      const { token, future } = callback<string>({ heartbeatTimeout: '10m' });
      const working = (async () => {
        for (let count = 0; count < beats; count += 1) {
          await sleep('8m');
          await beat(token);
        }
        await sleep('8m');
        await complete(token, 'done');
      })();
      const value = await future;
      await working;
      return value;
    });

  test('keeps a callback waiting', async () => {
    const engine = sendingEngine();
    const startedAt = engine.now();
    expect((await engine.run(kept(5))).result).toBe('done');
    expect(engine.now() - startedAt).toBe(48 * 60_000);
    await engine.assertReplays();
  });

  test('keeps a callback waiting, wherever the run crashes', async () => {
    await crashEverywhere(kept(3), [], { ...senders, faults: FAULTS, invariant: ({ result }) => expect(result).toBe('done') });
  });

  test('that fails to come lets the callback fail, with an error that says so', async () => {
    const engine = sendingEngine();
    const startedAt = engine.now();
    const { error, runId } = await engine.run(
      aFlow(async () => {
        const { token, future } = callback({ heartbeatTimeout: '10m', timeout: '1d' });
        await sleep('9m');
        await beat(token);
        return future;
      }),
    );
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'CALLBACK_TIMEOUT' });
    expect(error?.message).toBe(
      `callback "callback" (operation 0 of run ${runId}) had no heartbeat for longer than its heartbeatTimeout of 600000 ms`,
    );
    expect(engine.now() - startedAt).toBe(19 * 60_000);
    await engine.assertReplays();
  });

  test('does not move the time-out of the whole', async () => {
    const engine = sendingEngine();
    const { error } = await engine.run(
      aFlow(async () => {
        const { token, future } = callback({ heartbeatTimeout: '10m', timeout: '15m' });
        await sleep('9m');
        await beat(token);
        return future;
      }),
    );
    expect(error?.message).toContain('was not completed within its timeout of 900000 ms');
  });

  test('does nothing to a callback without a heartbeatTimeout, and takes no place in the journal', async () => {
    const { engine, runId, token } = await asked(asks());
    for (let count = 0; count < 5; count += 1) await engine.heartbeat(token);
    await engine.complete(token, 1);
    await engine.future(runId);
    const { journal } = await engine.report(runId);
    expect(journal.filter(({ kind }) => kind === 'message')).toHaveLength(1);
  });

  test('is remembered over a crash', async () => {
    const store = memoryStore();
    const body = asks({ heartbeatTimeout: '10m' });
    const first = sendingEngine({ store, autoAdvance: false });
    const { runId, token } = await asked(body, first);
    await first.advance('9m');
    await first.heartbeat(token);
    await first.list();
    await first.advance('8m');
    await first.close({ timeout: 0 });
    const last = sendingEngine({ store, startTime: first.now() });
    expect(await thrownBy(() => last.future(runId))).toMatchObject({ code: 'CALLBACK_TIMEOUT' });
    expect(last.now() - first.now()).toBe(2 * 60_000);
  });

  test('that was sent in time while nobody executed the run counts', async () => {
    const store = memoryStore();
    const body = asks({ heartbeatTimeout: '10m' });
    const first = sendingEngine({ store, autoAdvance: false });
    const { runId, token } = await asked(body, first);
    await first.close({ timeout: 0 });
    const idle = sendingEngine({ store: idleStore(store), startTime: first.now() + 300_000 });
    await idle.heartbeat(token);
    await idle.close({ timeout: 0 });
    const last = sendingEngine({ store, startTime: first.now() + 720_000, autoAdvance: false });
    await last.list();
    await last.complete(token, 'alive');
    expect(await last.future(runId)).toBe('alive');
  });
});

test.each([
  {
    by: 'wait',
    race: async (contestants: Parameters<typeof wait>[0]) => {
      const { done, notDone } = await wait(contestants, FIRST_COMPLETED);
      for (const loser of notDone) loser.cancel();
      return [...done].map(({ name }) => name);
    },
  },
  {
    by: 'asCompleted',
    race: async (contestants: Parameters<typeof wait>[0]) => {
      const names: string[] = [];
      for await (const future of asCompleted(contestants)) names.push(future.name);
      return names;
    },
  },
])('a callback races in $by against a timer and an action, wherever the run crashes', async ({ race }) => {
  const body = aFlow(async () => {
    const { token, future } = callback<string>({ timeout: '1d' });
    const answering = sleep
      .start('5m')
      .result()
      .then(() => complete(token, 'yes'))
      .catch((error: { code: string }) => expect(error.code).toBe('CALLBACK_CLOSED'));
    const names = await race([future, sleep.start('1h'), step.start('quick')]);
    await answering;
    return names;
  });
  await crashEverywhere(body, [], { ...senders, faults: FAULTS, invariant: ({ result }) => expect(result[0]).toBe('step') });
});

test('the first answer counts, also when the process ends between the first and the second', async () => {
  const body = aFlow(async () => {
    const { token, future } = callback<string>();
    await complete(token, 'first');
    await fail(token, 'second').catch(() => undefined);
    await sleep('1h');
    return future;
  });
  await crashEverywhere(body, [], { ...senders, faults: FAULTS, invariant: ({ result }) => expect(result).toBe('first') });
});

test('a token completes a callback of a child run', async () => {
  const body = asks({ name: 'of the child' }) as () => Promise<unknown>;
  const { engine, runId, token } = await asked(aFlow(async () => body()));
  await engine.complete(token, 'through');
  expect(await engine.future(runId)).toBe('through');
  await engine.assertReplays();
});

test('an action finds its own run by the token it is given, and a flow without a callback has none', async () => {
  const engine = sendingEngine();
  const { result } = await engine.run(
    flow(unique('guess'), async () => {
      const guess = action(unique('guesser'), async () => {
        const forged = Buffer.from(['x'.repeat(22), '0', actionContext().runId].join('\n')).toString('base64url');
        return engine.complete(forged, 1).catch((error: { code: string }) => error.code);
      });
      return guess();
    }),
  );
  expect(result).toBe('INVALID_TOKEN');
});

/** A store whose runs this process does not execute. */
function idleStore(store: ReturnType<typeof memoryStore>): ReturnType<typeof memoryStore> {
  return new Proxy(store, {
    get(target, key) {
      if (key === 'claimRuns') return async () => ({ claimed: [], blocked: [], suspects: false, more: false });
      const member: unknown = Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
