import { open } from 'perdure';
import { expect, test } from 'vitest';
import { CardDeclined, checkout, report, strictCheckout } from './failures.js';

test('result() rethrows the error as an instance of its class', async () => {
  await using _engine = await open({ store: ':memory:' });
  expect(await checkout(50)).toBe('charged 50');
  expect(await checkout(250)).toBe('pay 250 in cash');
});

test('exception() returns the error, and nothing for a success', async () => {
  await using _engine = await open({ store: ':memory:' });
  expect(await report([50, 250])).toEqual(['charged 50', 'CardDeclined: the card was declined for 250']);
});

test('an error that a flow does not catch is the error of its run', async () => {
  await using engine = await open({ store: ':memory:' });
  const future = strictCheckout.start(250);
  await expect(future.result()).rejects.toThrow(CardDeclined);
  expect(await future.exception()).toMatchObject({ name: 'CardDeclined', amount: 250 });
  expect(await engine.get(future.id)).toMatchObject({ status: 'FAILED', error: { name: 'CardDeclined', amount: 250 } });
});
