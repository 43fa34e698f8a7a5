import { ContinueAsNew } from '../runtime/continue-as-new.js';
import { requireFlowPlace } from './place.js';

/**
 * What a flow returns to begin anew under the same id, with other arguments and an empty journal: `return continueAsNew(...args)`. Whoever waits for the run
 * waits on, and messages that nobody has read go to the next generation.
 *
 * @throws {UsageError} when called outside of a flow.
 * @example
 * const nightly = flow('nightly', async (night: number): Promise<void> => {
 *   await importOrders(night);
 *   await sleep('1d');
 *   return continueAsNew(night + 1);
 * });
 */
export function continueAsNew(...args: readonly unknown[]): never {
  requireFlowPlace('continueAsNew()');
  // The flow returns it, and the engine knows it: nobody gets to see it as a value.
  return new ContinueAsNew(args) as never;
}
