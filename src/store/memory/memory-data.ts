import { Watchers } from '../watchers.js';
import { CreationOrder } from './creation-order.js';
import { Inboxes } from './inboxes.js';
import { Journals } from './journals.js';
import { Singletons } from './singletons.js';
import type { StoredRun } from './stored-run.js';
import { Workers } from './workers.js';

/** What a store in memory keeps, and who wants to hear of changes. */
export class MemoryData {
  readonly runs = new Map<string, StoredRun>();
  readonly order = new CreationOrder();
  readonly journals = new Journals();
  readonly inbox = new Inboxes();
  readonly workers = new Workers();
  readonly singletons = new Singletons();
  readonly watchers = new Watchers();
}
