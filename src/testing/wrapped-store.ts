import { StorageError } from '../errors/errors.js';
import type { CommitBatch, Store } from '../store/store.js';

/** What is done around each call of a store: `call` makes it. */
export type Around = (method: keyof Store, call: () => Promise<unknown>) => Promise<unknown>;

/** The same store, each of whose calls goes through `around`. */
export function wrappedStore(store: Store, around: Around): Store {
  return new Proxy(store, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]): Promise<unknown> =>
        around(key as keyof Store, () => Reflect.apply(member, target, args) as Promise<unknown>);
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
    throw new StorageError('STORE_FAILED', `the process has ended ${when} ${at} ${number}`);
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
    for (let left = macrotasks; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
    return commit(batch);
  });
}
