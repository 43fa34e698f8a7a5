import type { RunRecord } from '../../model/records.js';
import { journalOf } from '../../store/journal-of.js';
import type { CommitAnswer } from '../../store/store.js';
import { assertEqual, assertFields } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { ALL_CREATED, batchOf, endOf, outcomeOf, runOf, startOf, theRun, withRuns, workerOf } from './records.js';

/** The answer to a batch whose only creation found this run. */
function foundAs(found: RunRecord): CommitAnswer {
  return { taken: [{ id: found.id, found }] };
}

const inNobodysHands = { workerId: null, status: 'PENDING' } as const;

export const creation: readonly StoreCase[] = area('creation and ids', {
  'a created run comes back as it was given': async (connect) => {
    const store = await withRuns(await connect());
    const run = runOf('full', { options: '{"name":"x"}', parentRunId: 'p', parentOperationId: '4.0.2', version: 3, seed: 'é😀' });
    assertEqual(await store.commit(batchOf({ creates: [run] })), ALL_CREATED);
    assertEqual(await store.getRuns(['full']), [run]);
  },
  'the first creation of an id wins; later ones learn what is stored (S1)': async (connect) => {
    const store = await withRuns(await connect());
    const first = runOf('id', { input: '["first"]' });
    await store.commit(batchOf({ creates: [first] }));
    assertEqual(await store.commit(batchOf({ creates: [runOf('id', { input: '["second"]' })] })), foundAs(first));
    assertEqual(await store.getRuns(['id']), [first]);
  },
  'an ended run keeps its id (S1)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [endOf('id')] }));
    const { taken } = await store.commit(batchOf({ creates: [runOf('id')] }));
    assertEqual(taken, [{ id: 'id', found: await theRun(store, 'id') }]);
    assertEqual(taken[0]?.found.status, 'SUCCEEDED');
  },
  'the second creation in one batch counts as taken by the first (S1)': async (connect) => {
    const store = await withRuns(await connect());
    const first = runOf('id', { input: '["first"]' });
    assertEqual(await store.commit(batchOf({ creates: [first, runOf('id', { input: '["second"]' })] })), foundAs(first));
  },
  'taken ids do not keep the others of the batch from being created': async (connect) => {
    const store = await withRuns(await connect(), 'r3', 'r150');
    const creates = Array.from({ length: 237 }, (_, index) => runOf(`r${index}`, { input: '["again"]' }));
    const { taken } = await store.commit(batchOf({ creates }));
    assertEqual(
      taken.map(({ id, found }) => [id, found.input]),
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
  'what a run begins with is written with its creation, and not when another has the id': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [{ run: runOf('id'), journal: [outcomeOf('id', '1', 1)] }], operations: [startOf('id', '2')] }));
    await store.commit(batchOf({ creates: [{ run: runOf('id'), journal: [startOf('id', '3')] }] }));
    assertEqual(await journalOf(store, 'id'), [outcomeOf('id', '1', 1), startOf('id', '2')]);
  },
  'runs are created without a worker, for any that has their flow (S1)': async (connect) => {
    const store = await connect();
    const creations = [{ run: runOf('one') }, { run: runOf('two', inNobodysHands), journal: [outcomeOf('two', '1', 1)] }];
    assertEqual(await store.createRuns(creations), []);
    assertEqual(await store.getRuns(['one']), [runOf('one', inNobodysHands)]);
    assertEqual(await store.createRuns([{ run: runOf('one', { input: '["again"]' }) }, { run: runOf('three') }, { run: runOf('three') }]), [
      { id: 'one', found: runOf('one', inNobodysHands) },
      { id: 'three', found: runOf('three', inNobodysHands) },
    ]);
    assertEqual(await store.createRuns([]), []);
    await store.registerWorker(workerOf('w1'));
    const { claimed } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [{ flow: 'order', version: 1 }], limit: 10 });
    assertEqual(
      claimed.map(({ id }) => id),
      ['one', 'two', 'three'],
    );
    assertEqual(await journalOf(store, 'two'), [outcomeOf('two', '1', 1)]);
  },
  'of one flow and singleton key at most one run is unfinished; others find it (S8)': async (connect) => {
    const store = await withRuns(await connect());
    const first = runOf('first');
    const singleton = 'eu';
    assertEqual(await store.commit(batchOf({ creates: [{ run: first, singleton }] })), ALL_CREATED);
    const second = { run: runOf('second'), singleton, journal: [startOf('second', '1')] };
    const answer = await store.commit(batchOf({ creates: [runOf('plain'), second, { run: runOf('us'), singleton: 'us' }] }));
    assertEqual(answer, { taken: [{ id: 'second', found: first }] });
    assertEqual(await theRun(store, 'second'), undefined);
    assertEqual(await journalOf(store, 'second'), []);
    const otherFlow = { run: runOf('other flow', { flow: 'ship' }), singleton };
    assertEqual(await store.createRuns([otherFlow, { run: runOf('third'), singleton }]), [{ id: 'third', found: first }]);
    await store.commit(batchOf({ ends: [endOf('first')] }));
    assertEqual(await store.createRuns([{ run: runOf('third'), singleton }]), []);
    assertFields(await theRun(store, 'third'), inNobodysHands);
  },
  'who has both an id and a singleton key finds the run of the id (S1, S8)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.createRuns([{ run: runOf('holder'), singleton: 'eu' }]);
    const taken = await store.createRuns([{ run: runOf('id'), singleton: 'eu' }]);
    assertEqual(taken, [{ id: 'id', found: runOf('id') }]);
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
    const taken = (await Promise.all(creations)).flatMap((answer) => answer.taken);
    const winner = await theRun(await connect(), 'id');
    assertEqual(winner?.input, JSON.stringify([winner?.workerId]));
    assertEqual(taken, [
      { id: 'id', found: winner },
      { id: 'id', found: winner },
    ]);
  },
});
