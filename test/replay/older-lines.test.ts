import { readdirSync, readFileSync } from 'node:fs';
import { type Flow, memoryStore } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, test } from 'vitest';
import { readJournal } from '../../src/testing/run-journal.js';
import { assertReplays, type RunJournal } from '../../src/testing.js';
import { sendingEngine } from '../runtime/senders.js';
import { workerOf } from '../store/records.js';
import * as flows from './older-lines-flows.js';

const DIRECTORY = new URL('older-lines/', import.meta.url);
const FLOWS = new Map<string, Flow<[], unknown>>(Object.values(flows).map((flow) => [flow.name, flow]));

function journalOf(name: string): RunJournal {
  return JSON.parse(readFileSync(new URL(`${name}.json`, DIRECTORY), 'utf8')) as RunJournal;
}

/** A store with a run that a process left, as the older release had written it. */
async function storeWith(journal: RunJournal): Promise<Store> {
  const { run, operations } = readJournal('storeWith()', journal);
  const store = memoryStore();
  await store.open();
  await store.registerWorker(workerOf('older', 0));
  const nothing = { restarts: [], suspends: [], ends: [], messages: [], taken: [] };
  await store.commit({ workerId: 'older', creates: [{ run: { ...run, workerId: 'older' } }], operations, ...nothing });
  // Numbers of messages that are in the journal are not given again.
  await store.commit({
    workerId: 'older',
    creates: [{ run: { ...run, id: 'other', flow: 'unknown here', workerId: 'older', status: 'RUNNING' } }],
    operations: [],
    ...nothing,
  });
  for (let sent = 0; sent < 5; sent += 1) await store.send({ id: 0, runId: 'other', kind: 'event', payload: '{}' });
  const end = { runId: 'other', status: 'FAILED', outcome: '""', blockedCode: null, finishedAt: 0 } as const;
  await store.commit({ workerId: 'older', creates: [], operations: [], ...nothing, ends: [end] });
  await store.retireWorker('older');
  return store;
}

test.each(readdirSync(DIRECTORY))('%s is replayed as it was', async (file) => {
  const journal = journalOf(file.replace('.json', ''));
  await assertReplays(FLOWS.get(journal[0].flow) as Flow<[], unknown>, journal);
});

describe('a run that an older release left goes on by the rule of today', () => {
  test.each([
    { name: 'swallowed-under-way', messages: ['hello'], expected: 'hello' },
    { name: 'again-under-way', messages: ['hello'], expected: ['WAIT_TIMEOUT', 'STARTED', 'not done', 'hello', 1] },
    {
      name: 'in-branches-under-way',
      messages: ['hello', 'more'],
      expected: ['WAIT_TIMEOUT', ['first', 'hello'], ['hello', 'second'], 'more'],
    },
  ])('$name', async ({ name, messages, expected }) => {
    const store = await storeWith(journalOf(name));
    const engine = sendingEngine({ store, startTime: 250, leaks: 'ignore' });
    for (const message of messages) await engine.send(name, 'm', message);
    expect(await engine.future(name)).toEqual(expected);
    await engine.assertReplays();
  });
});

describe('a fork of a run of an older release has the messages where that had them', () => {
  test.each([
    { name: 'swallowed-ended', at: '8', expected: 'nothing came' },
    { name: 'swallowed-ended', at: '7', expected: 'later' },
    { name: 'again-ended', at: '3', expected: ['WAIT_TIMEOUT', 'SUCCEEDED', 'done', 'hello', 1] },
    { name: 'in-branches-ended', at: '2.1.1', expected: ['WAIT_TIMEOUT', ['first', 'hello'], ['hello', 'second'], 'later'] },
  ])('$name at $at', async ({ name, at, expected }) => {
    const store = await storeWith(journalOf(name));
    const engine = sendingEngine({ store, startTime: 2000, leaks: 'ignore' });
    const fork = engine.fork(name, at);
    await fork.recorded();
    await engine.send(fork.id, 'm', 'later').catch(() => undefined);
    expect(await fork).toEqual(expected);
    await engine.assertReplays();
  });
});
