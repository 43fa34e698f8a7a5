import { processTimers } from '../clock/process-timers.js';
import { StorageError } from '../errors/errors.js';
import type { StoreReader } from '../store/reader.js';
import { type CommitBatch, type Store, SYNCHRONOUS_METHODS } from '../store/store.js';

/** What is done around each call of a store, and of its readers: `call` makes it. */
export type Around = (method: keyof Store | keyof StoreReader, call: () => Promise<unknown>) => Promise<unknown>;

/** The same store, each of whose calls that return promises goes through `around`, and so do those of its readers but for opening and closing. */
export function wrappedStore(store: Store, around: Around): Store {
  return new Proxy(store, {
    get(target, key) {
      if (key === 'reader') return () => wrappedReader(target.reader(), around);
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      if (SYNCHRONOUS_METHODS.has(key)) return member.bind(target);
      return async (...args: unknown[]): Promise<unknown> =>
        around(key as keyof Store, () => Reflect.apply(member, target, args) as Promise<unknown>);
    },
  });
}

function wrappedReader(reader: StoreReader, around: Around): StoreReader {
  return new Proxy(reader, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      if (SYNCHRONOUS_METHODS.has(key)) return member.bind(target);
      const call = async (...args: unknown[]): Promise<unknown> => Reflect.apply(member, target, args) as Promise<unknown>;
      if (key === 'open' || key === 'close') return call;
      return async (...args: unknown[]): Promise<unknown> => around(key as keyof StoreReader, () => call(...args));
    },
  });
}

type Commit = Store['commit'];

/** The same store with another way to commit. The batch is copied: its entries change as soon as it has been handed over. */
export function withCommit(store: Store, commit: (batch: CommitBatch, commit: Commit) => ReturnType<Commit>): Store {
  return new Proxy(store, {
    get(target, key) {
      if (key === 'commit') return (batch: CommitBatch) => commit(structuredClone(batch), (copy) => target.commit(copy));
      const member: unknown = Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** Where a process ends: right before or right after its n-th commit, or its n-th call of any kind once the store is open. */
export interface CrashPoint {
  readonly at?: 'commit' | 'call';
  readonly number: number;
  readonly when: 'before' | 'after';
}

/**
 * A store whose process ends at a point: from then on nothing more reaches the store, whatever is asked for. Closing it ends the locks of its workers,
 * as the end of a process does.
 */
export function crashingStore(store: Store, { at = 'commit', number, when }: CrashPoint, onCrash: () => void = () => {}): Store {
  let calls = 0;
  let crashed = false;
  const dead = (): never => {
    // The one failure after which nothing is tried again: time is not to move.
    throw new StorageError('STORE_CLOSED', `the process has ended ${when} ${at} ${number}`);
  };
  const crash = (): never => {
    crashed = true;
    onCrash();
    return dead();
  };
  return wrappedStore(store, async (method, call) => {
    if (method === 'open' || method === 'close') return call();
    if (crashed) return dead();
    const counts = at === 'call' || method === 'commit';
    if (counts) calls += 1;
    const isLast = counts && calls === number;
    if (isLast && when === 'before') return crash();
    const result = await call();
    return isLast ? crash() : result;
  });
}

/** A store whose commits take so many macrotasks before they are durable. */
export function slowStore(store: Store, macrotasks: number): Store {
  return withCommit(store, async (batch, commit) => {
    for (let left = macrotasks; left > 0; left -= 1) await new Promise((resolve) => processTimers.setImmediate(resolve));
    return commit(batch);
  });
}

/** The n-th commit of a store, or the moment right before or after it. */
export type CommitPoint = Pick<CrashPoint, 'number' | 'when'>;

/** A store that reports its n-th commit as failed, although another may succeed: nothing of it is written (`before`), or all is (`after`). */
export function failingStore(store: Store, { number, when }: CommitPoint, onFault: () => void): Store {
  return nthCommit(store, number, async (commit) => {
    onFault();
    if (when === 'after') await commit();
    throw new StorageError('STORE_BUSY', `commit ${number} is to fail`);
  });
}

/** A store in which another process takes every worker for dead, right before or right after the n-th commit. */
export function reapedStore(store: Store, { number, when }: CommitPoint, onFault: () => void): Store {
  const reap = async (): Promise<void> => {
    onFault();
    await store.reapWorkers({ workerId: 'another process', nowMs: Number.POSITIVE_INFINITY });
  };
  return nthCommit(store, number, async (commit) => {
    if (when === 'before') await reap();
    const taken = await commit();
    if (when === 'after') await reap();
    return taken;
  });
}

/** The same store, whose n-th commit goes through `around`. */
function nthCommit(store: Store, number: number, around: (commit: () => ReturnType<Commit>) => ReturnType<Commit>): Store {
  let commits = 0;
  return withCommit(store, (batch, commit) => {
    commits += 1;
    return commits === number ? around(() => commit(batch)) : commit(batch);
  });
}
