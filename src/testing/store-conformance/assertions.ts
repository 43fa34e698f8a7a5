import { AssertionError, rejects } from 'node:assert/strict';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { StorageError } from '../../errors/errors.js';

/**
 * Asserts that a store gave exactly this. Only own fields count: rows of some drivers have no prototype, and runners with realms of their own have others.
 *
 * @throws {AssertionError} when it did not.
 */
export function assertEqual(actual: unknown, expected: unknown): void {
  const [given, wanted] = [plain(actual), plain(expected)];
  if (isDeepStrictEqual(given, wanted)) return;
  // With a message and an operator of its own: the difference of long journals takes node:assert many seconds to find.
  const message = `the store gave ${shown(given)}\ninstead of ${shown(wanted)}`;
  throw new AssertionError({ message, actual: given, expected: wanted, operator: 'storeConformance' });
}

/**
 * Asserts that a record has these values in these fields, whatever it has in others.
 *
 * @throws {AssertionError} when it has not.
 */
export function assertFields<T extends object>(actual: T | undefined, fields: Partial<T>): void {
  const named = Object.keys(fields) as (keyof T)[];
  assertEqual(actual && Object.fromEntries(named.map((name) => [name, actual[name]])), fields);
}

/**
 * Asserts that a call fails with a `StorageError` of this code.
 *
 * @throws {AssertionError} when it succeeds, or fails otherwise.
 */
export async function assertRefused(call: Promise<unknown> | (() => Promise<unknown>), code: StorageError['code']): Promise<void> {
  await rejects(call, { name: 'StorageError', code });
}

/** Characters of a value that are shown. */
const SHOWN = 2_000;

function shown(value: unknown): string {
  const text = inspect(value, { depth: 5, maxArrayLength: 20 });
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}
