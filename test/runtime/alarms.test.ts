import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Alarms } from '../../src/runtime/turns/alarms.js';
import { ManualClock } from '../worker/manual-clock.js';

function alarms(): { clock: ManualClock; alarms: Alarms; rung: string[]; set(dueAtMs: number, name?: string, runId?: string): () => void } {
  const clock = new ManualClock(0);
  const each = new Alarms(clock);
  const rung: string[] = [];
  return {
    clock,
    alarms: each,
    rung,
    set: (dueAtMs, name = String(dueAtMs), runId = 'run') => each.set(runId, dueAtMs, () => rung.push(name)),
  };
}

test('alarms ring in due order, whatever the order in which they were set (AM1)', async () => {
  const { clock, rung, set } = alarms();
  for (const due of [30, 10, 50, 20, 40]) set(due);
  await clock.advance(100);
  expect(rung).toEqual(['10', '20', '30', '40', '50']);
});

test('alarms that are due together ring in the order in which they were set (AM1)', async () => {
  const { clock, rung, set } = alarms();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) set(5, name);
  await clock.advance(5);
  expect(rung).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('an alarm that is due already does not ring while it is being set (AM1)', async () => {
  const { clock, rung, set } = alarms();
  clock.jump(100);
  set(50);
  expect(rung).toEqual([]);
  await clock.advance(0);
  expect(rung).toEqual(['50']);
});

test('a look rings what is due by a clock that was set forward, in due order, once, and leaves the rest', async () => {
  const { clock, alarms: each, rung, set } = alarms();
  for (const due of [30, 10, 50]) set(due);
  clock.jump(40);
  expect(rung).toEqual([]);
  each.look();
  each.look();
  expect(rung).toEqual(['10', '30']);
  await clock.advance(10);
  expect(rung).toEqual(['10', '30', '50']);
});

test('a run that is held holds back its own alarms alone, and they ring in due order when it is released (AM3)', async () => {
  const { clock, alarms: each, rung, set } = alarms();
  each.hold('held');
  set(20, 'held 20', 'held');
  set(10, 'held 10', 'held');
  set(15, 'other 15', 'other');
  set(40, 'held 40', 'held');
  const callOff = set(12, 'held 12', 'held');
  clock.jump(30);
  each.look();
  expect(rung).toEqual(['other 15']);
  callOff();
  each.release('held');
  expect(rung).toEqual(['other 15']);
  await clock.advance(0);
  expect(rung).toEqual(['other 15', 'held 10', 'held 20']);
  await clock.advance(100);
  expect(rung.slice(3)).toEqual(['held 40']);
});

test('what came due while a run was held is cleared with all else, and nothing is held afterwards (AM3)', async () => {
  const { clock, alarms: each, rung, set } = alarms();
  each.hold('run');
  set(10);
  await clock.advance(20);
  each.clear();
  each.release('run');
  set(30);
  await clock.advance(100);
  expect(rung).toEqual(['30']);
});

test('alarms that are overdue together ring in due order (AM1)', async () => {
  const { clock, rung, set } = alarms();
  clock.jump(100);
  for (const due of [90, 10, 50]) set(due);
  await clock.advance(0);
  expect(rung).toEqual(['10', '50', '90']);
});

test('an alarm that is set by one that rings, and is due before the next, rings before it (AM1)', async () => {
  const { clock, alarms: each, rung, set } = alarms();
  each.set('run', 10, () => {
    rung.push('10');
    set(15);
  });
  set(20);
  clock.jump(30);
  await clock.advance(0);
  expect(rung).toEqual(['10', '15', '20']);
});

test('an alarm rings once, and calling it off afterwards does nothing (AM2)', async () => {
  const { clock, rung, set } = alarms();
  const callOff = set(10);
  await clock.advance(10);
  callOff();
  set(20);
  await clock.advance(100);
  expect(rung).toEqual(['10', '20']);
});

test('an alarm that was called off never rings, not even by one that rings with it (AM2)', async () => {
  const { clock, alarms: each, rung, set } = alarms();
  const callOffs: (() => void)[] = [];
  each.set('run', 10, () => {
    rung.push('10');
    for (const callOff of callOffs) callOff();
  });
  callOffs.push(set(10, 'also 10'), set(11));
  callOffs[1]?.();
  await clock.advance(100);
  expect(rung).toEqual(['10']);
});

test('all alarms are on one timer of the clock, for the first of them', () => {
  const { clock, set } = alarms();
  const callOff = set(10);
  for (let due = 20; due < 100; due += 1) set(due);
  expect(clock.pending).toEqual([10]);
  callOff();
  expect(clock.pending).toEqual([20]);
});

test('without alarms no timer is set', async () => {
  const { clock, alarms: each, set } = alarms();
  const callOffs = [set(1), set(2), set(3)];
  for (const callOff of callOffs) callOff();
  expect(clock.pending).toEqual([]);
  set(4);
  each.clear();
  expect(clock.pending).toEqual([]);
  await clock.advance(10);
});

test('alarms that were cleared never ring, and later ones do', async () => {
  const { clock, alarms: each, rung, set } = alarms();
  const callOff = set(1);
  each.clear();
  callOff();
  set(2);
  await clock.advance(10);
  expect(rung).toEqual(['2']);
});

test('a timer that fires early leaves alarms that are not due', async () => {
  const { clock, rung, set } = alarms();
  set(10);
  clock.jump(-1);
  await clock.advance(10);
  expect(rung).toEqual([]);
  await clock.advance(1);
  expect(rung).toEqual(['10']);
});

test('many alarms that are called off leave the others in order (AM2)', async () => {
  const { clock, rung, set } = alarms();
  const kept: number[] = [];
  for (let index = 0; index < 1_000; index += 1) {
    const due = (index * 7_919) % 1_009;
    const callOff = set(due);
    if (index % 10 === 0) kept.push(due);
    else callOff();
  }
  await clock.advance(2_000);
  expect(rung).toEqual(kept.sort((a, b) => a - b).map(String));
});

type Command = { readonly set: number } | { readonly callOff: number } | { readonly advance: number };

const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ set: fc.integer({ min: -5, max: 40 }) }) },
    { weight: 3, arbitrary: fc.record({ callOff: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ advance: fc.nat({ max: 15 }) }) },
  ),
  { maxLength: 200, size: 'max' },
);

test('alarms do what a sorted list would (AM1, AM2)', async () => {
  const property = fc.asyncProperty(commands, async (all) => {
    const { clock, rung, set } = alarms();
    const model: { readonly dueMs: number; readonly name: string }[] = [];
    const callOffs: { readonly name: string; callOff(): void }[] = [];
    const expected: string[] = [];
    for (const [index, command] of all.entries()) {
      const name = String(index);
      if ('set' in command) {
        const dueMs = clock.now() + command.set;
        callOffs.push({ name, callOff: set(dueMs, name) });
        model.push({ dueMs, name });
      } else if ('callOff' in command) {
        const called = callOffs[command.callOff % Math.max(1, callOffs.length)];
        called?.callOff();
        const position = model.findIndex((alarm) => alarm.name === called?.name);
        if (position >= 0) model.splice(position, 1);
      } else {
        await clock.advance(command.advance);
        const due = model.filter(({ dueMs }) => dueMs <= clock.now()).sort((a, b) => a.dueMs - b.dueMs);
        expected.push(...due.map((alarm) => alarm.name));
        for (const alarm of due) model.splice(model.indexOf(alarm), 1);
      }
      expect(rung).toEqual(expected);
    }
  });
  await fc.assert(property, { numRuns: 60 });
});
