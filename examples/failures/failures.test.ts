import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { expect, test } from 'vitest';
import { CardDeclined, checkout, report, strictCheckout } from './failures.js';

test.each([
  { amount: 50, expected: 'charged 50' },
  { amount: 250, expected: 'pay 250 in cash' },
])('result() rethrows the error as an instance of its class: $expected', async ({ amount, expected }) => {
  await using engine = createTestEngine();
  const { result } = await engine.run(checkout, [amount]);
  expect(result).toBe(expected);
});

test('exception() returns the error, and nothing for a success', async () => {
  await using engine = createTestEngine();
  const { result } = await engine.run(report, [[50, 250]]);
  expect(result).toEqual(['charged 50', 'CardDeclined: the card was declined for 250']);
  engine.assertNoLeaks();
});

test('an error that a flow does not catch is the error of its run', async () => {
  await using engine = createTestEngine();
  const { runId, status, error, get } = await engine.run(strictCheckout, [250]);
  expect(status).toBe('FAILED');
  expect(error).toBeInstanceOf(CardDeclined);
  expect(error).toMatchObject({ name: 'CardDeclined', amount: 250 });
  expect(get('chargeCard').error).toEqual(error);

  const future = engine.future(runId);
  await expect(future.result()).rejects.toThrow(CardDeclined);
  expect(await future.exception()).toMatchObject({ name: 'CardDeclined', amount: 250 });
});

test('catches the same error wherever the process crashes', async () => {
  await crashEverywhere(checkout, [250]);
  await crashEverywhere(report, [[50, 250]]);
});
