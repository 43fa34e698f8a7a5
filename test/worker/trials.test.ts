import { expect, test } from 'vitest';
import type { RunRecord } from '../../src/model/records.js';
import { LISTENS, type Resting, STAYS } from '../../src/runtime/resting.js';
import { Trials } from '../../src/worker/trials.js';
import { outcomeOf, runOf } from '../store/records.js';
import { ManualClock, microtasks } from './manual-clock.js';

interface AttemptedCall {
  readonly clock: ManualClock;
  readonly trials: Trials;
  /** What the store was asked for, in order. */
  readonly asked: string[];
  /** Runs in memory, and whether each rests. */
  readonly residents: Map<string, boolean>;
  /** Lets calls of the store fail from now on, or no more. */
  fail(how: 'before' | 'after' | undefined): void;
  /** How often more was to be claimed. */
  claims(): number;
}

/** @param suspects - Those that wait to be tried. */
function tried(...suspects: string[]): AttemptedCall {
  const clock = new ManualClock(0);
  const asked: string[] = [];
  const residents = new Map<string, boolean>();
  let claims = 0;
  let failing: 'before' | 'after' | undefined;
  const resident = (runId: string): Resting | undefined => {
    const rests = residents.get(runId);
    if (rests === undefined) return undefined;
    return { id: runId, rest: rests ? LISTENS : STAYS, awaitedRuns: [], lastTurn: 0, leave: () => {} };
  };
  const ask = <T>(what: () => T): Promise<T> => {
    if (failing === 'before') return Promise.reject(new Error('the store fails'));
    const result = what();
    return failing === 'after' ? Promise.reject(new Error('the store fails')) : Promise.resolve(result);
  };
  const trials = new Trials({
    store: {
      claimSuspect: () =>
        ask(() => {
          const id = suspects.shift();
          asked.push(`try ${id}`);
          if (id === undefined) return undefined;
          residents.set(id, false);
          return runOf(id, { crashes: 2 });
        }),
      endTrial: ({ runId }) => ask(() => void asked.push(`end ${runId}`)),
      acquit: ({ runIds }) => ask(() => void asked.push(`acquit ${runIds.join(' ')}`)),
    },
    clock,
    flows: { find: () => undefined, all: () => [] },
    workerId: () => 'w1',
    resident,
    claim: () => {
      claims += 1;
    },
  });
  const fail: AttemptedCall['fail'] = (how) => {
    failing = how;
  };
  return { clock, trials, asked, residents, fail, claims: () => claims };
}

async function turn({ clock }: AttemptedCall): Promise<void> {
  await clock.turn();
  await microtasks();
}

test('where there are no suspects, nothing is asked of the store, and journals are plain', async () => {
  const given = tried();
  given.trials.claimed([runOf('a')], false);
  expect(given.trials.journal(runOf('a'), [], { mode: 'short' }).constructor.name).toBe('Journal');
  expect(await given.trials.next(false)).toBeUndefined();
  given.trials.arrived('a');
  given.trials.recorded('a');
  await turn(given);
  expect([given.asked, given.claims(), given.clock.timersSet, given.clock.due]).toEqual([[], 0, 0, 0]);
});

test('a suspect is tried, and while its trial is open no other is', async () => {
  const given = tried('a', 'b');
  expect((await given.trials.next(true))?.id).toBe('a');
  expect(await given.trials.next(true)).toBeUndefined();
  expect(given.asked).toEqual(['try a']);
});

test('an outcome acquits the run on trial, durably before the next is tried (TR2)', async () => {
  const given = tried('a', 'b');
  const suspect = (await given.trials.next(true)) as RunRecord;
  const journal = given.trials.journal(suspect, [], { mode: 'short' });
  journal.append(outcomeOf('a', 'message-1', 1, { kind: 'message' }));
  expect(await given.trials.next(true)).toBeUndefined();
  journal.append(outcomeOf('a', '0', 2));
  journal.append(outcomeOf('a', '1', 3));
  await turn(given);
  expect([given.asked, given.claims()]).toEqual([['try a'], 1]);
  expect((await given.trials.next(true))?.id).toBe('b');
  expect(given.asked).toEqual(['try a', 'acquit a', 'try b']);
});

