import { ALL_COMPLETED, action, flow, wait } from 'perdure';

export interface Order {
  readonly productId: string;
  readonly quantity: number;
  readonly zipCode: string;
  readonly cardNumber: string;
}

const checkStock = action('checkStock', async ({ productId, quantity }: Order) => {
  if (quantity > 10) throw new RangeError(`only 10 of ${productId} are left`);
});

const checkAddress = action('checkAddress', async ({ zipCode }: Order) => {
  if (!/^\d{5}$/.test(zipCode)) throw new Error(`nothing is delivered to ${zipCode}`);
});

const checkCard = action('checkCard', async ({ cardNumber }: Order) => {
  if (!cardNumber.startsWith('4')) throw new Error('the card was refused');
});

export const validateOrder = flow('validateOrder', async (order: Order) => {
  const checks = [checkStock, checkAddress, checkCard].map((check) => check.start(order));
  const { done } = await wait(checks, ALL_COMPLETED);

  const problems: Record<string, string> = {};
  for (const check of done) {
    const error = await check.exception();
    if (error !== undefined) problems[check.name] = error.message;
  }
  return { valid: Object.keys(problems).length === 0, problems };
});
