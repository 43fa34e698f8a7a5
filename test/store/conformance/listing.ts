import { expect } from 'vitest';
import type { RunFilter, Store } from '../../../src/store/store.js';
import { batchOf, blockOf, endOf, runOf, withRuns } from '../records.js';
import type { ConformanceCase } from './case.js';
import { area } from './case.js';

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

export const listing: readonly ConformanceCase[] = area('listing', {
  'runs are listed newest first': async (connect) => {
    expect(await ids(await mixed(connect), {})).toEqual(['c', 'd', 'a', 'b']);
  },
  'a flow restricts the list': async (connect) => {
    expect(await ids(await mixed(connect), { flow: 'other' })).toEqual(['d']);
  },
  'one status restricts the list': async (connect) => {
    const store = await mixed(connect);
    expect(await ids(store, { status: 'BLOCKED' })).toEqual(['c', 'd']);
    expect(await ids(store, { status: 'SUCCEEDED' })).toEqual(['a']);
  },
  'several statuses restrict the list': async (connect) => {
    const store = await mixed(connect);
    expect(await ids(store, { status: ['SUCCEEDED', 'RUNNING'] })).toEqual(['a', 'b']);
    expect(await ids(store, { status: ['RUNNING', 'BLOCKED'] })).toEqual(['c', 'd', 'b']);
    expect(await ids(store, { status: [] })).toEqual([]);
  },
  'the reason of blocking restricts the list': async (connect) => {
    expect(await ids(await mixed(connect), { blockedCode: 'NON_DETERMINISM' })).toEqual(['d']);
  },
  'all conditions must hold': async (connect) => {
    const store = await mixed(connect);
    expect(await ids(store, { flow: 'order', status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED', limit: 5 })).toEqual(['c']);
    expect(await ids(store, { flow: 'other', blockedCode: 'FLOW_NOT_REGISTERED' })).toEqual([]);
  },
  'a limit keeps the newest': async (connect) => {
    const store = await mixed(connect);
    expect(await ids(store, { limit: 2 })).toEqual(['c', 'd']);
    expect(await ids(store, { limit: 0 })).toEqual([]);
    expect(await ids(store, { status: 'BLOCKED', limit: 1 })).toEqual(['c']);
  },
  'at most 100 runs are listed when no limit is given': async (connect) => {
    const store = await withRuns(await connect(), ...Array.from({ length: 105 }, (_, index) => `r${index}`));
    expect(await ids(store, {})).toHaveLength(100);
    expect(await ids(store, { limit: 1_000 })).toHaveLength(105);
  },
});
