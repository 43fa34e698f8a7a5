import { action, type Engine, type EngineOptions, event, flow, memoryStore, open, StorageError, sleep } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, test } from 'vitest';
import { collectingLogger, openEngine, settle, thrownBy, unique } from '../api/with-engine.js';

/** A store that a program brings, of which methods throw at once instead of rejecting. */
function throwingStore(): { readonly store: Store; failing: ReadonlyMap<string, unknown>; readonly thrown: string[] } {
  const given = {
    failing: new Map<string, unknown>(),
    thrown: [] as string[],
    store: throwing(memoryStore()),
  };
  return given;

  function throwing<T extends object>(whole: T): T {
    return new Proxy(whole, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          if (given.failing.has(String(key))) {
            given.thrown.push(String(key));
            throw given.failing.get(String(key));
          }
          const result: unknown = Reflect.apply(member, target, args);
          return key === 'reader' ? throwing(result as object) : result;
        };
      },
    });
  }
}

const OPTIONS: EngineOptions = { leaseMs: 60 };

describe('a method of a store that throws at once', () => {
  test.each<keyof Store>(['commit', 'heartbeat', 'reapWorkers', 'claimRuns', 'readInbox'])(
    'counts as one that has rejected, as a failed %s does',
    async (method) => {
      const given = throwingStore();
      const { engine } = await openEngine({ ...OPTIONS, store: given.store });
      const act = action(unique('act'), async () => 'acted');
      const waiting = flow(unique('waiting'), async () => {
        await sleep(1);
        const sent = await event<string>('sent');
        return [await act(), sent];
      });
      const future = engine.start(waiting, []);
      await future.recorded();
      given.failing = new Map([[method, new Error('no such thing')]]);
      const sending = engine.send(future.id, 'sent', 'value');
      // An engine that has another flow registered looks for runs of it.
      flow(unique('another'), async () => undefined);
      while (given.thrown.length < 2) await settle();
      given.failing = new Map();
      await sending;
      expect(await future.result()).toEqual(['acted', 'value']);
    },
  );
});

describe('what a store throws that is no error of perdure', () => {
  const CALLS: readonly (readonly [call: string, method: string, (engine: Engine, runId: string) => Promise<unknown>])[] = [
    ['get', 'records', (engine, runId) => engine.get(runId)],
    ['operations', 'journal', (engine, runId) => engine.operations(runId)],
    ['list', 'records', (engine) => engine.list()],
    ['count', 'counts', (engine) => engine.count()],
    ['count', 'reader', (engine) => engine.count()],
    ['send', 'send', (engine, runId) => engine.send(runId, 'sent')],
    ['retry', 'unblock', (engine, runId) => engine.retry(runId)],
    ['check', 'records', (engine) => engine.check(flow(unique('checked'), async () => undefined))],
    ['prune', 'prune', (engine) => engine.prune({ count: 0 })],
  ];
  const READ = ['records', 'journal', 'counts'];
  const THROWN: readonly (readonly [what: string, thrown: unknown, message: string])[] = [
    ['an error', new TypeError('no such table'), 'no such table'],
    ['a text', 'gone', 'it threw gone'],
    ['nothing', undefined, 'it threw undefined'],
  ];
  const expected = (store: Store, method: string, thrown: unknown, message: string): object => ({
    name: 'StorageError',
    code: 'STORE_FAILED',
    message: `${method}() of ${READ.includes(method) ? 'the reader of ' : ''}the store ${store.name} failed: ${message}. See the cause`,
    cause: thrown,
  });

  test.each(THROWN.flatMap(([what, thrown, message]) => CALLS.map((call) => [what, ...call, thrown, message] as const)))(
    '%s, is the cause of the StorageError of engine.%s()',
    async (_what, _call, method, call, thrown, message) => {
      const given = throwingStore();
      const { engine } = await openEngine({ store: given.store });
      const future = engine.start(
        flow(unique('idle'), async () => sleep('1h')),
        [],
      );
      await future.recorded();
      given.failing = new Map([[method, thrown]]);
      expect(await thrownBy(() => call(engine, future.id))).toMatchObject(expected(given.store, method, thrown, message));
      given.failing = new Map();
    },
  );

  test.each(THROWN)('%s, is the cause of the StorageError of open()', async (_what, thrown, message) => {
    const given = throwingStore();
    given.failing = new Map([['open', thrown]]);
    const { logger } = collectingLogger();
    const opening = await thrownBy(() => open({ store: given.store, logger, default: false }));
    expect(opening).toBeInstanceOf(StorageError);
    expect(opening).toMatchObject(expected(given.store, 'open', thrown, message));
  });

  test.each(THROWN)('%s, is the cause of the StorageError of engine.close()', async (_what, thrown, message) => {
    const given = throwingStore();
    const engine = await open({ store: given.store, default: false });
    given.failing = new Map([['close', thrown]]);
    expect(await thrownBy(() => engine.close())).toMatchObject(expected(given.store, 'close', thrown, message));
  });

  test('leaves the errors of perdure as they are', async () => {
    const given = throwingStore();
    const { engine } = await openEngine({ store: given.store });
    const own = new StorageError('STORE_BUSY', 'locked');
    given.failing = new Map([['records', own]]);
    expect(await thrownBy(() => engine.list())).toBe(own);
  });
});