test('resting acquits the run on trial as it comes to where it was, or later', async () => {
  const given = tried('a', 'b', 'c');
  await given.trials.next(true);
  given.trials.arrived('a');
  expect(await given.trials.next(true)).toBeUndefined();
  given.residents.set('a', true);
  expect((await given.trials.next(true))?.id).toBe('b');
  given.residents.set('b', true);
  given.trials.arrived('b');
  await turn(given);
  expect(given.claims()).toBe(1);
  expect((await given.trials.next(true))?.id).toBe('c');
  expect(given.asked).toEqual(['try a', 'acquit a', 'try b', 'acquit b', 'try c']);
});

test('the end of the run on trial ends that, and there is nothing to write', async () => {
  const given = tried('a', 'b');
  await given.trials.next(true);
  given.residents.delete('a');
  given.trials.arrived('a');
  await turn(given);
  expect([given.claims(), given.clock.pending]).toEqual([1, []]);
  expect((await given.trials.next(true))?.id).toBe('b');
  expect(given.asked).toEqual(['try a', 'try b']);
});

test('ten seconds end a trial, and leave the count as it is', async () => {
  const given = tried('a', 'b');
  await given.trials.next(true);
  await given.clock.advance(9_999);
  expect(given.claims()).toBe(0);
  await given.clock.advance(1);
  expect(given.claims()).toBe(1);
  given.trials.recorded('a');
  expect((await given.trials.next(true))?.id).toBe('b');
  expect(given.asked).toEqual(['try a', 'end a', 'try b']);
});

test('no suspect is tried before those that were claimed have shown themselves (TR1)', async () => {
  const given = tried('suspect');
  for (const id of ['records', 'rests', 'ends', 'takes long', 'is not read yet']) given.residents.set(id, false);
  given.trials.claimed(
    [...given.residents.keys()].map((id) => runOf(id)),
    true,
  );
  given.residents.delete('is not read yet');
  expect(await given.trials.next(true)).toBeUndefined();
  given.trials.journal(runOf('records'), [], { mode: 'short' }).append(outcomeOf('records', '0', 1));
  given.residents.set('rests', true);
  given.trials.arrived('rests');
  given.residents.delete('ends');
  given.trials.arrived('ends');
  expect([await given.trials.next(true), given.asked]).toEqual([undefined, []]);
  await given.clock.advance(10_000);
  expect((await given.trials.next(true))?.id).toBe('suspect');
  expect(given.asked).toEqual(['try suspect']);
});

test('a run against which a crash counts has that set back when it rests, and not when it records, which says it itself', async () => {
  const given = tried();
  const claimed = ['rests', 'rests too', 'records'].map((id) => runOf(id, { crashes: 1 }));
  given.trials.claimed(claimed, false);
  for (const { id } of claimed) given.residents.set(id, id.startsWith('rests'));
  for (const { id } of claimed) given.trials.arrived(id);
  given.trials.recorded('records');
  await turn(given);
  expect(given.claims()).toBe(1);
  await given.trials.next(false);
  expect(given.asked).toEqual(['acquit rests rests too']);
});

test('what could not be written is written the next time', async () => {
  const given = tried('a', 'b');
  await given.trials.next(true);
  given.trials.recorded('a');
  given.fail('before');
  await expect(given.trials.next(true)).rejects.toThrow('the store fails');
  given.fail(undefined);
  expect((await given.trials.next(true))?.id).toBe('b');
  await given.clock.advance(10_000);
  given.fail('before');
  await expect(given.trials.next(true)).rejects.toThrow('the store fails');
  given.fail(undefined);
  expect(await given.trials.next(true)).toBeUndefined();
  expect(given.asked).toEqual(['try a', 'acquit a', 'try b', 'end b', 'try undefined']);
});

test('a suspect whose claim has seemed to fail is on trial when it is found to be owned', async () => {
  const given = tried('a', 'b');
  given.fail('after');
  await expect(given.trials.next(true)).rejects.toThrow('the store fails');
  given.fail(undefined);
  given.trials.claimed([runOf('a', { crashes: 2 })], true);
  expect(await given.trials.next(true)).toBeUndefined();
  given.residents.set('a', true);
  expect((await given.trials.next(true))?.id).toBe('b');
  expect(given.asked).toEqual(['try a', 'acquit a', 'try b']);
});

test('when all runs leave this process, so does the trial', async () => {
  const given = tried('a', 'b');
  await given.trials.next(true);
  given.residents.set('a', true);
  given.trials.arrived('a');
  given.trials.allLeft();
  await given.clock.advance(20_000);
  await given.trials.next(false);
  expect([given.asked, given.clock.pending]).toEqual([['try a'], []]);
});
