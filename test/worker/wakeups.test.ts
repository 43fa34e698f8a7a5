import { expect, onTestFinished, test } from 'vitest';
import { Wakeups } from '../../src/worker/wakeups.js';
import { deferred } from '../api/with-engine.js';
import { ManualClock, microtasks } from './manual-clock.js';
import { RecordedFailures } from './recorded-failures.js';

interface World {
  readonly clock: ManualClock;
  readonly wakeups: Wakeups;
  /** When runs sleep until, in milliseconds from the start; a claim takes those that are due. */
  readonly asleep: number[];
  /** When it was claimed, and what was due by then. */
  readonly claims: (readonly [atMs: number, due: readonly number[]])[];
  readonly failures: RecordedFailures;
}

function world(options: { claim?: () => Promise<void>; nextDueAt?: () => Promise<number | null | undefined> } = {}): World {
  const clock = new ManualClock(0);
  const asleep: number[] = [];
  const claims: (readonly [number, readonly number[]])[] = [];
  const failures = new RecordedFailures(clock);
  const wakeups = new Wakeups({
    clock,
    store: {
      nextDueAt: options.nextDueAt ?? (async () => (asleep.length === 0 ? undefined : Math.min(...asleep))),
    },
    claim: async () => {
      await options.claim?.();
      const due = asleep.filter((wakeAt) => wakeAt <= clock.now()).sort((a, b) => a - b);
      claims.push([clock.now(), due]);
      asleep.splice(0, asleep.length, ...asleep.filter((wakeAt) => wakeAt > clock.now()));
    },
    failures,
  });
  onTestFinished(() => wakeups.stop());
  return { clock, wakeups, asleep, claims, failures };
}

test('one timer stands for all that sleep, and is set for the first (WU1)', () => {
  const { clock, wakeups } = world();
  for (const wakeAt of [5_000, 3_000, 9_000, 3_000]) wakeups.note(wakeAt);
  expect(clock.pending).toEqual([3_000]);
  expect(clock.keepsAlive).toBe(true);
});

test('runs are claimed when they are due, those of one time at once, and after each ring the store tells the next (WU1)', async () => {
  const { clock, wakeups, asleep, claims } = world();
  asleep.push(5_000, 3_000, 9_000, 3_000);
  wakeups.note(3_000);
  await clock.advance(20_000);
  expect(claims).toEqual([
    [3_000, [3_000, 3_000]],
    [5_000, [5_000]],
    [9_000, [9_000]],
  ]);
  expect(clock.pending).toEqual([]);
});

test('a run that is due sooner than all others moves the timer, one that is due later does not', async () => {
  const { clock, wakeups, asleep, claims } = world();
  asleep.push(9_000);
  wakeups.note(9_000);
  await clock.advance(1_000);
  asleep.push(4_000, 12_000);
  wakeups.note(4_000);
  wakeups.note(12_000);
  expect(clock.pending).toEqual([3_000]);
  await clock.advance(20_000);
  expect(claims.map(([at]) => at)).toEqual([4_000, 9_000, 12_000]);
});

test('a run that is due by now is claimed at once', async () => {
  const { clock, wakeups, asleep, claims } = world();
  await clock.advance(10_000);
  asleep.push(4_000);
  wakeups.note(4_000);
  await clock.advance(0);
  expect(claims).toEqual([[10_000, [4_000]]]);
});

test('a look sets the timer for what sleeps in the store, and none where nothing does', async () => {
  const { clock, wakeups, asleep } = world();
  await wakeups.look();
  expect(clock.pending).toEqual([]);
  asleep.push(7_000, 6_000);
  await wakeups.look();
  expect(clock.pending).toEqual([6_000]);
});

test('what somebody else has woken leaves a ring that finds nothing, and the next is for the next', async () => {
  const { clock, wakeups, asleep, claims } = world();
  asleep.push(3_000, 8_000);
  wakeups.note(3_000);
  asleep.shift();
  await clock.advance(10_000);
  expect(claims).toEqual([
    [3_000, []],
    [8_000, [8_000]],
  ]);
});

test('a clock that is put back makes the timer ring once more, when the time has come', async () => {
  const { clock, wakeups, asleep, claims } = world();
  asleep.push(5_000);
  wakeups.note(5_000);
  clock.jump(-60_000);
  await clock.advance(65_000);
  expect(claims.filter(([, due]) => due.length > 0)).toEqual([[5_000, [5_000]]]);
});

test('a clock that is put back while the timer rings wakes nobody too soon, and forgets nobody', async () => {
  let putBack = true;
  const { clock, wakeups, asleep, claims } = world({
    claim: async () => {
      if (putBack) clock.jump(1_000);
      putBack = false;
    },
  });
  asleep.push(5_000);
  wakeups.note(5_000);
  await clock.advance(10_000);
  await clock.advance(10_000);
  expect(claims).toEqual([
    [1_000, []],
    [5_000, [5_000]],
  ]);
});

test('a store that cannot be asked is asked again, and no sleeper is forgotten (WU2)', async () => {
  let asked = 0;
  const { clock, wakeups, asleep, claims, failures } = world({
    nextDueAt: async () => {
      asked += 1;
      if (asked <= 4) throw new Error('lost');
      return Math.min(...asleep);
    },
  });
  asleep.push(1_000, 5_000);
  wakeups.note(1_000);
  await clock.advance(5_000);
  expect(asked).toBeGreaterThan(4);
  expect(claims.filter(([, due]) => due.length > 0)).toEqual([
    [1_000, [1_000]],
    [5_000, [5_000]],
  ]);
  expect(failures.logged.map((line) => line.split(':')[0])).toEqual(['the store failed', 'the store works again']);
  expect(failures.ended).toEqual([]);
});

test('those who slept before this process are found although the store cannot be asked at first (WU2)', async () => {
  let asked = 0;
  const { clock, wakeups, asleep, claims } = world({
    nextDueAt: async () => {
      asked += 1;
      if (asked === 1) throw new Error('lost');
      return Math.min(...asleep);
    },
  });
  asleep.push(5_000);
  await wakeups.look();
  await clock.advance(5_000);
  expect([claims.at(-1), wakeups.any]).toEqual([[5_000, [5_000]], true]);
});

test('nothing is timed after a stop, not even for what is noted then (WU3)', async () => {
  const { clock, wakeups, asleep, claims } = world();
  asleep.push(3_000);
  wakeups.note(3_000);
  wakeups.stop();
  expect(clock.pending).toEqual([]);
  wakeups.note(2_000);
  await wakeups.look();
  expect(clock.pending).toEqual([]);
  await clock.advance(10_000);
  expect(claims).toEqual([]);
});

test('a stop while runs are being claimed leaves no timer behind (WU3)', async () => {
  const claiming = deferred();
  const { clock, wakeups, asleep } = world({ claim: () => claiming.promise });
  asleep.push(3_000, 9_000);
  wakeups.note(3_000);
  await clock.advance(3_000);
  wakeups.stop();
  claiming.resolve();
  await microtasks();
  expect(clock.pending).toEqual([]);
});
