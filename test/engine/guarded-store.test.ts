import { action, type EngineOptions, event, flow, memoryStore, sleep } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, test } from 'vitest';
import { openEngine, settle, unique } from '../api/with-engine.js';

/** A store of somebody else's, of which methods throw at once instead of rejecting. */
function throwingStore(): { readonly store: Store; failing: ReadonlyMap<string, unknown>; readonly thrown: string[] } {
  const given = {
    failing: new Map<string, unknown>(),
    thrown: [] as string[],
    store: new Proxy(memoryStore(), {
      get(target, key) {
        const member: unknown = Reflect.get(target, key);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          if (!given.failing.has(String(key))) return Reflect.apply(member, target, args);
          given.thrown.push(String(key));
          throw given.failing.get(String(key));
        };
      },
    }),
  };
  return given;
}

const OPTIONS: EngineOptions = { leaseMs: 60 };

describe('a method of a store that throws at once', () => {
  test.each<keyof Store>(['commit', 'heartbeat', 'reapWorkers', 'claimRuns', 'readInbox', 'changedElsewhere'])(
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
      // Whoever has registered another flow looks for runs of it.
      flow(unique('another'), async () => undefined);
      while (given.thrown.length < 2) await settle();
      given.failing = new Map();
      await sending;
      expect(await future.result()).toEqual(['acted', 'value']);
    },
  );
});
