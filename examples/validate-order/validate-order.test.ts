import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { expect, test } from 'vitest';
import { type Order, validateOrder } from './validate-order.js';

const good: Order = { productId: 'PROD-001', quantity: 2, zipCode: '94102', cardNumber: '4111' };
const bad: Order = { ...good, quantity: 12, cardNumber: '5500' };

const cases: { title: string; order: Order; problems: Record<string, string> }[] = [
  { title: 'accepts an order that passes every check', order: good, problems: {} },
  {
    title: 'reports the one check that failed',
    order: { ...good, zipCode: 'abc' },
    problems: { checkAddress: 'nothing is delivered to abc' },
  },
  {
    title: 'reports every failure, not only the first',
    order: bad,
    problems: { checkStock: 'only 10 of PROD-001 are left', checkCard: 'the card was refused' },
  },
];

test.each(cases)('$title', async ({ order, problems }) => {
  await using engine = createTestEngine();
  const { result, operations } = await engine.run(validateOrder, [order]);
  expect(result).toEqual({ valid: Object.keys(problems).length === 0, problems });
  expect(operations.filter(({ status }) => status === 'FAILED').map(({ name }) => name)).toEqual(Object.keys(problems));
  engine.assertNoLeaks();
});

test('reports the same failures wherever the process crashes', async () => {
  await crashEverywhere(validateOrder, [bad]);
});
