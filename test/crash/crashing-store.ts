import { StorageError } from 'perdure';
import type { CommitBatch, Store } from '../../src/store/store.js';

/** Where a process ends: right before or right after its n-th commit, or its n-th call of any kind once the store is open. */
export interface CrashPoint {
  readonly at?: 'commit' | 'call';
  readonly number: number;
  readonly when: 'before' | 'after';
}

/** Sees what is committed. */
export interface CommitWatch {
  /** Called around each commit with its number, from 1. */
  before?(number: number, batch: CommitBatch): void;
  after?(number: number, batch: CommitBatch): void;
}

/** The same store, with a watch on its commits. */
export function watchedStore(store: Store, watch: CommitWatch): Store {
  let commits = 0;
  return {
    ...methodsOf(store),
    async commit(batch) {
      commits += 1;
      const number = commits;
      // The engine changes the entries of a batch as soon as this method has returned.
      const written = structuredClone(batch);
      watch.before?.(number, written);
      const taken = await store.commit(batch);
      watch.after?.(number, written);
      return taken;
    },
  };
}

/** A store whose commits take so many macrotasks before they are durable. */
export function slowStore(store: Store, macrotasks: number): Store {
  return {
    ...methodsOf(store),
    async commit(batch) {
      const sent = structuredClone(batch);
      for (let left = macrotasks; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
      return store.commit(sent);
    },
  };
}

/**
 * A store whose process ends at a point: from then on nothing more reaches the store, whatever is asked for. Closing it ends the locks of its
 * workers, as the end of a process does.
 */
export function crashingStore(store: Store, { at = 'commit', number, when }: CrashPoint, onCrash: () => void = () => {}): Store {
  let calls = 0;
  let crashed = false;
  const dead = (): never => {
    throw new StorageError('STORE_FAILED', `the process has ended ${when} ${at} ${number}`);
  };
  const crash = (): never => {
    crashed = true;
    onCrash();
    return dead();
  };
  const mortal = (name: string, method: (...args: unknown[]) => Promise<unknown>): unknown => {
    if (name === 'open' || name === 'close') return method;
    const counts = at === 'call' || name === 'commit';
    return async (...args: unknown[]): Promise<unknown> => {
      if (crashed) return dead();
      if (counts) calls += 1;
      const isLast = counts && calls === number;
      if (isLast && when === 'before') return crash();
      const result = await method(...args);
      return isLast ? crash() : result;
    };
  };
  const { name, ...methods } = methodsOf(store);
  const wrapped = Object.entries(methods).map(([each, method]) => [each, mortal(each, method as (...args: unknown[]) => Promise<unknown>)]);
  return { name, ...Object.fromEntries(wrapped) } as Store;
}

/** The methods of a store as functions of their own. */
function methodsOf(store: Store): Store {
  return {
    name: store.name,
    open: () => store.open(),
    close: () => store.close(),
    registerWorker: (...args) => store.registerWorker(...args),
    retireWorker: (...args) => store.retireWorker(...args),
    heartbeat: (...args) => store.heartbeat(...args),
    reapWorkers: (...args) => store.reapWorkers(...args),
    claimRuns: (...args) => store.claimRuns(...args),
    loadJournal: (...args) => store.loadJournal(...args),
    commit: (...args) => store.commit(...args),
    send: (...args) => store.send(...args),
    readInbox: (...args) => store.readInbox(...args),
    getRuns: (...args) => store.getRuns(...args),
    listRuns: (...args) => store.listRuns(...args),
    unblock: (...args) => store.unblock(...args),
    changedElsewhere: () => store.changedElsewhere(),
  };
}
