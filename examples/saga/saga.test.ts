import { once } from 'node:events';
import { actionContext, CancelledError, NonRetryableError } from 'perdure';
import { crashEverywhere, createTestEngine, type TestEngine } from 'perdure/testing';
import { afterEach, expect, test } from 'vitest';
import { bookings, dropBooking, takeBooking } from './booking-service.js';
import { book, bookTrip, type Trip, unbook } from './saga.js';

const trip: Trip = { id: 'T1', flight: 'LH 400', hotel: 'The Plaza', car: 'a small one' };
const REVERSE = [['T1/car'], ['T1/hotel'], ['T1/flight']];

afterEach(() => bookings.clear());

/** Books with the service, but what `otherwise` is done for. */
function mockBooking(engine: TestEngine, unusual: string, otherwise: () => Promise<string>): void {
  engine.mock(book, (reference, what) => {
    const { idempotencyKey: key, signal } = actionContext();
    return reference === unusual ? otherwise() : takeBooking({ reference, what, key }, signal);
  });
}

const soldOut = (): Promise<never> => Promise.reject(new NonRetryableError('sold out'));

test('books the parts of the trip one after the other', async () => {
  await using engine = createTestEngine();
  const { result } = await engine.run(bookTrip, [trip]);
  expect(result).toEqual({ flight: bookings.get('T1/flight'), hotel: bookings.get('T1/hotel'), car: bookings.get('T1/car') });
  expect(new Set(bookings.values()).size).toBe(3);
  expect(engine.calls(unbook)).toEqual([]);
});

test('undoes what was booked, in reverse, when a part fails', async () => {
  await using engine = createTestEngine();
  mockBooking(engine, 'T1/car', soldOut);
  const { status, error } = await engine.run(bookTrip, [trip]);
  expect({ status, message: error?.message }).toEqual({ status: 'FAILED', message: 'sold out' });
  expect(engine.calls(unbook)).toEqual(REVERSE);
  expect([...bookings]).toEqual([]);
});

test('undoes a booking whose answer was lost', async () => {
  await using engine = createTestEngine();
  mockBooking(engine, 'T1/hotel', async () => {
    bookings.set('T1/hotel', 'nobody knows this number');
    throw new Error('the connection was lost');
  });
  const { status } = await engine.run(bookTrip, [trip]);
  expect(status).toBe('FAILED');
  expect([...bookings]).toEqual([]);
});

test('asks for the same booking again when a service has a hiccup', async () => {
  await using engine = createTestEngine();
  const keys: string[] = [];
  mockBooking(engine, 'T1/hotel', async () => {
    const { attempt, idempotencyKey } = actionContext();
    keys.push(idempotencyKey);
    if (attempt < 3) throw new Error('busy');
    return 'H1';
  });
  const { result } = await engine.run(bookTrip, [trip]);
  expect(result.hotel).toBe('H1');
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

test('undoes what was booked when it is cancelled halfway', async () => {
  await using engine = createTestEngine();
  mockBooking(engine, 'T1/hotel', async () => {
    const { runId, signal } = actionContext();
    const aborted = once(signal, 'abort');
    await engine.cancel(runId);
    await aborted;
    return 'too late';
  });
  const { status, error } = await engine.run(bookTrip, [trip]);
  expect(status).toBe('CANCELLED');
  expect(error).toBeInstanceOf(CancelledError);
  expect(engine.calls(unbook)).toEqual([['T1/hotel'], ['T1/flight']]);
  expect([...bookings]).toEqual([]);
});

test('tries to undo until it gets through', async () => {
  await using engine = createTestEngine({ startTime: 0 });
  mockBooking(engine, 'T1/car', soldOut);
  engine.mock(unbook, downUntil(4));
  const { get } = await engine.run(bookTrip, [trip]);
  expect([...bookings]).toEqual([]);
  expect(get('unbook').finishedAt).toEqual(new Date(1_000 + 1_500 + 2_250));
});

test('undoes the rest, and says so, when one part cannot be undone', async () => {
  await using engine = createTestEngine();
  mockBooking(engine, 'T1/car', soldOut);
  engine.mock(unbook, (reference) => (reference === 'T1/hotel' ? Promise.reject(new Error('gone')) : downUntil(1)(reference)));
  const { error } = await engine.run(bookTrip, [trip]);
  expect(error).toMatchObject({
    message: 'not everything could be undone',
    errors: [{ message: 'gone' }],
    cause: { message: 'sold out' },
  });
  expect([...bookings.keys()]).toEqual(['T1/hotel']);
});

test.each([
  ['all of it is booked', 'none', 3],
  ['nothing is', 'T1/car', 0],
])('wherever the process crashes, %s', async (_what, unusual, expected) => {
  await crashEverywhere(bookTrip, [trip], {
    reset: () => bookings.clear(),
    setup: (engine) => {
      mockBooking(engine, unusual, soldOut);
      engine.mock(unbook, downUntil(2));
    },
    invariant: () => expect(bookings.size).toBe(expected),
  });
});

/** Undoes a booking at this attempt, and fails before. */
function downUntil(lastAttempt: number): (reference: string) => Promise<void> {
  return async (reference) => {
    const { attempt, signal } = actionContext();
    if (attempt < lastAttempt) throw new Error('the service is down');
    await dropBooking(reference, signal);
  };
}
