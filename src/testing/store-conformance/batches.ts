import type { InboxMessage, OperationRecord, RunRecord } from '../../model/records.js';
import { journalOf } from '../../store/journal-of.js';
import type { Store } from '../../store/store.js';
import { recordsOf } from '../reading.js';
import { assertEqual, assertRefused } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { ALL_CREATED, batchOf, endOf, messageTo, outcomeOf, runOf, startOf, theRun, withRuns, workerOf } from './records.js';

const ORDER = { flow: 'order', version: 1 };

interface Contents {
  readonly runs: readonly RunRecord[];
  readonly journals: readonly (readonly OperationRecord[])[];
  readonly inboxes: readonly (readonly InboxMessage[])[];
}

/** Everything there is, with what these workers have to read. */
async function contentsOf(store: Store, ...workerIds: string[]): Promise<Contents> {
  const runs = await recordsOf(store);
  const journals = await Promise.all(runs.map((run) => journalOf(store, run.id)));
  const inboxes = await Promise.all(workerIds.map((workerId) => store.readInbox(workerId)));
  return { runs, journals, inboxes };
}

/** Makes run `id` of worker `w1`, which has started `1` and has one message waiting: that is returned. */
async function withWork(store: Store): Promise<InboxMessage> {
  await withRuns(store, 'id');
  await store.commit(batchOf({ operations: [startOf('id', '1')], messages: [messageTo('id', '"waiting"')] }));
  const [message] = await store.readInbox('w1');
  return message ?? messageTo('id');
}

export const batches: readonly StoreCase[] = area('batches', {
  'what was committed is there for another process once the commit resolves (S2, S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const other = await connect();
    for (let seq = 1; seq <= 20; seq += 1) {
      const run = runOf(`${seq}`, { workerId: null, status: 'PENDING' });
      await store.commit(batchOf({ creates: [run], operations: [outcomeOf('id', `${seq}`, seq)], messages: [messageTo('id')] }));
      const [read, entries, messages] = await Promise.all([theRun(other, run.id), journalOf(other, 'id'), store.readInbox('w1')]);
      assertEqual({ read, seq: entries.at(-1)?.seq, messages: messages.length }, { read: run, seq, messages: seq });
    }
  },
  'a batch of a worker marked dead changes nothing (S2, S3)': async (connect) => {
    const store = await connect();
    const message = await withWork(store);
    const other = await connect();
    await other.reapWorkers({ workerId: 'w2', nowMs: 100_000 });
    await other.registerWorker(workerOf('w2', 100_000));
    await other.claimRuns({ workerId: 'w2', nowMs: 2_000, flows: [ORDER], limit: 1 });
    const before = await contentsOf(other, 'w2');
    assertEqual(before.inboxes, [[message]]);
    const batch = batchOf({
      creates: [runOf('new')],
      operations: [outcomeOf('id', '1', 1), startOf('id', '2'), startOf('new', '1')],
      ends: [endOf('new')],
      messages: [messageTo('id')],
      taken: [message.id],
    });
    await assertRefused(store.commit(batch), 'FENCED');
    assertEqual(await contentsOf(other, 'w2'), before);
    assertEqual(await journalOf(other, 'new'), []);
  },
  'a batch with one end that is refused changes nothing, wherever that stands (S2, S3)': async (connect) => {
    const store = await connect();
    const message = await withWork(store);
    await store.registerWorker(workerOf('w2'));
    await store.commit(batchOf({ workerId: 'w2', creates: [runOf('theirs', { workerId: 'w2' })] }));
    const before = await contentsOf(store, 'w1', 'w2');
    for (const ends of [
      [endOf('id'), endOf('theirs')],
      [endOf('theirs'), endOf('id')],
    ]) {
      const batch = batchOf({
        creates: [runOf('new')],
        operations: [outcomeOf('id', '1', 1), startOf('id', '2'), startOf('new', '1')],
        ends,
        messages: [messageTo('id'), messageTo('theirs')],
        taken: [message.id],
      });
      await assertRefused(store.commit(batch), 'FENCED');
      assertEqual(await contentsOf(await connect(), 'w1', 'w2'), before);
      assertEqual(await journalOf(store, 'new'), []);
    }
  },
  'a store goes on after a batch was refused (S2)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const other = await connect();
    const batch = batchOf({ creates: [runOf('new')], operations: [outcomeOf('id', '1', 1)] });
    await assertRefused(store.commit({ ...batch, ends: [endOf('unknown')] }), 'FENCED');
    assertEqual(await store.commit(batch), ALL_CREATED);
    assertEqual(await theRun(other, 'new'), runOf('new'));
    assertEqual(await journalOf(other, 'id'), [outcomeOf('id', '1', 1)]);
  },
});
