import {
  action,
  actionContext,
  callback,
  continueAsNew,
  event,
  flow,
  flowContext,
  map,
  now,
  parallel,
  patched,
  random,
  shield,
  sleep,
  uuid,
  wait,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { crashEverywhere, type TestEngine } from '../../src/testing.js';
import { unique } from '../api/with-engine.js';
import { cancelRun, complete, FAULTS, send, senders, sendOnce, step } from '../runtime/senders.js';
import { aFlow } from '../testing/with-test-engine.js';

const everywhere = { ...senders, faults: FAULTS };
const slowly = { ...senders, faults: { ...FAULTS, slow: 2 } };

describe('messages between generations are neither lost nor doubled', () => {
  test('that an earlier generation sent to itself', async () => {
    const body = aFlow(async (seen: readonly string[]): Promise<readonly string[]> => {
      if (seen.length === 0) for (const value of ['a', 'b', 'c', 'd']) await sendOnce('n', value);
      const next = [...seen, await event<string>('n')];
      return next.length < 4 ? continueAsNew(next) : next;
    });
    for (const options of [everywhere, slowly])
      await crashEverywhere(body, [[]], { ...options, invariant: ({ result }) => expect(result).toEqual(['a', 'b', 'c', 'd']) });
  });

  test('that each generation leaves to the next', async () => {
    const body = aFlow(async (n: number, seen: readonly unknown[]): Promise<readonly unknown[]> => {
      const next = n === 1 ? seen : [...seen, await event('n')];
      if (n === 5) return next;
      await send(`of ${n}`, 'kept to the end');
      await sendOnce('n', n);
      return continueAsNew(n + 1, next);
    });
    await crashEverywhere(body, [1, []], { ...everywhere, invariant: ({ result }) => expect(result).toEqual([1, 2, 3, 4]) });
  });

  test('that come while a generation ends, from behind', async () => {
    const sent = new Set<string>();
    let engine: TestEngine;
    const tell = action(unique('tell'), async (runId: string, value: number) => {
      const { idempotencyKey } = actionContext();
      if (sent.has(idempotencyKey)) return;
      await engine.send(runId, 'n', value);
      sent.add(idempotencyKey);
    });
    const body = aFlow(async (n: number): Promise<unknown> => {
      // Left to itself, it sends whenever it comes to it.
      if (n < 4) tell.start(flowContext().runId, n).detach();
      if (n < 8) return continueAsNew(n + 1);
      const seen = [await event<number>('n'), await event<number>('n'), await event<number>('n')];
      const doubled = await event('n')
        .result({ timeout: '1h' })
        .catch((error: { readonly code?: string }) => error.code);
      return [...seen.sort(), doubled];
    });
    for (const slow of [0, 1, 2, 4]) {
      await crashEverywhere(body, [1], {
        setup: (next) => {
          engine = next;
        },
        reset: () => sent.clear(),
        faults: { ...FAULTS, slow },
        engine: { leaks: 'ignore' },
        invariant: ({ result }) => expect(result).toEqual([1, 2, 3, 'WAIT_TIMEOUT']),
      });
    }
  });

  test('that came to branches, to several names and in shields', async () => {
    const body = aFlow(async (n: number): Promise<unknown> => {
      if (n === 2) {
        const batch = await parallel([() => event('x').result(), async () => [await event('y'), await event('y')]]);
        return [batch.getResults(), await shield(() => event('x').result())];
      }
      await map(['x1', 'y1', 'y2', 'x2'], async (what) => sendOnce(what.slice(0, 1), what), { maxConcurrency: 1 });
      return continueAsNew(2);
    });
    await crashEverywhere(body, [1], { ...everywhere, invariant: ({ result }) => expect(result).toEqual([['x1', ['y1', 'y2']], 'x2']) });
  });
});

test('children of each generation are its own, and come to their end', async () => {
  const child = aFlow(async (name: string) => [flowContext().runId, await step(name)]);
  const body = aFlow(async (n: number, seen: readonly unknown[]): Promise<readonly unknown[]> => {
    const [one, two] = [child.start(`${n}a`), child.start(`${n}b`)];
    const next = [...seen, await one, await two];
    return n < 3 ? continueAsNew(n + 1, next) : next;
  });
  await crashEverywhere(body, [1, []], {
    ...everywhere,
    invariant: ({ result }) =>
      expect(result).toEqual(
        ['', '#2', '#3'].flatMap((generation, index) => [
          [`crashed${generation}//0`, `${index + 1}a`],
          [`crashed${generation}//1`, `${index + 1}b`],
        ]),
      ),
  });
});

test('children that are left behind are cancelled, and the next generation has its own', async () => {
  const left = aFlow(async () => event('never'));
  const body = aFlow(async (n: number): Promise<unknown> => {
    if (n === 3)
      return (
        (await left
          .start()
          .result({ timeout: '1m' })
          .catch((error: Error) => error.name)) === 'TimeoutError'
      );
    left.start();
    await step(`${n}`);
    return continueAsNew(n + 1);
  });
  await crashEverywhere(body, [1], {
    ...everywhere,
    engine: { leaks: 'ignore' },
    invariant: ({ result }) => expect(result).toBe(true),
  });
});

test("a child under an id of the user's is the same in each generation", async () => {
  const child = aFlow(async (): Promise<number> => {
    await step('once');
    return now();
  });
  const body = aFlow(async (seen: readonly number[]): Promise<readonly number[]> => {
    await sleep('1h');
    const next = [...seen, await child.with({ id: `${flowContext().runId} child` })()];
    return next.length < 3 ? continueAsNew(next) : next;
  });
  await crashEverywhere(body, [[]], { ...everywhere, invariant: ({ result }) => expect(new Set(result).size).toBe(1) });
});

test('detached actions and flows of each generation are done', async () => {
  const done = new Set<string>();
  const mark = action(unique('mark'), async (name: string) => {
    await new Promise((resolve) => setImmediate(resolve));
    done.add(`${name} ${actionContext().idempotencyKey}`);
  });
  const child = aFlow(async (name: string) => mark(name));
  const body = aFlow(async (n: number): Promise<unknown> => {
    mark.start(`action ${n}`).detach();
    child.start(`child ${n}`).detach();
    if (n < 3) return continueAsNew(n + 1);
    return sleep('1h').then(() => 'over');
  });
  await crashEverywhere(body, [1], {
    ...senders,
    reset: () => done.clear(),
    faults: FAULTS,
    invariant: () =>
      expect([...done].sort()).toEqual([
        'action 1 crashed/0',
        'action 2 crashed#2/0',
        'action 3 crashed#3/0',
        'child 1 crashed//1/0',
        'child 2 crashed#2//1/0',
        'child 3 crashed#3//1/0',
      ]),
  });
});

test('timers take their time in each generation, and no more', async () => {
  const body = aFlow(async (n: number, times: readonly number[]): Promise<readonly number[]> => {
    const began = now();
    await sleep('1h');
    sleep.start('10d').cancel();
    const next = [...times, now() - began];
    return n < 4 ? continueAsNew(n + 1, next) : next;
  });
  await crashEverywhere(body, [1, []], {
    ...everywhere,
    invariant: ({ result }) => expect(result).toEqual([1, 1, 1, 1].map(() => 3_600_000)),
  });
});

test('a timer of the old generation does not ring in the next', async () => {
  const body = aFlow(async (n: number): Promise<unknown> => {
    const timer = sleep.start(n === 1 ? '1h' : '3h');
    const began = now();
    if (n === 2) return timer.result().then(() => now() - began);
    await sleep('59m');
    return continueAsNew(2);
  });
  await crashEverywhere(body, [1], {
    ...everywhere,
    engine: { leaks: 'ignore' },
    invariant: ({ result }) => expect(result).toBe(3 * 3_600_000),
  });
});

test('the time-out of the flow ends whichever generation it comes to', async () => {
  const body = flow(
    unique('limited'),
    async (n: number): Promise<number> => {
      await sleep('1h');
      await step(`${n}`);
      return continueAsNew(n + 1);
    },
    { timeout: '210m' },
  );
  await crashEverywhere(body, [1], {
    ...everywhere,
    invariant: ({ status, error }) => expect([status, error]).toMatchObject(['FAILED', { code: 'FLOW_TIMEOUT' }]),
  });
});

describe('a cancellation at the border of generations', () => {
  test('in the last turn of one', async () => {
    const body = aFlow(async (n: number): Promise<unknown> => {
      if (n < 3) await step(`${n}`);
      else await cancelRun(flowContext().runId, 'enough').catch(() => undefined);
      return continueAsNew(n + 1);
    });
    for (const options of [everywhere, slowly]) {
      await crashEverywhere(body, [1], {
        ...options,
        invariant: ({ status, error }) => expect([status, error?.message]).toEqual(['CANCELLED', expect.stringContaining(': enough')]),
      });
    }
  });

  test('from behind: whichever generation it reaches, the run ends cancelled', async () => {
    const body = aFlow(async (n: number): Promise<unknown> => {
      if (n === 1) cancelRun.start(flowContext().runId, 'from behind').detach();
      if (n === 4) await event('never');
      return continueAsNew(n + 1);
    });
    for (const options of [everywhere, slowly]) {
      await crashEverywhere(body, [1], {
        ...options,
        invariant: ({ status, error }) => expect([status, error?.message]).toEqual(['CANCELLED', expect.stringContaining('from behind')]),
      });
    }
  });

  test('by the parent', async () => {
    const child = aFlow(async (n: number): Promise<unknown> => {
      await step(`${n}`);
      if (n === 3) await event('never');
      return continueAsNew(n + 1);
    });
    const body = aFlow(async () => {
      const future = child.start(1);
      await sleep('1m');
      future.cancel('by its parent');
      return (await future.exception())?.name;
    });
    await crashEverywhere(body, [], { ...everywhere, invariant: ({ result }) => expect(result).toBe('CancelledError') });
  });
});

describe('whoever waits for the run waits on', () => {
  test('its parent, through a future, a wait and a batch', async () => {
    const child = aFlow(async (n: number, last: number): Promise<string> => {
      const name = await step(`${n} of ${last}`);
      return n < last ? continueAsNew(n + 1, last) : name;
    });
    const body = aFlow(async () => {
      const [one, two] = [child.start(1, 2), child.start(1, 3)];
      const { done } = await wait([one, two]);
      const batch = await map([2, 1], (last) => child(1, last));
      return [done.size, await one, await two, batch.getResults()];
    });
    await crashEverywhere(body, [], {
      ...everywhere,
      invariant: ({ result }) => expect(result).toEqual([2, '2 of 2', '3 of 3', ['2 of 2', '1 of 1']]),
    });
  });

  test('its parent, which tries it again when it fails', async () => {
    let failures = 0;
    const flaky = action(unique('flaky'), async () => {
      failures += 1;
      if (failures < 2) throw new RangeError('no');
      return 'worked';
    });
    const child = flow(
      unique('retried'),
      async (n: number): Promise<string> => {
        if (n === 2) return flaky();
        await step('first');
        return continueAsNew(2);
      },
      { retry: (_, attempt) => ({ retry: attempt < 5, delay: '1m' }) },
    );
    await crashEverywhere(
      aFlow(async () => child(1)),
      [],
      {
        ...everywhere,
        reset: () => {
          failures = 0;
        },
        invariant: ({ result }) => expect(result).toBe('worked'),
      },
    );
  });

  test('while the run leaves memory between its generations', async () => {
    const child = aFlow(async (n: number): Promise<number> => {
      await sleep('10s');
      return n < 3 ? continueAsNew(n + 1) : n;
    });
    const body = aFlow(async () => Promise.all([child.start(2), child.start(3)]));
    await crashEverywhere(body, [], {
      ...everywhere,
      engine: { maxResidentRuns: 1 },
      invariant: ({ result }) => expect(result).toEqual([3, 3]),
    });
  });
});

test('a callback of the old generation is void, and that of the next is answered', async () => {
  const body = aFlow(async (n: number, old: string): Promise<unknown> => {
    const { token, future } = callback<string>({ name: 'ask' });
    if (n === 1) return continueAsNew(2, token);
    await complete(old, 'old').catch((error: Error) => expect(error).toMatchObject({ code: 'INVALID_TOKEN' }));
    await complete(token, 'new');
    return [old === token, await future];
  });
  await crashEverywhere(body, [1, ''], {
    ...everywhere,
    engine: { leaks: 'ignore' },
    invariant: ({ result }) => expect(result).toEqual([false, 'new']),
  });
});

test('draws and changes of code of each generation are its own', async () => {
  const body = aFlow(async (n: number, drawn: readonly unknown[]): Promise<readonly unknown[]> => {
    const next = [...drawn, random(), uuid()];
    const has = patched(`change ${n}`);
    await step(`${has} ${String(next.at(-1))}`);
    return n < 3 ? continueAsNew(n + 1, next) : next;
  });
  await crashEverywhere(body, [1, []], { ...everywhere, invariant: ({ result }) => expect(new Set(result as unknown[]).size).toBe(6) });
});

test('a run of many generations comes to its end wherever it is disturbed', async () => {
  const body = aFlow(async (n: number, sum: number): Promise<number> => {
    if (n === 0) return sum;
    if (n % 3 === 0) await sendOnce('add', n);
    const added = n % 3 === 0 ? await event<number>('add') : Number(await step(`${n}`));
    return continueAsNew(n - 1, sum + added);
  });
  const report = await crashEverywhere(body, [12, 0], { ...everywhere, invariant: ({ result }) => expect(result).toBe(78) });
  expect(report.commits).toBeGreaterThan(12);
});

test('generations without any operation come to their end wherever they are disturbed', async () => {
  const body = aFlow(async (n: number): Promise<string> => (n === 0 ? 'the last' : continueAsNew(n - 1)));
  const report = await crashEverywhere(body, [10], { ...slowly, invariant: ({ result }) => expect(result).toBe('the last') });
  expect(report.commits).toBeGreaterThan(9);
});
