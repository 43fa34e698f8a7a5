import type { RunSuspension } from '../../model/records.js';
import { journalOf } from '../../store/journal-of.js';
import type { Store } from '../../store/store.js';
import { recordsOf } from '../reading.js';
import { assertEqual, assertFields, assertRefused } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, blockOf, endOf, messageTo, NOTHING, outcomeOf, runOf, startOf, theRun, withRuns, workerOf } from './records.js';

const ORDER = { flow: 'order', version: 1 };

/** How a run goes to sleep. */
function suspensionOf(runId: string, wakeAt: number | null = 5_000, children: readonly string[] = []): RunSuspension {
  return { runId, wakeAt, children };
}

/** An open store with worker `w1`, and runs of these ids that it has suspended until then. */
async function withSleepers(store: Store, sleepers: Readonly<Record<string, number | null>>): Promise<Store> {
  await withRuns(store, ...Object.keys(sleepers));
  await store.commit(batchOf({ suspends: Object.entries(sleepers).map(([id, wakeAt]) => suspensionOf(id, wakeAt)) }));
  return store;
}

/** The ids of the runs that worker `w1` claims at a time. */
async function claimedAt(store: Store, nowMs: number, limit = 10): Promise<string[]> {
  const { claimed } = await store.claimRuns({ workerId: 'w1', nowMs, flows: [ORDER], limit });
  return claimed.map(({ id }) => id);
}

const suspends: readonly StoreCase[] = area('suspending', {
  'a suspended run has no owner and says when it wakes': async (connect) => {
    const store = await withSleepers(await connect(), { timed: 5_000, called: null });
    const other = await connect();
    assertEqual(await theRun(other, 'timed'), runOf('timed', { status: 'SUSPENDED', workerId: null, wakeAt: 5_000 }));
    assertEqual(await theRun(other, 'called'), runOf('called', { status: 'SUSPENDED', workerId: null, wakeAt: null }));
    assertEqual(
      (await recordsOf(store, { status: 'SUSPENDED' })).map(({ id }) => id),
      ['called', 'timed'],
    );
  },
  'the journal of a suspended run stays, with what the same batch wrote (S2, S4)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1), startOf('id', '2')], suspends: [suspensionOf('id')] }));
    assertEqual(await journalOf(await connect(), 'id'), [outcomeOf('id', '1', 1), startOf('id', '2')]);
  },
  'a run that a message has come for is pending at once (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'called', 'quiet');
    await store.send(messageTo('called'));
    await store.commit(batchOf({ suspends: [suspensionOf('called'), suspensionOf('quiet')] }));
    assertEqual(await theRun(store, 'called'), runOf('called', { status: 'PENDING', workerId: null }));
    assertFields(await theRun(store, 'quiet'), { status: 'SUSPENDED', wakeAt: 5_000 });
    assertEqual(await claimedAt(store, 1_000), ['called']);
    assertEqual((await store.readInbox('w1')).length, 1);
  },
  'a run is pending at once when one that it waits for has ended, whichever worker owned that': async (connect) => {
    const store = await withRuns(await connect(), 'late', 'blocked', 'early', 'c1', 'c2', 'c3');
    await store.registerWorker(workerOf('w2'));
    await store.commit(batchOf({ workerId: 'w2', creates: [runOf('theirs', { workerId: 'w2' })] }));
    await store.commit(batchOf({ workerId: 'w2', ends: [endOf('theirs', { status: 'FAILED' })] }));
    await store.commit(batchOf({ ends: [endOf('c1'), blockOf('c3', 'NON_DETERMINISM')] }));
    await store.commit(
      batchOf({
        suspends: [
          suspensionOf('late', null, ['c2', 'theirs']),
          suspensionOf('blocked', null, ['c3']),
          suspensionOf('early', null, ['c2', 'unknown']),
        ],
      }),
    );
    assertEqual(await theRun(store, 'late'), runOf('late', { status: 'PENDING', workerId: null }));
    assertFields(await theRun(store, 'blocked'), { status: 'SUSPENDED' });
    assertFields(await theRun(store, 'early'), { status: 'SUSPENDED' });
  },
  'a child that ends in the batch that suspends its parent wakes it': async (connect) => {
    const store = await withRuns(await connect(), 'parent');
    await store.commit(batchOf({ creates: [runOf('child', { parentRunId: 'parent', parentOperationId: '1' })] }));
    await store.commit(batchOf({ suspends: [suspensionOf('parent', null, ['child'])], ends: [endOf('child')] }));
    assertFields(await theRun(store, 'parent'), { status: 'PENDING', workerId: null });
  },
  'a message of the batch that suspends its run wakes it': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ suspends: [suspensionOf('id')], messages: [messageTo('id')] }));
    assertEqual(await theRun(store, 'id'), runOf('id', { status: 'PENDING', workerId: null }));
  },
  'a run is created and suspended by one batch': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [runOf('id')], suspends: [suspensionOf('id')] }));
    assertFields(await theRun(store, 'id'), { status: 'SUSPENDED', wakeAt: 5_000, workerId: null });
  },
  'a suspension of a run that is not the worker’s is refused whole (S2, S3)': async (connect) => {
    const store = await withSleepers(await connect(), { asleep: 9_000 });
    await store.registerWorker(workerOf('w2'));
    await store.commit(batchOf({ workerId: 'w2', creates: [runOf('theirs', { workerId: 'w2' })] }));
    await store.commit(batchOf({ creates: [runOf('mine'), runOf('ended'), runOf('blocked')] }));
    await store.commit(batchOf({ ends: [endOf('ended'), blockOf('blocked', 'NON_DETERMINISM')] }));
    const before = await recordsOf(store);
    for (const wrong of ['theirs', 'asleep', 'ended', 'blocked', 'unknown']) {
      for (const order of [
        ['mine', wrong],
        [wrong, 'mine'],
      ]) {
        const batch = batchOf({
          creates: [runOf('new')],
          operations: [startOf('mine', '1')],
          suspends: order.map((id) => suspensionOf(id)),
          messages: [messageTo('mine')],
        });
        await assertRefused(store.commit(batch), 'FENCED');
        assertEqual(await recordsOf(await connect()), before);
        assertEqual(await journalOf(store, 'mine'), []);
        assertEqual(await store.readInbox('w1'), []);
      }
    }
  },
  'a run that is suspended does not end, and one that ends is not suspended, in one batch (S3)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await assertRefused(store.commit(batchOf({ suspends: [suspensionOf('id')], ends: [endOf('id')] })), 'FENCED');
    await assertRefused(store.commit(batchOf({ suspends: [suspensionOf('id'), suspensionOf('id')] })), 'FENCED');
    assertEqual(await theRun(store, 'id'), runOf('id'));
  },
  'the worker that suspended a run owns it no longer (S3, S5)': async (connect) => {
    const store = await withSleepers(await connect(), { id: 5_000 });
    await assertRefused(store.commit(batchOf({ ends: [endOf('id')] })), 'FENCED');
    await store.retireWorker('w1');
    assertFields(await theRun(store, 'id'), { status: 'SUSPENDED', wakeAt: 5_000 });
  },
  'a worker marked dead suspends nothing, and what it has suspended sleeps on (S3)': async (connect) => {
    const store = await withSleepers(await connect(), { asleep: 500_000 });
    await store.commit(batchOf({ creates: [runOf('id')] }));
    await (await connect()).reapWorkers({ workerId: 'w2', nowMs: 100_000 });
    await assertRefused(store.commit(batchOf({ suspends: [suspensionOf('id')] })), 'FENCED');
    assertEqual(await theRun(store, 'id'), runOf('id', { status: 'PENDING', workerId: null, crashes: 1 }));
    assertFields(await theRun(store, 'asleep'), { status: 'SUSPENDED', wakeAt: 500_000 });
  },
});

