import fc from 'fast-check';
import { type DurableFuture, type Engine, memoryStore, open } from 'perdure';
import type { CommitBatch, Store } from 'perdure/store';
import { expect, test } from 'vitest';
import type { InboxMessage } from '../../src/model/records.js';
import { endOf } from '../crash/crash-case.js';
import { slowStore, watchedStore } from '../crash/crashing-store.js';
import { observe } from '../crash/observer.js';
import { Recorder } from '../crash/recorder.js';
import { replayOf } from '../crash/replay-of.js';
import { expectWellFormed } from '../crash/well-formed.js';
import { workerOf } from '../store/records.js';
import { type Program, programs, runProgram, sendBy, unchanging } from './programs.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const RUN_ID = 'run';
/** Found by chance, and rare: a branch that begins while outcomes lie ahead asks for a change of code, and so does the flow when it has ended. */
const PATCHED_IN_A_BRANCH: Program = [
  {
    start: 'parallel',
    branches: [
      [{ start: 'action', macrotasks: 0, fails: false }],
      [{ start: 'parallel', branches: [], maxConcurrency: null, unfinished: 'cancel', policy: { policy: 'limits' } }],
      [{ step: 'patched', name: 'x', program: [{ step: 'cancel', index: 0 }] }],
    ],
    maxConcurrency: 2,
    unfinished: 'cancel',
    policy: { policy: 'limits' },
  },
  { step: 'wait', returnWhen: 'FIRST_COMPLETED', timeoutMs: null },
  { step: 'patched', name: 'x', program: [{ step: 'call', what: { start: 'retried', failures: 0 } }] },
];
/** A program that does not come to its end is told with its seed, like any other that fails. */
const LIMITS = { numRuns: Number(process.env['PERDURE_PROGRAMS'] ?? 60), timeout: 15_000 };

/** A recorder that knows after how many commits each thing was seen. */
class TimedRecorder extends Recorder {
  commits = 0;
  readonly #seen = new Map<string, { readonly what: string; readonly scope: string; readonly commits: number }[]>();

  override flowSaw(runId: string, what: string, scope: string): void {
    super.flowSaw(runId, what, scope);
    const seen = this.#seen.get(runId) ?? [];
    this.#seen.set(runId, seen);
    seen.push({ what, scope, commits: this.commits });
  }

  /** What a run had seen by a commit. */
  seenBy(runId: string, commit: number): { readonly what: string; readonly scope: string }[] {
    return (this.#seen.get(runId) ?? []).filter(({ commits }) => commits <= commit);
  }
}

/** What a store was told to keep: a commit, or a message from outside of the runs. */
type Written = { readonly commit: CommitBatch } | { readonly send: InboxMessage };

/** A store that notes what it is told, in the order in which it does it. */
function notedStore(store: Store, written: Written[]): Store {
  return new Proxy(store, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        if (key === 'commit' || key === 'send') written.push(structuredClone({ [key]: args[0] }) as Written);
        return Reflect.apply(member, target, args);
      };
    },
  });
}

/** Runs a program to its end, without a crash. */
async function live(program: Program, commitMacrotasks: number): Promise<{ written: Written[]; recorder: TimedRecorder }> {
  const recorder = new TimedRecorder();
  const unobserve = observe(recorder);
  const written: Written[] = [];
  const store = memoryStore();
  const watched = watchedStore(slowStore(notedStore(store, written), commitMacrotasks), {
    after: (number, batch) => {
      recorder.committed(batch);
      recorder.commits = number;
    },
  });
  const engine = await open({ store: watched, default: false, logger: SILENT, leaks: 'ignore', nonDurableAwait: 'error' });
  sendBy(engine);
  const end = await endIn(engine, engine.start(runProgram, [program], { id: RUN_ID }));
  const history = await expectWellFormed(store);
  await engine.close();
  unobserve();
  expect(end).toMatch(/^"\d+ events"$|^EvalError: /);
  expect(await replayOf(history, RUN_ID)).toEqual({ end, saw: recorder.replaySees(RUN_ID), repeated: [] });
  return { written, recorder };
}

/** A store as a process leaves it that is killed right after its last batch. */
async function storeAfter(written: readonly Written[]): Promise<Store> {
  const store = memoryStore();
  await store.open();
  for (const { workerId } of commitsOf(written).slice(0, 1)) await store.registerWorker(workerOf(workerId, 0));
  for (const each of written) await ('commit' in each ? store.commit(each.commit) : store.send(each.send));
  await store.close();
  return store;
}

function commitsOf(written: readonly Written[]): CommitBatch[] {
  return written.flatMap((each) => ('commit' in each ? [each.commit] : []));
}

