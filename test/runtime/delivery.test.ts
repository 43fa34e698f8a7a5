import { expect, test } from 'vitest';
import { Delivery, type TurnTaker } from '../../src/runtime/delivery.js';
import { ManualClock } from '../worker/manual-clock.js';

/** Runs that write down their turns; the code that a turn resumes takes a few microtasks. */
function world(): { clock: ManualClock; delivery: Delivery; heard: string[]; run(name: string, turns?: number): TurnTaker } {
  const clock = new ManualClock();
  const heard: string[] = [];
  const run = (name: string, turns = 1): TurnTaker => {
    let left = turns;
    return {
      urgent: false,
      beginTurn: () => {
        left -= 1;
        heard.push(`${name} begins`);
        void Promise.resolve()
          .then(() => undefined)
          .then(() => heard.push(`${name} goes on`));
      },
      endTurn: () => {
        heard.push(`${name} rests`);
        return left > 0;
      },
    };
  };
  return { clock, delivery: new Delivery(clock), heard, run };
}

/** All that a macrotask leads to. */
const macrotaskOver = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('turns begin in a macrotask of their own, and end when their code has come to rest (D2)', async () => {
  const { clock, delivery, heard, run } = world();
  delivery.wake(run('a'));
  delivery.wake(run('b'));
  expect([heard, clock.due]).toEqual([[], 1]);
  await clock.turn();
  await macrotaskOver();
  expect(heard).toEqual(['a begins', 'b begins', 'a goes on', 'b goes on', 'a rests', 'b rests']);
});

test('few turns may begin at once, and the macrotask that was asked for them finds nothing', async () => {
  const { clock, delivery, heard, run } = world();
  delivery.wake(run('a'));
  delivery.turnNow();
  await macrotaskOver();
  expect(heard).toEqual(['a begins', 'a goes on', 'a rests']);
  await clock.turn();
  await macrotaskOver();
  expect([heard.length, clock.due, delivery.busy]).toEqual([3, 0, false]);
});

test('no turn begins at once while code of another has not come to rest (D1)', async () => {
  const { delivery, heard, run } = world();
  delivery.wake(run('a', 2));
  delivery.turnNow();
  delivery.wake(run('b'));
  delivery.turnNow();
  expect(heard).toEqual(['a begins']);
  await macrotaskOver();
  expect(heard).toEqual(['a begins', 'a goes on', 'a rests']);
  delivery.turnNow();
  await macrotaskOver();
  expect(heard.slice(3)).toEqual(['b begins', 'a begins', 'b goes on', 'a goes on', 'b rests', 'a rests']);
});

test('many turns take a macrotask of their own', async () => {
  const { clock, delivery, heard, run } = world();
  for (let n = 0; n < 17; n += 1) delivery.wake(run(`${n}`));
  delivery.turnNow();
  expect([heard, clock.due]).toEqual([[], 1]);
  await clock.turn();
  await macrotaskOver();
  expect(heard).toHaveLength(51);
});
