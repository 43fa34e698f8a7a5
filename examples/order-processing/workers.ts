import { createHash } from 'node:crypto';
import { action, actionContext } from 'perdure';
import type { Customer, Item } from './order.js';
import { shippingOf, taxOf, unitsOf } from './pricing.js';

const UNITS_IN_STOCK = 1_000;
const PAYMENT_LIMIT_CENTS = 10_000_00;
const DEFAULT_REVIEW_MS = 200;

/** The same for every attempt of one operation: a worker that a crash interrupted makes its reservation again, not a second one. */
function reference(prefix: string): string {
  const digest = createHash('sha256').update(actionContext().idempotencyKey).digest('hex');
  return `${prefix}-${digest.slice(0, 8).toUpperCase()}`;
}

export const reserveInventory = action('reserveInventory', async (items: readonly Item[]) => {
  const reservation = { available: unitsOf(items) <= UNITS_IN_STOCK, reservationId: reference('RES') };
  actionContext().log.info('inventory worker done', reservation);
  return reservation;
});

export const authorizePayment = action('authorizePayment', async ({ paymentMethod }: Customer, amountCents: number) => {
  const authorization = { valid: amountCents <= PAYMENT_LIMIT_CENTS, authorizationCode: reference('AUTH') };
  actionContext().log.info('payment worker done', { paymentMethod, ...authorization });
  return authorization;
});

export const calculateShipping = action('calculateShipping', async (items: readonly Item[]) => {
  const shipping = shippingOf(items);
  actionContext().log.info('shipping worker done', shipping);
  return shipping;
});

export const calculateTax = action('calculateTax', async (state: string, subtotal: number) => {
  const tax = taxOf(state, subtotal);
  actionContext().log.info('tax worker done', tax);
  return tax;
});

/** Configuration may change between two starts of the program: read in an action, it is recorded with the run. */
export const readReviewPeriod = action('readReviewPeriod', async () => Number(process.env.ORDER_REVIEW_MS) || DEFAULT_REVIEW_MS);

export const confirmOrder = action('confirmOrder', async (orderId: string, total: number) => {
  actionContext().log.info('order confirmed', { orderId, total });
  return 'CONFIRMED' as const;
});
