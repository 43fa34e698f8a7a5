import { readFileSync } from 'node:fs';
import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { expect, test } from 'vitest';
import type { Order } from './order.js';
import { OrderRejectedError, processOrder } from './order-processing.js';
import { ValidationError, validateOrder } from './validation.js';
import { authorizePayment, calculateShipping, calculateTax, confirmOrder, readReviewPeriod, reserveInventory } from './workers.js';

interface Case {
  readonly id: string;
  readonly input: Order;
  readonly expect: { readonly success: boolean; readonly error?: object };
}

const DAY_MS = 24 * 60 * 60 * 1000;

const read = (file: string) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
const order: Order = read('order.json');
/** In the cases, `…` stands for any suffix. */
const cases: Case[] = JSON.parse(JSON.stringify(read('cases.json')), (_key, value) =>
  typeof value === 'string' && value.endsWith('…') ? expect.stringMatching(new RegExp(`^${value.slice(0, -1)}[0-9A-F]{8}$`)) : value,
);

test.each(cases.filter((each) => each.expect.success))('confirms $id', async ({ input, expect: expected }) => {
  await using engine = createTestEngine();
  const { result } = await engine.run(processOrder, [input]);
  expect(result).toMatchObject(expected);
});

test.each(cases.filter((each) => !each.expect.success))('refuses $id', async ({ input, expect: expected }) => {
  await using engine = createTestEngine();
  const { error, operations } = await engine.run(processOrder, [input]);
  expect(error).toBeInstanceOf(ValidationError);
  expect(error).toMatchObject(expected.error as object);
  expect(operations).toEqual([]);
});

test('returns nothing but the fields of a confirmed order', async () => {
  await using engine = createTestEngine();
  const { result } = await engine.run(processOrder, [order]);
  expect(result).toEqual({ ...cases[0]?.expect, processingTimeMs: expect.any(Number) });
});

test('confirms the order when the review period is over', async () => {
  await using engine = createTestEngine({ startTime: new Date('2030-05-01') });
  engine.mock(readReviewPeriod, 2 * DAY_MS);
  const { result, get } = await engine.run(processOrder, [order]);
  expect(result.processingTimeMs).toBe(2 * DAY_MS);
  expect(get('confirmOrder').startedAt).toEqual(new Date('2030-05-03'));
  expect(engine.calls(confirmOrder)).toEqual([['ORD-12345', 130.68]]);
});

test('starts the four workers before any of them is done', async () => {
  await using engine = createTestEngine();
  engine.mock(reserveInventory, { available: true, reservationId: 'RES-1' }, { latency: '4s' });
  engine.mock(authorizePayment, { valid: true, authorizationCode: 'AUTH-1' }, { latency: '3s' });
  engine.mock(calculateShipping, { cost: 5, estimatedDays: 2, carrier: 'USPS' }, { latency: '2s' });
  engine.mock(calculateTax, { amount: 1, rate: 0.01, jurisdiction: 'a state' }, { latency: '1s' });
  const { get } = await engine.run(processOrder, [order]);

  const { startedAt, finishedAt, children } = get('workers');
  expect(children.flatMap((branch) => branch.children)).toMatchObject([
    { name: 'reserveInventory', startedAt },
    { name: 'authorizePayment', startedAt },
    { name: 'calculateShipping', startedAt },
    { name: 'calculateTax', startedAt },
  ]);
  expect(finishedAt).toEqual(new Date(startedAt.getTime() + 4_000));
});

test.each([
  {
    what: 'more units than there are',
    item: { productId: 'PROD-001', quantity: 1_001, price: 0.01 },
    message: 'the items are not in stock',
  },
  { what: 'more than can be paid', item: { productId: 'PROD-001', quantity: 1, price: 10_000.01 }, message: 'the payment was refused' },
])('rejects an order of $what', async ({ item, message }) => {
  await using engine = createTestEngine();
  const { error } = await engine.run(processOrder, [{ ...order, items: [item] }]);
  expect(error).toBeInstanceOf(OrderRejectedError);
  expect(error?.message).toBe(message);
  expect(engine.calls(confirmOrder)).toEqual([]);
});

test('a worker that fails ends the batch and the order', async () => {
  await using engine = createTestEngine();
  engine.mock(authorizePayment, new Error('the bank does not answer'));
  engine.mock(calculateTax, { amount: 1, rate: 0.01, jurisdiction: 'a state' }, { latency: '1h' });
  const { status, error, get } = await engine.run(processOrder, [order]);
  expect(status).toBe('FAILED');
  expect(error?.message).toBe('the bank does not answer');
  expect(get('calculateTax').status).toBe('CANCELLED');
  expect(engine.calls(confirmOrder)).toEqual([]);
});

test('rounds half a cent of tax up', async () => {
  await using engine = createTestEngine();
  const { result } = await engine.run(processOrder, [{ ...order, items: [{ productId: 'PROD-001', quantity: 2, price: 1 }] }]);
  expect(result.result.tax.amount).toBe(0.15);
});

test('comes to the same order wherever the process crashes', async () => {
  await crashEverywhere(processOrder, [order], { setup: (engine) => engine.mock(readReviewPeriod, DAY_MS) });
});

test('takes the same fields in another order, and fields it does not know, for the same order', () => {
  const { orderId, items, customer } = order;
  expect(JSON.stringify(validateOrder({ note: 'gift', customer, items, orderId }))).toBe(JSON.stringify(validateOrder(order)));
});

const [item] = order.items;
const { customer } = order;
const bad: [field: string, input: unknown][] = [
  ['orderId', null],
  ['orderId', 42],
  ['orderId', []],
  ['orderId', { ...order, orderId: '' }],
  ['orderId', { ...order, orderId: 'two words' }],
  ['items', { ...order, items: undefined }],
  ['items', { ...order, items: { length: 1 } }],
  ['items', { ...order, items: [{ ...item, price: 1e300 }] }],
  ['items[0].productId', { ...order, items: [null] }],
  ['items[1].productId', { ...order, items: [item, { ...item, productId: 7 }] }],
  ['items[0].quantity', { ...order, items: [{ ...item, quantity: 0 }] }],
  ['items[0].quantity', { ...order, items: [{ ...item, quantity: 1.5 }] }],
  ['items[0].quantity', { ...order, items: [{ ...item, quantity: '2' }] }],
  ['items[0].price', { ...order, items: [{ ...item, price: -0.01 }] }],
  ['items[0].price', { ...order, items: [{ ...item, price: '29.99' }] }],
  ['items[0].price', { ...order, items: [{ ...item, price: Number.POSITIVE_INFINITY }] }],
  ['customer.id', { ...order, customer: undefined }],
  ['customer.id', { ...order, customer: { ...customer, id: '' } }],
  ['customer.address.state', { ...order, customer: { ...customer, address: null } }],
  ['customer.address.state', { ...order, customer: { ...customer, address: { state: 'California', zipCode: '94102' } } }],
  ['customer.address.zipCode', { ...order, customer: { ...customer, address: { state: 'CA', zipCode: 94102 } } }],
  ['customer.paymentMethod', { ...order, customer: { ...customer, paymentMethod: 'shells' } }],
];

test.each(bad)('names %s as the field that is wrong in %j', (field, input) => {
  expect(() => validateOrder(input)).toThrow(expect.objectContaining({ name: 'ValidationError', field }));
});
