import { expect, test } from 'vitest';
import type { OperationRecord } from '../../src/model/records.js';
import { Mailbox } from '../../src/runtime/messages/mailbox.js';

function message(seq: number, name = 'a'): OperationRecord {
  return {
    runId: 'run',
    id: `message-${seq}`,
    kind: 'message',
    name,
    digest: '',
    input: null,
    status: 'SUCCEEDED',
    outcome: String(seq),
    seq,
    startedAt: 0,
    finishedAt: 0,
    dueAt: null,
    childRunId: null,
    attempts: null,
  };
}

test('a message goes to the event that has waited longest under its name (MB1)', () => {
  const mailbox = new Mailbox<string>();
  expect([mailbox.askFor('a', 'first'), mailbox.askFor('b', 'other'), mailbox.askFor('a', 'second')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect([mailbox.deliver(message(1)), mailbox.deliver(message(2)), mailbox.deliver(message(3, 'b'))]).toEqual([
    'first',
    'second',
    'other',
  ]);
  expect(mailbox.unread).toEqual([]);
});

test('a message that no event waits for is kept for the next who asks (MB1)', () => {
  const mailbox = new Mailbox<string>();
  expect(mailbox.deliver(message(1))).toBeUndefined();
  expect(mailbox.deliver(message(2))).toBeUndefined();
  expect(mailbox.askFor('b', 'other')).toBeUndefined();
  expect(mailbox.askFor('a', 'first')?.seq).toBe(1);
  expect(mailbox.askFor('a', 'second')?.seq).toBe(2);
  expect(mailbox.askFor('a', 'third')).toBeUndefined();
  expect(mailbox.deliver(message(3))).toBe('third');
});

test('each message goes to one, and is given once (MB1)', () => {
  const mailbox = new Mailbox<string>();
  mailbox.askFor('a', 'only');
  expect(mailbox.deliver(message(1))).toBe('only');
  expect(mailbox.deliver(message(2))).toBeUndefined();
  expect(mailbox.unread.map(({ seq }) => seq)).toEqual([2]);
});

test('whoever has left gets no message, and the next in line does', () => {
  const mailbox = new Mailbox<string>();
  for (const who of ['first', 'second', 'third']) mailbox.askFor('a', who);
  mailbox.leave('a', 'first');
  mailbox.leave('a', 'third');
  expect(mailbox.deliver(message(1))).toBe('second');
  expect(mailbox.deliver(message(2))).toBeUndefined();
});

test('to leave what one does not wait for changes nothing', () => {
  const mailbox = new Mailbox<string>();
  mailbox.askFor('a', 'first');
  mailbox.leave('a', 'nobody');
  mailbox.leave('b', 'first');
  expect(mailbox.deliver(message(1))).toBe('first');
  mailbox.leave('a', 'first');
  expect(mailbox.deliver(message(2))).toBeUndefined();
});

test('what is unread is told in the order of delivery, whatever its name', () => {
  const mailbox = new Mailbox<string>();
  for (const [seq, name] of [
    [1, 'b'],
    [2, 'a'],
    [4, 'b'],
    [7, 'a'],
    [9, 'b'],
  ] as const)
    mailbox.deliver(message(seq, name));
  mailbox.askFor('a', 'reader');
  expect(mailbox.unread.map(({ seq, name }) => [seq, name])).toEqual([
    [1, 'b'],
    [4, 'b'],
    [7, 'a'],
    [9, 'b'],
  ]);
});

test('names that JavaScript objects have of their own are names like others', () => {
  const mailbox = new Mailbox<string>();
  for (const name of ['__proto__', 'constructor', 'toString']) {
    expect(mailbox.askFor(name, name)).toBeUndefined();
    expect(mailbox.deliver(message(1, name))).toBe(name);
  }
});
