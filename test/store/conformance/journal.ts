import { expect } from 'vitest';
import { batchOf, endOf, outcomeOf, runOf, startOf, withRuns } from '../records.js';
import type { ConformanceCase } from './case.js';
import { area } from './case.js';

export const journal: readonly ConformanceCase[] = area('journal', {
  'the journal of an unknown run is empty': async (connect) => {
    const store = await withRuns(await connect());
    expect(await store.loadJournal('unknown')).toEqual([]);
  },
  'entries come back as they were given (S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const timer = startOf('id', '4.0.2', { kind: 'timer', name: 'sleep', input: null, dueAt: 1_800_000_000_000 });
    const child = outcomeOf('id', '5', 1, { kind: 'flow', childRunId: 'id/5', status: 'FAILED', outcome: '{"error":"x"}' });
    await store.commit(batchOf({ operations: [timer, child] }));
    expect(await store.loadJournal('id')).toEqual([child, timer]);
  },
  'outcomes come in the order of seq, starts after them': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const seqs = [10, 2, 9, 1, 100, 3];
    await store.commit(batchOf({ operations: [startOf('id', '0'), ...seqs.map((seq) => outcomeOf('id', `${seq}`, seq))] }));
    const entries = await store.loadJournal('id');
    expect(entries.map((entry) => entry.seq)).toEqual([1, 2, 3, 9, 10, 100, null]);
  },
  'an outcome overwrites its start (S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [startOf('id', '1')] }));
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    expect(await store.loadJournal('id')).toEqual([outcomeOf('id', '1', 1)]);
  },
  'a start and its outcome may be in one batch': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [startOf('id', '1'), outcomeOf('id', '1', 1)] }));
    expect(await store.loadJournal('id')).toEqual([outcomeOf('id', '1', 1)]);
  },
  'an entry without seq never overwrites one with': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1), startOf('id', '1')] }));
    await store.commit(batchOf({ operations: [startOf('id', '1', { status: 'CANCELLED', finishedAt: 5 })] }));
    expect(await store.loadJournal('id')).toEqual([outcomeOf('id', '1', 1)]);
  },
  'an entry without seq overwrites one without': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const cancelled = startOf('id', '1', { status: 'CANCELLED', finishedAt: 5 });
    await store.commit(batchOf({ operations: [startOf('id', '1')] }));
    await store.commit(batchOf({ operations: [cancelled] }));
    expect(await store.loadJournal('id')).toEqual([cancelled]);
  },
  'a cancel request is an entry as well': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const entry = outcomeOf('id', 'cancel', 1, { kind: 'cancel', name: 'cancel', input: null, outcome: null });
    await store.commit(batchOf({ operations: [entry] }));
    expect(await store.loadJournal('id')).toEqual([entry]);
  },
  'journals of different runs are kept apart': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    await store.commit(batchOf({ operations: [outcomeOf('a', '1', 1), outcomeOf('b', '1', 1, { outcome: '"b"' })] }));
    expect(await store.loadJournal('a')).toEqual([outcomeOf('a', '1', 1)]);
  },
  'a batch of any size is kept whole (S2)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const operations = Array.from({ length: 2_345 }, (_, index) => outcomeOf('id', `${index}`, index + 1));
    await store.commit(batchOf({ operations }));
    expect(await store.loadJournal('id')).toEqual(operations);
  },
  'long and unusual texts come back unchanged': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const entry = outcomeOf('id', '1', 1, { outcome: JSON.stringify('é😀\0\n'.repeat(100_000)), name: `a'b"c;--` });
    await store.commit(batchOf({ operations: [entry] }));
    expect(await store.loadJournal('id')).toEqual([entry]);
  },
  'another process sees what was committed (S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    expect(await (await connect()).loadJournal('id')).toEqual([outcomeOf('id', '1', 1)]);
  },
  'the journal of an ended run stays': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)], ends: [endOf('id')] }));
    expect(await store.loadJournal('id')).toEqual([outcomeOf('id', '1', 1)]);
  },
  'data stays when the store is closed and opened again': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    await store.close();
    const again = await connect();
    expect(await again.loadJournal('id')).toEqual([outcomeOf('id', '1', 1)]);
    expect(await again.getRuns(['id'])).toEqual([runOf('id')]);
  },
});
