import type { RunRecord } from '../../model/records.js';
import { journalOf } from '../../store/journal-of.js';
import type { Store } from '../../store/store.js';
import { recordsOf } from '../reading.js';
import { assertEqual } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { ALL_CREATED, batchOf, blockOf, endOf, messageTo, outcomeOf, runOf, startOf, theRun, withRuns } from './records.js';

/** Ends runs, each at its time. */
async function endAt(store: Store, times: Readonly<Record<string, number>>): Promise<void> {
  await store.commit(batchOf({ ends: Object.entries(times).map(([id, finishedAt]) => endOf(id, { finishedAt })) }));
}

function childOf(parentRunId: string, id: string): RunRecord {
  return runOf(id, { parentRunId, parentOperationId: '1' });
}

/** The ids of the runs that there are, oldest first. */
async function left(store: Store): Promise<string[]> {
  return (await recordsOf(store, { limit: 10_000 })).map(({ id }) => id).reverse();
}

const ALL = { endedBefore: Number.MAX_SAFE_INTEGER, keep: null, limit: 100 };

export const pruning: readonly StoreCase[] = area('pruning', {
  'runs are gone that ended before a time': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b', 'c', 'd');
    await endAt(store, { c: 100, b: 200, a: 300 });
    assertEqual(await store.prune({ endedBefore: 200, keep: null, limit: 10 }), 1);
    assertEqual(await left(await connect()), ['a', 'b', 'd']);
    assertEqual(await store.prune({ endedBefore: 301, keep: null, limit: 10 }), 2);
    assertEqual(await left(store), ['d']);
    assertEqual(await store.prune({ endedBefore: 301, keep: null, limit: 10 }), 0);
  },
  'runs are gone but those that were created last': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b', 'c', 'd', 'e');
    // The order in which they ended is another.
    await endAt(store, { e: 100, d: 200, b: 300, a: 400 });
    assertEqual(await store.prune({ endedBefore: null, keep: 2, limit: 10 }), 2);
    // One that has not ended is not counted.
    assertEqual(await left(store), ['c', 'd', 'e']);
    assertEqual(await store.prune({ endedBefore: null, keep: 0, limit: 10 }), 2);
    assertEqual(await left(store), ['c']);
  },
  'one of the two reasons is enough': async (connect) => {
    const store = await withRuns(await connect(), 'beyond', 'old', 'young');
    await endAt(store, { beyond: 300, old: 100, young: 300 });
    assertEqual(await store.prune({ endedBefore: 200, keep: 2, limit: 10 }), 2);
    assertEqual(await left(store), ['young']);
  },
  'without a reason nothing is gone': async (connect) => {
    const store = await withRuns(await connect(), 'a');
    await endAt(store, { a: 100 });
    assertEqual(await store.prune({ endedBefore: null, keep: null, limit: 10 }), 0);
    assertEqual(await left(store), ['a']);
  },
  'no more are gone than asked for, the oldest first, children not counted': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b', 'c');
    await store.commit(batchOf({ creates: [childOf('a', 'a1'), childOf('a', 'a2')] }));
    await endAt(store, { a: 300, b: 200, c: 100, a1: 50, a2: 60 });
    assertEqual(await store.prune({ ...ALL, limit: 2 }), 4);
    assertEqual(await left(store), ['c']);
    assertEqual(await store.prune({ ...ALL, limit: 2 }), 1);
  },
  'children and their children go with their parent, whenever they ended, and not without it': async (connect) => {
    const store = await withRuns(await connect(), 'parent', 'other');
    await store.commit(batchOf({ creates: [childOf('parent', 'child'), childOf('child', 'grandchild'), childOf('other', 'of other')] }));
    await endAt(store, { child: 1, grandchild: 900, 'of other': 1, parent: 100 });
    assertEqual(await store.prune({ endedBefore: 50, keep: null, limit: 10 }), 0);
    assertEqual(await store.prune({ endedBefore: null, keep: 1, limit: 10 }), 0);
    assertEqual(await store.prune({ endedBefore: 500, keep: null, limit: 10 }), 3);
    assertEqual(await left(store), ['other', 'of other']);
  },
  'a child that lives stays with its children when its parent goes, and goes after its end': async (connect) => {
    const store = await withRuns(await connect(), 'parent');
    await store.commit(batchOf({ creates: [childOf('parent', 'child'), childOf('parent', 'quick'), childOf('child', 'grandchild')] }));
    await store.commit(batchOf({ operations: [outcomeOf('child', '1', 1), outcomeOf('grandchild', '1', 1)] }));
    await endAt(store, { parent: 100, quick: 100, grandchild: 100 });
    assertEqual(await store.prune(ALL), 2);
    assertEqual(await left(store), ['child', 'grandchild']);
    assertEqual(await store.prune(ALL), 0);
    assertEqual(await theRun(store, 'child'), childOf('parent', 'child'));
    assertEqual(await journalOf(store, 'child'), [outcomeOf('child', '1', 1)]);
    assertEqual(await journalOf(store, 'grandchild'), [outcomeOf('grandchild', '1', 1)]);
    await endAt(store, { child: 200 });
    assertEqual(await store.prune({ endedBefore: 150, keep: null, limit: 10 }), 0);
    assertEqual(await store.prune({ endedBefore: 201, keep: null, limit: 10 }), 2);
    assertEqual(await left(store), []);
  },
  'a run that an unfinished run waits for stays until that has ended, whichever run started it': async (connect) => {
    const store = await withRuns(await connect(), 'awaited', 'other', 'parent', 'of another');
    await store.commit(batchOf({ creates: [childOf('other', 'its child'), childOf('other', 'other//7')] }));
    const waits = (id: string, childRunId: string) => startOf('parent', id, { kind: 'flow', childRunId });
    const all = [waits('1', 'awaited'), waits('2', 'its child'), waits('3', 'other//7'), startOf('of another', '1')];
    await store.commit(batchOf({ operations: all }));
    await endAt(store, { awaited: 1, other: 1, 'its child': 1, 'other//7': 1, 'of another': 1 });
    assertEqual(await store.prune({ endedBefore: 100, keep: 0, limit: 10 }), 2);
    assertEqual(await left(store), ['awaited', 'parent', 'its child', 'other//7']);
    await store.commit(batchOf({ operations: [outcomeOf('parent', '1', 1, { kind: 'flow', childRunId: 'awaited' })] }));
    assertEqual(await store.prune(ALL), 1);
    await endAt(store, { parent: 2 });
    assertEqual(await store.prune(ALL), 3);
    assertEqual(await left(store), []);
  },
  'it stops when it is told to': async (connect) => {
    const ids = Array.from({ length: 3 }, (_, index) => `run ${index}`);
    const store = await withRuns(await connect(), ...ids);
    await endAt(store, Object.fromEntries(ids.map((id) => [id, 1])));
    let gone = 0;
    for (let calls = 0; calls < 10; calls += 1) gone += await store.prune({ ...ALL, stopped: () => true });
    assertEqual(gone, 3);
    assertEqual(await left(store), []);
  },
  'a run that has not ended is never gone, whatever its status (S3)': async (connect) => {
    const store = await withRuns(await connect(), 'running', 'asleep', 'blocked', 'called');
    const suspends = ['asleep', 'called'].map((runId) => ({ runId, wakeAt: 1, children: [] }));
    await store.commit(batchOf({ suspends, ends: [blockOf('blocked', 'NON_DETERMINISM')], operations: [startOf('asleep', '1')] }));
    await store.send(messageTo('called'));
    const before = await recordsOf(store);
    assertEqual(before.map(({ status }) => status).sort(), ['BLOCKED', 'PENDING', 'RUNNING', 'SUSPENDED']);
    assertEqual(await store.prune({ endedBefore: Number.MAX_SAFE_INTEGER, keep: 0, limit: 100 }), 0);
    assertEqual(await recordsOf(store), before);
    assertEqual(await journalOf(store, 'asleep'), [startOf('asleep', '1')]);
    await store.claimRuns({ workerId: 'w1', nowMs: 1, flows: [{ flow: 'order', version: 1 }], limit: 10 });
    assertEqual((await store.readInbox('w1')).length, 1);
  },
  'the journals of those that are gone are gone, and no others': async (connect) => {
    const store = await withRuns(await connect(), 'gone', 'kept', 'live');
    await store.commit(batchOf({ creates: [childOf('gone', 'child')] }));
    const ids = ['gone', 'child', 'kept', 'live'];
    await store.commit(batchOf({ operations: ids.flatMap((id) => [outcomeOf(id, '1', 1), startOf(id, '2')]) }));
    await endAt(store, { gone: 100, child: 100, kept: 300 });
    assertEqual(await store.prune({ endedBefore: 200, keep: null, limit: 10 }), 2);
    for (const id of ['gone', 'child']) assertEqual(await journalOf(store, id), []);
    for (const id of ['kept', 'live']) assertEqual(await journalOf(store, id), [outcomeOf(id, '1', 1), startOf(id, '2')]);
  },
  'an id whose run is gone is as good as new (S1)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }));
    await endAt(store, { id: 100 });
    await store.prune(ALL);
    assertEqual(await store.getRuns(['id']), []);
    assertEqual(await store.send(messageTo('id')), undefined);
    assertEqual(await store.commit(batchOf({ creates: [runOf('id', { input: '["other"]' })] })), ALL_CREATED);
    assertEqual(await theRun(store, 'id'), runOf('id', { input: '["other"]' }));
    assertEqual(await journalOf(store, 'id'), []);
  },
});
