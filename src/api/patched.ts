import { UsageError } from '../errors/errors.js';
import { refuseMore } from '../options/extra-arguments.js';
import { isText } from '../options/read-options.js';
import { requireFlowPlace } from './place.js';

/**
 * Tells whether a run has a change of code: marks the change in place, where a version of its own would be too much. Runs that were beyond this place
 * before the change do not have it, on every replay; all others do.
 *
 * @throws {UsageError} `INVALID_ARGUMENT`, or when called outside of a flow.
 * @example
 * const receipt = patched('charge-in-cents') ? await chargeCents(order) : await chargeEuros(order);
 */
export function patched(id: string): boolean {
  refuseMore('patched(id)', arguments);
  if (!isText(id)) throw new UsageError('INVALID_ARGUMENT', 'patched(id): the id must be a text that is not empty');
  const { run, scope } = requireFlowPlace(`patched("${id}")`);
  return run.patches.has(id, scope);
}
