import type { CommitBatch, Store } from '../../src/store/store.js';
import { withCommit } from '../../src/testing/wrapped-store.js';

export { type CrashPoint, crashingStore, slowStore } from '../../src/testing/wrapped-store.js';

/** Sees what is committed. */
export interface CommitWatch {
  /** Called around each commit with its number, from 1. */
  before?(number: number, batch: CommitBatch): void;
  after?(number: number, batch: CommitBatch): void;
}

/** The same store, with a watch on its commits. */
export function watchedStore(store: Store, watch: CommitWatch): Store {
  let commits = 0;
  return withCommit(store, async (batch, commit) => {
    commits += 1;
    const number = commits;
    watch.before?.(number, batch);
    const taken = await commit(batch);
    watch.after?.(number, batch);
    return taken;
  });
}
