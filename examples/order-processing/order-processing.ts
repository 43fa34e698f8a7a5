import { ALL_COMPLETED, flow, flowContext, now, registerError, sleep, wait } from 'perdure';
import { subtotalCents, toCents, toDollars } from './pricing.js';
import { validateOrder } from './validation.js';
import { authorizePayment, calculateShipping, calculateTax, confirmOrder, readReviewPeriod, reserveInventory } from './workers.js';

/** A worker has turned the order down. */
export class OrderRejectedError extends Error {
  override readonly name = 'OrderRejectedError';
}
registerError(OrderRejectedError);

export const processOrder = flow('processOrder', async (input: unknown) => {
  const startedAt = now();
  const { orderId, items, customer } = validateOrder(input);
  const subtotal = subtotalCents(items);

  const workers = {
    inventory: reserveInventory.start(items),
    payment: authorizePayment.start(customer, subtotal),
    shipping: calculateShipping.start(items),
    tax: calculateTax.start(customer.address.state, subtotal),
  };
  await wait(Object.values(workers), ALL_COMPLETED);

  const inventory = await workers.inventory;
  const payment = await workers.payment;
  const shipping = await workers.shipping;
  const tax = await workers.tax;
  if (!inventory.available) throw new OrderRejectedError('the items are not in stock');
  if (!payment.valid) throw new OrderRejectedError('the payment was refused');
  flowContext().log.info('all four workers are done');

  const total = toDollars(subtotal + toCents(shipping.cost) + toCents(tax.amount));
  const totals = { subtotal: toDollars(subtotal), shipping: shipping.cost, tax: tax.amount, total, currency: 'USD' };

  await sleep(await readReviewPeriod());
  const status = await confirmOrder(orderId, total);

  return {
    success: true,
    orderId,
    result: { orderId, status, inventory, payment, shipping, tax, totals },
    message: 'Order processed successfully with parallel execution',
    processingTimeMs: now() - startedAt,
  };
});
