import { expect } from 'vitest';
import { batchOf, endOf, runOf, theRun, withRuns } from '../records.js';
import type { ConformanceCase } from './case.js';
import { area } from './case.js';

export const creation: readonly ConformanceCase[] = area('creation and ids', {
  'a created run comes back as it was given': async (connect) => {
    const store = await withRuns(await connect());
    const run = runOf('full', { options: '{"name":"x"}', parentRunId: 'p', parentOperationId: '4.0.2', version: 3, seed: 'é😀' });
    expect(await store.commit(batchOf({ creates: [run] }))).toEqual([]);
    expect(await store.getRuns(['full'])).toEqual([run]);
  },
  'the first creation of an id wins; later ones learn what is stored (S1)': async (connect) => {
    const store = await withRuns(await connect());
    const first = runOf('id', { input: '["first"]' });
    await store.commit(batchOf({ creates: [first] }));
    expect(await store.commit(batchOf({ creates: [runOf('id', { input: '["second"]' })] }))).toEqual([first]);
    expect(await store.getRuns(['id'])).toEqual([first]);
  },
  'an ended run keeps its id (S1)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [endOf('id')] }));
    const [taken] = await store.commit(batchOf({ creates: [runOf('id')] }));
    expect(taken).toEqual(await theRun(store, 'id'));
    expect(taken?.status).toBe('SUCCEEDED');
  },
  'the second creation in one batch counts as taken by the first (S1)': async (connect) => {
    const store = await withRuns(await connect());
    const first = runOf('id', { input: '["first"]' });
    expect(await store.commit(batchOf({ creates: [first, runOf('id', { input: '["second"]' })] }))).toEqual([first]);
  },
  'taken ids do not keep the others of the batch from being created': async (connect) => {
    const store = await withRuns(await connect(), 'r3', 'r150');
    const creates = Array.from({ length: 237 }, (_, index) => runOf(`r${index}`, { input: '["again"]' }));
    const taken = await store.commit(batchOf({ creates }));
    expect(taken.map((run) => [run.id, run.input])).toEqual([
      ['r3', '["book"]'],
      ['r150', '["book"]'],
    ]);
    expect(await store.getRuns(creates.map((run) => run.id))).toHaveLength(237);
  },
  'a run may be created and end in one batch': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [runOf('id')], ends: [endOf('id')] }));
    expect(await theRun(store, 'id')).toMatchObject({ status: 'SUCCEEDED', outcome: '"done"', workerId: null });
  },
  'a run may be created for nobody': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [runOf('id', { workerId: null, status: 'PENDING' })] }));
    expect(await theRun(store, 'id')).toMatchObject({ status: 'PENDING', workerId: null });
  },
  'unknown ids are left out of what is read': async (connect) => {
    const store = await withRuns(await connect(), 'known');
    expect((await store.getRuns(['unknown', 'known'])).map((run) => run.id)).toEqual(['known']);
    expect(await store.getRuns([])).toEqual([]);
  },
  'ids are compared exactly, whatever they contain': async (connect) => {
    const ids = ['a', 'A', 'a ', 'é', 'é', "o'clock", '"', '%', '😀', '0', '00'];
    const store = await withRuns(await connect(), ...ids);
    expect(new Set((await store.getRuns(ids)).map((run) => run.id))).toEqual(new Set(ids));
  },
});
