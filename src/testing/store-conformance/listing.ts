import { rejects } from 'node:assert/strict';
import type { CountedBy, RunQuery, StoreReader } from '../../store/reader.js';
import type { Store } from '../../store/store.js';
import { reading, recordsOf } from '../reading.js';
import { assertEqual, assertFields } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, blockOf, endOf, runOf, startOf, withRuns } from './records.js';

function ids(store: Store, query?: RunQuery): Promise<string[]> {
  return reading(store, async (reader) => {
    const page = await reader.page(query);
    const records = await reader.records(query);
    assertEqual(
      records.runs.map(({ id }) => id),
      page.runs.map(({ id }) => id),
    );
    assertEqual(records.next, page.next);
    return page.runs.map(({ id }) => id);
  });
}

async function counts(store: Store, by: CountedBy, query?: RunQuery): Promise<[string, number][]> {
  return [...(await reading(store, (reader) => reader.counts(by, query)))].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The ids of each page. */
async function pages(reader: StoreReader, query: RunQuery): Promise<string[][]> {
  const found: string[][] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await reader.page(cursor === undefined ? query : { ...query, cursor });
    found.push(page.runs.map(({ id }) => id));
    cursor = page.next;
  }
  return found;
}

const BORN = 1_700_000_000_000;

/** Runs of every sort, in the order of creation: b, a, d, c. */
async function mixed(connect: () => Promise<Store>): Promise<Store> {
  const store = await withRuns(await connect(), 'b', 'a');
  await store.commit(batchOf({ creates: [runOf('d', { flow: 'other' }), runOf('c')] }));
  await store.commit(batchOf({ ends: [endOf('a'), blockOf('d', 'NON_DETERMINISM'), blockOf('c', 'FLOW_NOT_REGISTERED')] }));
  return store;
}

/** A run in each status but `PENDING`, in the order of creation; the second is a child of the first. */
async function oneOfEach(connect: () => Promise<Store>): Promise<Store> {
  const store = await withRuns(await connect(), 'running');
  const child = { parentRunId: 'running', parentOperationId: '0' };
  const names = ['succeeded', 'failed', 'cancelled', 'blocked', 'asleep'];
  await store.commit(
    batchOf({
      creates: names.map((id, index) =>
        runOf(id, { createdAt: BORN + index + 1, version: index === 4 ? 2 : 1, ...(index === 0 && child) }),
      ),
      operations: [startOf('running', '0', { kind: 'flow', childRunId: 'succeeded' })],
    }),
  );
  await store.commit(
    batchOf({
      suspends: [{ runId: 'asleep', wakeAt: BORN + 500, children: [] }],
      ends: [
        endOf('succeeded', { finishedAt: BORN + 100 }),
        endOf('failed', { status: 'FAILED', finishedAt: BORN + 200 }),
        endOf('cancelled', { status: 'CANCELLED', finishedAt: BORN + 300 }),
        blockOf('blocked', 'NON_DETERMINISM'),
      ],
    }),
  );
  return store;
}

/** What each query finds among `oneOfEach`, newest first. */
const FOUND: readonly (readonly [query: RunQuery, found: readonly string[]])[] = [
  [{ status: 'RUNNING' }, ['running']],
  [{ status: 'SUSPENDED' }, ['asleep']],
  [{ status: 'PENDING' }, []],
  [{ status: ['FAILED', 'CANCELLED', 'BLOCKED'] }, ['blocked', 'cancelled', 'failed']],
  [{ status: ['SUCCEEDED', 'RUNNING'] }, ['succeeded', 'running']],
  [{ status: [] }, []],
  [{ flow: 'other' }, []],
  [{ flow: 'order', version: 2 }, ['asleep']],
  [{ ids: ['asleep', 'unknown', 'failed'] }, ['asleep', 'failed']],
  [{ ids: [] }, []],
  [{ idPrefix: 'su' }, ['succeeded']],
  [{ idPrefix: 'a', status: 'SUSPENDED', flow: 'order' }, ['asleep']],
  [{ blockedCode: 'NON_DETERMINISM' }, ['blocked']],
  [{ blockedCode: 'NON_DETERMINISM', status: 'RUNNING' }, []],
  [{ createdAfter: BORN + 3 }, ['asleep', 'blocked']],
  [{ createdBefore: BORN + 2 }, ['succeeded', 'running']],
  [{ finishedAfter: BORN + 100 }, ['cancelled', 'failed']],
  [{ finishedBefore: BORN + 200 }, ['succeeded']],
  [{ finishedAfter: BORN + 50, finishedBefore: BORN + 300, roots: true }, ['failed']],
  [{ roots: true }, ['asleep', 'blocked', 'cancelled', 'failed', 'running']],
  [{ roots: false }, ['succeeded']],
  [{ parent: 'running' }, ['succeeded']],
  [{ parent: 'running', status: 'FAILED' }, []],
  [{ queue: 'mails' }, []],
];

