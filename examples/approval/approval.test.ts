import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { expect, test } from 'vitest';
import { approval, ask, type Expense } from './approval.js';

const expense: Expense = { id: 'EXP-7', cents: 12_000, what: 'a chair', approvers: ['Mia', 'Sue'] };
const DAY_MS = 24 * 60 * 60 * 1000;

test.each([true, false])('goes by what the manager answers: %s', async (approved) => {
  await using engine = createTestEngine();
  await engine.answer('Mia', { approved });
  const { result } = await engine.run(approval, [expense]);
  expect(result).toEqual({ approved, by: 'Mia' });
  expect(engine.calls(ask)).toEqual([['Mia', expense, expect.any(String)]]);
  engine.assertNoLeaks();
});

test('asks the superior after three days', async () => {
  await using engine = createTestEngine({ startTime: 0 });
  await engine.answer('Sue', { approved: true });
  const { result } = await engine.run(approval, [expense]);
  expect(result).toEqual({ approved: true, by: 'Sue' });
  expect(engine.calls(ask).map(([approver]) => approver)).toEqual(['Mia', 'Sue']);
  expect(engine.now()).toBe(3 * DAY_MS);
  engine.assertNoLeaks();
});

test('takes the answer of the manager while the superior thinks about it', async () => {
  await using engine = createTestEngine({ startTime: 0, autoAdvance: false });
  const decision = engine.start(approval, [expense]);
  await engine.advance('4d');
  await engine.answer('Mia', { approved: true });
  expect(await decision).toEqual({ approved: true, by: 'Mia' });
  expect(engine.now()).toBe(4 * DAY_MS);
});

test('refuses when nobody has answered after six days', async () => {
  await using engine = createTestEngine({ startTime: 0 });
  const { result } = await engine.run(approval, [expense]);
  expect(result).toEqual({ approved: false, by: undefined });
  expect(engine.now()).toBe(6 * DAY_MS);
  engine.assertNoLeaks();
});

test('comes to the same decision wherever the process crashes', async () => {
  await crashEverywhere(approval, [expense]);
  await crashEverywhere(approval, [expense], { setup: (engine) => void engine.answer('Sue', { approved: true }) });
});
