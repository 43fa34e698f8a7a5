import { StorageError } from 'perdure';
import { expect, test } from 'vitest';
import { PeriodicCheck } from '../../src/worker/periodic-check.js';
import { ManualClock, microtasks } from './manual-clock.js';
import { RecordedFailures } from './recorded-failures.js';

interface Checked {
  readonly clock: ManualClock;
  readonly check: PeriodicCheck;
  /** When each thing was done, in milliseconds from the start. */
  readonly done: { look: number[]; reap: number[]; heartbeat: number[] };
  readonly failures: RecordedFailures;
}

/** The machine's clock is ahead of its timers, until it is put right. */
class HourAhead extends ManualClock {
  aheadMs = 3_600_000;

  override now(): number {
    return super.now() + this.aheadMs;
  }
}

function checked(options: { clock?: ManualClock; leaseMs?: number; keepsAlive?: () => boolean; look?: () => Promise<void> } = {}): Checked {
  const { clock = new ManualClock(0) } = options;
  const done: Checked['done'] = { look: [], reap: [], heartbeat: [] };
  const failures = new RecordedFailures(clock);
  const note = (what: keyof typeof done) => async (): Promise<void> => void done[what].push(clock.now());
  const check = new PeriodicCheck({
    clock,
    keepsAlive: options.keepsAlive ?? (() => false),
    look: options.look ?? note('look'),
    liveness: { leaseMs: options.leaseMs ?? 30_000, reap: note('reap'), heartbeat: note('heartbeat') },
    failures,
  });
  return { clock, check, done, failures };
}

test('it looks several times a second, seeks the dead every second, and shows that it lives three times a lease', async () => {
  const { clock, check, done } = checked();
  check.start();
  await clock.advance(30_000);
  check.stop();
  expect(done.look.length).toBe(600);
  expect(done.reap.length).toBeGreaterThanOrEqual(28);
  expect(done.heartbeat).toEqual([10_000, 20_000, 30_000]);
});

test('a clock that is set back puts nothing off (P2)', async () => {
  const { clock, check, done } = checked({ clock: new HourAhead(0) });
  check.start();
  await clock.advance(1_050);
  const { reap } = structuredClone(done);
  (clock as HourAhead).aheadMs = 0;
  await clock.advance(10_050);
  check.stop();
  expect(done.reap.slice(reap.length)).toEqual([1_100, 2_100, 3_100, 4_100, 5_100, 6_100, 7_100, 8_100, 9_100, 10_100, 11_100]);
  expect(done.heartbeat).toEqual([1_100, 11_100]);
});

test('after a jump of the clock, or a long stand, others are judged by the time before it (P4)', async () => {
  const clock = new HourAhead(0);
  const judged: (readonly [now: number, asOf: number])[] = [];
  const nothing = async (): Promise<void> => {};
  const reap = async (asOfMs: number): Promise<void> => void judged.push([clock.now(), asOfMs]);
  const check = new PeriodicCheck({
    clock,
    keepsAlive: () => false,
    look: nothing,
    liveness: { leaseMs: 30_000, heartbeat: nothing, reap },
    failures: new RecordedFailures(clock),
  });
  clock.aheadMs = 0;
  check.start();
  await clock.advance(2_000);
  clock.aheadMs = 60_000;
  await clock.advance(1_050);
  clock.aheadMs = 0;
  await clock.advance(1_050);
  check.stop();
  expect(judged).toEqual([
    [1_000, 1_000],
    [2_000, 2_000],
    [62_050, 2_000],
    [63_050, 63_050],
    [3_100, 3_100],
    [4_100, 4_100],
  ]);
});

test('while draining it shows that it lives, and does nothing else (P3)', async () => {
  const { clock, check, done } = checked();
  check.start();
  await clock.advance(1_000);
  const { look, reap } = structuredClone(done);
  check.drain();
  await clock.advance(30_000);
  expect(done).toEqual({ look, reap, heartbeat: [10_000, 20_000, 30_000] });
  check.stop();
  await clock.advance(30_000);
  expect(done.heartbeat).toHaveLength(3);
});

test('a short lease makes everything more frequent', async () => {
  const { clock, check, done } = checked({ leaseMs: 300 });
  check.start();
  await clock.advance(900);
  check.stop();
  expect(done.heartbeat).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900]);
  expect(done.reap).toEqual(done.heartbeat);
});

test('a heartbeat comes before the look and the search, so that a worker taken for dead finds out first', async () => {
  const order: string[] = [];
  const clock = new ManualClock(0);
  const note = (what: string) => async (): Promise<void> => void order.push(what);
  const options = { clock, keepsAlive: () => false, failures: new RecordedFailures(clock) };
  const liveness = { leaseMs: 300, reap: note('reap'), heartbeat: note('heartbeat') };
  const check = new PeriodicCheck({ ...options, look: note('look'), liveness });
  check.start();
  await clock.advance(100);
  check.stop();
  expect(order).toEqual(['look', 'heartbeat', 'look', 'reap']);
});

