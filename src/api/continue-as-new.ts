import { ContinueAsNew } from '../runtime/continue-as-new.js';
import { requireFlowPlace } from './place.js';

/**
 * What a flow returns to begin again under the same id, with other arguments and an empty journal: `return continueAsNew(...args)`. Code that waits for the run
 * waits on, and messages that were not read go to the next generation.
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
  // The flow returns it, and the engine knows it: it is never seen as a value.
  return new ContinueAsNew(args) as never;
}
