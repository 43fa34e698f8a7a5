import { readFileSync } from 'node:fs';
import { type Engine, type Logger, open } from 'perdure';
import { expect, test } from 'vitest';
import type { Order } from './order.js';
import { OrderRejectedError, processOrder } from './order-processing.js';
import { ValidationError, validateOrder } from './validation.js';

interface Case {
  readonly id: string;
  readonly input: Order;
  readonly expect: { readonly success: boolean; readonly error?: object };
}

process.env.ORDER_REVIEW_MS = '1';

const ignore = (): void => {};
const quiet: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const openQuietly = (): Promise<Engine> => open({ store: ':memory:', logger: quiet });

const read = (file: string) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
const order: Order = read('order.json');
/** In the cases, `…` stands for any suffix. */
const cases: Case[] = JSON.parse(JSON.stringify(read('cases.json')), (_key, value) =>
  typeof value === 'string' && value.endsWith('…') ? expect.stringMatching(new RegExp(`^${value.slice(0, -1)}[0-9A-F]{8}$`)) : value,
);

test.each(cases.filter((each) => each.expect.success))('confirms $id', async ({ input, expect: expected }) => {
  await using _engine = await openQuietly();
  expect(await processOrder(input)).toMatchObject(expected);
});

test.each(cases.filter((each) => !each.expect.success))('refuses $id', async ({ input, expect: expected }) => {
  await using _engine = await openQuietly();
  const error = await processOrder.start(input).exception();
  expect(error).toBeInstanceOf(ValidationError);
  expect(error).toMatchObject(expected.error as object);
});

test('returns nothing but the fields of a confirmed order', async () => {
  await using _engine = await openQuietly();
  expect(await processOrder(order)).toEqual({ ...cases[0]?.expect, processingTimeMs: expect.any(Number) });
});

test('starts the four workers before any of them is done', async () => {
  await using engine = await openQuietly();
  const events: string[] = [];
  engine.on('operation:started', ({ kind, name }) => kind === 'action' && events.push(name));
  engine.on('operation:finished', () => events.push('finished'));
  await processOrder(order);
  expect(events.slice(0, 5)).toEqual(['reserveInventory', 'authorizePayment', 'calculateShipping', 'calculateTax', 'finished']);
});

test.each([
  {
    what: 'more units than there are',
    item: { productId: 'PROD-001', quantity: 1_001, price: 0.01 },
    message: 'the items are not in stock',
  },
  { what: 'more than can be paid', item: { productId: 'PROD-001', quantity: 1, price: 10_000.01 }, message: 'the payment was refused' },
])('rejects an order of $what', async ({ item, message }) => {
  await using _engine = await openQuietly();
  const error = await processOrder.start({ ...order, items: [item] }).exception();
  expect(error).toBeInstanceOf(OrderRejectedError);
  expect(error?.message).toBe(message);
});

test('rounds half a cent of tax up', async () => {
  await using _engine = await openQuietly();
  const { result } = await processOrder({ ...order, items: [{ productId: 'PROD-001', quantity: 2, price: 1 }] });
  expect(result.tax.amount).toBe(0.15);
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