export const listing: readonly StoreCase[] = area('listing', {
  'runs are listed newest first': async (connect) => {
    assertEqual(await ids(await mixed(connect)), ['c', 'd', 'a', 'b']);
  },
  'a flow restricts the list': async (connect) => {
    assertEqual(await ids(await mixed(connect), { flow: 'other' }), ['d']);
  },
  'one status restricts the list': async (connect) => {
    const store = await mixed(connect);
    assertEqual(await ids(store, { status: 'BLOCKED' }), ['c', 'd']);
    assertEqual(await ids(store, { status: 'SUCCEEDED' }), ['a']);
  },
  'several statuses restrict the list': async (connect) => {
    const store = await mixed(connect);
    assertEqual(await ids(store, { status: ['SUCCEEDED', 'RUNNING'] }), ['a', 'b']);
    assertEqual(await ids(store, { status: ['RUNNING', 'BLOCKED'] }), ['c', 'd', 'b']);
  },
  'all conditions must hold': async (connect) => {
    const store = await mixed(connect);
    assertEqual(await ids(store, { flow: 'order', status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED', limit: 5 }), ['c']);
    assertEqual(await ids(store, { flow: 'other', blockedCode: 'FLOW_NOT_REGISTERED' }), []);
  },
  'a limit keeps the newest': async (connect) => {
    const store = await mixed(connect);
    assertEqual(await ids(store, { limit: 2 }), ['c', 'd']);
    assertEqual(await ids(store, { status: 'BLOCKED', limit: 1 }), ['c']);
  },
  'at most 100 runs are listed when no limit is given': async (connect) => {
    const store = await withRuns(await connect(), ...Array.from({ length: 105 }, (_, index) => `r${index}`));
    assertEqual((await ids(store)).length, 100);
    assertEqual((await ids(store, { limit: 1_000 })).length, 105);
  },
  'each condition finds what it says': async (connect) => {
    const store = await oneOfEach(connect);
    for (const [query, found] of FOUND) assertEqual({ query, found: await ids(store, query) }, { query, found });
  },
  'the oldest come first where that is asked for': async (connect) => {
    const store = await oneOfEach(connect);
    for (const [query, found] of FOUND)
      assertEqual({ query, found: await ids(store, { ...query, order: 'oldest' }) }, { query, found: [...found].reverse() });
  },
  'pages lead to all runs, each once, whatever is created meanwhile (RD3)': async (connect) => {
    const names = Array.from({ length: 7 }, (_, index) => `r${index}`);
    const store = await withRuns(await connect(), ...names);
    await reading(store, async (reader) => {
      assertEqual(await pages(reader, { limit: 3 }), [['r6', 'r5', 'r4'], ['r3', 'r2', 'r1'], ['r0']]);
      assertEqual(await pages(reader, { limit: 7, order: 'oldest' }), [names]);
      const first = await reader.page({ limit: 3, flow: 'order' });
      await store.commit(batchOf({ creates: [runOf('new')] }));
      const rest = await reader.page({ limit: 10, flow: 'order', cursor: first.next as string });
      assertEqual(
        rest.runs.map(({ id }) => id),
        ['r3', 'r2', 'r1', 'r0'],
      );
      assertEqual(rest.next, null);
    });
  },
  'the pages of several statuses are in one order': async (connect) => {
    const store = await withRuns(await connect(), ...Array.from({ length: 8 }, (_, index) => `r${index}`));
    const ends = [0, 2, 4].map((index) => endOf(`r${index}`, { status: 'FAILED' }));
    await store.commit(batchOf({ ends: [...ends, ...[1, 5].map((index) => blockOf(`r${index}`, 'NON_DETERMINISM'))] }));
    await reading(store, async (reader) => {
      const query = { status: ['FAILED', 'BLOCKED'], limit: 2 } as const;
      assertEqual(await pages(reader, query), [['r5', 'r4'], ['r2', 'r1'], ['r0']]);
      assertEqual(await pages(reader, { ...query, order: 'oldest' }), [['r0', 'r1'], ['r2', 'r4'], ['r5']]);
    });
  },
  'a page tells of runs, and nothing that their code has made': async (connect) => {
    const store = await oneOfEach(connect);
    const { runs } = await reading(store, (reader) => reader.page({ ids: ['succeeded', 'asleep'] }));
    assertEqual(runs[1], {
      id: 'succeeded',
      flow: 'order',
      version: 1,
      status: 'SUCCEEDED',
      blockedCode: null,
      parentRunId: 'running',
      parentOperationId: '0',
      workerId: null,
      createdAt: BORN + 1,
      finishedAt: BORN + 100,
      wakeAt: null,
      crashes: 0,
      queue: null,
    });
    assertFields(runs[0], { id: 'asleep', status: 'SUSPENDED', wakeAt: BORN + 500 });
  },
  'the records of a list are those that are stored': async (connect) => {
    const store = await oneOfEach(connect);
    const listed = await recordsOf(store);
    assertEqual(listed.length, 6);
    const stored = await store.getRuns(listed.map(({ id }) => id));
    for (const run of listed)
      assertEqual(
        run,
        stored.find(({ id }) => id === run.id),
      );
  },
  'runs are counted by status, by flow and by queue': async (connect) => {
    const store = await oneOfEach(connect);
    await store.commit(batchOf({ creates: [runOf('another', { flow: 'other' })] }));
    assertEqual(await counts(store, 'status'), [
      ['BLOCKED', 1],
      ['CANCELLED', 1],
      ['FAILED', 1],
      ['RUNNING', 2],
      ['SUCCEEDED', 1],
      ['SUSPENDED', 1],
    ]);
    assertEqual(await counts(store, 'status', { flow: 'other' }), [['RUNNING', 1]]);
    assertEqual(await counts(store, 'status', { status: ['RUNNING', 'SUCCEEDED', 'PENDING'] }), [
      ['RUNNING', 2],
      ['SUCCEEDED', 1],
    ]);
    assertEqual(await counts(store, 'flow'), [
      ['order', 6],
      ['other', 1],
    ]);
    assertEqual(await counts(store, 'flow', { flow: 'other' }), [['other', 1]]);
    assertEqual(await counts(store, 'flow', { flow: 'unknown' }), []);
    assertEqual(await counts(store, 'queue'), []);
  },
  'as many are counted as are listed': async (connect) => {
    const store = await oneOfEach(connect);
    for (const [query, found] of FOUND) {
      for (const by of ['status', 'flow'] as const) {
        const sum = (await counts(store, by, query)).reduce((all, [, count]) => all + count, 0);
        assertEqual({ query, by, sum }, { query, by, sum: found.length });
      }
    }
  },
  'ids that begin with a text are found, whatever comes behind it': async (connect) => {
    const ids = [
      'a',
      'a%',
      'a\u{10FFFF}',
      'a\u{10FFFF}b',
      'b',
      '\uD7FF',
      '\uD7FF\u{10FFFF}',
      '\uE000',
      '\u{10FFFF}',
      '\u{10FFFF}\u{10FFFF}',
    ];
    const store = await withRuns(await connect(), ...ids);
    await reading(store, async (reader) => {
      for (const idPrefix of ids) {
        const { runs } = await reader.page({ idPrefix, order: 'oldest' });
        const found = ids.filter((id) => id.startsWith(idPrefix));
        assertEqual({ idPrefix, ids: runs.map(({ id }) => id) }, { idPrefix, ids: found });
        assertEqual([...(await reader.counts('status', { idPrefix }))], [['RUNNING', found.length]]);
      }
    });
  },
  'a query that asks for what there is not is refused': async (connect) => {
    const store = await mixed(connect);
    const queries: readonly object[] = [
      { state: 'FAILED' },
      { status: 'FINISHED' },
      { limit: 0 },
      { limit: 1.5 },
      { cursor: 'next' },
      { cursor: 'newest.1', order: 'oldest' },
      { createdAfter: Number.NaN },
      { ids: 'a' },
      [],
    ];
    await reading(store, async (reader) => {
      for (const query of queries) await rejects(reader.page(query), { name: 'UsageError', code: 'INVALID_OPTION' });
      await rejects(reader.counts('version' as CountedBy), { name: 'UsageError', code: 'INVALID_ARGUMENT' });
    });
  },
});
