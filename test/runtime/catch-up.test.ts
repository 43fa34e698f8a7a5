import { expect, test } from 'vitest';
import { CatchUp } from '../../src/runtime/turns/catch-up.js';

function steps(recovered = false): {
  readonly catchUp: CatchUp;
  readonly taken: string[];
  add(name: string, adds?: readonly string[]): void;
} {
  const catchUp = new CatchUp({ hasNext: false }, recovered);
  const taken: string[] = [];
  const add = (name: string, adds: readonly string[] = []): void =>
    catchUp.add({
      perform: () => {
        taken.push(name);
        for (const each of adds) add(each);
      },
    });
  return { catchUp, taken, add };
}

test('[CU1] steps are taken once, in their order, also those that they add', () => {
  const { catchUp, taken, add } = steps();
  add('a', ['c']);
  add('b');
  expect(catchUp.take()).toBe(true);
  expect([taken, catchUp.isEmpty]).toEqual([['a', 'b', 'c'], true]);
  expect(catchUp.take()).toBe(true);
  expect(taken).toHaveLength(3);
});

test('[CU1] after drop none is taken', () => {
  const { catchUp, taken, add } = steps();
  catchUp.add({ perform: () => catchUp.drop() });
  add('a');
  catchUp.take();
  add('b');
  catchUp.take();
  expect([taken, catchUp.isEmpty]).toEqual([[], true]);
});

test('[CU2] what was begun with is midway until the last of it is taken, and not by what comes meanwhile', () => {
  const { catchUp, taken, add } = steps();
  for (const name of ['a', 'b', 'c']) add(name);
  expect([catchUp.take(2), catchUp.midway, catchUp.isEmpty]).toEqual([false, true, false]);
  add('d');
  expect([catchUp.take(1), catchUp.midway, catchUp.isEmpty]).toEqual([false, false, false]);
  expect([catchUp.take(1), catchUp.midway, catchUp.isEmpty]).toEqual([true, false, true]);
  expect(taken).toEqual(['a', 'b', 'c', 'd']);
});

test('[CU3] a run is told when many steps wait', () => {
  const { catchUp, add } = steps();
  for (let step = 0; step < 511; step += 1) add('a');
  expect(catchUp.isLong).toBe(false);
  add('a');
  expect(catchUp.isLong).toBe(true);
  catchUp.take(1);
  expect([catchUp.isLong, catchUp.midway]).toEqual([false, true]);
});
