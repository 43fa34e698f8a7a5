import process from 'node:process';

/**
 * How much of everything that can fail is let fail: `PERDURE_FAULTS=all` all of it, otherwise a sample, which is the same each time. A number takes
 * another sample: those of successive numbers together are all of it.
 */
const FAULTS = process.env['PERDURE_FAULTS'] ?? '';

export const ALL: boolean = FAULTS === 'all';
/** Which sample is taken. */
export const TURN: number = ALL || FAULTS === '' ? 0 : Number(FAULTS);
if (!Number.isSafeInteger(TURN) || TURN < 0) throw new RangeError(`PERDURE_FAULTS is '${FAULTS}': it is 'all' or a whole number`);

/** Of `1, 2, 3, …` each `step`-th until `end`, by turns; all of them when all are asked for. */
export function turns(step: number, end: number): number[] {
  const numbers: number[] = [];
  for (let number = ALL ? 1 : 1 + (TURN % step); number <= end; number += ALL ? 1 : step) numbers.push(number);
  return numbers;
}

/** Of these cases each `step`-th, by turns; all of them when all are asked for. */
export function sample<T>(cases: readonly T[], step: number): T[] {
  return ALL ? [...cases] : cases.filter((_, index) => index % step === TURN % step);
}

/**
 * Of `1, 2, 3, …` one of the first three, so that what has three commits is killed at one of them, and then each `step`-th, without an end. Cases
 * that differ in their `turn` begin with different ones.
 */
export function* killPoints(step: number, turn: number): Generator<number, never> {
  if (!ALL) yield 1 + ((TURN + turn) % 3);
  for (let number = ALL ? 1 : 4 + ((TURN + turn) % step); ; number += ALL ? 1 : step) yield number;
}
