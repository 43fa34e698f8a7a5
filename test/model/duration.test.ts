import { expect, test } from 'vitest';
import { durationMs } from '../../src/model/duration.js';

test.each<[unknown, number]>([
  [0, 0],
  [1.5, 1.5],
  ['150ms', 150],
  ['5s', 5_000],
  ['10m', 600_000],
  ['1.5h', 5_400_000],
  ['7d', 604_800_000],
])('%j is a duration of %d ms', (input, ms) => {
  expect(durationMs(input)).toBe(ms);
});

test.each<[unknown]>([
  [-1],
  [Number.NaN],
  [Number.POSITIVE_INFINITY],
  [4.1e15],
  ['5'],
  ['5 s'],
  [' 5s'],
  ['5s '],
  ['5s\n'],
  ['\u00a05s'],
  ['5S'],
  ['1h30m'],
  ['-5s'],
  ['.5s'],
  [''],
  [null],
  [{}],
])('%j is none', (input) => {
  expect(durationMs(input)).toBeUndefined();
});