test('it tidies up when it starts, and every ten minutes', async () => {
  const clock = new ManualClock(0);
  const done: string[] = [];
  const note = (what: string) => async (): Promise<void> => void done.push(`${what} ${clock.now()}`);
  const check = new PeriodicCheck({
    clock,
    keepsAlive: () => false,
    look: async () => {},
    liveness: { leaseMs: 300, reap: async () => {}, heartbeat: note('heartbeat') },
    tidy: note('tidy'),
    failures: new RecordedFailures(clock),
  });
  check.start();
  await clock.advance(300);
  expect(done).toEqual(['tidy 50', 'heartbeat 100', 'heartbeat 200', 'heartbeat 300']);
  await clock.advance(600_000);
  check.stop();
  expect(done.filter((what) => what.startsWith('tidy'))).toEqual(['tidy 50', 'tidy 600050']);
});

test('one check at a time: the next is timed when the last has ended (P1)', async () => {
  let end!: () => void;
  let looks = 0;
  const { clock, check } = checked({
    look: () => {
      looks += 1;
      return new Promise((resolve) => (end = resolve));
    },
  });
  check.start();
  await clock.advance(1_000);
  expect([looks, clock.pending]).toEqual([1, []]);
  end();
  await microtasks();
  expect(clock.pending).toHaveLength(1);
  await clock.advance(1_000);
  expect(looks).toBe(2);
  check.stop();
  end();
});

test('what fails is tried again after growing delays, is logged once, and keeps nothing else from being done (P4)', async () => {
  const looks: number[] = [];
  let broken = true;
  const clock = new ManualClock(0);
  const { check, done, failures } = checked({
    clock,
    leaseMs: 3_000,
    look: async () => {
      looks.push(clock.now());
      if (broken) throw new Error('no descriptors');
    },
  });
  check.start();
  await clock.advance(6_000);
  expect(looks).toEqual([50, 100, 150, 250, 450, 850, 1_650, 2_650, 3_650, 4_650, 5_650]);
  expect(done.reap.length).toBeGreaterThanOrEqual(5);
  expect(done.heartbeat).toHaveLength(6);
  expect(failures.logged).toEqual(['the store failed: no descriptors; the look for changes is tried again']);
  broken = false;
  await clock.advance(700);
  expect(looks.slice(11)).toEqual([6_650, 6_700]);
  expect(failures.logged[1]).toBe('the store works again: the look for changes had failed 11 times in 6600 ms');
  expect(failures.ended).toEqual([]);
  check.stop();
});

test('a heartbeat that fails is tried again soon, not only when the next is due', async () => {
  const clock = new ManualClock(0);
  const beats: number[] = [];
  const nothing = async (): Promise<void> => {};
  const heartbeat = async (): Promise<void> => {
    beats.push(clock.now());
    if (beats.length <= 3) throw new StorageError('STORE_BUSY', 'locked');
  };
  const failures = new RecordedFailures(clock);
  const liveness = { leaseMs: 30_000, heartbeat, reap: nothing };
  const check = new PeriodicCheck({ clock, keepsAlive: () => false, look: nothing, liveness, failures });
  check.start();
  await clock.advance(25_000);
  check.stop();
  expect(beats).toEqual([10_000, 10_050, 10_100, 10_200, 20_200]);
});

test('nothing is timed after a stop, not even by a check that was under way', async () => {
  let end!: () => void;
  const { clock, check } = checked({ look: () => new Promise((resolve) => (end = resolve)) });
  check.start();
  await clock.advance(50);
  check.stop();
  end();
  await clock.advance(1_000);
  expect(clock.pending).toEqual([]);
});

test('starting it twice starts it once', async () => {
  const { clock, check, done } = checked();
  check.start();
  check.start();
  await clock.advance(50);
  expect(done.look).toHaveLength(1);
  check.stop();
  expect(clock.pending).toEqual([]);
});

test('it does not keep the process alive, unless there is something worth it', async () => {
  let worth = false;
  const { clock, check } = checked({ keepsAlive: () => worth });
  check.start();
  expect(clock.keepsAlive).toBe(false);
  worth = true;
  check.keepAlive();
  expect([clock.keepsAlive, clock.pending.length]).toEqual([true, 1]);
  check.keepAlive();
  expect(clock.pending.length).toBe(1);
  worth = false;
  await clock.advance(50);
  expect(clock.keepsAlive).toBe(false);
  check.stop();
});

test('what is worth keeping alive for, asked during a check, counts from the next one on', async () => {
  let end!: () => void;
  let worth = false;
  const { clock, check } = checked({ keepsAlive: () => worth, look: () => new Promise((resolve) => (end = resolve)) });
  check.start();
  await clock.advance(50);
  worth = true;
  check.keepAlive();
  expect(clock.pending).toEqual([]);
  end();
  await microtasks();
  expect(clock.keepsAlive).toBe(true);
  check.stop();
});

test('keepAlive after a stop sets no timer', () => {
  const { clock, check } = checked({ keepsAlive: () => true });
  check.start();
  check.stop();
  check.keepAlive();
  expect(clock.pending).toEqual([]);
});
