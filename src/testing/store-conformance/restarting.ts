import type { RunRestart } from '../../model/records.js';
import { journalOf } from '../../store/journal-of.js';
import { recordsOf } from '../reading.js';
import { assertEqual, assertRefused } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, blockOf, endOf, messageTo, outcomeOf, runOf, startOf, theRun, withRuns, workerOf } from './records.js';

/** How a run begins again. */
function restartOf(runId: string, change: Partial<RunRestart> = {}): RunRestart {
  return { runId, input: '["next"]', seed: 'another', options: '{"generation":2}', operations: [], ...change };
}

export const restarting: readonly StoreCase[] = area('beginning again', {
  'a run that begins again has what the restart gives it, and stays who it is': async (connect) => {
    const store = await withRuns(await connect(), 'id', 'other');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1), startOf('id', '2'), outcomeOf('other', '1', 1)] }));
    await store.commit(batchOf({ restarts: [restartOf('id')] }));
    const other = await connect();
    assertEqual(await theRun(other, 'id'), runOf('id', { input: '["next"]', seed: 'another', options: '{"generation":2}' }));
    assertEqual(await journalOf(other, 'id'), []);
    assertEqual(await journalOf(other, 'other'), [outcomeOf('other', '1', 1)]);
  },
  'its journal is what the restart gives, and what later batches add (S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 7), outcomeOf('id', '2', 8)] }));
    const given = outcomeOf('id', 'm1', 1, { kind: 'message', input: null });
    await store.commit(batchOf({ restarts: [restartOf('id', { operations: [given] })] }));
    assertEqual(await journalOf(store, 'id'), [given]);
    await store.commit(batchOf({ operations: [startOf('id', '1')] }));
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 2)] }));
    assertEqual(await journalOf(store, 'id'), [given, outcomeOf('id', '1', 2)]);
  },
  'what the same batch writes belongs to what ends, and is dropped': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1), startOf('id', '2')], restarts: [restartOf('id')] }));
    assertEqual(await journalOf(store, 'id'), []);
  },
  'messages in its inbox stay for the next generation (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    for (const payload of ['"taken"', '"kept"']) await store.send(messageTo('id', payload));
    const [taken, kept] = await store.readInbox('w1');
    await store.commit(batchOf({ restarts: [restartOf('id')], taken: [taken?.id ?? 0] }));
    assertEqual(await store.readInbox('w1'), [kept]);
  },
  'a run begins again as often as it likes, and ends': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    for (const generation of [2, 3, 4]) {
      await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
      await store.commit(batchOf({ restarts: [restartOf('id', { seed: `${generation}`, options: null })] }));
    }
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)], ends: [endOf('id')] }));
    const ended = { status: 'SUCCEEDED', workerId: null, outcome: '"done"', finishedAt: 1_700_000_000_009 } as const;
    assertEqual(await theRun(store, 'id'), runOf('id', { ...ended, input: '["next"]', seed: '4' }));
    assertEqual(await journalOf(store, 'id'), [outcomeOf('id', '1', 1)]);
  },
  'a restart of a run that is not the worker’s is refused whole (S2, S3, S6)': async (connect) => {
    const store = await withRuns(await connect(), 'mine', 'ended', 'blocked', 'asleep');
    await store.registerWorker(workerOf('w2'));
    await store.commit(batchOf({ workerId: 'w2', creates: [runOf('theirs', { workerId: 'w2' })] }));
    const ids = ['mine', 'theirs', 'ended', 'blocked', 'asleep'];
    await store.commit(batchOf({ operations: ids.map((id) => outcomeOf(id, '1', 1)) }));
    const ends = [endOf('ended'), blockOf('blocked', 'NON_DETERMINISM')];
    await store.commit(batchOf({ ends, suspends: [{ runId: 'asleep', wakeAt: null, children: [] }] }));
    const before = await recordsOf(store);
    for (const wrong of ['theirs', 'ended', 'blocked', 'asleep', 'unknown']) {
      for (const order of [
        ['mine', wrong],
        [wrong, 'mine'],
      ]) {
        const restarts = order.map((id) => restartOf(id, { operations: [startOf(id, '9')] }));
        await assertRefused(store.commit(batchOf({ creates: [runOf('new')], restarts, messages: [messageTo('mine')] })), 'FENCED');
        assertEqual(await recordsOf(await connect()), before);
        for (const id of ids) assertEqual(await journalOf(store, id), [outcomeOf(id, '1', 1)]);
        assertEqual(await store.readInbox('w1'), []);
      }
    }
    assertEqual(await journalOf(store, 'unknown'), []);
  },
  'a worker marked dead begins nothing again (S3)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    await (await connect()).reapWorkers({ workerId: 'w2', nowMs: 100_000 });
    await assertRefused(store.commit(batchOf({ restarts: [restartOf('id')] })), 'FENCED');
    assertEqual(await theRun(store, 'id'), runOf('id', { status: 'PENDING', workerId: null, crashes: 1 }));
    assertEqual(await journalOf(store, 'id'), [outcomeOf('id', '1', 1)]);
  },
});
