import { registerError } from 'perdure';
import type { Item, Order } from './order.js';
import { subtotalCents } from './pricing.js';

/** The order cannot be processed as it is; `field` says what to mend. */
export class ValidationError extends Error {
  override readonly name = 'ValidationError';
  readonly field: string;

  constructor(field: string, problem: string) {
    super(`${field} ${problem}`);
    this.field = field;
  }
}
registerError(ValidationError);

const PAYMENT_METHODS = ['credit_card', 'debit_card', 'paypal', 'bank_transfer'];

/** Parsed JSON: any field may be missing or be something else. */
interface Unchecked {
  readonly [field: string]: Unchecked | null | undefined;
}

/**
 * The fields of an order, always in the same order, so that the same content is the same run.
 *
 * @throws {ValidationError} naming the first field that is wrong.
 */
export function validateOrder(input: unknown): Order {
  const order = input as Unchecked | null;
  const customer = order?.customer;
  const address = customer?.address;
  return {
    orderId: requireId(order?.orderId, 'orderId'),
    items: requireItems(order?.items),
    customer: {
      id: requireId(customer?.id, 'customer.id'),
      address: {
        state: requireText(address?.state, /^[A-Z]{2}$/, 'customer.address.state', 'must be two capital letters, such as CA'),
        zipCode: requireText(
          address?.zipCode,
          /^\d{5}(-\d{4})?$/,
          'customer.address.zipCode',
          'must be a text such as 94102 or 94102-1234',
        ),
      },
      paymentMethod: requirePaymentMethod(customer?.paymentMethod),
    },
  };
}

function requireItems(value: unknown): Item[] {
  ensure(Array.isArray(value) && value.length > 0, 'items', 'array is required and must not be empty');
  const items = (value as unknown[]).map((item, index) => requireItem(item, `items[${index}]`));
  ensure(Number.isSafeInteger(subtotalCents(items)), 'items', 'come to more than can be calculated to the cent');
  return items;
}

function requireItem(value: unknown, field: string): Item {
  const { productId, quantity, price } = (value ?? {}) as Record<string, unknown>;
  const item = { productId: requireId(productId, `${field}.productId`), quantity: Number(quantity), price: Number(price) };
  ensure(Number.isSafeInteger(quantity) && item.quantity > 0, `${field}.quantity`, 'must be a whole number above 0');
  ensure(Number.isFinite(price) && item.price >= 0, `${field}.price`, 'must be a number that is not negative');
  return item;
}

function requireId(value: unknown, field: string): string {
  return requireText(value, /^\S+$/, field, 'is required and must be a text without spaces');
}

function requirePaymentMethod(value: unknown): string {
  const pattern = new RegExp(`^(${PAYMENT_METHODS.join('|')})$`);
  return requireText(value, pattern, 'customer.paymentMethod', `must be one of ${PAYMENT_METHODS.join(', ')}`);
}

function requireText(value: unknown, pattern: RegExp, field: string, problem: string): string {
  ensure(typeof value === 'string' && pattern.test(value), field, problem);
  return String(value);
}

function ensure(holds: boolean, field: string, problem: string): void {
  if (!holds) throw new ValidationError(field, problem);
}
