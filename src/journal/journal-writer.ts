import type { RunCreation, RunRecord } from '../model/records.js';
import type { Store } from '../store/store.js';
import type { Entry } from './entry.js';

/** Called when a creation is durable, with the run that has had the id before, if any. */
export type OnCreated = (taken: RunRecord | undefined) => void;

/** Hears that an outcome is durable. */
export interface OutcomeOwner {
  outcomeCommitted(entry: Entry): void;
}

/** What a run writes: new runs, and the entries of its own journal. Each method returns at once; what was handed in is durable later, in order. */
export interface JournalWriter {
  create(creation: RunCreation, onCreated: OnCreated): void;

  /** Writes the entry as it is when it is sent. */
  entry(entry: Entry, committed?: () => void): void;

  /** Writes an outcome: as `entry`, and stamps it with the time of the commit. */
  outcome(entry: Entry, owner: OutcomeOwner): void;
}

/** Where a journal is written to: all that the group commit needs of a store. */
export type CommitLog = Pick<Store, 'commit'>;
