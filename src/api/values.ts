import { requireFlowPlace } from './place.js';

/**
 * The time as the flow may know it, in milliseconds since the epoch: the commit time of the last delivered outcome, the run's creation time at first. It
 * is the same on every replay and never goes back.
 *
 * @throws {UsageError} `NOT_IN_FLOW`
 */
export function now(): number {
  return requireFlowPlace('now()').run.now;
}

/** The digits of a draw that make a fraction: 52 bits. */
const FRACTION_DIGITS = 13;

/**
 * A number from 0 (inclusive) to 1 (exclusive), the same on every replay.
 *
 * @throws {UsageError} `NOT_IN_FLOW`
 */
export function random(): number {
  const digits = requireFlowPlace('random()').scope.draw().slice(0, FRACTION_DIGITS);
  return Number.parseInt(digits, 16) / 16 ** FRACTION_DIGITS;
}

/**
 * A UUID (version 4), the same on every replay.
 *
 * @throws {UsageError} `NOT_IN_FLOW`
 */
export function uuid(): string {
  const draw = requireFlowPlace('uuid()').scope.draw();
  const variant = ((Number.parseInt(draw[16] as string, 16) & 0x3) | 0x8).toString(16);
  return `${draw.slice(0, 8)}-${draw.slice(8, 12)}-4${draw.slice(13, 16)}-${variant}${draw.slice(17, 20)}-${draw.slice(20)}`;
}
