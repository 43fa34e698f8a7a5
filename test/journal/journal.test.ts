import { NonDeterminismError } from 'perdure';
import { expect, test } from 'vitest';
import { Journal } from '../../src/journal/journal.js';
import { CANCEL_ENTRY_ID } from '../../src/journal/numbering.js';
import type { OperationRecord } from '../../src/model/records.js';
import { outcomeOf, startOf } from '../store/records.js';

const RUN = { id: 'run', flow: 'order', version: 2 };

function journalOf(...loaded: readonly OperationRecord[]): Journal {
  return new Journal(RUN, loaded);
}

/** What a flow asks for under an id, as `startOf` and `outcomeOf` record it. */
function asking(id: string, change: Partial<OperationRecord> = {}): Parameters<Journal['start']>[0] {
  return { id, kind: 'action', name: 'pay', digest: 'd2', childRunId: null, ...change } as Parameters<Journal['start']>[0];
}

const cancel = (seq: number): OperationRecord => outcomeOf('run', CANCEL_ENTRY_ID, seq, { kind: 'cancel', name: 'cancel', digest: '' });

/** A journal whose flow has asked for all that is recorded. */
function askedFor(...loaded: readonly OperationRecord[]): Journal {
  const journal = journalOf(...loaded);
  for (const { id } of loaded) if (id !== CANCEL_ENTRY_ID) journal.start(asking(id));
  return journal;
}

/** The id of the next outcome. */
function deliverOne(journal: Journal): string | undefined {
  const record = journal.next();
  if (record instanceof NonDeterminismError) throw record;
  return record?.id;
}

/** The ids of all outcomes that are left, in order of delivery. */
function deliver(journal: Journal): string[] {
  const ids: string[] = [];
  for (let id = deliverOne(journal); id !== undefined; id = deliverOne(journal)) ids.push(id);
  return ids;
}

test('outcomes are delivered in the order of their sequence numbers, each once (J1)', () => {
  const journal = askedFor(outcomeOf('run', '2', 1), outcomeOf('run', '0', 2), cancel(3), startOf('run', '1'));
  expect(journal.hasNext).toBe(true);
  expect(deliver(journal)).toEqual(['2', '0', 'cancel']);
  expect(journal.hasNext).toBe(false);
  expect(journal.next()).toBeUndefined();
});

test('outcomes of this process come after all that were loaded (J1)', () => {
  const journal = askedFor(outcomeOf('run', '0', 1), outcomeOf('run', '1', 2));
  expect(deliverOne(journal)).toBe('0');
  journal.append(outcomeOf('run', '2', 3));
  journal.append(outcomeOf('run', '3', 4));
  expect(deliver(journal)).toEqual(['1', '2', '3']);
  journal.append(outcomeOf('run', '4', 5));
  expect(deliver(journal)).toEqual(['4']);
});

test('a new journal has nothing to deliver and begins to count at 1 (J2)', () => {
  const journal = journalOf();
  expect([journal.hasNext, journal.replaying, journal.next()]).toEqual([false, false, undefined]);
  expect([journal.takeSeq(), journal.takeSeq(), journal.takeSeq()]).toEqual([1, 2, 3]);
});

test('a loaded journal counts on from its last outcome (J2)', () => {
  const journal = journalOf(outcomeOf('run', '0', 1), cancel(2), startOf('run', '1'));
  expect([journal.takeSeq(), journal.takeSeq()]).toEqual([3, 4]);
});

test('a number that was taken is not given again, whatever becomes of it (J2)', () => {
  const journal = journalOf();
  journal.takeSeq();
  journal.append(outcomeOf('run', '0', 2));
  journal.next();
  expect(journal.takeSeq()).toBe(2);
});

test('what a flow asks for is matched with what is recorded under its id, once (J3)', () => {
  const start = startOf('run', '1');
  const outcome = outcomeOf('run', '0', 1);
  const journal = journalOf(outcome, start);
  expect(journal.start(asking('0'))).toEqual(outcome);
  expect(journal.start(asking('1'))).toEqual(start);
  expect(journal.start(asking('0'))).toBeUndefined();
  expect(journal.start(asking('2'))).toBeUndefined();
});

