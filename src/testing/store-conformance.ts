import { batches } from './store-conformance/batches.js';
import type { StoreCase } from './store-conformance/case.js';
import { claiming } from './store-conformance/claiming.js';
import { copies } from './store-conformance/copies.js';
import { crashes } from './store-conformance/crashes.js';
import { creation } from './store-conformance/creation.js';
import { inbox } from './store-conformance/inbox.js';
import { journal } from './store-conformance/journal.js';
import { lifecycle } from './store-conformance/lifecycle.js';
import { listing } from './store-conformance/listing.js';
import { looking } from './store-conformance/looking.js';
import { ownership } from './store-conformance/ownership.js';
import { pruning } from './store-conformance/pruning.js';
import { restarting } from './store-conformance/restarting.js';
import { suspending } from './store-conformance/suspending.js';
import { watching } from './store-conformance/watching.js';

export type { StoreCase } from './store-conformance/case.js';

/**
 * What every store does, as data: run each case over a store of your own, with any test runner. Each needs a set of data of its own, which all the stores
 * that it connects share.
 *
 * @example
 * for (const { area, name, run } of storeConformance) {
 *   test(`${area}: ${name}`, () => {
 *     const data = emptyData();
 *     return run(() => myStore(data));
 *   });
 * }
 */
export const storeConformance: readonly StoreCase[] = [
  ...creation,
  ...journal,
  ...batches,
  ...copies,
  ...ownership,
  ...inbox,
  ...claiming,
  ...crashes,
  ...suspending,
  ...restarting,
  ...pruning,
  ...listing,
  ...looking,
  ...watching,
  ...lifecycle,
];
