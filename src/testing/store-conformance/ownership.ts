import { journalOf } from '../../store/journal-of.js';
import { assertEqual, assertFields, assertRefused } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, blockOf, endOf, messageTo, outcomeOf, runOf, theRun, withRuns, workerOf } from './records.js';

const LATE = { workerId: 'w2', nowMs: 100_000 };
const SOON = { ...LATE, nowMs: 2_000 };

export const ownership: readonly StoreCase[] = area('fence and ownership', {
  'an unknown worker cannot write (S3)': async (connect) => {
    const store = await connect();
    await assertRefused(store.commit(batchOf({ creates: [runOf('id')] })), 'FENCED');
    await assertRefused(store.heartbeat('w1', 1), 'FENCED');
    await assertRefused(store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [], limit: 1 }), 'FENCED');
    await assertRefused(store.readInbox('w1'), 'FENCED');
    assertEqual(await store.getRuns(['id']), []);
  },
  'an empty batch is fenced as well': async (connect) => {
    await assertRefused((await connect()).commit(batchOf()), 'FENCED');
  },
  'a worker marked dead cannot write any more (S3)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    assertEqual(await (await connect()).reapWorkers(LATE), ['w1']);
    await assertRefused(store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] })), 'FENCED');
    await assertRefused(store.heartbeat('w1', 100_000), 'FENCED');
    await assertRefused(store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [], limit: 1 }), 'FENCED');
    assertEqual(await journalOf(store, 'id'), []);
  },
  'a worker marked dead reads no messages any more, also not when its runs were not taken (S3, S7)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.send(messageTo('id'));
    await (await connect()).reapWorkers(LATE);
    await assertRefused(store.readInbox('w1'), 'FENCED');
    await store.registerWorker(workerOf('w3', 100_000));
    await store.claimRuns({ workerId: 'w3', nowMs: 100_000, flows: [{ flow: 'order', version: 1 }], limit: 1 });
    assertEqual((await store.readInbox('w3')).length, 1);
  },
  'a worker marked dead never lives again (S5)': async (connect) => {
    const store = await withRuns(await connect());
    await store.reapWorkers(LATE);
    await store.retireWorker('w1');
    await assertRefused(store.registerWorker(workerOf('w1', 100_000)), 'FENCED');
  },
  'a living worker within its lease is left alone, by stores here and elsewhere': async (connect) => {
    const store = await withRuns(await connect());
    assertEqual(await store.reapWorkers(SOON), []);
    assertEqual(await (await connect()).reapWorkers(SOON), []);
    await store.heartbeat('w1', 3_000);
  },
  'a worker is never reaped by itself': async (connect) => {
    const store = await withRuns(await connect());
    assertEqual(await store.reapWorkers({ ...LATE, workerId: 'w1' }), []);
  },
  'a heartbeat renews the lease': async (connect) => {
    const store = await withRuns(await connect());
    await store.heartbeat('w1', 70_000);
    assertEqual(await store.reapWorkers(LATE), []);
    assertEqual(await store.reapWorkers({ ...LATE, nowMs: 100_001 }), ['w1']);
  },
  'each worker is judged by its own lease, whatever that of the one who looks': async (connect) => {
    const store = await connect();
    await store.registerWorker(workerOf('short', 1_000, 500));
    await store.registerWorker(workerOf('long', 1_000, 60_000));
    const other = await connect();
    for (const nowMs of [1_500, 61_000]) assertEqual(await other.reapWorkers({ workerId: 'short', nowMs }), []);
    assertEqual(await other.reapWorkers({ workerId: 'long', nowMs: 1_500 }), []);
    assertEqual(await other.reapWorkers({ workerId: 'long', nowMs: 1_501 }), ['short']);
    assertEqual(await other.reapWorkers({ workerId: 'another', nowMs: 61_001 }), ['long']);
  },
  'a worker that registers after another has a lease of its own': async (connect) => {
    const store = await connect();
    await store.registerWorker(workerOf('first', 1_000, 60_000));
    await store.retireWorker('first');
    await store.registerWorker(workerOf('second', 2_000, 500));
    await store.heartbeat('second', 3_000);
    assertEqual(await store.reapWorkers({ workerId: 'another', nowMs: 3_500 }), []);
    assertEqual(await store.reapWorkers({ workerId: 'another', nowMs: 3_501 }), ['second']);
  },
  'a dead worker is reported once': async (connect) => {
    const store = await withRuns(await connect());
    const other = await connect();
    assertEqual(await other.reapWorkers(LATE), ['w1']);
    assertEqual(await other.reapWorkers(LATE), []);
    assertEqual(await store.reapWorkers({ ...LATE, workerId: 'w3' }), []);
  },
  'a process that closed without retiring its worker has died': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.close();
    const other = await connect();
    assertEqual(await other.reapWorkers(SOON), ['w1']);
    assertFields(await theRun(other, 'id'), { status: 'PENDING', workerId: null });
  },
  'two workers cannot have one id': async (connect) => {
    const store = await withRuns(await connect());
    await assertRefused(store.registerWorker(workerOf('w1', 1)), 'STORE_BUSY');
    await store.heartbeat('w1', 2);
  },
  'a retired worker gives its runs back (S5)': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b', 'c');
    await store.commit(batchOf({ ends: [endOf('a'), blockOf('b', 'NON_DETERMINISM')] }));
    await store.retireWorker('w1');
    const runs = await store.getRuns(['a', 'b', 'c']);
    const byId = new Map(runs.map((run) => [run.id, run]));
    assertEqual(byId.get('a')?.status, 'SUCCEEDED');
    assertEqual(byId.get('b')?.status, 'BLOCKED');
    assertEqual(byId.get('c'), runOf('c', { status: 'PENDING', workerId: null }));
  },
  'a retired worker is fenced, and not reaped': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.retireWorker('w1');
    await assertRefused(store.commit(batchOf()), 'FENCED');
    assertEqual(await store.reapWorkers(LATE), []);
  },
  'retiring an unknown worker does nothing': async (connect) => {
    await (await connect()).retireWorker('unknown');
  },
  'an end for a run of somebody else rolls everything back (S2, S3)': async (connect) => {
    const store = await withRuns(await connect(), 'mine');
    await store.registerWorker(workerOf('w2'));
    const batch = batchOf({
      workerId: 'w2',
      creates: [runOf('new', { workerId: 'w2' })],
      operations: [outcomeOf('new', '1', 1)],
      ends: [endOf('new'), endOf('mine')],
    });
    await assertRefused(store.commit(batch), 'FENCED');
    assertEqual(await store.getRuns(['new']), []);
    assertEqual(await journalOf(store, 'new'), []);
    assertEqual(await theRun(store, 'mine'), runOf('mine'));
  },
  'an end for an unknown run is refused': async (connect) => {
    const store = await withRuns(await connect());
    await assertRefused(store.commit(batchOf({ ends: [endOf('unknown')] })), 'FENCED');
  },
  'an ended run never ends again (S6)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [endOf('id')] }));
    const before = await theRun(store, 'id');
    await assertRefused(store.commit(batchOf({ ends: [endOf('id', { status: 'FAILED' })] })), 'FENCED');
    await assertRefused(store.commit(batchOf({ creates: [runOf('x')], ends: [endOf('x'), endOf('x')] })), 'FENCED');
    assertEqual(await theRun(store, 'id'), before);
    assertEqual(await theRun(store, 'x'), undefined);
  },
  'a run that ended has its outcome and no owner': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b', 'c');
    const ends = [endOf('a'), endOf('b', { status: 'FAILED', outcome: '{}' }), endOf('c', { status: 'CANCELLED', outcome: '{"c":1}' })];
    await store.commit(batchOf({ ends }));
    for (const end of ends) {
      const { status, outcome, finishedAt } = end;
      assertEqual(await theRun(store, end.runId), runOf(end.runId, { status: status as 'FAILED', outcome, finishedAt, workerId: null }));
    }
  },
});
