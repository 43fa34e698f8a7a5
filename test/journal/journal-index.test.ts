import { expect, test } from 'vitest';
import { Slices } from '../../src/clock/slices.js';
import { JournalIndex } from '../../src/journal/journal-index.js';
import { outcomeOf, startOf } from '../store/records.js';

const branches = Array.from({ length: 40_000 }, (_, index) => index);

/** A batch with branches, of which each second has ended. */
const loaded = [
  ...branches.flatMap((index) => [outcomeOf('run', `0.${index}.0`, index + 1)]),
  ...branches
    .filter((index) => index % 2 === 0)
    .map((index) => outcomeOf('run', `0.${index}`, branches.length + index / 2 + 1, { kind: 'branch' })),
  startOf('run', '0', { kind: 'map' }),
];

test('[JI1] an index that is made in pieces is the one that is made at once, and lets others have their turns', async () => {
  let turns = 0;
  let over = false;
  const turn = (): void => {
    turns += 1;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  const index = await JournalIndex.inSlices(loaded, 'short', new Slices());
  over = true;
  expect(turns).toBeGreaterThan(1);
  expect(index).toEqual(JournalIndex.of(loaded, 'short'));
  expect(index.outcomes).toHaveLength(60_000);
  expect(index.isSkipped('0.2.0')).toBe(true);
  expect([...index.expected.keys()].slice(0, 3)).toEqual(['0.1.0', '0.3.0', '0.5.0']);
});

test('a whole replay expects what lies in ended branches as well', () => {
  const index = JournalIndex.of(loaded, 'whole');
  expect(index.skipsBranches).toBe(false);
  expect(index.expected.size).toBe(loaded.length);
});
