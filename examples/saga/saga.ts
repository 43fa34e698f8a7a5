import { action, actionContext, flow, RetryPresets, shield } from 'perdure';
import { dropBooking, takeBooking } from './booking-service.js';

export interface Trip {
  readonly id: string;
  readonly flight: string;
  readonly hotel: string;
  readonly car: string;
}

/** The numbers of the bookings. */
export interface Bookings {
  readonly flight: string;
  readonly hotel: string;
  readonly car: string;
}

export const book = action(
  'book',
  async (reference: string, what: string) => {
    const { idempotencyKey: key, signal, log } = actionContext();
    const number = await takeBooking({ reference, what, key }, signal);
    log.info('booked', { reference, number });
    return number;
  },
  { retry: RetryPresets.transient(), timeout: '30s' },
);

export const unbook = action(
  'unbook',
  async (reference: string) => {
    const { signal, log } = actionContext();
    await dropBooking(reference, signal);
    log.info('booked no more', { reference });
  },
  { retry: RetryPresets.critical(), timeout: '30s' },
);

export const bookTrip = flow('bookTrip', async ({ id, flight, hotel, car }: Trip): Promise<Bookings> => {
  const undo: (() => Promise<void>)[] = [];
  const bookPart = (reference: string, what: string): Promise<string> => {
    // Before it is booked: it may be booked although its answer is lost, or nobody waits for it any more.
    undo.push(() => unbook(reference));
    return book(reference, what);
  };
  try {
    return {
      flight: await bookPart(`${id}/flight`, flight),
      hotel: await bookPart(`${id}/hotel`, hotel),
      car: await bookPart(`${id}/car`, car),
    };
  } catch (error) {
    await shield(() => undoAll(undo.reverse(), error));
    throw error;
  }
});

/** One step that cannot be done does not keep the others from being done. */
async function undoAll(steps: readonly (() => Promise<void>)[], cause: unknown): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw new AggregateError(errors, 'not everything could be undone', { cause });
}