const wakes: readonly StoreCase[] = area('waking', {
  'a suspended run is claimed when it is due, and not before': async (connect) => {
    const store = await withSleepers(await connect(), { second: 5_001, first: 5_000, never: null });
    assertEqual(await claimedAt(store, 4_999), []);
    assertEqual(await claimedAt(store, 5_000), ['first']);
    assertEqual(await theRun(store, 'first'), runOf('first'));
    assertEqual(await claimedAt(store, 10_000_000), ['second']);
    assertEqual(await claimedAt(store, Number.MAX_SAFE_INTEGER), []);
    assertFields(await theRun(store, 'never'), { status: 'SUSPENDED' });
  },
  'what a claim of a sleeper returns is what is stored, with its journal': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [startOf('id', '1')], suspends: [suspensionOf('id')] }));
    const other = await connect();
    await other.registerWorker(workerOf('w2'));
    const { claimed } = await other.claimRuns({ workerId: 'w2', nowMs: 5_000, flows: [ORDER], limit: 10 });
    assertEqual(claimed, [runOf('id', { workerId: 'w2' })]);
    assertEqual(await theRun(store, 'id'), claimed[0]);
    assertEqual(await journalOf(other, 'id'), [startOf('id', '1')]);
  },
  'of sleepers that are due no more are claimed than asked for, and the others by the next claims': async (connect) => {
    const store = await withSleepers(await connect(), { a: 3_000, b: 1_000, c: 2_000 });
    assertEqual(await claimedAt(store, 3_000, 2), ['a', 'b']);
    assertEqual(await claimedAt(store, 3_000, 2), ['c']);
  },
  'a sleeper of a flow that no worker has is blocked when it is due, and not before': async (connect) => {
    const store = await withSleepers(await connect(), { due: 5_000, later: 6_000, called: null });
    const claim = (nowMs: number): ReturnType<Store['claimRuns']> => store.claimRuns({ workerId: 'w1', nowMs, flows: [], limit: 10 });
    assertEqual(await claim(4_999), NOTHING);
    const blocked = [runOf('due', { status: 'BLOCKED', workerId: null, blockedCode: 'FLOW_NOT_REGISTERED' })];
    assertEqual(await claim(5_000), { ...NOTHING, blocked });
    assertEqual(await theRun(store, 'due'), blocked[0]);
    assertEqual(await claimedAt(store, 5_000), ['due']);
    assertFields(await theRun(store, 'later'), { status: 'SUSPENDED', wakeAt: 6_000 });
    assertFields(await theRun(store, 'called'), { status: 'SUSPENDED', wakeAt: null });
  },
  'a message to a sleeper makes it pending, and the sender hears so (S7)': async (connect) => {
    const store = await withSleepers(await connect(), { id: 500_000, other: null });
    assertEqual(await (await connect()).send(messageTo('id', '"up"')), 'PENDING');
    assertEqual(await theRun(store, 'id'), runOf('id', { status: 'PENDING', workerId: null }));
    assertEqual(await store.send(messageTo('id', '"again"')), 'PENDING');
    assertEqual(await claimedAt(store, 1_000), ['id']);
    assertEqual(
      (await store.readInbox('w1')).map(({ payload }) => payload),
      ['"up"', '"again"'],
    );
    assertFields(await theRun(store, 'other'), { status: 'SUSPENDED' });
  },
  'a message of a batch to a sleeper makes it pending (S7)': async (connect) => {
    const store = await withSleepers(await connect(), { id: 500_000 });
    await store.commit(batchOf({ messages: [messageTo('id')] }));
    assertEqual(await theRun(store, 'id'), runOf('id', { status: 'PENDING', workerId: null }));
  },
  'the end of a child wakes its parent, and no other run': async (connect) => {
    const store = await withSleepers(await connect(), { grandparent: null, parent: 500_000, stranger: null });
    const childOf = (parentRunId: string) => ({ parentRunId, parentOperationId: '1' }) as const;
    await store.registerWorker(workerOf('w2'));
    const creates = [runOf('child', { ...childOf('parent'), workerId: 'w2' }), runOf('sibling', { ...childOf('parent'), workerId: 'w2' })];
    await store.commit(batchOf({ workerId: 'w2', creates }));
    await store.commit(batchOf({ workerId: 'w2', suspends: [suspensionOf('sibling', null)] }));
    await store.commit(batchOf({ workerId: 'w2', ends: [endOf('child', { status: 'CANCELLED' })] }));
    assertEqual(await theRun(store, 'parent'), runOf('parent', { status: 'PENDING', workerId: null }));
    for (const id of ['grandparent', 'stranger', 'sibling']) assertFields(await theRun(store, id), { status: 'SUSPENDED' });
    assertEqual(await claimedAt(store, 1_000), ['parent']);
  },
  'a child that is blocked does not wake its parent': async (connect) => {
    const store = await withSleepers(await connect(), { parent: null });
    await store.commit(batchOf({ creates: [runOf('child', { parentRunId: 'parent', parentOperationId: '1' })] }));
    await store.commit(batchOf({ ends: [blockOf('child', 'NON_DETERMINISM')] }));
    assertFields(await theRun(store, 'parent'), { status: 'SUSPENDED' });
  },
  'the end of a child leaves a parent alone that is awake or has ended (S3, S6)': async (connect) => {
    const store = await withRuns(await connect(), 'awake', 'ended');
    await store.commit(batchOf({ ends: [endOf('ended')] }));
    const creates = ['awake', 'ended'].map((id) => runOf(`of ${id}`, { parentRunId: id, parentOperationId: '1' }));
    await store.commit(batchOf({ creates }));
    const before = await store.getRuns(['awake', 'ended']);
    await store.commit(batchOf({ ends: [endOf('of awake'), endOf('of ended')] }));
    assertEqual(await store.getRuns(['awake', 'ended']), before);
  },
  'a store tells when the first sleeper is due, and whether any sleeps': async (connect) => {
    const store = await connect();
    assertEqual(await store.nextDueAt(), undefined);
    await withSleepers(store, { b: 7_000, a: 5_000, c: 6_000, called: null });
    const other = await connect();
    assertEqual(await other.nextDueAt(), 5_000);
    assertEqual(await claimedAt(store, 5_000), ['a']);
    assertEqual(await other.nextDueAt(), 6_000);
    await other.send(messageTo('c'));
    assertEqual(await other.nextDueAt(), 7_000);
    await claimedAt(store, 7_000);
    assertEqual(await other.nextDueAt(), null);
    await other.send(messageTo('called'));
    assertEqual(await other.nextDueAt(), undefined);
  },
  'a run sleeps again, and until another time': async (connect) => {
    const store = await withSleepers(await connect(), { id: 5_000 });
    await claimedAt(store, 5_000);
    await store.commit(batchOf({ suspends: [suspensionOf('id', 4_000)] }));
    assertEqual(await store.nextDueAt(), 4_000);
    await claimedAt(store, 5_000);
    await store.commit(batchOf({ suspends: [suspensionOf('id', null)] }));
    assertEqual(await theRun(store, 'id'), runOf('id', { status: 'SUSPENDED', workerId: null }));
    assertEqual(await store.nextDueAt(), null);
  },
});

export const suspending: readonly StoreCase[] = [...suspends, ...wakes];
