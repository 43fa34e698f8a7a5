import { journalOf } from '../../store/journal-of.js';
import { recordsOf } from '../reading.js';
import { assertEqual, assertFields, assertRefused } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, blockOf, endOf, NOTHING, outcomeOf, runOf, theRun, withRuns, workerOf } from './records.js';

const UNREADABLE = 'VALUE_UNREADABLE';
const ORDER = { flow: 'order', version: 1 };

export const claiming: readonly StoreCase[] = area('claiming', {
  'runs of a dead worker are claimed with their journal (S5)': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    await store.commit(batchOf({ operations: [outcomeOf('a', '1', 1)] }));
    await store.close();
    const other = await connect();
    await other.registerWorker(workerOf('w2', 2_000));
    await other.reapWorkers({ workerId: 'w2', nowMs: 2_000 });
    const { claimed, blocked } = await other.claimRuns({ workerId: 'w2', nowMs: 2_000, flows: [ORDER], limit: 10 });
    assertEqual(claimed, [runOf('a', { workerId: 'w2', crashes: 1 }), runOf('b', { workerId: 'w2', crashes: 1 })]);
    assertEqual(blocked, []);
    assertEqual(await theRun(other, 'a'), claimed[0]);
    assertEqual(await journalOf(other, 'a'), [outcomeOf('a', '1', 1)]);
  },
  'runs of living workers are not claimed (S5)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.registerWorker(workerOf('w2'));
    assertEqual(await store.claimRuns({ workerId: 'w2', nowMs: 2_000, flows: [ORDER], limit: 10 }), NOTHING);
  },
  'a run is claimed by one worker only (S5)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.retireWorker('w1');
    const other = await connect();
    await store.registerWorker(workerOf('w2'));
    await other.registerWorker(workerOf('w3'));
    const first = await store.claimRuns({ workerId: 'w2', nowMs: 2_000, flows: [ORDER], limit: 10 });
    const second = await other.claimRuns({ workerId: 'w3', nowMs: 2_000, flows: [ORDER], limit: 10 });
    assertEqual([first.claimed.length, second.claimed.length], [1, 0]);
  },
  'the oldest runs are claimed first, up to the limit': async (connect) => {
    const store = await withRuns(await connect(), 'z', 'm', 'a');
    await store.retireWorker('w1');
    await store.registerWorker(workerOf('w2'));
    const claim = async (limit: number): Promise<string[]> => {
      const { claimed } = await store.claimRuns({ workerId: 'w2', nowMs: 2_000, flows: [ORDER], limit });
      return claimed.map((run) => run.id);
    };
    assertEqual(await claim(2), ['z', 'm']);
    assertEqual(await claim(2), ['a']);
    assertEqual(await claim(2), []);
  },
  'ended runs are not claimed (S6)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [endOf('id')] }));
    assertEqual(await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10 }), NOTHING);
  },
  'orphans of unknown flows and versions are blocked, once': async (connect) => {
    const store = await withRuns(await connect());
    const orphan = { workerId: null, status: 'PENDING' } as const;
    const creates = [runOf('v1', orphan), runOf('v2', { ...orphan, version: 2 }), runOf('other', { ...orphan, flow: 'other' })];
    await store.commit(batchOf({ creates }));
    const first = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10 });
    assertEqual(
      first.claimed.map((run) => run.id),
      ['v1'],
    );
    assertEqual(first.blocked, [
      runOf('v2', { workerId: null, status: 'BLOCKED', version: 2, blockedCode: 'FLOW_NOT_REGISTERED' }),
      runOf('other', { workerId: null, status: 'BLOCKED', flow: 'other', blockedCode: 'FLOW_NOT_REGISTERED' }),
    ]);
    assertEqual(await theRun(store, 'v2'), first.blocked[0]);
    assertEqual(await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10 }), NOTHING);
  },
  'orphans beyond the limit are not blocked': async (connect) => {
    const store = await withRuns(await connect());
    const creates = ['a', 'b', 'c'].map((id) => runOf(id, { workerId: null, status: 'PENDING' }));
    await store.commit(batchOf({ creates }));
    const { claimed, blocked } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 1 });
    assertEqual([claimed.length, blocked.length], [1, 0]);
    assertEqual((await theRun(store, 'c'))?.status, 'PENDING');
  },
  'no more orphans of unknown flows are blocked than asked for, and a claim says whether there may be more': async (connect) => {
    const store = await withRuns(await connect());
    const orphans = (flow: string, ...ids: string[]) => ids.map((id) => runOf(id, { flow, workerId: null, status: 'PENDING' }));
    await store.commit(
      batchOf({ creates: [...orphans('x', '1', '2', '3'), ...orphans('order', '4', '5', '6'), ...orphans('y', '7', '8')] }),
    );
    const claimed: string[] = [];
    const blocked: string[] = [];
    for (let more = true; more; ) {
      const claim = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 2 });
      assertEqual([claim.claimed.length <= 2, claim.blocked.length <= 2], [true, true]);
      claimed.push(...claim.claimed.map(({ id }) => id));
      blocked.push(...claim.blocked.map(({ id }) => id));
      more = claim.more;
    }
    assertEqual(claimed, ['4', '5', '6']);
    assertEqual(blocked.sort(), ['1', '2', '3', '7', '8']);
    for (const id of blocked) assertFields(await theRun(store, id), { status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED' });
    assertEqual(await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 2 }), NOTHING);
  },
  'the oldest are claimed first across flows and versions, those that were blocked for want of them among them': async (connect) => {
    const store = await withRuns(await connect(), 'c');
    const orphan = { workerId: null, status: 'PENDING' } as const;
    const creates = [runOf('b', { ...orphan, flow: 'x' }), runOf('z', { ...orphan, version: 2 }), runOf('a', orphan)];
    await store.commit(batchOf({ creates, ends: [blockOf('c', 'FLOW_NOT_REGISTERED')] }));
    const flows = [ORDER, { flow: 'order', version: 2 }, { flow: 'x', version: 1 }, { flow: 'y', version: 1 }];
    const query = { workerId: 'w1', nowMs: 2_000, flows, limit: 3 };
    const ids: string[][] = [];
    for (const { claimed } of [await store.claimRuns(query), await store.claimRuns(query)]) ids.push(claimed.map(({ id }) => id));
    assertEqual(ids, [['c', 'b', 'z'], ['a']]);
  },
  'a worker without flows blocks what no worker runs': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [runOf('id', { workerId: null, status: 'PENDING' })] }));
    const { blocked } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [], limit: 10 });
    assertEqual(
      blocked.map((run) => run.id),
      ['id'],
    );
  },
  'a later registration takes what was blocked for want of it': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [blockOf('id', 'FLOW_NOT_REGISTERED')] }));
    const { claimed } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10 });
    assertEqual(claimed, [runOf('id')]);
    assertEqual(await theRun(store, 'id'), runOf('id'));
  },
  'a run blocked by non-determinism is neither claimed nor blocked again': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [blockOf('id', 'NON_DETERMINISM')] }));
    assertEqual(await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10 }), NOTHING);
    assertEqual(await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [], limit: 10 }), NOTHING);
    assertFields(await theRun(store, 'id'), {
      status: 'BLOCKED',
      blockedCode: 'NON_DETERMINISM',
      outcome: '"why"',
      workerId: null,
    });
  },
  'a run that could not be read is claimed only by its id': async (connect) => {
    const store = await withRuns(await connect(), 'other', 'again', 'left');
    await store.commit(batchOf({ ends: [blockOf('other', 'NON_DETERMINISM'), ...['again', 'left'].map((id) => blockOf(id, UNREADABLE))] }));
    assertEqual(await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10 }), NOTHING);
    assertEqual(await store.blockedRuns(UNREADABLE), [
      { id: 'again', ...ORDER },
      { id: 'left', ...ORDER },
    ]);
    const unreadable = ['other', 'again', 'unknown'];
    const { claimed, blocked } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10, unreadable });
    assertEqual([claimed, blocked], [[runOf('again')], []]);
    assertEqual(await theRun(store, 'again'), runOf('again'));
    assertEqual(await store.blockedRuns(UNREADABLE), [{ id: 'left', ...ORDER }]);
    assertEqual((await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10, unreadable })).claimed, []);
  },
  'runs that are tried again come beside those that the limit counts': async (connect) => {
    const store = await withRuns(await connect(), 'again');
    await store.commit(batchOf({ ends: [blockOf('again', UNREADABLE)] }));
    const creates = ['a', 'b'].map((id) => runOf(id, { workerId: null, status: 'PENDING' }));
    await store.commit(batchOf({ creates }));
    const query = { workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 1, unreadable: ['again'] };
    const { claimed } = await store.claimRuns(query);
    assertEqual(claimed.map(({ id }) => id).sort(), ['a', 'again']);
  },
  'unblocking makes a blocked run claimable': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [blockOf('id', 'NON_DETERMINISM')] }));
    assertEqual(await store.unblock('id'), 'BLOCKED');
    assertEqual(await theRun(store, 'id'), runOf('id', { status: 'PENDING', workerId: null }));
    const { claimed } = await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10 });
    assertEqual(
      claimed.map((run) => run.id),
      ['id'],
    );
  },
  'unblocking leaves other statuses as they are (S6)': async (connect) => {
    const store = await withRuns(await connect(), 'running', 'ended');
    await store.commit(batchOf({ ends: [endOf('ended')] }));
    const before = await recordsOf(store);
    assertEqual(await store.unblock('running'), 'RUNNING');
    assertEqual(await store.unblock('ended'), 'SUCCEEDED');
    assertEqual(await store.unblock('unknown'), undefined);
    assertEqual(await recordsOf(store), before);
  },
  'a run of a flow that another living worker has registered is left to that one': async (connect) => {
    const store = await withRuns(await connect());
    const other = await connect();
    await other.registerWorker(workerOf('w2'));
    await other.registerFlows('w2', [{ flow: 'ship', version: 2 }]);
    await store.createRuns([{ run: runOf('theirs', { flow: 'ship', version: 2 }) }, { run: runOf('older', { flow: 'ship' }) }]);
    const query = { workerId: 'w1', nowMs: 2_000, flows: [ORDER], limit: 10 };
    const { claimed, blocked } = await store.claimRuns(query);
    assertEqual([claimed.map(({ id }) => id), blocked.map(({ id }) => id)], [[], ['older']]);
    await other.registerFlows('w2', []);
    assertEqual(
      (await store.claimRuns(query)).blocked.map(({ id }) => id),
      ['theirs'],
    );
  },
  'what a worker had registered is gone with it': async (connect) => {
    const store = await withRuns(await connect());
    const query = { workerId: 'w1', nowMs: 2_000, flows: [], limit: 10 };
    for (const [workerId, end] of [
      ['retired', () => store.retireWorker('retired')],
      ['dead', () => store.reapWorkers({ workerId: 'w1', nowMs: 100_000 })],
    ] as const) {
      await store.registerWorker(workerOf(workerId));
      await store.registerFlows(workerId, [{ flow: workerId, version: 1 }]);
      await store.createRuns([{ run: runOf(`of ${workerId}`, { flow: workerId }) }]);
      assertEqual((await store.claimRuns(query)).blocked, []);
      await end();
      assertEqual(
        (await store.claimRuns(query)).blocked.map(({ id }) => id),
        [`of ${workerId}`],
      );
    }
  },
  'a worker marked dead registers no flows (S3)': async (connect) => {
    const store = await withRuns(await connect());
    await store.reapWorkers({ workerId: 'w2', nowMs: 100_000 });
    await assertRefused(store.registerFlows('w1', [ORDER]), 'FENCED');
  },
});
