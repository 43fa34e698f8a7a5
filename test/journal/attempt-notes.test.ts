import { expect, test } from 'vitest';
import {
  type AttemptNotes,
  decodeAttempts,
  encodeAttempts,
  type FailedAttempt,
  finalAttempts,
  lastRunOf,
  NO_ATTEMPTS,
  nextAttemptAt,
  withFailure,
} from '../../src/journal/attempt-notes.js';
import type { OperationRecord } from '../../src/model/records.js';

const failed = (attempt: number): FailedAttempt => ({
  attempt,
  error: `error ${attempt}`,
  startedAt: attempt * 10,
  failedAt: attempt * 10 + 5,
});

/** Notes after so many failures. */
function after(count: number): AttemptNotes {
  let notes = NO_ATTEMPTS;
  for (let attempt = 1; attempt <= count; attempt += 1) notes = withFailure(notes, failed(attempt));
  return notes;
}

test('nothing is noted of an operation that has no notes', () => {
  expect(decodeAttempts(null)).toEqual({ failures: 0, kept: [] });
  expect(decodeAttempts(undefined)).toEqual({ failures: 0, kept: [] });
});

test('notes come back from their text', () => {
  const notes: AttemptNotes = { ...after(2), nextAt: 7, begunAt: 8, heartbeat: '"page 3"', polls: { count: 4, state: '1' } };
  expect(decodeAttempts(encodeAttempts(notes))).toEqual(notes);
});

test('what is undefined is left out of the text', () => {
  expect(encodeAttempts({ ...after(1), nextAt: undefined, heartbeat: undefined })).not.toMatch(/nextAt|heartbeat/);
});

test('a failure counts, and is kept behind those before it', () => {
  expect(after(3)).toMatchObject({ failures: 3, kept: [failed(1), failed(2), failed(3)] });
});

test('a failure ends the attempt: its beginning and its time are forgotten, what it said last is not', () => {
  const notes = withFailure({ ...NO_ATTEMPTS, nextAt: 5, begunAt: 6, heartbeat: '1', polls: { count: 1, state: '2' } }, failed(1));
  expect(notes).toEqual({ failures: 1, kept: [failed(1)], heartbeat: '1', polls: { count: 1, state: '2' } });
});

test('the last fifty failures are kept, and all are counted', () => {
  const { failures, kept } = after(53);
  expect(failures).toBe(53);
  expect(kept.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 50 }, (_, index) => index + 4));
});

test('an action rests until the next attempt is due, as long as it is not finished', () => {
  const at = (finishedAt: number | null, nowMs: number): number | undefined =>
    nextAttemptAt({ ...after(1), nextAt: 100 }, { kind: 'action', finishedAt } as OperationRecord, nowMs);
  expect([at(null, 99), at(null, 100), at(99, 500), at(100, 500)]).toEqual([100, undefined, 100, undefined]);
  expect(nextAttemptAt(after(1), { kind: 'action', finishedAt: null } as OperationRecord, 99)).toBeUndefined();
});

test('a child run rests until its next attempt has begun, whatever the time', () => {
  const child = { kind: 'flow', childRunId: 'child', status: 'STARTED', finishedAt: null } as OperationRecord;
  const resting = { ...after(2), nextAt: 100 };
  expect([99, 101].map((nowMs) => nextAttemptAt(resting, child, nowMs))).toEqual([100, 100]);
  expect(nextAttemptAt(after(2), child, 99)).toBeUndefined();
  expect(lastRunOf({ ...child, attempts: encodeAttempts(resting) })).toBe('child~2');
  expect(lastRunOf({ ...child, attempts: encodeAttempts(after(2)) })).toBe('child~3');
});

test('nothing is kept of an only attempt', () => {
  expect(finalAttempts(NO_ATTEMPTS, null)).toBeNull();
  expect(finalAttempts(after(1), after(1).kept[0]?.error as string)).toBeNull();
  expect(finalAttempts({ ...NO_ATTEMPTS, begunAt: 5, heartbeat: '1' }, null)).toBeNull();
});

test('all failures are kept of an operation that took more than one attempt, and nothing of what is over', () => {
  const over = { nextAt: 1, begunAt: 2, heartbeat: '3' };
  const read = (text: string | null): unknown => text && JSON.parse(text);
  expect(read(finalAttempts({ ...after(1), ...over }, null))).toEqual(after(1));
  expect(read(finalAttempts({ ...after(2), ...over }, after(2).kept[1]?.error as string))).toEqual(after(2));
});

test('the polls of a condition are kept, whatever the attempts', () => {
  const polls = { count: 3, state: '1' };
  expect(JSON.parse(finalAttempts({ ...NO_ATTEMPTS, polls }, null) as string)).toEqual({ failures: 0, kept: [], polls });
});
