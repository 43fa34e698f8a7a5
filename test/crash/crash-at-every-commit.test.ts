import { type Engine, type Logger, memoryStore, open } from 'perdure';
import type { Store } from 'perdure/store';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { ALL, TURN } from '../faults/turns.js';
import { type CrashCase, cancelThrough, endOf } from './crash-case.js';
import { type CrashPoint, crashingStore, slowStore, watchedStore } from './crashing-store.js';
import { CASES } from './flows.js';
import { observe } from './observer.js';
import { Recorder } from './recorder.js';
import { replayOf } from './replay-of.js';
import { expectWellFormed } from './well-formed.js';

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const RUN_ID = 'run';

async function openOn(store: Store): Promise<Engine> {
  const engine = await open({ store, default: false, logger: SILENT, nonDurableAwait: 'error' });
  onTestFinished(() => attempt(() => engine.close({ timeout: 0 })));
  cancelThrough(engine);
  return engine;
}

/** All runs are at their ends. */
async function ended(engine: Engine): Promise<void> {
  const unfinished = await engine.list({ status: ['PENDING', 'RUNNING', 'SUSPENDED', 'BLOCKED'] });
  for (const { id } of unfinished) await endOf(engine.future(id));
}

/** Does what a process may no longer be able to do. */
async function attempt(task: () => Promise<unknown>): Promise<void> {
  await Promise.resolve()
    .then(task)
    .catch(() => undefined);
}

/** Runs a flow in processes that end at these points, and a last one that lives. Returns at how many of the points one did. */
async function runThrough(of: CrashCase, points: readonly CrashPoint[], commitMacrotasks = 0): Promise<number> {
  const recorder = new Recorder();
  const unobserve = observe(recorder);
  const store = memoryStore();
  const watched = watchedStore(slowStore(store, commitMacrotasks), { after: (_number, batch) => recorder.committed(batch) });
  let crashes = 0;
  for (const point of points) {
    let crashed = false;
    const crashing = crashingStore(watched, point, () => (crashed = true));
    const engine = await openOn(crashing).catch(() => undefined);
    if (engine === undefined) {
      await crashing.close();
    } else {
      await attempt(() => endOf(of.start(engine, RUN_ID)));
      await attempt(() => ended(engine));
      await attempt(() => engine.close({ timeout: 0 }));
    }
    if (crashed) crashes += 1;
  }
  const engine = await openOn(watched);
  const end = await endOf(of.start(engine, RUN_ID));
  await ended(engine);
  const history = await expectWellFormed(store);
  await engine.close();
  expect(end).toMatch(of.ends);
  expect(recorder.repeated).toEqual([]);
  expect(recorder.mostBegun).toBeLessThanOrEqual(points.length + 1);
  recorder.expectSamePaths();
  unobserve();
  const replay = await replayOf(history, RUN_ID);
  expect(replay).toEqual({ end, saw: recorder.replaySees(RUN_ID), repeated: [] });
  return crashes;
}

beforeEach(() => {
  onTestFinished(observe(new Recorder()));
});

/** Commits that are durable at once, and commits that others gather behind. */
const SPEEDS = [
  { speed: 'fast', commitMacrotasks: 0 },
  { speed: 'slow', commitMacrotasks: 3 },
] as const;

test.each(CASES.flatMap((of) => SPEEDS.map((speed) => ({ ...of, ...speed }))))(
  '$name ends the same way without a crash, and replays the same, with $speed commits',
  async ({ commitMacrotasks, ...of }) => {
    await runThrough(of, [], commitMacrotasks);
  },
);

test.each(CASES.flatMap((of) => SPEEDS.flatMap((speed) => (['before', 'after'] as const).map((when) => ({ ...of, ...speed, when })))))(
  '$name goes on after a crash $when any commit, with $speed commits',
  async ({ when, commitMacrotasks, ...of }) => {
    let commit = 0;
    do commit += 1;
    while ((await runThrough(of, [{ number: commit, when }], commitMacrotasks)) > 0);
    expect(commit).toBeGreaterThan(3);
  },
);

test.each(CASES)('$name comes to its end through crash after crash', async (of) => {
  const points = Array.from(
    { length: 12 },
    (_, index): CrashPoint => ({ number: 2 + (index % 3), when: index % 2 === 0 ? 'after' : 'before' }),
  );
  expect(await runThrough(of, points)).toBeGreaterThan(0);
});

/** A crash after a call and one before the next differ little: by turns, unless all are asked for. */
const STEP = ALL ? 1 : 4;

test.each(
  CASES.flatMap((of) => (['before', 'after'] as const).map((when, index) => ({ ...of, when, from: 1 + ((TURN + 2 * index) % STEP) }))),
)(
  '$name goes on after a crash $when any call of the store, in its first process or in the one that recovers it',
  async ({ when, from, ...of }) => {
    // After two crashes its parent is tried before its child, for whose end it waits: each second crash would cost the ten seconds of that trial.
    const slowTrials = of.name === 'cancel-loser';
    for (const earlier of slowTrials ? ([[]] as const) : ([[], [{ number: 3, when }]] as const)) {
      let call = from - STEP;
      do call += STEP;
      while ((await runThrough(of, [...earlier, { at: 'call', number: call, when }])) > earlier.length);
      expect(call).toBeGreaterThan(8);
    }
  },
);
