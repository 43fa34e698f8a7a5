import { action, callback, event, flow, memoryStore, open, StorageError, sleep } from 'perdure';
import type { Store } from 'perdure/store';
import { expect, onTestFinished, test } from 'vitest';
import { wrappedStore } from '../../src/testing/wrapped-store.js';
import { collectingLogger, unique } from '../api/with-engine.js';
import { testEngine } from '../testing/with-test-engine.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** What only a worker does with a store. */
const OF_WORKERS: readonly (keyof Store)[] = [
  'registerWorker',
  'retireWorker',
  'heartbeat',
  'reapWorkers',
  'claimRuns',
  'commit',
  'readInbox',
];

/** The store, and what was asked of it. */
function watched(store: Store): { readonly store: Store; readonly asked: Set<string> } {
  const asked = new Set<string>();
  return {
    asked,
    store: wrappedStore(store, (method, call) => {
      asked.add(method);
      return call();
    }),
  };
}

test('a client asks, sends, answers, cancels, checks and deletes, and does nothing of what a worker does', async () => {
  const memory = memoryStore();
  let token = '';
  const tell = action(unique('tell'), async (given: string) => {
    token = given;
  });
  const answers = flow(unique('answers'), async () => {
    const { token, future } = callback<number>();
    await tell(token);
    return [await future, await event<number>('more')];
  });
  const held = flow(unique('held'), async () => sleep('30d'));
  const executing = await open({ store: memory, default: false, logger: SILENT });
  onTestFinished(() => executing.close());
  await executing.start(held, [], { id: 'held' }).recorded();
  await executing.start(answers, [], { id: 'answers' }).recorded();
  const { store, asked } = watched(memory);
  const client = await open({ store, execute: false, logger: SILENT });
  onTestFinished(() => client.close());
  const end = client.future('answers').result();
  expect((await client.list()).map(({ id }) => id)).toEqual(['answers', 'held']);
  await client.heartbeat(token);
  await client.complete(token, 7);
  await client.send('answers', 'more', 8);
  expect(await end).toEqual([7, 8]);
  expect(await client.cancel('held')).toBe(true);
  expect(await client.future('held').exception()).toMatchObject({ code: 'CANCELLED' });
  expect(await client.check(answers)).toEqual({ checked: 1, mismatches: [] });
  await expect(client.retry('held')).rejects.toMatchObject({ code: 'RUN_NOT_BLOCKED' });
  expect(await client.prune({ count: 0 })).toBe(2);
  await client.close();
  expect(OF_WORKERS.filter((method) => asked.has(method))).toEqual([]);
});

test('a client goes on through failures of its looks, and says so once', async () => {
  const memory = memoryStore();
  const main = flow(unique('main'), async () => event<number>('go'));
  const executing = testEngine({ store: memory });
  await executing.start(main, [], { id: 'run' }).recorded();
  let failures = 0;
  const store = wrappedStore(memory, async (method, call) => {
    if (method !== 'getRuns') return call();
    failures += 1;
    const result = await call();
    if (failures <= 8) throw new StorageError('STORE_FAILED', 'injected');
    return result;
  });
  const { logger, lines } = collectingLogger();
  const client = await open({ store, execute: false, logger });
  onTestFinished(() => client.close());
  const end = client.future('run').result();
  await executing.send('run', 'go', 3);
  expect(await end).toBe(3);
  const warnings = lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  expect(new Set(warnings).size).toBe(warnings.length);
  expect(warnings.length).toBeGreaterThan(0);
});

test('a client says that it applies no retention', async () => {
  const { logger, lines } = collectingLogger();
  const client = await open({ store: memoryStore(), execute: false, retention: { count: 1 }, logger });
  await client.close();
  expect(lines.map(({ level, message }) => [level, message])).toEqual([['warn', expect.stringContaining('engine.prune()')]]);
});
