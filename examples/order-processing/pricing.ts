import type { Item } from './order.js';

/**
 * What things cost. Sums are made in whole cents; the order shows dollars.
 *
 *   subtotal   each price is rounded to cents and multiplied by its quantity
 *   shipping   $5.99 a parcel and $2.25 a unit; up to 5 units go by USPS in 2 days, more by UPS in 4
 *   tax        the state's rate on the subtotal, rounded to cents; states that are not in the table pay 5 %
 */
const PARCEL_CENTS = 599;
const UNIT_CENTS = 225;
const USPS_UNITS = 5;

/** In hundredths of a percent, so that the tax is exact. */
const TAX_BASIS_POINTS: Readonly<Record<string, number>> = { CA: 725, FL: 600, NY: 400, OR: 0, TX: 625, WA: 650 };
const OTHER_STATES_BASIS_POINTS = 500;

export const toCents = (dollars: number): number => Math.round(dollars * 100);
export const toDollars = (cents: number): number => cents / 100;

export function subtotalCents(items: readonly Item[]): number {
  return items.reduce((sum, { price, quantity }) => sum + toCents(price) * quantity, 0);
}

export function shippingOf(items: readonly Item[]): { cost: number; estimatedDays: number; carrier: string } {
  const units = unitsOf(items);
  const cost = toDollars(PARCEL_CENTS + UNIT_CENTS * units);
  return units <= USPS_UNITS ? { cost, estimatedDays: 2, carrier: 'USPS' } : { cost, estimatedDays: 4, carrier: 'UPS' };
}

export function taxOf(state: string, subtotal: number): { amount: number; rate: number; jurisdiction: string } {
  const basisPoints = TAX_BASIS_POINTS[state] ?? OTHER_STATES_BASIS_POINTS;
  const amount = toDollars(Math.round((subtotal * basisPoints) / 10_000));
  return { amount, rate: basisPoints / 10_000, jurisdiction: `${state} State Tax` };
}

export function unitsOf(items: readonly Item[]): number {
  return items.reduce((units, { quantity }) => units + quantity, 0);
}
