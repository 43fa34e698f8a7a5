import { assertEqual, assertFields } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, endOf, runOf, theRun, withRuns, workerOf } from './records.js';

export const creation: readonly StoreCase[] = area('creation and ids', {
  'a created run comes back as it was given': async (connect) => {
    const store = await withRuns(await connect());
    const run = runOf('full', { options: '{"name":"x"}', parentRunId: 'p', parentOperationId: '4.0.2', version: 3, seed: 'é😀' });
    assertEqual(await store.commit(batchOf({ creates: [run] })), []);
    assertEqual(await store.getRuns(['full']), [run]);
  },
  'the first creation of an id wins; later ones learn what is stored (S1)': async (connect) => {
    const store = await withRuns(await connect());
    const first = runOf('id', { input: '["first"]' });
    await store.commit(batchOf({ creates: [first] }));
    assertEqual(await store.commit(batchOf({ creates: [runOf('id', { input: '["second"]' })] })), [first]);
    assertEqual(await store.getRuns(['id']), [first]);
  },
  'an ended run keeps its id (S1)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [endOf('id')] }));
    const [taken] = await store.commit(batchOf({ creates: [runOf('id')] }));
    assertEqual(taken, await theRun(store, 'id'));
    assertEqual(taken?.status, 'SUCCEEDED');
  },
  'the second creation in one batch counts as taken by the first (S1)': async (connect) => {
    const store = await withRuns(await connect());
    const first = runOf('id', { input: '["first"]' });
    assertEqual(await store.commit(batchOf({ creates: [first, runOf('id', { input: '["second"]' })] })), [first]);
  },
  'taken ids do not keep the others of the batch from being created': async (connect) => {
    const store = await withRuns(await connect(), 'r3', 'r150');
    const creates = Array.from({ length: 237 }, (_, index) => runOf(`r${index}`, { input: '["again"]' }));
    const taken = await store.commit(batchOf({ creates }));
    assertEqual(
      taken.map((run) => [run.id, run.input]),
      [
        ['r3', '["book"]'],
        ['r150', '["book"]'],
      ],
    );
    assertEqual((await store.getRuns(creates.map((run) => run.id))).length, 237);
  },
  'a run may be created and end in one batch': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [runOf('id')], ends: [endOf('id')] }));
    assertFields(await theRun(store, 'id'), { status: 'SUCCEEDED', outcome: '"done"', workerId: null });
  },
  'a run may be created without an owner': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [runOf('id', { workerId: null, status: 'PENDING' })] }));
    assertFields(await theRun(store, 'id'), { status: 'PENDING', workerId: null });
  },
  'unknown ids are left out of what is read': async (connect) => {
    const store = await withRuns(await connect(), 'known');
    assertEqual(
      (await store.getRuns(['unknown', 'known'])).map((run) => run.id),
      ['known'],
    );
    assertEqual(await store.getRuns([]), []);
  },
  'ids are compared exactly, whatever they contain': async (connect) => {
    const ids = ['a', 'A', 'a ', '\u00e9', 'e\u0301', "o'clock", '"', '%', '😀', '0', '00'];
    const store = await withRuns(await connect(), ...ids);
    const read = await store.getRuns(ids);
    assertEqual(read.map((run) => run.id).sort(), ids.sort());
  },
  'of processes that create an id at once, one wins and the others learn of it (S1)': async (connect) => {
    const workers = ['w1', 'w2', 'w3'];
    const stores = await Promise.all(workers.map(() => connect()));
    await Promise.all(stores.map((store, index) => store.registerWorker(workerOf(`${workers[index]}`))));
    const creations = stores.map((store, index) => {
      const workerId = `${workers[index]}`;
      return store.commit(batchOf({ workerId, creates: [runOf('id', { workerId, input: JSON.stringify([workerId]) })] }));
    });
    const taken = (await Promise.all(creations)).flat();
    const winner = await theRun(await connect(), 'id');
    assertEqual(winner?.input, JSON.stringify([winner?.workerId]));
    assertEqual(taken, [winner, winner]);
  },
});
