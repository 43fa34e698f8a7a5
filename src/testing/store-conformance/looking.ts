import { rejects } from 'node:assert/strict';
import { journalOf } from '../../store/journal-of.js';
import type { OutlineRange, StoreReader } from '../../store/reader.js';
import type { Store } from '../../store/store.js';
import { reading } from '../reading.js';
import { assertEqual, assertFields, assertRefused } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, endOf, messageTo, outcomeOf, runOf, startOf, withRuns, workerOf } from './records.js';

const BORN = 1_700_000_000_000;

/** Run `id` with operations in three scopes, and entries that are none. */
async function withJournal(connect: () => Promise<Store>): Promise<Store> {
  const store = await withRuns(await connect(), 'id', 'id2');
  await store.commit(
    batchOf({
      operations: [
        ...['0', '1', '10', '2'].map((id, index) => outcomeOf('id', id, index + 1)),
        startOf('id', '4', { kind: 'map', name: 'each' }),
        outcomeOf('id', '4.0', 5, { kind: 'branch', name: 'each-0' }),
        outcomeOf('id', '4.0.0', 6),
        startOf('id', '4.1.0', { startedAt: BORN + 5 }),
        startOf('id', '4.1.1'),
        startOf('id', '40', { kind: 'timer', name: 'wait', dueAt: BORN + 9 }),
        outcomeOf('id', 'message-1', 7, { kind: 'message' }),
        startOf('id', 'patch-1.5', { kind: 'patch', status: 'SUCCEEDED' }),
        startOf('id2', '3'),
      ],
    }),
  );
  return store;
}

async function lineIds(store: Store, range: OutlineRange): Promise<string[]> {
  return (await reading(store, (reader) => reader.outline('id', range))).map(({ id }) => id);
}

/** All that a reader can be asked. */
function questions(reader: StoreReader): (() => Promise<unknown>)[] {
  return [
    () => reader.page(),
    () => reader.records(),
    () => reader.counts('status'),
    () => reader.run('id'),
    () => reader.outline('id', { limit: 10 }),
    () => reader.operation('id', '0'),
    () => reader.operations('id', ['0']),
    () => reader.journal('id'),
    () => reader.inbox('id'),
    () => reader.durations('order', 10),
    () => reader.overview('workers'),
  ];
}

