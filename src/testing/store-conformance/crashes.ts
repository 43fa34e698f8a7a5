import type { RunRecord } from '../../model/records.js';
import type { Store } from '../../store/store.js';
import { assertEqual, assertFields, assertRefused } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, blockOf, endOf, messageTo, outcomeOf, runOf, startOf, theRun, workerOf } from './records.js';

const FLOWS = [{ flow: 'order', version: 1 }];

/** A process that lives until it is said to crash, and what the one after it finds. */
class Processes {
  readonly store: Store;
  #number = 0;

  private constructor(store: Store) {
    this.store = store;
  }

  /** The first process has these runs. */
  static async begin(store: Store, ...ids: string[]): Promise<Processes> {
    const processes = new Processes(store);
    await processes.#register();
    const { workerId } = processes;
    await store.commit(batchOf({ workerId, creates: ids.map((id) => runOf(id, { workerId })) }));
    assertEqual(
      await processes.crashesOf(...ids),
      ids.map(() => 0),
    );
    return processes;
  }

  get workerId(): string {
    return `w${this.#number}`;
  }

  /** The process dies; the next one registers and finds that out. */
  async crash(): Promise<void> {
    await this.#register();
    await this.store.reapWorkers({ workerId: this.workerId, nowMs: 32_001 });
  }

  /** As `crash`; the next one takes what it may. Returns the ids of what it took, and whether there are suspects. */
  async crashAndClaim(): Promise<(string | boolean)[]> {
    await this.crash();
    return this.claim();
  }

  async claim(): Promise<(string | boolean)[]> {
    const { workerId } = this;
    const { claimed, suspects } = await this.store.claimRuns({ workerId, nowMs: 32_001, flows: FLOWS, limit: 10 });
    return [...claimed.map(({ id }) => id), suspects];
  }

  suspect(): Promise<RunRecord | undefined> {
    return this.store.claimSuspect({ workerId: this.workerId, flows: FLOWS });
  }

  async crashesOf(...ids: string[]): Promise<(number | undefined)[]> {
    const runs = new Map((await this.store.getRuns(ids)).map((run) => [run.id, run.crashes]));
    return ids.map((id) => runs.get(id));
  }

