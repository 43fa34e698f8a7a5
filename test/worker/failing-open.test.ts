import { memoryStore, open, StorageError } from 'perdure';
import type { Store } from 'perdure/store';
import { expect, test } from 'vitest';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A store of which one method fails; it counts how often it is opened and closed. */
function failingStore(failing: 'registerWorker' | 'reapWorkers' | 'claimRuns'): { store: Store; uses(): number } {
  const memory = memoryStore();
  let uses = 0;
  const store: Store = {
    name: 'failing',
    open: async () => {
      uses += 1;
      await memory.open();
    },
    close: async () => {
      uses -= 1;
      await memory.close();
    },
    reader: () => memory.reader(),
    registerWorker: (...args) => memory.registerWorker(...args),
    retireWorker: (...args) => memory.retireWorker(...args),
    registerFlows: (...args) => memory.registerFlows(...args),
    heartbeat: (...args) => memory.heartbeat(...args),
    reapWorkers: (...args) => memory.reapWorkers(...args),
    claimRuns: (...args) => memory.claimRuns(...args),
    blockedRuns: (code) => memory.blockedRuns(code),
    claimSuspect: (...args) => memory.claimSuspect(...args),
    endTrial: (...args) => memory.endTrial(...args),
    acquit: (...args) => memory.acquit(...args),
    nextDueAt: () => memory.nextDueAt(),
    prune: (...args) => memory.prune(...args),
    loadJournals: (...args) => memory.loadJournals(...args),
    commit: (...args) => memory.commit(...args),
    createRuns: (...args) => memory.createRuns(...args),
    send: (...args) => memory.send(...args),
    readInbox: (...args) => memory.readInbox(...args),
    getRuns: (...args) => memory.getRuns(...args),
    ownedRuns: (workerId) => memory.ownedRuns(workerId),
    unblock: (...args) => memory.unblock(...args),
    watch: (watcher) => memory.watch(watcher),
    [failing]: () => Promise.reject(new StorageError('STORE_FAILED', `${failing} fails`)),
  };
  return { store, uses: () => uses };
}

test.each(['registerWorker', 'reapWorkers', 'claimRuns'] as const)(
  'an engine that cannot be opened because %s fails leaves nothing open: no connection, and no lock that would look alive',
  async (failing) => {
    const { store, uses } = failingStore(failing);
    await expect(open({ store, default: false, logger: SILENT })).rejects.toMatchObject({
      name: 'StorageError',
      message: `${failing} fails`,
    });
    expect(uses()).toBe(0);
  },
);