/** Everything up to the n-th commit. */
function upToCommit(written: readonly Written[], number: number): Written[] {
  const commits = written.filter((each) => 'commit' in each);
  return written.slice(0, written.indexOf(commits[number - 1] as Written) + 1);
}

/** What a run must see again: all, up to a change of code that it was told to have and that is not recorded. */
function certain<S extends { readonly what: string }>(saw: readonly S[], runId: string, commits: readonly CommitBatch[]): readonly S[] {
  const recorded = commits.flatMap(({ operations }) => operations).filter((entry) => entry.kind === 'patch' && entry.runId === runId);
  const doubtful = saw.findIndex(({ what }) => {
    const name = / patched (\w+) true$/.exec(what)?.[1];
    return name !== undefined && recorded.every((entry) => entry.name !== name);
  });
  return doubtful < 0 ? saw : saw.slice(0, doubtful);
}

/** How a run ends; fails when a run waits for nothing that could come. */
async function endIn(engine: Engine, future: DurableFuture<unknown>): Promise<string> {
  const standstill = new Promise<never>((_, reject) => {
    engine.on('run:stuck', ({ runId }) => reject(new Error(`run ${runId} stands still`)));
    engine.on('run:blocked', ({ error }) => reject(new Error(error.message)));
  });
  const end = await Promise.race([endOf(future), standstill]);
  for (const { id } of await engine.list({ status: ['PENDING', 'RUNNING', 'SUSPENDED', 'BLOCKED'] })) {
    await Promise.race([endOf(engine.future(id)), standstill]);
  }
  return end;
}

/** Finishes what a killed process has left. */
async function recover(written: readonly Written[], before: TimedRecorder): Promise<void> {
  const batches = commitsOf(written);
  const commit = batches.length;
  const recorder = new TimedRecorder();
  for (const batch of batches) recorder.committed(batch);
  const unobserve = observe(recorder);
  const store = await storeAfter(written);
  const watched = watchedStore(store, { after: (_number, batch) => recorder.committed(batch) });
  const engine = await open({ store: watched, default: false, logger: SILENT, leaks: 'ignore', nonDurableAwait: 'error' });
  sendBy(engine);
  const end = await endIn(engine, engine.future(RUN_ID));
  const history = await expectWellFormed(store);
  await engine.close();
  unobserve();
  expect(end).toMatch(/^"\d+ events"$|^EvalError: /);
  for (const runId of recorder.runIds) {
    const known = recorder.visibleToFirst(runId, certain(before.seenBy(runId, commit), runId, batches));
    expect(recorder.lastSaw(runId)?.slice(0, known.length), `what ${runId} saw after a crash at commit ${commit}`).toEqual(known);
  }
  expect(recorder.repeated).toEqual([]);
  const saw = recorder.replaySees(RUN_ID);
  if (saw !== undefined) expect(await replayOf(history, RUN_ID)).toEqual({ end, saw, repeated: [] });
}

test.each([
  { commits: 'fast', commitMacrotasks: 0 },
  { commits: 'slow', commitMacrotasks: 3 },
])(
  'a random flow takes the way of its journal from every prefix of it, with $commits commits',
  { timeout: 120_000 },
  async ({ commitMacrotasks }) => {
    const property = fc.asyncProperty(programs, async (program) => {
      const { written, recorder } = await live(program, commitMacrotasks);
      const { length } = commitsOf(written);
      for (let commit = 1; commit <= length; commit += 1) await recover(upToCommit(written, commit), recorder);
    });
    await fc.assert(property, { ...LIMITS, examples: [[PATCHED_IN_A_BRANCH]] });
  },
);

test('a random flow takes the way of its journal when its worker is fenced again and again', { timeout: 120_000 }, async () => {
  const property = fc.asyncProperty(unchanging, fc.integer({ min: 1, max: 12 }), async (program, fencedAt) => {
    const recorder = new TimedRecorder();
    const unobserve = observe(recorder);
    const store = memoryStore();
    const watched = watchedStore(slowStore(store, fencedAt % 3), {
      after: (number, batch) => {
        recorder.committed(batch);
        if (number % fencedAt === 0 && number < 50) void store.retireWorker(batch.workerId);
      },
    });
    const engine = await open({ store: watched, default: false, logger: SILENT, leaks: 'ignore', nonDurableAwait: 'error' });
    sendBy(engine);
    const end = await endIn(engine, engine.start(runProgram, [program], { id: RUN_ID }));
    const history = await expectWellFormed(store);
    await engine.close();
    unobserve();
    expect(recorder.repeated).toEqual([]);
    recorder.expectSamePaths();
    expect(await replayOf(history, RUN_ID)).toEqual({ end, saw: recorder.replaySees(RUN_ID), repeated: [] });
  });
  await fc.assert(property, LIMITS);
});
