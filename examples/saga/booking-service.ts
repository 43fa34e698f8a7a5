import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { NonRetryableError } from 'perdure';

const LATENCY_MS = Number(process.env.BOOKING_SERVICE_MS) || 2;

export interface Order {
  /** What the customer calls it. */
  readonly reference: string;
  readonly what: string;
  /** The same key is the same booking. */
  readonly key: string;
}

/** The numbers of the bookings there are, by reference. */
export const bookings: Map<string, string> = new Map();

/** Stands for a service on the network: for its part of the trip it takes one booking under each key, however often it is asked. */
export async function takeBooking({ reference, what, key }: Order, signal: AbortSignal): Promise<string> {
  await delay(LATENCY_MS, undefined, { signal });
  if (what === process.env.SOLD_OUT) throw new NonRetryableError(`${what} is sold out`);
  const number = createHash('sha256').update(key).digest('hex').slice(0, 8).toUpperCase();
  bookings.set(reference, number);
  return number;
}

/** Cancels what is booked under a reference; where there is nothing, that is as good. */
export async function dropBooking(reference: string, signal: AbortSignal): Promise<void> {
  await delay(LATENCY_MS, undefined, { signal });
  bookings.delete(reference);
}
