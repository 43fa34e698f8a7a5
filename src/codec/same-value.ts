import { isDeepStrictEqual } from 'node:util';
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
