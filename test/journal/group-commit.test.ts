import { StorageError } from 'perdure';
import { expect, test } from 'vitest';
import type { Entry } from '../../src/journal/entry.js';
import { GroupCommit } from '../../src/journal/group-commit.js';
import type { RunRecord } from '../../src/model/records.js';
import type { CommitAnswer, CommitBatch, Store } from '../../src/store/store.js';
import { endOf, messageTo, runOf, startOf } from '../store/records.js';
import { ManualClock, microtasks } from '../worker/manual-clock.js';

/** A store whose commits a test ends. */
class PendingStore {
  readonly sent: CommitBatch[] = [];
  readonly #ends: { resolve(answer: CommitAnswer): void; reject(error: unknown): void }[] = [];

  commit(batch: CommitBatch): Promise<CommitAnswer> {
    this.sent.push(structuredClone(batch));
    return new Promise((resolve, reject) => this.#ends.push({ resolve, reject }));
  }

  async succeed(...taken: RunRecord[]): Promise<void> {
    this.#ends.shift()?.resolve({ taken: taken.map((found) => ({ id: found.id, found })) });
    await microtasks();
  }

  async fail(error: unknown = new StorageError('FENCED', 'dead')): Promise<void> {
    this.#ends.shift()?.reject(error);
    await microtasks();
  }
}

interface Given {
  readonly store: PendingStore;
  readonly clock: ManualClock;
  readonly group: GroupCommit;
  readonly failures: unknown[];
}

/** @param postponedMs - When a failed commit is to be made again. */
function given(workerId: string | undefined = 'w1', postponedMs?: number): Given {
  const store = new PendingStore();
  const clock = new ManualClock();
  const failures: unknown[] = [];
  const group = new GroupCommit({
    log: store as unknown as Store,
    clock,
    onFailure: (error) => {
      failures.push(error);
      return postponedMs;
    },
    onRepeated: () => failures.push('repeated'),
  });
  if (workerId !== '') group.resume(workerId);
  return { store, clock, group, failures };
}

const entryOf = (id: string): Entry => ({ ...startOf('run', id) });

function succeeded(entry: Entry, seq: number): Entry {
  return Object.assign(entry, { status: 'SUCCEEDED', outcome: `"${seq}"`, seq });
}

test('everything that is handed in within a turn is one commit', async () => {
  const { store, clock, group } = given();
  group.create({ run: runOf('run') }, () => {});
  group.entry(entryOf('0'));
  group.outcome(succeeded(entryOf('1'), 1), { outcomeCommitted: () => {} });
  group.end(endOf('other'), () => {});
  group.message(messageTo('another'), () => {});
  group.take(7, () => {});
  expect(store.sent).toEqual([]);
  await clock.turn();
  expect(store.sent).toHaveLength(1);
  expect(store.sent[0]).toMatchObject({
    workerId: 'w1',
    creates: [{ run: { id: 'run' } }],
    operations: [
      { id: '0', status: 'STARTED' },
      { id: '1', status: 'SUCCEEDED', seq: 1 },
    ],
    ends: [{ runId: 'other' }],
    messages: [{ runId: 'another' }],
    taken: [7],
  });
});

test('nothing handed in is no commit', async () => {
  const { store, clock } = given();
  await clock.turn();
  expect([store.sent, clock.due]).toEqual([[], 0]);
});

test('one commit is under way at a time, and the rest waits in the next (G1)', async () => {
  const { store, clock, group } = given();
  group.entry(entryOf('0'));
  await clock.turn();
  group.entry(entryOf('1'));
  await clock.turn();
  group.entry(entryOf('2'));
  await clock.turn();
  expect(store.sent).toHaveLength(1);
  await store.succeed();
  await clock.turn();
  expect(store.sent[1]?.operations.map(({ id }) => id)).toEqual(['1', '2']);
  await store.succeed();
  await clock.turn();
  expect(store.sent).toHaveLength(2);
});

test('after the transaction come creations, then outcomes, then callbacks, each in the order in which they were handed in (G2)', async () => {
  const { store, clock, group } = given();
  const heard: string[] = [];
  group.outcome(succeeded(entryOf('0'), 1), { outcomeCommitted: () => heard.push('outcome') });
  group.entry(entryOf('1'), () => heard.push('entry'));
  group.create({ run: runOf('run') }, () => heard.push('created'));
  group.end(endOf('other'), () => heard.push('end'));
  group.message(messageTo('another'), () => heard.push('message'));
  await clock.turn();
  expect(heard).toEqual([]);
  await store.succeed();
  expect(heard).toEqual(['created', 'outcome', 'entry', 'end', 'message']);
});

test('what a callback hands in goes into the next commit', async () => {
  const { store, clock, group } = given();
  group.entry(entryOf('0'), () => group.entry(entryOf('1')));
  await clock.turn();
  await store.succeed();
  await clock.turn();
  expect(store.sent.map(({ operations }) => operations.map(({ id }) => id))).toEqual([['0'], ['1']]);
});

test('an entry that changes before its batch is sent is written once, in its last state (G3)', async () => {
  const { store, clock, group } = given();
  const entry = entryOf('0');
  const heard: string[] = [];
  group.entry(entry, () => heard.push('started'));
  group.outcome(succeeded(entry, 1), { outcomeCommitted: () => heard.push('done') });
  await clock.turn();
  expect(store.sent[0]?.operations).toMatchObject([{ id: '0', status: 'SUCCEEDED', seq: 1 }]);
  await store.succeed();
  expect(heard).toEqual(['done', 'started']);
});

test('an entry that changes while its batch is being written is written again (G3)', async () => {
  const { store, clock, group } = given();
  const entry = entryOf('0');
  group.entry(entry);
  await clock.turn();
  group.outcome(succeeded(entry, 1), { outcomeCommitted: () => {} });
  await store.succeed();
  await clock.turn();
  expect(store.sent.map(({ operations }) => operations.map(({ status }) => status))).toEqual([['STARTED'], ['SUCCEEDED']]);
});

test('outcomes and ends get the time at which their commit is sent, starts and blockings none', async () => {
  const { store, clock, group } = given();
  group.outcome(succeeded(entryOf('0'), 1), { outcomeCommitted: () => {} });
  group.entry(entryOf('1'));
  group.end(endOf('ended', { finishedAt: null }), () => {});
  group.end(endOf('blocked', { status: 'BLOCKED', blockedCode: 'NON_DETERMINISM', finishedAt: null }), () => {});
  clock.jump(5_000);
  await clock.turn();
  expect(store.sent[0]?.operations.map(({ finishedAt }) => finishedAt)).toEqual([5_000, null]);
  expect(store.sent[0]?.ends.map(({ finishedAt }) => finishedAt)).toEqual([5_000, null]);
});

test('a creation hears whether it made the run, or which one has had the id before', async () => {
  const { store, clock, group } = given();
  const heard: (string | undefined)[] = [];
  const before = runOf('taken', { seed: 'older', flow: 'older' });
  group.create({ run: runOf('new') }, (taken) => heard.push(taken?.flow));
  group.create({ run: runOf('taken', { seed: 'newer' }) }, (taken) => heard.push(taken?.flow));
  await clock.turn();
  await store.succeed(before);
  expect(heard).toEqual([undefined, 'older']);
});

test('of two creations of one id in one batch the first makes the run', async () => {
  const { store, clock, group } = given();
  const heard: (string | undefined)[] = [];
  const first = runOf('run', { seed: 'first' });
  group.create({ run: first }, (taken) => heard.push(taken?.seed));
  group.create({ run: runOf('run', { seed: 'second' }) }, (taken) => heard.push(taken?.seed));
  await clock.turn();
  await store.succeed();
  expect(heard).toEqual([undefined, 'first']);
});

test('after a failure nothing is written until it is resumed, and nobody is called back (G5)', async () => {
  const { store, clock, group, failures } = given();
  const heard: string[] = [];
  const failure = new StorageError('FENCED', 'dead');
  group.outcome(succeeded(entryOf('0'), 1), { outcomeCommitted: () => heard.push('in flight') });
  await clock.turn();
  group.entry(entryOf('1'), () => heard.push('gathered'));
  await store.fail(failure);
  expect(failures).toEqual([failure]);
  group.entry(entryOf('2'), () => heard.push('later'));
  await clock.turn();
  expect([store.sent.length, heard]).toEqual([1, []]);
});

test('after a failure what was gathered or in flight is dropped, but for new runs without a parent (G5)', async () => {
  const { store, clock, group } = given();
  const heard: string[] = [];
  group.create({ run: runOf('in flight') }, () => heard.push('in flight'));
  group.create({ run: runOf('child', { parentRunId: 'run', parentOperationId: '0' }) }, () => heard.push('child'));
  group.entry(entryOf('0'));
  await clock.turn();
  group.create({ run: runOf('gathered') }, () => heard.push('gathered'));
  group.end(endOf('run'), () => heard.push('end'));
  await store.fail();
  group.resume('w2');
  await clock.turn();
  expect(store.sent[1]).toMatchObject({ workerId: 'w2', operations: [], ends: [], messages: [], taken: [] });
  expect(store.sent[1]?.creates.map(({ run: { id, workerId } }) => [id, workerId])).toEqual([
    ['in flight', 'w2'],
    ['gathered', 'w2'],
  ]);
  await store.succeed();
  expect(heard).toEqual(['in flight', 'gathered']);
});

test('a run whose creation was durable although it was reported as failed is made by its second try', async () => {
  const { store, clock, group } = given();
  const heard: unknown[] = [];
  group.create({ run: runOf('run', { seed: 'mine' }) }, (taken) => heard.push(taken));
  await clock.turn();
  await store.fail();
  group.resume('w2');
  await clock.turn();
  await store.succeed(runOf('run', { seed: 'mine' }));
  expect(heard).toEqual([undefined]);
});

test('after a failure that passes the same is written again with what has come since, and all hear of it once (G4)', async () => {
  const { store, clock, group, failures } = given('w1', 100);
  const heard: unknown[] = [];
  const [first, second] = [entryOf('0'), entryOf('1')];
  group.create({ run: runOf('new', { seed: 'mine' }) }, (taken) => heard.push(['created', taken]));
  group.entry(first, () => heard.push('started'));
  group.message(messageTo('another'), () => heard.push('sent'));
  group.take(7, () => heard.push('taken'));
  await clock.turn();
  group.outcome(succeeded(first, 1), { outcomeCommitted: ({ id }) => heard.push(`outcome of ${id}`) });
  group.entry(second);
  group.end(endOf('other'), () => heard.push('ended'));
  await store.fail(new StorageError('STORE_BUSY', 'locked'));
  await clock.turn();
  expect([store.sent.length, heard, group.busy]).toEqual([1, [], true]);
  await clock.advance(100);
  await clock.turn();
  expect(store.sent[1]).toMatchObject({
    workerId: 'w1',
    creates: [{ run: { id: 'new' } }],
    operations: [
      { id: '0', status: 'SUCCEEDED', seq: 1, finishedAt: clock.now() },
      { id: '1', status: 'STARTED' },
    ],
    ends: [{ runId: 'other' }],
    messages: [{ runId: 'another' }],
    taken: [7],
  });
  // The first commit was durable all the same.
  await store.succeed(runOf('new', { seed: 'mine' }));
  expect(heard).toEqual([['created', undefined], 'outcome of 0', 'started', 'sent', 'taken', 'ended']);
  expect(failures.slice(1)).toEqual(['repeated']);
});

test('a flush does not wait for what is put off, what settles does, and whoever hurries does not wait for its time', async () => {
  const { store, clock, group } = given('w1', 100);
  const heard: string[] = [];
  group.entry(entryOf('0'), () => heard.push('written'));
  const settled = group.settled().then(() => heard.push('settled'));
  await microtasks();
  await store.fail(new StorageError('STORE_BUSY', 'locked'));
  await group.flush();
  expect([store.sent.length, heard]).toEqual([1, []]);
  group.hurry();
  await clock.turn();
  expect([store.sent.length, clock.pending]).toEqual([2, []]);
  await store.succeed();
  await settled;
  expect(heard).toEqual(['written', 'settled']);
});

test('what is put off is dropped when nothing may be written any more, and leaves no timer behind', async () => {
  const { store, clock, group } = given('w1', 100);
  group.entry(entryOf('0'));
  await clock.turn();
  await store.fail(new StorageError('STORE_BUSY', 'locked'));
  const settled = group.settled();
  group.hold();
  await settled;
  expect([clock.pending, group.busy]).toEqual([[], false]);
  group.resume('w2');
  await clock.turn();
  expect(store.sent).toHaveLength(1);
});

test('new runs wait for a worker', async () => {
  const { store, clock, group } = given('');
  group.create({ run: runOf('run', { workerId: '' }) }, () => {});
  await clock.turn();
  expect(store.sent).toEqual([]);
  group.resume('w1');
  await clock.turn();
  expect(store.sent[0]?.creates).toMatchObject([{ run: { id: 'run', workerId: 'w1' } }]);
});

test('a flush sends at once, and waits for everything that was handed in by then, and for no more', async () => {
  const { store, group } = given();
  const heard: string[] = [];
  group.entry(entryOf('0'), () => heard.push('first'));
  const first = group.flush().then(() => heard.push('first flushed'));
  expect(store.sent).toHaveLength(1);
  group.entry(entryOf('1'), () => heard.push('second'));
  const second = group.flush().then(() => heard.push('second flushed'));
  await store.succeed();
  await first;
  expect(heard).toEqual(['first', 'first flushed']);
  expect(store.sent).toHaveLength(2);
  group.entry(entryOf('2'), () => heard.push('third'));
  await store.succeed();
  await second;
  expect(heard).toEqual(['first', 'first flushed', 'second', 'second flushed']);
});

test('a flush ends when its commit fails, and when nothing may be written', async () => {
  const { store, group } = given();
  group.entry(entryOf('0'));
  const flushed = group.flush();
  await store.fail();
  await flushed;
  group.create({ run: runOf('run') }, () => {});
  await group.flush();
  expect(store.sent).toHaveLength(1);
});
