import { UsageError } from '../errors/errors.js';
import { refuseMore } from '../options/extra-arguments.js';
import { requireFlowPlace } from './place.js';

/**
 * Runs clean-up that cancellation does not touch: what is started inside goes on, and awaiting the shield is not interrupted. The run's end waits for it.
 *
 * @throws {UsageError} `NOT_IN_FLOW`, or `INVALID_ARGUMENT` when it is given no function.
 * @example
 * try { await book(trip); } finally { await shield(async () => { await release(trip); }); }
 */
export async function shield<T>(body: () => PromiseLike<T> | T): Promise<T> {
  refuseMore('shield(fn)', arguments);
  const place = requireFlowPlace('shield()');
  if (typeof body !== 'function') throw new UsageError('INVALID_ARGUMENT', 'shield(fn) takes a function');
  return place.run.shield(place, body);
}