test.each([
  { differs: 'the kind', change: { kind: 'timer' }, says: 'another operation' },
  { differs: 'the name', change: { name: 'refund' }, says: 'another operation' },
  { differs: 'the input', change: { digest: 'other' }, says: 'the same operation with another input' },
] as const)('when $differs differs, the difference is told and the record stays (J3)', ({ change, says }) => {
  const journal = journalOf(outcomeOf('run', '0', 1));
  const difference = journal.start(asking('0', change));
  expect(difference).toBeInstanceOf(NonDeterminismError);
  expect(difference).toMatchObject({ code: 'NON_DETERMINISM', message: expect.stringContaining(says) });
  const { kind, name, digest } = asking('0', change);
  expect((difference as Error).message).toContain('expected: action "pay" (input digest d2, input [1])');
  expect((difference as Error).message).toContain(`actual:   ${kind} "${name}" (input digest ${digest})`);
  expect((difference as Error).message).toContain('Flow "order" version 2, run run,');
  expect(journal.start(asking('0'))).toMatchObject({ id: '0' });
});

test('a long input is shown by its beginning', () => {
  const journal = journalOf(outcomeOf('run', '0', 1, { input: `["${'x'.repeat(10_000)}"]` }));
  const { message } = journal.start(asking('0', { name: 'refund' })) as Error;
  expect(message).toContain('xxx…');
  expect(message.length).toBeLessThan(1_000);
});

test('an outcome whose operation was not asked for is missing', () => {
  const journal = journalOf(outcomeOf('run', '0', 1));
  const difference = journal.next();
  expect(difference).toBeInstanceOf(NonDeterminismError);
  expect((difference as Error).message).toMatch(/waits without asking for operation 0, whose outcome is recorded next \(1\)/);
});

test('at the end of a flow only outcomes are missing, not starts', () => {
  const journal = journalOf(
    outcomeOf('run', '0', 1),
    startOf('run', '1'),
    startOf('run', '2', { status: 'CANCELLED', outcome: '"why"' }),
    cancel(2),
  );
  expect(journal.end()?.message).toMatch(/has ended without asking for operation 0/);
  journal.start(asking('0'));
  expect(journal.end()).toBeUndefined();
});

test('a cancel request is no operation that a flow would ask for', () => {
  const journal = journalOf(cancel(1));
  expect(journal.start(asking('0'))).toBeUndefined();
  expect(journal.end()).toBeUndefined();
  expect(deliver(journal)).toEqual([CANCEL_ENTRY_ID]);
});

const message = (seq: number, id: string): OperationRecord =>
  outcomeOf('run', id, seq, { kind: 'message', name: 'go', digest: '', input: null });

test('it replays until messages that were taken, and the cancellation, lie behind', () => {
  const taker = startOf('run', '0', { kind: 'event', name: 'go', digest: 'event', input: 'message-2', status: 'SUCCEEDED' });
  const journal = journalOf(message(1, 'message-1'), message(2, 'message-2'), cancel(3), message(4, 'message-4'), taker);
  expect(journal.start({ ...taker })).toMatchObject({ id: '0' });
  const seen = [journal.replaying];
  while (journal.hasNext) {
    journal.next();
    seen.push(journal.replaying);
  }
  expect(seen).toEqual([true, true, true, false, false]);
});

test('messages that nobody had read are nothing to replay', () => {
  expect(journalOf(message(1, 'message-1'), message(2, 'message-2')).replaying).toBe(false);
});

test('it replays until all that was loaded lies behind, and not afterwards', () => {
  const journal = journalOf(outcomeOf('run', '0', 1), outcomeOf('run', '1', 2));
  journal.start(asking('0'));
  journal.start(asking('1'));
  journal.next();
  expect(journal.replaying).toBe(true);
  journal.next();
  expect(journal.replaying).toBe(false);
  journal.append(outcomeOf('run', '2', 3));
  expect(journal.replaying).toBe(false);
});
