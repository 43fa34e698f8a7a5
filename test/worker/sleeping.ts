import { join } from 'node:path';
import { memoryStore, sqliteStore } from 'perdure';
import type { Store } from 'perdure/store';
import { withCommit } from '../../src/testing/wrapped-store.js';
import type { TestEngineOptions } from '../../src/testing.js';
import { sendingEngine } from '../runtime/senders.js';
import { tempDirectory } from '../store/temp-directory.js';

/** The stores that sleeping runs are tried over. */
export const STORES: Readonly<Record<string, () => Store>> = {
  memory: memoryStore,
  'a SQLite file': () => sqliteStore(join(tempDirectory(), 'app.db'), { synchronous: 'normal' }),
};

export const HOUR_MS = 3_600_000;

export interface Sleeping {
  readonly engine: ReturnType<typeof sendingEngine>;
  readonly store: Store;
  /** How often each run has left memory. */
  readonly left: ReadonlyMap<string, number>;
}

/** A test engine that the actions of `senders` send by, and that keeps one run in memory where nothing else is said. */
export function sleepingEngine(makeStore: () => Store, options: Omit<TestEngineOptions, 'store'> = {}): Sleeping {
  const left = new Map<string, number>();
  const store = makeStore();
  const counted = withCommit(store, async (batch, commit) => {
    const { suspends } = batch;
    const taken = await commit(batch);
    for (const { runId } of suspends) left.set(runId, (left.get(runId) ?? 0) + 1);
    return taken;
  });
  return { engine: sendingEngine({ maxResidentRuns: 1, ...options, store: counted }), store, left };
}
