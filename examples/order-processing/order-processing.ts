import { type BatchItem, flow, flowContext, now, parallel, registerError, sleep } from 'perdure';
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

  const workers = await parallel(
    {
      inventory: () => reserveInventory(items),
      payment: () => authorizePayment(customer, subtotal),
      shipping: () => calculateShipping(items),
      tax: () => calculateTax(customer.address.state, subtotal),
    },
    { name: 'workers' },
  );
  workers.throwIfError();

  const inventory = resultOf(workers.get('inventory'));
  const payment = resultOf(workers.get('payment'));
  const shipping = resultOf(workers.get('shipping'));
  const tax = resultOf(workers.get('tax'));
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

function resultOf<T>(worker: BatchItem<T>): T {
  if (worker.status !== 'SUCCEEDED') throw new Error(`the ${worker.name} worker is ${worker.status}`);
  return worker.result;
}
