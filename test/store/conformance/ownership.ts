import { expect } from 'vitest';
import { batchOf, blockOf, endOf, outcomeOf, runOf, theRun, withRuns } from '../records.js';
import type { ConformanceCase } from './case.js';
import { area } from './case.js';

const FENCED = expect.objectContaining({ name: 'StorageError', code: 'FENCED' });
const LATE = { workerId: 'w2', nowMs: 100_000, leaseMs: 30_000 };
const SOON = { ...LATE, nowMs: 2_000 };

export const ownership: readonly ConformanceCase[] = area('fence and ownership', {
  'an unknown worker cannot write (S3)': async (connect) => {
    const store = await connect();
    await expect(store.commit(batchOf({ creates: [runOf('id')] }))).rejects.toEqual(FENCED);
    await expect(store.heartbeat('w1', 1)).rejects.toEqual(FENCED);
    await expect(store.claimRuns({ workerId: 'w1', flows: [], limit: 1 })).rejects.toEqual(FENCED);
    expect(await store.getRuns(['id'])).toEqual([]);
  },
  'an empty batch is fenced as well': async (connect) => {
    await expect((await connect()).commit(batchOf())).rejects.toEqual(FENCED);
  },
  'a worker marked dead cannot write any more (S3)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    expect(await (await connect()).reapWorkers(LATE)).toEqual(['w1']);
    await expect(store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }))).rejects.toEqual(FENCED);
    await expect(store.heartbeat('w1', 100_000)).rejects.toEqual(FENCED);
    await expect(store.claimRuns({ workerId: 'w1', flows: [], limit: 1 })).rejects.toEqual(FENCED);
    expect(await store.loadJournal('id')).toEqual([]);
  },
  'a worker marked dead never lives again (S5)': async (connect) => {
    const store = await withRuns(await connect());
    await store.reapWorkers(LATE);
    await store.retireWorker('w1');
    await expect(store.registerWorker('w1', 100_000)).rejects.toEqual(FENCED);
  },
  'a living worker within its lease is left alone, by stores here and elsewhere': async (connect) => {
    const store = await withRuns(await connect());
    expect(await store.reapWorkers(SOON)).toEqual([]);
    expect(await (await connect()).reapWorkers(SOON)).toEqual([]);
    await store.heartbeat('w1', 3_000);
  },
  'a worker is never reaped by itself': async (connect) => {
    const store = await withRuns(await connect());
    expect(await store.reapWorkers({ ...LATE, workerId: 'w1' })).toEqual([]);
  },
  'a heartbeat renews the lease': async (connect) => {
    const store = await withRuns(await connect());
    await store.heartbeat('w1', 70_000);
    expect(await store.reapWorkers(LATE)).toEqual([]);
    expect(await store.reapWorkers({ ...LATE, nowMs: 100_001 })).toEqual(['w1']);
  },
  'a dead worker is reported once': async (connect) => {
    const store = await withRuns(await connect());
    const other = await connect();
    expect(await other.reapWorkers(LATE)).toEqual(['w1']);
    expect(await other.reapWorkers(LATE)).toEqual([]);
    expect(await store.reapWorkers({ ...LATE, workerId: 'w3' })).toEqual([]);
  },
  'a process that closed without retiring its worker has died': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.close();
    const other = await connect();
    expect(await other.reapWorkers(SOON)).toEqual(['w1']);
    expect(await theRun(other, 'id')).toMatchObject({ status: 'PENDING', workerId: null });
  },
  'two workers cannot have one id': async (connect) => {
    const store = await withRuns(await connect());
    const code = expect.objectContaining({ code: 'STORE_BUSY' });
    await expect(store.registerWorker('w1', 1)).rejects.toEqual(code);
    await store.heartbeat('w1', 2);
  },
  'a retired worker gives its runs back (S5)': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b', 'c');
    await store.commit(batchOf({ ends: [endOf('a'), blockOf('b', 'NON_DETERMINISM')] }));
    await store.retireWorker('w1');
    const runs = await store.getRuns(['a', 'b', 'c']);
    const byId = new Map(runs.map((run) => [run.id, run]));
    expect(byId.get('a')?.status).toBe('SUCCEEDED');
    expect(byId.get('b')?.status).toBe('BLOCKED');
    expect(byId.get('c')).toEqual(runOf('c', { status: 'PENDING', workerId: null }));
  },
  'a retired worker is fenced, and not reaped': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.retireWorker('w1');
    await expect(store.commit(batchOf())).rejects.toEqual(FENCED);
    expect(await store.reapWorkers(LATE)).toEqual([]);
  },
  'retiring an unknown worker does nothing': async (connect) => {
    await (await connect()).retireWorker('unknown');
  },
  'an end for a run of somebody else rolls everything back (S2, S3)': async (connect) => {
    const store = await withRuns(await connect(), 'mine');
    await store.registerWorker('w2', 1_000);
    const batch = batchOf({
      workerId: 'w2',
      creates: [runOf('new', { workerId: 'w2' })],
      operations: [outcomeOf('new', '1', 1)],
      ends: [endOf('new'), endOf('mine')],
    });
    await expect(store.commit(batch)).rejects.toEqual(FENCED);
    expect(await store.getRuns(['new'])).toEqual([]);
    expect(await store.loadJournal('new')).toEqual([]);
    expect(await theRun(store, 'mine')).toEqual(runOf('mine'));
  },
  'an end for an unknown run is refused': async (connect) => {
    const store = await withRuns(await connect());
    await expect(store.commit(batchOf({ ends: [endOf('unknown')] }))).rejects.toEqual(FENCED);
  },
  'an ended run never ends again (S6)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [endOf('id')] }));
    const before = await theRun(store, 'id');
    await expect(store.commit(batchOf({ ends: [endOf('id', { status: 'FAILED' })] }))).rejects.toEqual(FENCED);
    await expect(store.commit(batchOf({ creates: [runOf('x')], ends: [endOf('x'), endOf('x')] }))).rejects.toEqual(FENCED);
    expect(await theRun(store, 'id')).toEqual(before);
    expect(await theRun(store, 'x')).toBeUndefined();
  },
  'a run that ended has its outcome and no owner': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b', 'c');
    const ends = [endOf('a'), endOf('b', { status: 'FAILED', outcome: '{}' }), endOf('c', { status: 'CANCELLED', outcome: '{"c":1}' })];
    await store.commit(batchOf({ ends }));
    for (const end of ends) {
      const { status, outcome, finishedAt } = end;
      expect(await theRun(store, end.runId)).toEqual(runOf(end.runId, { status: status as 'FAILED', outcome, finishedAt, workerId: null }));
    }
  },
});
