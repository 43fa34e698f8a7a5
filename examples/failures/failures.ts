import { action, flow, registerError } from 'perdure';

export class CardDeclined extends Error {
  override readonly name = 'CardDeclined';
  readonly amount: number;

  constructor(amount: number) {
    super(`the card was declined for ${amount}`);
    this.amount = amount;
  }
}
registerError(CardDeclined);

const chargeCard = action('chargeCard', async (amount: number) => {
  if (amount > 100) throw new CardDeclined(amount);
  return `charged ${amount}`;
});

export const checkout = flow('checkout', async (amount: number) => {
  try {
    return await chargeCard.start(amount).result();
  } catch (error) {
    if (!(error instanceof CardDeclined)) throw error;
    return `pay ${error.amount} in cash`;
  }
});

export const report = flow('report', async (amounts: number[]) => {
  const lines: string[] = [];
  for (const amount of amounts) {
    const charge = chargeCard.start(amount);
    const error = await charge.exception();
    lines.push(error === undefined ? await charge.result() : `${error.name}: ${error.message}`);
  }
  return lines;
});

export const strictCheckout = flow('strictCheckout', async (amount: number) => await chargeCard(amount));
