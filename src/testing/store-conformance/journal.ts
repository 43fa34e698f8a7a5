import { journalOf } from '../../store/journal-of.js';
import { reading } from '../reading.js';
import { assertEqual } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, endOf, outcomeOf, runOf, startOf, withRuns } from './records.js';

export const journal: readonly StoreCase[] = area('journal', {
  'the journal of an unknown run is empty': async (connect) => {
    const store = await withRuns(await connect());
    assertEqual(await journalOf(store, 'unknown'), []);
  },
  'several journals are loaded at once, each with what is its own (S4)': async (connect) => {
    const ids = ['b', 'a', 'empty', 'c'];
    const store = await withRuns(await connect(), ...ids);
    // Ids of operations that look like those of other runs, in an order of writing that is none of reading.
    const operations = ['c', 'a', 'b'].flatMap((id) => [outcomeOf(id, 'a', 2), startOf(id, 'c'), outcomeOf(id, 'b', 1)]);
    await store.commit(batchOf({ operations }));
    const journals = await (await connect()).loadJournals([...ids, 'unknown', 'a']);
    assertEqual([...journals.keys()].sort(), ['a', 'b', 'c', 'empty', 'unknown']);
    for (const id of ['a', 'b', 'c']) assertEqual(journals.get(id), [outcomeOf(id, 'b', 1), outcomeOf(id, 'a', 2), startOf(id, 'c')]);
    for (const id of ['empty', 'unknown']) assertEqual(journals.get(id), []);
    assertEqual((await store.loadJournals([])).size, 0);
  },
  'entries come back as they were given (S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const timer = startOf('id', '4.0.2', { kind: 'timer', name: 'sleep', input: null, dueAt: 1_800_000_000_000 });
    const child = outcomeOf('id', '5', 1, { kind: 'flow', childRunId: 'id/5', status: 'FAILED', outcome: '{"error":"x"}' });
    await store.commit(batchOf({ operations: [timer, child] }));
    assertEqual(await journalOf(store, 'id'), [child, timer]);
  },
  'one entry is read by its id, in its last state (S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id', 'other');
    const timer = startOf('id', '4.0.2', { kind: 'timer', name: 'sleep', input: null, dueAt: 1_800_000_000_000 });
    await store.commit(batchOf({ operations: [timer, startOf('id', '5'), outcomeOf('other', '5', 1)] }));
    await store.commit(batchOf({ operations: [outcomeOf('id', '5', 1)] }));
    const other = await connect();
    assertEqual(await reading(other, (reader) => reader.operation('id', '4.0.2')), timer);
    assertEqual(await reading(other, (reader) => reader.operation('id', '5')), outcomeOf('id', '5', 1));
  },
  'an entry that is not there is undefined': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [startOf('id', '1')] }));
    assertEqual(await reading(store, (reader) => reader.operation('id', '10')), undefined);
    assertEqual(await reading(store, (reader) => reader.operation('unknown', '1')), undefined);
  },
  'an entry that is read is a copy': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [startOf('id', '1')] }));
    const read = await reading(store, (reader) => reader.operation('id', '1'));
    assertEqual(read, startOf('id', '1'));
    if (read !== undefined) Object.assign(read, { name: 'changed' });
    assertEqual(await reading(store, (reader) => reader.operation('id', '1')), startOf('id', '1'));
  },
  'outcomes come in the order of seq, starts after them': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const seqs = [10, 2, 9, 1, 100, 3];
    await store.commit(batchOf({ operations: [startOf('id', '0'), ...seqs.map((seq) => outcomeOf('id', `${seq}`, seq))] }));
    const entries = await journalOf(store, 'id');
    assertEqual(
      entries.map((entry) => entry.seq),
      [1, 2, 3, 9, 10, 100, null],
    );
  },
  'an outcome overwrites its start (S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [startOf('id', '1')] }));
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    assertEqual(await journalOf(store, 'id'), [outcomeOf('id', '1', 1)]);
  },
  'a start and its outcome may be in one batch': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [startOf('id', '1'), outcomeOf('id', '1', 1)] }));
    assertEqual(await journalOf(store, 'id'), [outcomeOf('id', '1', 1)]);
  },
  'an entry without seq never overwrites one with': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1), startOf('id', '1')] }));
    await store.commit(batchOf({ operations: [startOf('id', '1', { status: 'CANCELLED', finishedAt: 5 })] }));
    assertEqual(await journalOf(store, 'id'), [outcomeOf('id', '1', 1)]);
  },
  'an entry without seq overwrites one without': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const cancelled = startOf('id', '1', { status: 'CANCELLED', finishedAt: 5 });
    await store.commit(batchOf({ operations: [startOf('id', '1')] }));
    await store.commit(batchOf({ operations: [cancelled] }));
    assertEqual(await journalOf(store, 'id'), [cancelled]);
  },
  'a cancel request is an entry as well': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const entry = outcomeOf('id', 'cancel', 1, { kind: 'cancel', name: 'cancel', input: null, outcome: null });
    await store.commit(batchOf({ operations: [entry] }));
    assertEqual(await journalOf(store, 'id'), [entry]);
  },
  'journals of different runs are kept apart': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    await store.commit(batchOf({ operations: [outcomeOf('a', '1', 1), outcomeOf('b', '1', 1, { outcome: '"b"' })] }));
    assertEqual(await journalOf(store, 'a'), [outcomeOf('a', '1', 1)]);
  },
  'a batch of any size is kept whole (S2)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const operations = Array.from({ length: 2_345 }, (_, index) => outcomeOf('id', `${index}`, index + 1));
    await store.commit(batchOf({ operations }));
    assertEqual(await journalOf(store, 'id'), operations);
  },
  'long and unusual texts come back unchanged': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const entry = outcomeOf('id', '1', 1, { outcome: JSON.stringify('é😀\0\n'.repeat(100_000)), name: `a'b"c;--` });
    await store.commit(batchOf({ operations: [entry] }));
    assertEqual(await journalOf(store, 'id'), [entry]);
  },
  'another process sees what was committed (S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    assertEqual(await journalOf(await connect(), 'id'), [outcomeOf('id', '1', 1)]);
  },
  'the journal of an ended run stays': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)], ends: [endOf('id')] }));
    assertEqual(await journalOf(store, 'id'), [outcomeOf('id', '1', 1)]);
  },
  'data stays when the store is closed and opened again': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    await store.close();
    const again = await connect();
    assertEqual(await journalOf(again, 'id'), [outcomeOf('id', '1', 1)]);
    assertEqual(await again.getRuns(['id']), [runOf('id')]);
  },
});
