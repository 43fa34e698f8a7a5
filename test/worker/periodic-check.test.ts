import { StorageError } from 'perdure';
import { expect, test } from 'vitest';
import type { Watcher } from '../../src/store/watcher.js';
import { PeriodicCheck } from '../../src/worker/periodic-check.js';
import { ManualClock, microtasks } from './manual-clock.js';
import { RecordedFailures } from './recorded-failures.js';

interface Checked {
  readonly clock: ManualClock;
  readonly check: PeriodicCheck;
  /** When each thing was done, in milliseconds from the start. */
  readonly done: { look: number[]; reap: number[]; heartbeat: number[] };
  readonly store: ToldStore;
  readonly failures: RecordedFailures;
}

/** A store that is told what to tell. */
class ToldStore {
  #watcher: Watcher | undefined;

  watch(watcher: Watcher): () => void {
    this.#watcher = watcher;
    return () => {
      this.#watcher = undefined;
    };
  }

  get watched(): boolean {
    return this.#watcher !== undefined;
  }

  change(): void {
    this.#watcher?.onChange();
  }
}

/** The machine's clock is ahead of its timers, until it is put right. */
class HourAhead extends ManualClock {
  aheadMs = 3_600_000;

  override now(): number {
    return super.now() + this.aheadMs;
  }
}

interface CheckedOptions {
  readonly clock?: ManualClock;
  readonly leaseMs?: number;
  readonly keepsAlive?: () => boolean;
  readonly look?: (changed: boolean) => Promise<void>;
}

function checked(options: CheckedOptions = {}): Checked {
  const { clock = new ManualClock(0) } = options;
  const done: Checked['done'] = { look: [], reap: [], heartbeat: [] };
  const failures = new RecordedFailures(clock);
  const store = new ToldStore();
  const note = (what: keyof typeof done) => async (): Promise<void> => void done[what].push(clock.now());
  const check = new PeriodicCheck({
    clock,
    store,
    busy: () => false,
    keepsAlive: options.keepsAlive ?? (() => false),
    look: options.look ?? note('look'),
    liveness: { leaseMs: options.leaseMs ?? 30_000, reap: note('reap'), heartbeat: note('heartbeat') },
    failures,
  });
  return { clock, check, done, store, failures };
}

test('it seeks the dead every second, shows that it lives three times a lease, and looks only when it is asked to', async () => {
  const { clock, check, done } = checked();
  check.start();
  await clock.advance(30_000);
  check.stop();
  expect(done.look).toEqual([]);
  expect(done.reap).toHaveLength(30);
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
  expect(done.reap.slice(reap.length)).toEqual([1_250, 2_250, 3_250, 4_250, 5_250, 6_250, 7_250, 8_250, 9_250, 10_250]);
  expect(done.heartbeat).toEqual([1_250]);
});

