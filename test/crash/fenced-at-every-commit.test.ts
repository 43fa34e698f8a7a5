import { action, type Engine, flow, type Logger, memoryStore, open } from 'perdure';
import type { Store } from 'perdure/store';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type CrashCase, cancelThrough, endOf } from './crash-case.js';
import { slowStore, watchedStore } from './crashing-store.js';
import { CASES } from './flows.js';
import { observe } from './observer.js';
import { Recorder } from './recorder.js';
import { replayOf } from './replay-of.js';
import { expectWellFormed } from './well-formed.js';

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const RUN_ID = 'run';

/** Marks every worker dead, as another process does that has heard nothing of them for too long. */
async function markAllDead(store: Store): Promise<void> {
  await store.reapWorkers({ workerId: 'nobody', nowMs: Number.POSITIVE_INFINITY });
}

/** How a worker is lost. */
type Fencing = (store: Store, workerId: string) => Promise<void>;

/** Takes the runs of a worker as if it had retired: whatever it does next is refused, and no crash counts against its runs. */
const retire: Fencing = (store, workerId) => store.retireWorker(workerId);

/** Runs a flow on an engine whose worker is lost after some commits. Returns how often that was noticed. */
async function runFenced(
  of: CrashCase,
  isFenced: (commit: number) => boolean,
  { commitMacrotasks = 0, fence = markAllDead }: { commitMacrotasks?: number; fence?: Fencing } = {},
): Promise<number> {
  const recorder = new Recorder();
  const unobserve = observe(recorder);
  const store = memoryStore();
  let fencing: Promise<void> | undefined;
  const watched = watchedStore(slowStore(store, commitMacrotasks), {
    after: (commit, batch) => {
      recorder.committed(batch);
      if (isFenced(commit)) fencing = fence(store, batch.workerId);
    },
  });
  let fenced = 0;
  const engine: Engine = await open({ store: watched, default: false, logger: SILENT, nonDurableAwait: 'error' });
  engine.on('engine:fenced', () => (fenced += 1));
  cancelThrough(engine);
  const end = await endOf(of.start(engine, RUN_ID));
  for (const { id } of await engine.list({ status: ['PENDING', 'RUNNING', 'SUSPENDED', 'BLOCKED'] })) await endOf(engine.future(id));
  await fencing;
  const history = await expectWellFormed(store);
  await engine.close();
  expect(end).toMatch(of.ends);
  expect(recorder.repeated).toEqual([]);
  recorder.expectSamePaths();
  unobserve();
  expect(await replayOf(history, RUN_ID)).toEqual({ end, saw: recorder.replaySees(RUN_ID), repeated: [] });
  return fenced;
}

beforeEach(() => {
  onTestFinished(observe(new Recorder()));
});

test.each(CASES.flatMap((of) => [0, 3].map((commitMacrotasks) => ({ ...of, commitMacrotasks }))))(
  'an engine that is taken for dead after any commit of $name goes on with it under another id, with commits of $commitMacrotasks macrotasks',
  async ({ commitMacrotasks, ...of }) => {
    let commit = 0;
    do commit += 1;
    while ((await runFenced(of, (number) => number === commit, { commitMacrotasks })) > 0);
    expect(commit).toBeGreaterThan(2);
  },
);

test.each(CASES)('an engine that is fenced again and again brings $name to its end', async (of) => {
  expect(await runFenced(of, (commit) => commit < 60 && commit % 4 === 0, { fence: retire })).toBeGreaterThan(0);
});

test('more runs than are claimed at once are all recovered', async () => {
  const step = action('one of many', async (value: number) => value);
  const many = flow('many', async (value: number) => (await step(value)) + 1);
  const store = memoryStore();
  const ids = Array.from({ length: 1_203 }, (_, index) => `run-${index}`);
  const dying = watchedStore(store, {
    after: () => {
      throw new Error('the process has ended');
    },
  });
  const before = await open({ store: dying, default: false, logger: SILENT });
  for (const [index, id] of ids.entries()) before.start(many, [index], { id });
  await before.close();
  const after = await open({ store, default: false, logger: SILENT });
  onTestFinished(() => after.close({ timeout: 0 }));
  expect(await Promise.all(ids.map((id) => after.future(id)))).toEqual(ids.map((_, index) => index + 1));
  await expectWellFormed(store);
});
