import { expect, test } from 'vitest';
import type { InboxMessage } from '../../src/model/records.js';
import { InboxReader } from '../../src/worker/inbox-reader.js';

const MANY = 1_500;

/** A reader of an inbox in which what was taken lies until `commit`. */
function readerOf(count: number) {
  let inbox = Array.from({ length: count }, (_, index): InboxMessage => ({ id: index + 1, runId: 'run', kind: 'event', payload: '' }));
  const given: number[] = [];
  const reads: number[] = [];
  let [workerId, macrotasks] = ['worker', 0];
  let taken: { readonly id: number; readonly committed: () => void }[] = [];
  const reader = new InboxReader({
    store: {
      readInbox: async (_workerId, { limit = MANY, after = 0 } = { limit: MANY }) => {
        reads.push(limit);
        return inbox.filter(({ id }) => id > after).slice(0, limit);
      },
    },
    clock: {
      macrotask: (callback) => {
        macrotasks += 1;
        setImmediate(callback);
      },
    },
    group: { take: (id, committed) => void taken.push({ id, committed }) },
    failures: { look: () => undefined, streak: () => ({ worked: () => {} }) as never },
    reader: () => workerId,
    give: ({ id }) => given.push(id) > 0,
    onMissed: () => {},
  });
  return {
    reader,
    given,
    reads,
    commit: () => {
      const ids = new Set(taken.map(({ id }) => id));
      inbox = inbox.filter(({ id }) => !ids.has(id));
      for (const { committed } of taken) committed();
      taken = [];
    },
    lose: () => {
      workerId = 'another';
    },
    macrotasks: () => macrotasks,
  };
}

const ids = Array.from({ length: MANY }, (_, index) => index + 1);

test('[IR1] a message is given once, also if it is committed while a read goes on and another is asked for', async () => {
  const { reader, given, commit } = readerOf(MANY);
  const first = reader.read();
  const second = reader.read();
  while (given.length < MANY) {
    await new Promise((resolve) => setImmediate(resolve));
    commit();
  }
  await Promise.all([first, second]);
  expect(given).toEqual(ids);
});

test('[IR2] many messages are read and given in pieces', async () => {
  const { reader, given, reads, macrotasks } = readerOf(MANY);
  await reader.read();
  expect(given).toEqual(ids);
  expect(macrotasks()).toBeGreaterThan(1);
  expect(Math.max(...reads)).toBeLessThan(MANY / 2);
});

test('who waits for the first messages does not wait for the rest, which are given behind', async () => {
  const { reader, given } = readerOf(MANY);
  await reader.readFirst();
  expect(given.length).toBeLessThan(MANY);
  await reader.read();
  expect(given).toEqual(ids);
});

test('[IR2] after the loss of the worker no more is given of what it has read', async () => {
  const { reader, given, lose } = readerOf(MANY);
  const read = reader.read();
  while (given.length === 0) await Promise.resolve();
  lose();
  await read;
  expect(given.length).toBeLessThan(MANY);
});
