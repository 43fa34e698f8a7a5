import type { RunFilter, Store } from '../../store/store.js';
import { assertEqual } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, blockOf, endOf, runOf, withRuns } from './records.js';

async function ids(store: Store, filter: RunFilter): Promise<string[]> {
  return (await store.listRuns(filter)).map((run) => run.id);
}

/** Runs of every sort, in the order of creation: b, a, d, c. */
async function mixed(connect: () => Promise<Store>): Promise<Store> {
  const store = await withRuns(await connect(), 'b', 'a');
  await store.commit(batchOf({ creates: [runOf('d', { flow: 'other' }), runOf('c')] }));
  await store.commit(batchOf({ ends: [endOf('a'), blockOf('d', 'NON_DETERMINISM'), blockOf('c', 'FLOW_NOT_REGISTERED')] }));
  return store;
}

export const listing: readonly StoreCase[] = area('listing', {
  'runs are listed newest first': async (connect) => {
    assertEqual(await ids(await mixed(connect), {}), ['c', 'd', 'a', 'b']);
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
    assertEqual(await ids(store, { status: [] }), []);
  },
  'the reason of blocking restricts the list': async (connect) => {
    assertEqual(await ids(await mixed(connect), { blockedCode: 'NON_DETERMINISM' }), ['d']);
  },
  'all conditions must hold': async (connect) => {
    const store = await mixed(connect);
    assertEqual(await ids(store, { flow: 'order', status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED', limit: 5 }), ['c']);
    assertEqual(await ids(store, { flow: 'other', blockedCode: 'FLOW_NOT_REGISTERED' }), []);
  },
  'a limit keeps the newest': async (connect) => {
    const store = await mixed(connect);
    assertEqual(await ids(store, { limit: 2 }), ['c', 'd']);
    assertEqual(await ids(store, { limit: 0 }), []);
    assertEqual(await ids(store, { status: 'BLOCKED', limit: 1 }), ['c']);
  },
  'at most 100 runs are listed when no limit is given': async (connect) => {
    const store = await withRuns(await connect(), ...Array.from({ length: 105 }, (_, index) => `r${index}`));
    assertEqual((await ids(store, {})).length, 100);
    assertEqual((await ids(store, { limit: 1_000 })).length, 105);
  },
});
