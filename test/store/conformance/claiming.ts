import { expect } from 'vitest';
import { batchOf, blockOf, endOf, outcomeOf, runOf, theRun, withRuns } from '../records.js';
import type { ConformanceCase } from './case.js';
import { area } from './case.js';

const ORDER = { flow: 'order', version: 1 };

export const claiming: readonly ConformanceCase[] = area('claiming', {
  'runs of a dead worker are claimed with their journal (S5)': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    await store.commit(batchOf({ operations: [outcomeOf('a', '1', 1)] }));
    await store.close();
    const other = await connect();
    await other.registerWorker('w2', 2_000);
    await other.reapWorkers({ workerId: 'w2', nowMs: 2_000, leaseMs: 30_000 });
    const { claimed, blocked } = await other.claimRuns({ workerId: 'w2', flows: [ORDER], limit: 10 });
    expect(claimed).toEqual([runOf('a', { workerId: 'w2' }), runOf('b', { workerId: 'w2' })]);
    expect(blocked).toEqual([]);
    expect(await theRun(other, 'a')).toEqual(claimed[0]);
    expect(await other.loadJournal('a')).toEqual([outcomeOf('a', '1', 1)]);
  },
  'runs of living workers are not claimed (S5)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.registerWorker('w2', 1_000);
    expect(await store.claimRuns({ workerId: 'w2', flows: [ORDER], limit: 10 })).toEqual({ claimed: [], blocked: [] });
  },
  'a run is claimed by one worker only (S5)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.retireWorker('w1');
    const other = await connect();
    await store.registerWorker('w2', 1_000);
    await other.registerWorker('w3', 1_000);
    const first = await store.claimRuns({ workerId: 'w2', flows: [ORDER], limit: 10 });
    const second = await other.claimRuns({ workerId: 'w3', flows: [ORDER], limit: 10 });
    expect([first.claimed.length, second.claimed.length]).toEqual([1, 0]);
  },
  'the oldest runs are claimed first, up to the limit': async (connect) => {
    const store = await withRuns(await connect(), 'z', 'm', 'a');
    await store.retireWorker('w1');
    await store.registerWorker('w2', 1_000);
    const claim = async (limit: number): Promise<string[]> => {
      const { claimed } = await store.claimRuns({ workerId: 'w2', flows: [ORDER], limit });
      return claimed.map((run) => run.id);
    };
    expect(await claim(2)).toEqual(['z', 'm']);
    expect(await claim(2)).toEqual(['a']);
    expect(await claim(2)).toEqual([]);
  },
  'ended runs are not claimed (S6)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [endOf('id')] }));
    expect(await store.claimRuns({ workerId: 'w1', flows: [ORDER], limit: 10 })).toEqual({ claimed: [], blocked: [] });
  },
  'orphans of unknown flows and versions are blocked, once': async (connect) => {
    const store = await withRuns(await connect());
    const orphan = { workerId: null, status: 'PENDING' } as const;
    const creates = [runOf('v1', orphan), runOf('v2', { ...orphan, version: 2 }), runOf('other', { ...orphan, flow: 'other' })];
    await store.commit(batchOf({ creates }));
    const first = await store.claimRuns({ workerId: 'w1', flows: [ORDER], limit: 10 });
    expect(first.claimed.map((run) => run.id)).toEqual(['v1']);
    expect(first.blocked).toEqual([
      runOf('v2', { workerId: null, status: 'BLOCKED', version: 2, blockedCode: 'FLOW_NOT_REGISTERED' }),
      runOf('other', { workerId: null, status: 'BLOCKED', flow: 'other', blockedCode: 'FLOW_NOT_REGISTERED' }),
    ]);
    expect(await theRun(store, 'v2')).toEqual(first.blocked[0]);
    expect(await store.claimRuns({ workerId: 'w1', flows: [ORDER], limit: 10 })).toEqual({ claimed: [], blocked: [] });
  },
  'orphans beyond the limit are not blocked': async (connect) => {
    const store = await withRuns(await connect());
    const creates = ['a', 'b', 'c'].map((id) => runOf(id, { workerId: null, status: 'PENDING' }));
    await store.commit(batchOf({ creates }));
    const { claimed, blocked } = await store.claimRuns({ workerId: 'w1', flows: [ORDER], limit: 1 });
    expect([claimed.length, blocked.length]).toEqual([1, 0]);
    expect((await theRun(store, 'c'))?.status).toBe('PENDING');
  },
  'a worker without flows blocks what nobody runs': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [runOf('id', { workerId: null, status: 'PENDING' })] }));
    const { blocked } = await store.claimRuns({ workerId: 'w1', flows: [], limit: 10 });
    expect(blocked.map((run) => run.id)).toEqual(['id']);
  },
  'a later registration takes what was blocked for want of it': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [blockOf('id', 'FLOW_NOT_REGISTERED')] }));
    const { claimed } = await store.claimRuns({ workerId: 'w1', flows: [ORDER], limit: 10 });
    expect(claimed).toEqual([runOf('id')]);
    expect(await theRun(store, 'id')).toEqual(runOf('id'));
  },
  'a run blocked by non-determinism is neither claimed nor blocked anew': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [blockOf('id', 'NON_DETERMINISM')] }));
    expect(await store.claimRuns({ workerId: 'w1', flows: [ORDER], limit: 10 })).toEqual({ claimed: [], blocked: [] });
    expect(await store.claimRuns({ workerId: 'w1', flows: [], limit: 10 })).toEqual({ claimed: [], blocked: [] });
    expect(await theRun(store, 'id')).toMatchObject({
      status: 'BLOCKED',
      blockedCode: 'NON_DETERMINISM',
      outcome: '"why"',
      workerId: null,
    });
  },
  'unblocking makes a blocked run claimable': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [blockOf('id', 'NON_DETERMINISM')] }));
    expect(await store.unblock('id')).toBe('BLOCKED');
    expect(await theRun(store, 'id')).toEqual(runOf('id', { status: 'PENDING', workerId: null }));
    const { claimed } = await store.claimRuns({ workerId: 'w1', flows: [ORDER], limit: 10 });
    expect(claimed.map((run) => run.id)).toEqual(['id']);
  },
  'unblocking leaves other statuses as they are (S6)': async (connect) => {
    const store = await withRuns(await connect(), 'running', 'ended');
    await store.commit(batchOf({ ends: [endOf('ended')] }));
    const before = await store.listRuns({});
    expect(await store.unblock('running')).toBe('RUNNING');
    expect(await store.unblock('ended')).toBe('SUCCEEDED');
    expect(await store.unblock('unknown')).toBeUndefined();
    expect(await store.listRuns({})).toEqual(before);
  },
});
