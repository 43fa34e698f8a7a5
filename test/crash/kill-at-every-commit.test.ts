import { describe, expect, test } from 'vitest';
import { killPoints } from '../faults/turns.js';
import { CrashPlace } from './children/crash-process.js';
import type { CrashCase } from './crash-case.js';
import { CASES } from './flows.js';
import { expectWellFormed } from './well-formed.js';

const RUN_ID = 'run';

type Kill = NonNullable<Parameters<CrashPlace['process']>[0]>;

/** Kills a process, lets a fresh one finish its run, and looks at what both have done. Returns whether the first was killed indeed. */
async function killAndRecover(of: CrashCase, kill: Kill): Promise<boolean> {
  const place = new CrashPlace(of.name);
  try {
    const first = await place.process(kill);
    const last = first.killed ? await place.process() : first;
    expect(last).toEqual({ killed: false, end: expect.stringMatching(of.ends) });
    expect(place.recorder.repeated).toEqual([]);
    expect(place.recorder.executions(RUN_ID)).toBeGreaterThan(0);
    place.recorder.expectSamePaths();
    const store = await place.storeWhileOpen();
    await expectWellFormed(store);
    await store.close();
    return first.killed;
  } finally {
    place.dispose();
  }
}

/** The others are crashed at every commit within one process. */
const KILLED = [
  ...['sequence', 'fan-out', 'first-completed', 'promise-race', 'nested', 'timers', 'closures', 'cancelled'],
  ...['mixed-branches', 'fail-fast', 'left-branches', 'cancelled-branches', 'shared-futures', 'left-briefly', 'swallowing'],
];
const KILLED_ANYTIME = ['nested', 'timers', 'closures', 'cancelled', 'mixed-branches', 'two-at-once', 'detached-in-branches'];
const WHEN = ['before', 'after'] as const;
/** Each commit is one of so many, unless all are asked for: every flow is killed at an early one and at some later ones, on both sides. */
const STEP = 16;

describe.concurrent('a process that is killed', () => {
  test.each(
    CASES.filter(({ name }) => KILLED.includes(name)).flatMap((of, index) =>
      WHEN.map((when, side) => ({ ...of, when, turn: index + side * (STEP / 2) })),
    ),
  )(
    'amid $name, $when any of its commits, leaves a run that the next one finishes',
    { timeout: 120_000 },
    async ({ when, turn, ...of }) => {
      let last = 0;
      for (const number of killPoints(STEP, turn)) {
        last = number;
        if (!(await killAndRecover(of, { commit: { number, when } }))) break;
      }
      expect(last).toBeGreaterThan(3);
    },
  );

  test.each(CASES.filter(({ name }) => KILLED_ANYTIME.includes(name)).map((of, turn) => ({ ...of, turn })))(
    'by another, amid $name, leaves a run that the next one finishes',
    { timeout: 120_000 },
    async ({ turn, ...of }) => {
      // It may come to its end before the kill reaches it.
      for (const announcement of killPoints(STEP, turn)) if (!(await killAndRecover(of, { announcement }))) break;
    },
  );
});
