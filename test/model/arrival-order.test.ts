import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArrivalOrder } from '../../src/model/arrival-order.js';

interface Guest {
  readonly name: number;
  here: boolean;
}

test('has those that came and have not left, in the order in which they came', () => {
  const commands = fc.array(fc.oneof(fc.constant('comes' as const), fc.nat({ max: 30 })), { maxLength: 200 });
  fc.assert(
    fc.property(commands, (steps) => {
      const roll = new ArrivalOrder<Guest>(({ here }) => here);
      const all: Guest[] = [];
      for (const step of steps) {
        if (step === 'comes') {
          const guest = { name: all.length, here: true };
          all.push(guest);
          roll.add(guest);
        } else {
          const guests = all.filter(({ here }) => here);
          const leaving = guests[step % Math.max(1, guests.length)];
          if (leaving === undefined) continue;
          leaving.here = false;
          roll.left();
        }
        expect(roll.present.map(({ name }) => name)).toEqual(all.filter(({ here }) => here).map(({ name }) => name));
      }
    }),
  );
});

test('of those that come while it is read, some may be read as well', () => {
  const roll = new ArrivalOrder<Guest>(({ here }) => here);
  roll.add({ name: 0, here: true });
  const read: number[] = [];
  for (const { name } of roll.present) {
    read.push(name);
    if (name === 0) roll.add({ name: 1, here: true });
  }
  expect(read).toEqual([0, 1]);
});