export const looking: readonly StoreCase[] = area('looking', {
  'a run is read with what belongs to it': async (connect) => {
    const store = await withJournal(connect);
    const child = { parentRunId: 'id', parentOperationId: '4.1.0' };
    await store.commit(batchOf({ creates: [runOf('child', child), runOf('other', child)], messages: [messageTo('id'), messageTo('id2')] }));
    await reading(store, async (reader) => {
      assertEqual(await reader.run('id'), { ...runOf('id'), queue: null, inboxLength: 1, childrenCount: 2 });
      assertFields(await reader.run('child'), { ...child, inboxLength: 0, childrenCount: 0 });
      assertEqual(await reader.run('unknown'), undefined);
    });
  },
  'a journal is the one that is stored': async (connect) => {
    const store = await withJournal(connect);
    await reading(store, async (reader) => {
      assertEqual(await reader.journal('id2'), await journalOf(store, 'id2'));
      assertEqual((await reader.journal('id')).slice(0, 7), (await journalOf(store, 'id')).slice(0, 7));
      assertEqual((await reader.journal('id')).length, 12);
      assertEqual(await reader.operation('id', '4.0.0'), outcomeOf('id', '4.0.0', 6));
      assertEqual(await reader.operation('id', '4.1'), undefined);
      assertEqual(await reader.journal('unknown'), []);
      const some = await reader.operations('id', ['4.0.0', '4.1', '1', '1']);
      assertEqual(
        some.sort((a, b) => (a.id < b.id ? -1 : 1)),
        [outcomeOf('id', '1', 2), outcomeOf('id', '4.0.0', 6)],
      );
      assertEqual(await reader.operations('unknown', ['1']), []);
    });
  },
  'a journal that is longer than a page is whole': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const operations = Array.from({ length: 1_203 }, (_, index) => outcomeOf('id', String(index), index + 1));
    await store.commit(batchOf({ operations }));
    assertEqual(await reading(store, (reader) => reader.journal('id')), operations);
    assertEqual((await lineIds(store, { scope: '', limit: 10_000 })).length, 1_203);
    assertEqual((await lineIds(store, { limit: 1_100 })).length, 1_100);
  },
  'an outline has all entries in the order of their ids, without what they hold': async (connect) => {
    const store = await withJournal(connect);
    const all = ['0', '1', '10', '2', '4', '4.0', '4.0.0', '4.1.0', '4.1.1', '40', 'message-1', 'patch-1.5'];
    assertEqual(await lineIds(store, { limit: 100 }), all);
    assertEqual(await lineIds(store, { limit: 3 }), all.slice(0, 3));
    assertEqual(await lineIds(store, { limit: 4, after: '10' }), all.slice(3, 7));
    const [line] = await reading(store, (reader) => reader.outline('id', { limit: 1, after: '4.1.1' }));
    assertEqual(line, {
      id: '40',
      kind: 'timer',
      name: 'wait',
      status: 'STARTED',
      seq: null,
      startedAt: BORN + 1,
      finishedAt: null,
      dueAt: BORN + 9,
      childRunId: null,
    });
  },
  'an outline of a status has only such entries': async (connect) => {
    const store = await withJournal(connect);
    assertEqual(await lineIds(store, { status: 'STARTED', limit: 100 }), ['4', '4.1.0', '4.1.1', '40']);
    assertEqual(await lineIds(store, { status: 'STARTED', after: '4', limit: 2 }), ['4.1.0', '4.1.1']);
    assertEqual(await lineIds(store, { status: 'FAILED', limit: 100 }), []);
  },
  'entries of a status are found among very many others': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const all = Array.from({ length: 4_500 }, (_, index) => String(index + 10_000));
    const isOpen = (id: string): boolean => id.endsWith('999') || Number(id) >= 13_000;
    let seq = 0;
    const operations = all.map((id) => (isOpen(id) ? startOf('id', id) : outcomeOf('id', id, ++seq)));
    await store.commit(batchOf({ operations }));
    const open = all.filter(isOpen);
    assertEqual(await lineIds(store, { status: 'STARTED', limit: 10_000 }), open);
    assertEqual(await lineIds(store, { status: 'STARTED', limit: 4 }), open.slice(0, 4));
    assertEqual(await lineIds(store, { status: 'STARTED', limit: 600, after: '11999' }), open.slice(2, 602));
  },
  'an outline of a scope has what stands directly in it': async (connect) => {
    const store = await withJournal(connect);
    assertEqual(await lineIds(store, { scope: '', limit: 100 }), ['0', '1', '10', '2', '4', '40']);
    assertEqual(await lineIds(store, { scope: '', after: '2', limit: 100 }), ['4', '40']);
    assertEqual(await lineIds(store, { scope: '', after: '4', limit: 100 }), ['40']);
    assertEqual(await lineIds(store, { scope: '', after: '40', limit: 100 }), []);
    assertEqual(await lineIds(store, { scope: '4.0', limit: 100 }), ['4.0.0']);
    assertEqual(await lineIds(store, { scope: '4.1', limit: 1 }), ['4.1.0']);
    assertEqual(await lineIds(store, { scope: '0', limit: 100 }), []);
  },
  'an outline of a batch has a branch as soon as it has done something': async (connect) => {
    const store = await withJournal(connect);
    const [ended, begun, ...others] = await reading(store, (reader) => reader.outline('id', { scope: '4', limit: 100 }));
    assertFields(ended, { id: '4.0', kind: 'branch', name: 'each-0', status: 'SUCCEEDED', seq: 5 });
    assertFields(begun, { id: '4.1', kind: 'branch', name: null, status: 'STARTED', seq: null, startedAt: BORN + 5 });
    assertEqual(others, []);
  },
  'pages of outlines lead to all operations of a scope, each once': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const operations = Array.from({ length: 40 }, (_, index) => [
      startOf('id', `${index}`, { kind: 'map' }),
      startOf('id', `${index}.0.0`),
    ]);
    await store.commit(batchOf({ operations: operations.flat() }));
    const found: string[] = [];
    for (let last: string | undefined; ; ) {
      const page = await lineIds(store, { scope: '', limit: 7, ...(last === undefined ? {} : { after: last }) });
      found.push(...page);
      last = page.at(-1);
      if (page.length < 7) break;
    }
    assertEqual(found, Array.from({ length: 40 }, (_, index) => `${index}`).sort());
  },
  'how long runs took is told of those that have succeeded, newest first': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b', 'c', 'd');
    await store.commit(batchOf({ creates: [runOf('e', { flow: 'other' })] }));
    const ends = ['a', 'b', 'c', 'e'].map((id, index) => endOf(id, { finishedAt: BORN + 10 * (index + 1) }));
    await store.commit(batchOf({ ends: [...ends, endOf('d', { status: 'FAILED', finishedAt: BORN + 99 })] }));
    await reading(store, async (reader) => {
      assertEqual(await reader.durations('order', 100), [30, 20, 10]);
      assertEqual(await reader.durations('order', 2), [30, 20]);
      assertEqual(await reader.durations('unknown', 2), []);
      await rejects(reader.durations('order', 0), { name: 'UsageError', code: 'INVALID_ARGUMENT' });
    });
  },
  'the workers are told of, those that have died as well': async (connect) => {
    const store = await withRuns(await connect());
    await store.registerWorker(workerOf('w2', 200_000, 5_000));
    await store.reapWorkers({ workerId: 'w2', nowMs: 200_000 });
    const info = { pid: 1, host: 'here', node: process.versions.node };
    await reading(store, async (reader) => {
      assertEqual(await reader.overview('workers'), [
        { id: 'w1', status: 'DEAD', registeredAt: 1_000, heartbeatAt: 1_000, leaseMs: 30_000, info },
        { id: 'w2', status: 'ALIVE', registeredAt: 200_000, heartbeatAt: 200_000, leaseMs: 5_000, info },
      ]);
      await rejects(reader.overview('runs' as 'workers'), { name: 'UsageError', code: 'INVALID_ARGUMENT' });
    });
  },
  'a reader sees each commit, of whichever process, as soon as that has resolved (RD2)': async (connect) => {
    const store = await withRuns(await connect());
    const other = await connect();
    await other.registerWorker(workerOf('w2'));
    await reading(other, async (reader) => {
      for (let number = 1; number <= 10; number += 1) {
        const [by, workerId] = number % 2 === 0 ? ([store, 'w1'] as const) : ([other, 'w2'] as const);
        await by.commit(batchOf({ workerId, creates: [runOf(`${number}`, { workerId })] }));
        assertEqual((await reader.page({ limit: 1 })).runs[0]?.id, `${number}`);
        assertEqual((await reader.counts('flow')).get('order'), number);
      }
    });
  },
  'a reader needs no store that is open, and works on when it is closed': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const other = await connect();
    await other.close();
    await reading(other, async (reader) => {
      assertFields(await reader.run('id'), { id: 'id', status: 'RUNNING' });
      await store.commit(batchOf({ ends: [endOf('id')] }));
      assertFields(await reader.run('id'), { id: 'id', status: 'SUCCEEDED' });
    });
  },
  'a reader changes nothing: runs keep their owners, messages stay, dead workers are not taken for dead (RD1)': async (connect) => {
    const store = await withJournal(connect);
    await store.commit(batchOf({ messages: [messageTo('id')] }));
    const before = [await store.getRuns(['id', 'id2']), await journalOf(store, 'id'), await store.readInbox('w1')];
    await reading(await connect(), async (reader) => {
      for (const ask of questions(reader)) await ask();
      const [worker] = await reader.overview('workers');
      assertFields(worker, { id: 'w1', status: 'ALIVE' });
    });
    assertEqual([await store.getRuns(['id', 'id2']), await journalOf(store, 'id'), await store.readInbox('w1')], before);
    await store.heartbeat('w1', 2_000);
  },
  'a closed reader refuses every question, and can be opened again': async (connect) => {
    const reader = (await withRuns(await connect(), 'id')).reader();
    await reader.open();
    await reader.open();
    await reader.close();
    await reader.close();
    for (const ask of questions(reader)) await assertRefused(ask, 'STORE_CLOSED');
    await reader.open();
    assertFields(await reader.run('id'), { id: 'id' });
    await reader.close();
  },
  'what is no text is no id, and is refused': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await reading(store, async (reader) => {
      for (const none of [undefined, null, 5, {}] as unknown as string[]) {
        const asks = [
          () => reader.run(none),
          () => reader.outline(none, { limit: 1 }),
          () => reader.operation(none, '0'),
          () => reader.operation('id', none),
          () => reader.journal(none),
          () => reader.inbox(none),
          () => reader.durations(none, 1),
        ];
        for (const ask of asks) await rejects(ask, { name: 'UsageError', code: 'INVALID_ARGUMENT' });
      }
      assertEqual(await reader.run(''), undefined);
    });
  },
  'a range that asks for what there is not is refused': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const ranges = [
      {},
      { limit: 0 },
      { limit: 1, scope: 'a' },
      { limit: 1, after: '' },
      { limit: 1, from: '1' },
      { limit: 1, status: 'x' },
      { limit: 1, scope: '', status: 'STARTED' },
    ];
    await reading(store, async (reader) => {
      for (const range of ranges) {
        await rejects(reader.outline('id', range as OutlineRange), { name: 'UsageError', code: 'INVALID_OPTION' });
      }
    });
  },
});