test('after a jump of the clock, or a long stand, others are judged by the time before it (P4)', async () => {
  const clock = new HourAhead(0);
  const judged: (readonly [now: number, asOf: number])[] = [];
  const nothing = async (): Promise<void> => {};
  const reap = async (asOfMs: number): Promise<void> => void judged.push([clock.now(), asOfMs]);
  const check = new PeriodicCheck({
    clock,
    store: new ToldStore(),
    busy: () => false,
    keepsAlive: () => false,
    look: nothing,
    liveness: { leaseMs: 30_000, heartbeat: nothing, reap },
    failures: new RecordedFailures(clock),
  });
  clock.aheadMs = 0;
  check.start();
  await clock.advance(2_000);
  clock.aheadMs = 60_000;
  await clock.advance(1_250);
  clock.aheadMs = 0;
  await clock.advance(1_250);
  check.stop();
  expect(judged).toEqual([
    [1_000, 1_000],
    [2_000, 2_000],
    [62_250, 2_000],
    [63_250, 63_250],
    [3_500, 3_500],
    [4_500, 4_500],
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
  const store = new ToldStore();
  const options = { clock, store, busy: () => false, keepsAlive: () => false, failures: new RecordedFailures(clock) };
  const liveness = { leaseMs: 300, reap: note('reap'), heartbeat: note('heartbeat') };
  const check = new PeriodicCheck({ ...options, look: note('look'), liveness });
  check.start();
  await clock.advance(50);
  clock.jump(100);
  store.change();
  await clock.turn();
  check.stop();
  expect(order).toEqual(['heartbeat', 'look', 'reap']);
});

test('it tidies up when it starts, and every ten minutes', async () => {
  const clock = new ManualClock(0);
  const done: string[] = [];
  const note = (what: string) => async (): Promise<void> => void done.push(`${what} ${clock.now()}`);
  const check = new PeriodicCheck({
    clock,
    store: new ToldStore(),
    busy: () => false,
    keepsAlive: () => false,
    look: async () => {},
    liveness: { leaseMs: 300, reap: async () => {}, heartbeat: note('heartbeat') },
    tidy: note('tidy'),
    failures: new RecordedFailures(clock),
  });
  check.start();
  await clock.advance(300);
  expect(done).toEqual(['tidy 0', 'heartbeat 100', 'heartbeat 200', 'heartbeat 300']);
  await clock.advance(600_000);
  check.stop();
  expect(done.filter((what) => what.startsWith('tidy'))).toEqual(['tidy 0', 'tidy 600000']);
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
  check.ask();
  await clock.turn();
  await clock.advance(1_000);
  expect([looks, clock.pending]).toEqual([1, []]);
  check.ask();
  check.ask();
  await clock.turn();
  expect(looks).toBe(1);
  end();
  await microtasks();
  await clock.turn();
  expect(looks).toBe(2);
  end();
  await microtasks();
  expect(clock.pending).toHaveLength(1);
  check.stop();
});

test('what the store tells is looked for at once, and once however often it is told (P6)', async () => {
  const looks: (readonly [number, boolean])[] = [];
  const { clock, check, store } = checked({ look: async (changed) => void looks.push([clock.now(), changed]) });
  check.start();
  await clock.advance(20);
  store.change();
  store.change();
  expect(looks).toEqual([]);
  await clock.turn();
  expect(looks).toEqual([[20, true]]);
  check.ask();
  await clock.turn();
  await clock.advance(10_000);
  expect(looks).toEqual([
    [20, true],
    [20, false],
  ]);
  check.stop();
  expect(store.watched).toBe(false);
});

test('what fails is tried again after growing delays, is logged once, and keeps nothing else from being done (P5, P6)', async () => {
  const looks: (readonly [number, boolean])[] = [];
  let broken = true;
  const clock = new ManualClock(0);
  const { check, store, done, failures } = checked({
    clock,
    leaseMs: 3_000,
    look: async (changed) => {
      looks.push([clock.now(), changed]);
      if (broken) throw new Error('no descriptors');
    },
  });
  check.start();
  store.change();
  await clock.turn();
  await clock.advance(6_000);
  const times = [0, 0, 50, 150, 350, 750, 1_550, 2_550, 3_550, 4_550, 5_550];
  expect(looks).toEqual(times.map((time) => [time, true]));
  expect(done.reap.length).toBeGreaterThanOrEqual(5);
  expect(done.heartbeat).toHaveLength(6);
  expect(failures.logged).toEqual(['the store failed: no descriptors; the look for changes is tried again']);
  broken = false;
  await clock.advance(10_000);
  expect(looks.slice(11)).toEqual([[6_550, true]]);
  expect(failures.logged[1]).toBe('the store works again: the look for changes had failed 11 times in 6550 ms');
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
  const check = new PeriodicCheck({
    clock,
    store: new ToldStore(),
    busy: () => false,
    keepsAlive: () => false,
    look: nothing,
    liveness,
    failures,
  });
  check.start();
  await clock.advance(25_000);
  check.stop();
  expect(beats).toEqual([10_000, 10_000, 10_050, 10_150, 20_150]);
});

test('nothing is timed after a stop, not even by a check that was under way', async () => {
  let end!: () => void;
  const { clock, check } = checked({ look: () => new Promise((resolve) => (end = resolve)) });
  check.start();
  check.ask();
  await clock.turn();
  check.stop();
  end();
  await clock.advance(1_000);
  expect(clock.pending).toEqual([]);
});

test('while draining nothing that is due is waited for in vain: no timer comes before the next heartbeat or check', async () => {
  const { clock, check } = checked();
  check.start();
  await clock.advance(900);
  check.drain();
  await clock.advance(5_000);
  expect(clock.pending.length).toBe(1);
  expect(clock.timersSet).toBeLessThan(40);
  check.stop();
});

test('starting it twice starts it once', async () => {
  const { clock, check, done } = checked();
  check.start();
  check.start();
  await clock.advance(1_000);
  expect(done.reap).toHaveLength(1);
  check.stop();
  expect(clock.pending).toEqual([]);
});

test('it does not keep the process alive, unless there is something worth it', async () => {
  let worth = false;
  const { clock, check } = checked({ keepsAlive: () => worth });
  check.start();
  expect(clock.keepsAlive).toBe(false);
  worth = true;
  check.ask();
  await clock.turn();
  expect([clock.keepsAlive, clock.pending.length]).toEqual([true, 1]);
  worth = false;
  await clock.advance(250);
  expect(clock.keepsAlive).toBe(false);
  check.stop();
});

test('a look that is asked for before the start or after a stop does not come', async () => {
  const { clock, check, done } = checked({ keepsAlive: () => true });
  check.ask();
  check.start();
  check.stop();
  check.ask();
  await clock.turn();
  expect(clock.pending).toEqual([]);
  expect(done.look).toEqual([]);
});
