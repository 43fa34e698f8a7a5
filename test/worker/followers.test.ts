import { expect, test } from 'vitest';
import type { EndOfRun } from '../../src/runtime/run-ports.js';
import { Followers } from '../../src/worker/followers.js';

const END: EndOfRun = { status: 'SUCCEEDED', outcome: '1' };

function followers(): { each: Followers; heard: string[]; follow(runId: string, when: 'gathered' | 'committed'): () => void } {
  const each = new Followers();
  const heard: string[] = [];
  const follow = (runId: string, when: 'gathered' | 'committed'): (() => void) =>
    each.follow(runId, when, (end) => {
      heard.push(`${runId} ${when} ${end === undefined ? 'gone' : `${end.status} ${end.outcome}`}`);
      return true;
    });
  return { each, heard, follow };
}

test('a follower hears of an end when it is gathered, or when it is committed, as it wants (FO1)', () => {
  const { each, heard, follow } = followers();
  follow('run', 'gathered');
  follow('run', 'committed');
  each.gathered('run', END);
  expect(heard).toEqual(['run gathered SUCCEEDED 1']);
  each.committed('run');
  expect(heard).toEqual(['run gathered SUCCEEDED 1', 'run committed SUCCEEDED 1']);
});

test('a follower that comes between the gathering of an end and its commit hears of it from the commit (FO1)', () => {
  const { each, heard, follow } = followers();
  each.gathered('run', END);
  follow('run', 'gathered');
  follow('run', 'committed');
  expect(heard).toEqual([]);
  each.committed('run');
  expect(heard).toEqual(['run gathered SUCCEEDED 1', 'run committed SUCCEEDED 1']);
});

test('a follower is called once (FO1)', () => {
  const { each, heard, follow } = followers();
  follow('run', 'gathered');
  follow('run', 'committed');
  for (let times = 0; times < 2; times += 1) {
    each.gathered('run', END);
    each.committed('run');
    each.found('run', END);
  }
  expect(heard).toHaveLength(2);
  expect(each.has('run')).toBe(false);
});

test('an end that was found in the store is both gathered and committed (FO1)', () => {
  const { each, heard, follow } = followers();
  follow('run', 'committed');
  follow('run', 'gathered');
  each.found('run', { status: 'FAILED', outcome: 'error' });
  expect(heard).toEqual(['run gathered FAILED error', 'run committed FAILED error']);
});

test('followers are called in the order in which they came', () => {
  const { each } = followers();
  const heard: number[] = [];
  for (let index = 0; index < 5; index += 1) each.follow('run', 'gathered', () => heard.push(index) > 0);
  each.gathered('run', END);
  expect(heard).toEqual([0, 1, 2, 3, 4]);
});

test('a follower that called off hears nothing, and the others do', () => {
  const { each, heard, follow } = followers();
  const callOff = follow('run', 'gathered');
  const callOffOther = follow('other', 'committed');
  follow('other', 'committed');
  callOff();
  callOffOther();
  callOff();
  expect([each.has('run'), each.has('other')]).toEqual([false, true]);
  each.found('run', END);
  each.found('other', END);
  expect(heard).toEqual(['other committed SUCCEEDED 1']);
});

test('one run is not another', () => {
  const { each, heard, follow } = followers();
  follow('run', 'gathered');
  each.found('other', END);
  expect(heard).toEqual([]);
  expect(each.has('run')).toBe(true);
});

test('a commit of a run whose end was not gathered is no end', () => {
  const { each, heard, follow } = followers();
  follow('run', 'committed');
  each.committed('run');
  expect(heard).toEqual([]);
  expect(each.has('run')).toBe(true);
});

test('what was gathered and then lost is not heard, and those who want commits stay', () => {
  const { each, heard, follow } = followers();
  follow('run', 'committed');
  follow('inner', 'gathered');
  each.gathered('run', END);
  expect(each.forgetEnding()).toEqual(['run']);
  each.committed('run');
  expect(heard).toEqual([]);
  expect([each.has('run'), each.has('inner')]).toEqual([true, false]);
  each.found('run', END);
  expect(heard).toEqual(['run committed SUCCEEDED 1']);
});

test('a follower that is called may follow the same run anew', () => {
  const { each, heard, follow } = followers();
  each.follow('run', 'gathered', () => {
    follow('run', 'gathered');
    return true;
  });
  each.gathered('run', END);
  expect(heard).toEqual([]);
  each.gathered('run', END);
  expect(heard).toEqual(['run gathered SUCCEEDED 1']);
});

test.each<[string, readonly boolean[], boolean | undefined]>([
  ['nobody follows', [], undefined],
  ['one waits', [true], true],
  ['one has forgotten it', [false], false],
  ['one of several waits', [false, true, false], true],
])('a commit tells whether anybody waits for the end: %s', (_what, waiting, expected) => {
  for (const when of ['gathered', 'committed'] as const) {
    const { each } = followers();
    for (const waits of waiting) each.follow('run', when, () => waits);
    each.gathered('run', END);
    expect(each.committed('run')).toBe(expected);
  }
});
