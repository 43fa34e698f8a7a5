import { Watchers } from '../watchers.js';
import { CreationOrder } from './creation-order.js';
import { Inboxes } from './inboxes.js';
import { Journals } from './journals.js';
import { Singletons } from './singletons.js';
import type { StoredRun } from './stored-run.js';
import { Workers } from './workers.js';

/** What a store in memory keeps, and who wants to hear of changes. */
export class MemoryData {
  readonly runs: Map<string, StoredRun> = new Map();
  readonly order: CreationOrder = new CreationOrder();
  readonly journals: Journals = new Journals();
  readonly inbox: Inboxes = new Inboxes();
  readonly workers: Workers = new Workers();
  readonly singletons: Singletons = new Singletons();
  readonly watchers: Watchers = new Watchers();
}