  async #register(): Promise<void> {
    this.#number += 1;
    // Its lease is over as soon as the next one looks.
    await this.store.registerWorker(workerOf(this.workerId, this.#number, 30_000));
  }
}

export const crashes: readonly StoreCase[] = area('crashes and trials', {
  'a crash counts for each unfinished run that the worker owned': async (connect) => {
    const processes = await Processes.begin(await connect(), 'a', 'b', 'ended', 'blocked', 'asleep');
    const ends = [endOf('ended'), blockOf('blocked', 'NON_DETERMINISM')];
    await processes.store.commit(batchOf({ ends, suspends: [{ runId: 'asleep', wakeAt: null, children: [] }] }));
    await processes.crash();
    assertEqual(await processes.crashesOf('a', 'b', 'ended', 'blocked', 'asleep'), [1, 1, 0, 0, 0]);
    assertEqual(await processes.claim(), ['a', 'b', false]);
    assertEqual(await theRun(processes.store, 'a'), runOf('a', { workerId: 'w2', crashes: 1 }));
  },
  'a worker that retires leaves nothing to count': async (connect) => {
    const processes = await Processes.begin(await connect(), 'id');
    await processes.store.retireWorker('w1');
    assertEqual(await processes.crashAndClaim(), ['id', false]);
    assertEqual(await processes.crashesOf('id'), [0]);
  },
  'a death by the lock counts as one by the lease does': async (connect) => {
    const processes = await Processes.begin(await connect(), 'id');
    await processes.store.close();
    const other = await connect();
    await other.reapWorkers({ workerId: 'another', nowMs: 2_000 });
    assertEqual((await theRun(other, 'id'))?.crashes, 1);
  },
  'the second crash with no outcome in between makes a suspect, which is not claimed with others': async (connect) => {
    const processes = await Processes.begin(await connect(), 'suspect', 'other');
    assertEqual(await processes.crashAndClaim(), ['suspect', 'other', false]);
    await processes.store.commit(batchOf({ workerId: 'w2', operations: [outcomeOf('other', '1', 1)] }));
    assertEqual(await processes.crashAndClaim(), ['other', true]);
    assertEqual(await processes.crashesOf('suspect', 'other'), [2, 0]);
    assertFields(await theRun(processes.store, 'suspect'), { status: 'PENDING', workerId: null });
  },
  'the first crash counts whatever the run has recorded before it, a further one only if it has recorded nothing since': async (
    connect,
  ) => {
    const processes = await Processes.begin(await connect(), 'id');
    const lives = [
      { seq: 3, count: 1 },
      { seq: 3, count: 2 },
      { seq: 4, count: 0 },
      { seq: 4, count: 1 },
      { seq: 7, count: 0 },
      { seq: 7, count: 1 },
      { seq: 7, count: 2 },
    ];
    for (const { seq, count } of lives) {
      const operations = Array.from({ length: seq }, (_, n) => outcomeOf('id', `${n}`, n + 1));
      await processes.store.commit(batchOf({ workerId: processes.workerId, operations }));
      await processes.crash();
      assertEqual(await processes.crashesOf('id'), [count]);
      if ((await processes.claim())[0] === true) await processes.suspect();
    }
  },
  'starts, messages, cancel requests and changes of code are no outcomes': async (connect) => {
    const processes = await Processes.begin(await connect(), 'id');
    await processes.crashAndClaim();
    const received = outcomeOf('id', 'message-1', 1, { kind: 'message' });
    const cancelled = outcomeOf('id', 'cancel', 2, { kind: 'cancel' });
    const patched = startOf('id', 'patch-x', { kind: 'patch', status: 'SUCCEEDED' });
    await processes.store.commit(batchOf({ workerId: 'w2', operations: [startOf('id', '1'), received, cancelled, patched] }));
    assertEqual(await processes.crashAndClaim(), [true]);
    assertEqual(await processes.crashesOf('id'), [2]);
  },
  'a suspect is claimed by itself, and its trial is the only one in the store': async (connect) => {
    const store = await connect();
    const processes = await Processes.begin(store, 'a', 'b');
    await processes.crashAndClaim();
    await processes.crashAndClaim();
    const suspect = await processes.suspect();
    assertEqual(suspect, runOf('a', { workerId: 'w3', crashes: 2 }));
    assertEqual(await theRun(store, 'a'), suspect);
    assertEqual(await processes.suspect(), undefined);
    const other = await connect();
    await other.registerWorker(workerOf('other', 32_001));
    assertEqual(await other.claimSuspect({ workerId: 'other', flows: FLOWS }), undefined);
    assertEqual((await other.claimRuns({ workerId: 'other', nowMs: 32_001, flows: FLOWS, limit: 10 })).suspects, true);
  },
  'the suspect with the fewest crashes is tried first, the oldest of these': async (connect) => {
    const processes = await Processes.begin(await connect(), 'a', 'b', 'c');
    await processes.crashAndClaim();
    const tried: unknown[] = [];
    for (let times = 0; times < 5; times += 1) {
      await processes.crashAndClaim();
      tried.push((await processes.suspect())?.id);
    }
    assertEqual(tried, ['a', 'b', 'c', 'a', 'b']);
  },
  'a crash during a trial counts for the run on trial, and for no other': async (connect) => {
    const store = await connect();
    const processes = await Processes.begin(store, 'a', 'b');
    await processes.crashAndClaim();
    await processes.crashAndClaim();
    await store.commit(batchOf({ workerId: 'w3', creates: [runOf('new', { workerId: 'w3' })] }));
    await processes.suspect();
    assertEqual(await processes.crashAndClaim(), ['new', true]);
    assertEqual(await processes.crashesOf('a', 'b', 'new'), [3, 2, 0]);
  },
  'the death of another worker ends no trial, and counts for its own runs': async (connect) => {
    const store = await connect();
    const processes = await Processes.begin(store, 'a');
    await processes.crashAndClaim();
    await processes.crashAndClaim();
    await store.registerWorker(workerOf('other', 5));
    await store.commit(batchOf({ workerId: 'other', creates: [runOf('its own', { workerId: 'other' })] }));
    await processes.suspect();
    await store.heartbeat('w3', 32_000);
    assertEqual(await store.reapWorkers({ workerId: 'w3', nowMs: 32_001 }), ['other']);
    assertEqual(await processes.crashesOf('a', 'its own'), [2, 1]);
    assertEqual(await processes.claim(), ['its own', false]);
    assertEqual((await theRun(store, 'a'))?.workerId, 'w3');
    assertEqual(await processes.suspect(), undefined);
  },
  'a trial that is acquitted lets the next one begin, and nothing count any more': async (connect) => {
    const processes = await Processes.begin(await connect(), 'a', 'b');
    await processes.crashAndClaim();
    await processes.crashAndClaim();
    await processes.suspect();
    await processes.store.acquit({ workerId: 'w3', runIds: ['a'] });
    assertEqual(await theRun(processes.store, 'a'), runOf('a', { workerId: 'w3' }));
    assertEqual((await processes.suspect())?.id, 'b');
    await processes.crash();
    assertEqual(await processes.crashesOf('a', 'b'), [0, 3]);
  },
  'a trial that ends by time leaves the count as it is, and lets the next one begin': async (connect) => {
    const processes = await Processes.begin(await connect(), 'a', 'b');
    await processes.crashAndClaim();
    await processes.crashAndClaim();
    await processes.suspect();
    await processes.store.endTrial({ workerId: 'w3', runId: 'another' });
    assertEqual(await processes.suspect(), undefined);
    await processes.store.commit(batchOf({ workerId: 'w3', creates: [runOf('new', { workerId: 'w3' })] }));
    await processes.store.endTrial({ workerId: 'w3', runId: 'a' });
    // No trial is open: a crash counts for what is under way.
    assertEqual(await processes.crashAndClaim(), ['new', true]);
    assertEqual(await processes.crashesOf('a', 'b', 'new'), [3, 2, 1]);
    assertEqual((await processes.suspect())?.id, 'b');
    await processes.store.endTrial({ workerId: 'w4', runId: 'b' });
    assertEqual((await processes.suspect())?.id, 'a');
  },
  'a run on trial that has recorded something is on trial no more': async (connect) => {
    const processes = await Processes.begin(await connect(), 'a', 'b');
    await processes.crashAndClaim();
    await processes.crashAndClaim();
    await processes.suspect();
    const creates = [runOf('new', { workerId: 'w3' })];
    await processes.store.commit(batchOf({ workerId: 'w3', creates, operations: [outcomeOf('a', '1', 1)] }));
    await processes.crash();
    assertEqual(await processes.crashesOf('a', 'b', 'new'), [0, 2, 1]);
  },
  ...Object.fromEntries(
    (
      [
        ['ends', { ends: [endOf('a')] }],
        ['is blocked', { ends: [blockOf('a', 'RECOVERY_LIMIT')] }],
        ['leaves memory', { suspends: [{ runId: 'a', wakeAt: null, children: [] }] }],
      ] as const
    ).map(([what, change]) => [
      `a trial is over when its run ${what}`,
      async (connect: () => Promise<Store>): Promise<void> => {
        const processes = await Processes.begin(await connect(), 'a', 'b', 'c');
        await processes.crashAndClaim();
        await processes.crashAndClaim();
        await processes.suspect();
        await processes.store.commit(batchOf({ workerId: 'w3', ...change }));
        assertEqual((await processes.suspect())?.id, 'b');
        assertEqual(await processes.suspect(), undefined);
        await processes.store.commit(batchOf({ workerId: 'w3', ends: [endOf('b')] }));
        await processes.crash();
        assertEqual(await processes.crashesOf('c'), [2]);
      },
    ]),
  ),
  'a trial is over when its worker retires, and counts for nothing': async (connect) => {
    const processes = await Processes.begin(await connect(), 'a', 'b');
    await processes.crashAndClaim();
    await processes.crashAndClaim();
    await processes.suspect();
    await processes.store.retireWorker('w3');
    await processes.crash();
    assertEqual(await processes.crashesOf('a', 'b'), [2, 2]);
    assertEqual((await processes.suspect())?.id, 'a');
  },
  'acquitting runs of others changes nothing': async (connect) => {
    const store = await connect();
    const processes = await Processes.begin(store, 'a', 'mine');
    await processes.crashAndClaim();
    await store.registerWorker(workerOf('other', 32_001));
    await store.acquit({ workerId: 'other', runIds: ['a', 'unknown'] });
    await store.acquit({ workerId: 'w2', runIds: ['mine'] });
    assertEqual(await processes.crashesOf('a', 'mine'), [1, 0]);
  },
  'nothing counts against a run that leaves memory, begins again or is unblocked': async (connect) => {
    const store = await connect();
    const processes = await Processes.begin(store, 'asleep', 'anew', 'blocked');
    await processes.crashAndClaim();
    const restarts = [{ runId: 'anew', input: '[2]', seed: 's', options: null, operations: [] }];
    const suspends = [{ runId: 'asleep', wakeAt: null, children: [] }];
    await store.commit(batchOf({ workerId: 'w2', restarts, suspends, ends: [blockOf('blocked', 'RECOVERY_LIMIT')] }));
    assertEqual(await processes.crashesOf('asleep', 'anew', 'blocked'), [0, 0, 1]);
    await store.unblock('blocked');
    assertEqual(await processes.crashesOf('blocked'), [0]);
    // What it recorded before it began again is forgotten with it.
    await processes.crash();
    assertEqual(await processes.crashesOf('anew'), [1]);
  },
  'a run that is blocked for its crashes is claimed by none, with others or alone, until it is unblocked': async (connect) => {
    const processes = await Processes.begin(await connect(), 'a');
    await processes.store.commit(batchOf({ ends: [blockOf('a', 'RECOVERY_LIMIT')] }));
    assertEqual(await processes.crashAndClaim(), [false]);
    assertEqual(await processes.suspect(), undefined);
    assertEqual(await processes.store.unblock('a'), 'BLOCKED');
    assertEqual(await processes.claim(), ['a', false]);
  },
  'suspects of unknown flows are blocked like others, and tried when their flow is there': async (connect) => {
    const store = await connect();
    const processes = await Processes.begin(store, 'a');
    await processes.crashAndClaim();
    await processes.crash();
    const query = { workerId: processes.workerId, nowMs: 32_001, flows: [], limit: 10 };
    const { blocked, suspects } = await store.claimRuns(query);
    assertEqual([blocked.map(({ id }) => id), suspects], [['a'], false]);
    assertEqual(await store.claimSuspect({ workerId: processes.workerId, flows: [] }), undefined);
    assertEqual(await processes.claim(), [true]);
    assertEqual(await processes.suspect(), runOf('a', { workerId: processes.workerId, crashes: 2 }));
  },
  'a suspect keeps its inbox': async (connect) => {
    const processes = await Processes.begin(await connect(), 'a');
    await processes.crashAndClaim();
    await processes.crash();
    assertEqual(await processes.store.send(messageTo('a')), 'PENDING');
    await processes.suspect();
    assertEqual((await processes.store.readInbox(processes.workerId)).length, 1);
  },
  'trials are fenced': async (connect) => {
    const store = await connect();
    await assertRefused(store.claimSuspect({ workerId: 'unknown', flows: FLOWS }), 'FENCED');
    await assertRefused(store.endTrial({ workerId: 'unknown', runId: 'a' }), 'FENCED');
    await assertRefused(store.acquit({ workerId: 'unknown', runIds: ['a'] }), 'FENCED');
  },
});
