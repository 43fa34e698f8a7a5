import { expect, onTestFinished, test } from 'vitest';
import { type Rest, type Resting, restsUntil, STAYS } from '../../src/runtime/resting.js';
import { Residency } from '../../src/worker/residency.js';
import { ManualClock } from './manual-clock.js';

const FAR = 3_600_000;

interface FakeRun extends Resting {
  rest: Rest;
}

interface World {
  readonly clock: ManualClock;
  readonly residency: Residency;
  readonly runs: Map<string, FakeRun>;
  /** Those that left, in order, and until when. */
  readonly suspended: (readonly [id: string, wakeAt: number | null])[];
  enter(id: string, restUntil: number | null | undefined, lastTurn?: number): FakeRun;
  /** One has gone for good. */
  end(id: string): void;
}

/** A residency of so many; a run that leaves is gone at once, and its leaving is durable when the test says so. */
function world(most: number, mostResting = most): World {
  const clock = new ManualClock(0);
  const runs = new Map<string, FakeRun>();
  const suspended: (readonly [string, number | null])[] = [];
  const residency = new Residency({
    clock,
    most,
    mostResting,
    count: () => runs.size,
    working: () => true,
    runs: () => runs.values(),
    suspend: ({ id }, wakeAt) => {
      runs.delete(id);
      suspended.push([id, wakeAt]);
    },
  });
  onTestFinished(() => residency.stop());
  let turns = 0;
  return {
    clock,
    residency,
    runs,
    suspended,
    enter: (id, restUntil, lastTurn = turns) => {
      turns += 1;
      const rest = restUntil === undefined ? STAYS : restsUntil(restUntil);
      const run: FakeRun = { id, rest, lastTurn, awaitedRuns: [], leave: () => undefined };
      runs.set(id, run);
      residency.entered();
      return run;
    },
    end: (id) => {
      runs.delete(id);
      residency.left();
    },
  };
}

test('nobody leaves while there are no more runs than there may be, and nothing is timed', async () => {
  const { clock, enter, suspended } = world(3);
  for (const id of ['a', 'b', 'c']) enter(id, FAR);
  expect(clock.timersSet).toBe(0);
  await clock.advance(1_000);
  expect(suspended).toEqual([]);
});

test('the one that has rested longest leaves first, with some more, so that the next sweep is some time away', async () => {
  const { clock, enter, suspended, runs } = world(10);
  for (let n = 0; n < 12; n += 1) enter(`${n}`, FAR + n, (n * 7) % 12);
  await clock.advance(50);
  // Two too many, and a tenth of ten: those with the turns 0, 1 and 2.
  expect(suspended).toEqual([
    ['0', FAR],
    ['7', FAR + 7],
    ['2', FAR + 2],
  ]);
  expect(runs.size).toBe(9);
  expect(clock.pending).toEqual([]);
});

test('many that enter at once share one sweep', async () => {
  const { clock, enter } = world(1);
  for (let n = 0; n < 100; n += 1) enter(`${n}`, FAR);
  expect(clock.pending).toHaveLength(1);
});

test('a run of which something is under way stays, one that waits for others only may leave (RY1)', async () => {
  const { clock, enter, suspended, runs } = world(1);
  enter('working', undefined, 0);
  enter('waiting', null, 1);
  enter('resting', FAR, 2);
  await clock.advance(50);
  expect(suspended).toEqual([
    ['waiting', null],
    ['resting', FAR],
  ]);
  expect([...runs.keys()]).toEqual(['working']);
});

test('what is due within five seconds stays', async () => {
  const { clock, enter, runs } = world(1);
  // Seen from the sweep, which comes 50 ms later.
  enter('due', -1);
  enter('soon', 5_050);
  enter('far', 5_051);
  await clock.advance(50);
  expect([...runs.keys()]).toEqual(['due', 'soon']);
});

test('those that only wait leave beyond a number of their own, while there is room for more that work', async () => {
  const { clock, enter, suspended, residency } = world(100, 10);
  for (let n = 0; n < 20; n += 1) enter(`working ${n}`, undefined);
  for (let n = 0; n < 10; n += 1) enter(`resting ${n}`, FAR, n);
  await clock.advance(550);
  expect(suspended).toEqual([]);
  for (let n = 10; n < 15; n += 1) enter(`resting ${n}`, FAR, n);
  await clock.advance(500);
  // Five too many, and a tenth of ten.
  expect(suspended.map(([id]) => id)).toEqual(['resting 0', 'resting 1', 'resting 2', 'resting 3', 'resting 4', 'resting 5']);
  const heard: string[] = [];
  residency.whenRoom(() => heard.push('room'));
  expect(heard).toEqual(['room']);
});

test('it is tried again while there are too many, by a timer that keeps nobody alive when no one could leave', async () => {
  const { clock, enter, suspended } = world(1);
  const run = enter('a', undefined);
  enter('b', undefined);
  expect(clock.keepsAlive).toBe(true);
  await clock.advance(50);
  expect([clock.pending, clock.keepsAlive]).toEqual([[500], false]);
  run.rest = restsUntil(FAR);
  await clock.advance(500);
  expect(suspended).toEqual([['a', FAR]]);
  expect(clock.pending).toEqual([]);
});

test('while some could leave and there are still too many, the next try keeps the process alive', async () => {
  const { clock, enter } = world(1);
  enter('a', FAR);
  for (const id of ['b', 'c', 'd']) enter(id, undefined);
  await clock.advance(50);
  expect([clock.pending, clock.keepsAlive]).toEqual([[50], true]);
  await clock.advance(50);
  expect([clock.pending, clock.keepsAlive]).toEqual([[500], false]);
});

test('whoever wants room has it at once while there is some', () => {
  const { residency, enter } = world(2);
  const heard: string[] = [];
  enter('a', FAR);
  enter('b', FAR);
  residency.whenRoom(() => heard.push('room'));
  expect(heard).toEqual(['room']);
});

test('whoever wants room waits until as many have left or ended as there are too many, and hears it once', () => {
  const { residency, enter, end } = world(2);
  const heard: string[] = [];
  for (const id of ['a', 'b', 'c', 'd']) enter(id, FAR);
  for (const who of ['first', 'second']) residency.whenRoom(() => heard.push(who));
  end('a');
  expect(heard).toEqual([]);
  end('b');
  expect(heard).toEqual(['first', 'second']);
  end('c');
  end('d');
  expect(heard).toHaveLength(2);
});

test('whoever asks for room while being told of it is heard too', () => {
  const { residency, enter, end } = world(1);
  const heard: string[] = [];
  for (const id of ['a', 'b']) enter(id, undefined);
  residency.whenRoom(() => {
    enter('c', undefined);
    residency.whenRoom(() => heard.push('again'));
  });
  end('a');
  expect(heard).toEqual([]);
  end('b');
  expect(heard).toEqual(['again']);
});

test('nobody leaves after a stop', async () => {
  const { clock, residency, enter, suspended } = world(1);
  for (const id of ['a', 'b']) enter(id, FAR);
  residency.stop();
  expect(clock.pending).toEqual([]);
  await clock.advance(1_000);
  expect(suspended).toEqual([]);
});
