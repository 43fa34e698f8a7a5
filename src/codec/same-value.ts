import { inspect, isDeepStrictEqual } from 'node:util';
import { canonicalText } from './default-encoding.js';

/**
 * Whether two values are equal: the order of object keys and the stack traces of errors do not count, that of maps and sets does.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  try {
    return canonicalText(a) === canonicalText(b);
  } catch {
    // A serdes brings back what perdure's own encoding cannot write.
    return isDeepStrictEqual(a, b);
  }
}

/** A text of a value for people, which is the same for equal values as far as that can be told. */
export function comparableText(value: unknown): string {
  try {
    return canonicalText(value);
  } catch {
    return inspect(value, { sorted: true, depth: null });
  }
}
