import { journalOf } from '../../store/journal-of.js';
import { recordsOf } from '../reading.js';
import { assertEqual, assertFields } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, endOf, messageTo, outcomeOf, runOf, theRun, withRuns } from './records.js';

/** Changes every text of these records but ids, as far as they can be changed. */
function scribbleOn(records: readonly object[]): void {
  for (const record of records) {
    for (const [name, value] of Object.entries(record)) {
      if (typeof value === 'string' && !/id$/i.test(name)) Reflect.set(record, name, `scribbled on ${value}`);
    }
  }
}

export const copies: readonly StoreCase[] = area('copies of records', {
  'the records of a batch may change as soon as its commit was called': async (connect) => {
    const store = await withRuns(await connect(), 'id', 'ending');
    const batch = batchOf({
      creates: [runOf('new')],
      operations: [outcomeOf('id', '1', 1)],
      ends: [endOf('ending')],
      messages: [messageTo('id', '"sent"')],
    });
    const committing = store.commit(batch);
    for (const records of [batch.creates, batch.operations, batch.ends, batch.messages]) scribbleOn(records);
    await committing;
    assertEqual(await theRun(store, 'new'), runOf('new'));
    assertEqual(await journalOf(store, 'id'), [outcomeOf('id', '1', 1)]);
    assertFields(await theRun(store, 'ending'), { status: 'SUCCEEDED', outcome: '"done"' });
    const [message] = await store.readInbox('w1');
    assertFields(message, { runId: 'id', payload: '"sent"' });
  },
  'a message may change once it was sent': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const message = messageTo('id', '"sent"');
    await store.send(message);
    scribbleOn([message]);
    const [read] = await store.readInbox('w1');
    assertFields(read, { runId: 'id', payload: '"sent"' });
  },
  'changing runs that were read changes none that is stored': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    scribbleOn(await store.getRuns(['id']));
    scribbleOn(await recordsOf(store));
    assertEqual(await store.getRuns(['id']), [runOf('id')]);
    assertEqual(await recordsOf(store), [runOf('id')]);
  },
  'changing entries that were read changes none that is stored': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    scribbleOn(await journalOf(store, 'id'));
    assertEqual(await journalOf(store, 'id'), [outcomeOf('id', '1', 1)]);
  },
  'changing messages that were read changes none that is stored': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.send(messageTo('id', '"sent"'));
    const read = await store.readInbox('w1');
    const kept = structuredClone(read);
    scribbleOn(read);
    assertEqual(await store.readInbox('w1'), kept);
  },
  'changing runs that a commit or a claim returned changes none that is stored': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const { taken } = await store.commit(batchOf({ creates: [runOf('id')] }));
    scribbleOn(taken.map(({ found }) => found));
    assertEqual(await theRun(store, 'id'), runOf('id'));
    const orphan = { workerId: null, status: 'PENDING' } as const;
    await store.commit(batchOf({ creates: [runOf('claimed', orphan), runOf('blocked', { ...orphan, flow: 'other' })] }));
    const { claimed, blocked } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [{ flow: 'order', version: 1 }], limit: 10 });
    scribbleOn([...claimed, ...blocked]);
    assertEqual(await theRun(store, 'claimed'), runOf('claimed'));
    assertEqual((await theRun(store, 'blocked'))?.blockedCode, 'FLOW_NOT_REGISTERED');
  },
});
