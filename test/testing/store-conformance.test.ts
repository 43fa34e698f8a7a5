import { describe, expect, test } from 'vitest';
import type { OperationRecord, RunRecord } from '../../src/model/records.js';
import { journalOf } from '../../src/store/journal-of.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { storeConformance } from '../../src/testing/store-conformance.js';
import { withCommit, wrappedStore } from '../../src/testing/wrapped-store.js';
import { workerOf } from '../store/records.js';
import { journalsBy } from './journals-by.js';
import { readerShowing } from './reader-with.js';

/** A store with some methods of its own. */
function instead(store: Store, methods: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      const own: unknown = Reflect.get(methods, key);
      if (own !== undefined) return own;
      const member: unknown = Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** A store in memory whose answers are the reader's own. */
function soundStore(): Store {
  return wrappedStore(memoryStore(), async (_method, call) => structuredClone(await call()));
}

/** Hands out one object for all that look the same. */
function shared<T>(handedOut: Map<string, T>, records: readonly T[]): T[] {
  return records.map((record) => {
    const text = JSON.stringify(record);
    const known = handedOut.get(text) ?? record;
    handedOut.set(text, known);
    return known;
  });
}

interface Broken {
  /** What is wrong with it. */
  readonly what: string;
  breakStore(store: Store): Store;
  /** Cases that find it, among others. */
  readonly foundBy: readonly string[];
}

const BROKEN: readonly Broken[] = [
  {
    what: 'hands outcomes back in another order than that of seq',
    breakStore: (store) => instead(store, { loadJournals: journalsBy(async (runId) => (await journalOf(store, runId)).reverse()) }),
    foundBy: ['journal: outcomes come in the order of seq, starts after them'],
  },
  {
    what: 'loads the journal of one run at a time',
    breakStore: (store) => instead(store, { loadJournals: (runIds) => store.loadJournals(runIds.slice(0, 1)) }),
    foundBy: ['journal: several journals are loaded at once, each with what is its own (S4)'],
  },
  {
    what: 'hands outcomes back in the order in which they were written',
    breakStore: (store) => {
      const written: string[] = [];
      const noting = withCommit(store, (batch, commit) => {
        for (const { runId, id, seq } of batch.operations) if (seq !== null) written.push(`${runId} ${id}`);
        return commit(batch);
      });
      const place = (runId: string, id: string): number => written.indexOf(`${runId} ${id}`) >>> 0;
      return instead(noting, {
        loadJournals: journalsBy(async (runId) => (await journalOf(store, runId)).sort((a, b) => place(runId, a.id) - place(runId, b.id))),
      });
    },
    foundBy: ['journal: outcomes come in the order of seq, starts after them'],
  },
  {
    what: 'resolves a commit before the data is there',
    breakStore: (store) =>
      withCommit(store, async (batch, commit) => {
        setImmediate(() => commit(batch).catch(() => undefined));
        return { taken: [] };
      }),
    foundBy: ['batches: what was committed is there for another process once the commit resolves (S2, S4)'],
  },
  {
    what: 'writes the entries of a batch after its commit has resolved',
    breakStore: (store) =>
      withCommit(store, async (batch, commit) => {
        const taken = await commit({ ...batch, operations: [] });
        if (batch.operations.length > 0) {
          const late = { ...batch, creates: [], ends: [], messages: [], taken: [] };
          setImmediate(() => commit(late).catch(() => undefined));
        }
        return taken;
      }),
    foundBy: ['batches: what was committed is there for another process once the commit resolves (S2, S4)'],
  },
  {
    what: 'writes the half of a batch that stands before the end that is refused',
    breakStore: (store) =>
      withCommit(store, (batch, commit) =>
        commit(batch).catch(async (error: unknown) => {
          await commit({ ...batch, ends: [], messages: [], taken: [] });
          throw error;
        }),
      ),
    foundBy: [
      'batches: a batch with one end that is refused changes nothing, wherever that stands (S2, S3)',
      'fence and ownership: an end for a run of somebody else rolls everything back (S2, S3)',
    ],
  },
  {
    what: 'takes and sends the messages of a batch that is refused',
    breakStore: (store) =>
      withCommit(store, (batch, commit) =>
        commit(batch).catch(async (error: unknown) => {
          await commit({ ...batch, creates: [], operations: [], ends: [] });
          throw error;
        }),
      ),
    foundBy: [
      'batches: a batch with one end that is refused changes nothing, wherever that stands (S2, S3)',
      'inbox: a refused batch takes no message and sends none (S2)',
    ],
  },
  {
    what: 'writes half of a batch before it looks at the fence',
    breakStore: (store) =>
      withCommit(store, (batch, commit) =>
        commit(batch).catch(async (error: unknown) => {
          await asSomebodyElse(store, (workerId) => commit({ ...batch, workerId, creates: [], ends: [] }));
          throw error;
        }),
      ),
    foundBy: [
      'batches: a batch of a worker marked dead changes nothing (S2, S3)',
      'fence and ownership: a worker marked dead cannot write any more (S3)',
    ],
  },
  {
    what: 'ignores the fence',
    breakStore: (store) =>
      instead(
        withCommit(store, (batch, commit) =>
          commit(batch).catch(() => asSomebodyElse(store, (workerId) => commit({ ...batch, workerId, ends: [] }))),
        ),
        {
          heartbeat: (workerId, nowMs) => store.heartbeat(workerId, nowMs).catch(() => undefined),
          claimRuns: (query) => store.claimRuns(query).catch(() => ({ claimed: [], blocked: [], suspects: false, more: false })),
        },
      ),
    foundBy: [
      'batches: a batch of a worker marked dead changes nothing (S2, S3)',
      'fence and ownership: an unknown worker cannot write (S3)',
      'fence and ownership: an empty batch is fenced as well',
      'fence and ownership: a worker marked dead cannot write any more (S3)',
      'fence and ownership: a retired worker is fenced, and not reaped',
    ],
  },
  {
    what: 'lets every worker have a trial of its own',
    breakStore: (store) => {
      const trials = new Map<string, string>();
      return instead(store, {
        claimSuspect: async ({ workerId, flows }) => {
          const suspect = await store.claimSuspect({ workerId, flows });
          if (suspect !== undefined || trials.has(workerId)) return suspect;
          const { claimed } = await store.claimRuns({ workerId, flows, nowMs: 0, limit: 1 });
          trials.set(workerId, claimed[0]?.id ?? '');
          return claimed[0] ?? (await store.getRuns(['b']))[0];
        },
      });
    },
    foundBy: ['crashes and trials: a suspect is claimed by itself, and its trial is the only one in the store'],
  },
  {
    what: 'never ends a trial by time',
    breakStore: (store) => instead(store, { endTrial: async () => {} }),
    foundBy: [
      'crashes and trials: a trial that ends by time leaves the count as it is, and lets the next one begin',
      'crashes and trials: trials are fenced',
    ],
  },
  {
    what: 'lets counts stand when runs are acquitted',
    breakStore: (store) =>
      instead(store, {
        acquit: async ({ workerId, runIds }) => void (await Promise.all(runIds.map((runId) => store.endTrial({ workerId, runId })))),
      }),
    foundBy: ['crashes and trials: a trial that is acquitted lets the next one begin, and nothing count any more'],
  },
  {
    what: 'takes a retirement for a crash',
    breakStore: (store) =>
      instead(store, {
        retireWorker: async (workerId) => {
          const dead = await store.reapWorkers({ workerId: 'nobody', nowMs: Number.POSITIVE_INFINITY });
          if (!dead.includes(workerId)) await store.retireWorker(workerId);
        },
      }),
    foundBy: ['crashes and trials: a worker that retires leaves nothing to count'],
  },
  {
    what: 'lets a second creation of an id win',
    breakStore: (store) => {
      const winners = new Map<string, RunRecord>();
      const withWinners = (runs: readonly RunRecord[]): RunRecord[] => runs.map((run) => winners.get(run.id) ?? run);
      const committing = withCommit(store, async (batch, commit) => {
        const { taken } = await commit(batch);
        for (const { id } of taken) for (const { run } of batch.creates) if (run.id === id) winners.set(id, run);
        return { taken: [] };
      });
      return instead(committing, {
        getRuns: async (ids) => withWinners(await store.getRuns(ids)),
        reader: readerShowing(store, withWinners),
      });
    },
    foundBy: [
      'creation and ids: the first creation of an id wins; later ones learn what is stored (S1)',
      'creation and ids: the second creation in one batch counts as taken by the first (S1)',
      'creation and ids: of processes that create an id at once, one wins and the others learn of it (S1)',
    ],
  },
  {
    what: 'loses every tenth message',
    breakStore: (store) => {
      let sent = 0;
      return instead(store, {
        send: async (message) => {
          sent += 1;
          return sent % 10 === 0 ? 'RUNNING' : store.send(message);
        },
      });
    },
    foundBy: [
      'inbox: messages are read in the order of their arrival',
      'inbox: messages that several processes send at once all arrive, in the order of each (S7)',
    ],
  },
  {
    what: 'loses the messages that came before one that is taken',
    breakStore: (store) =>
      withCommit(store, (batch, commit) =>
        commit({ ...batch, taken: batch.taken.flatMap((id) => Array.from({ length: id }, (_, n) => n + 1)) }),
      ),
    foundBy: ['inbox: taking a message leaves those before and after it (S7)'],
  },
  {
    what: 'delivers the newest message first',
    breakStore: (store) => instead(store, { readInbox: async (...args) => (await store.readInbox(...args)).reverse() }),
    foundBy: [
      'inbox: messages are read in the order of their arrival',
      'inbox: messages of one batch arrive in their order (S7)',
      'inbox: messages that several processes send at once all arrive, in the order of each (S7)',
    ],
  },
  {
    what: 'delivers messages in the order of their ids as texts',
    breakStore: (store) =>
      instead(store, {
        readInbox: async (...args) => (await store.readInbox(...args)).sort((a, b) => (`${a.id}` < `${b.id}` ? -1 : 1)),
      }),
    foundBy: ['inbox: messages are read in the order of their arrival'],
  },
  {
    what: 'begins each page of messages with the first',
    breakStore: (store) =>
      instead(store, { readInbox: (workerId, page) => store.readInbox(workerId, page === undefined ? page : { limit: page.limit }) }),
    foundBy: ['inbox: messages can be read in pages'],
  },
  {
    what: 'copies a batch only after commit was called',
    breakStore: (store) =>
      instead(store, {
        commit: async (batch) => {
          await Promise.resolve();
          return store.commit(batch);
        },
      }),
    foundBy: ['copies of records: the records of a batch may change as soon as its commit was called'],
  },
  {
    what: 'hands out the runs that it holds',
    breakStore: (store) => {
      const handedOut = new Map<string, RunRecord>();
      return instead(store, {
        getRuns: async (ids) => shared(handedOut, await store.getRuns(ids)),
        commit: async (batch) => {
          const { taken } = await store.commit(batch);
          const found = shared(
            handedOut,
            taken.map((each) => each.found),
          );
          return { taken: taken.map(({ id }, index) => ({ id, found: found[index] as RunRecord })) };
        },
      });
    },
    foundBy: [
      'copies of records: changing runs that were read changes none that is stored',
      'copies of records: changing runs that a commit or a claim returned changes none that is stored',
    ],
  },
  {
    what: 'hands out the entries that it holds',
    breakStore: (store) => {
      const handedOut = new Map();
      return instead(store, { loadJournals: journalsBy(async (runId) => shared(handedOut, await journalOf(store, runId))) });
    },
    foundBy: ['copies of records: changing entries that were read changes none that is stored'],
  },
  {
    what: 'hands out the messages that it holds',
    breakStore: (store) => {
      const handedOut = new Map();
      return instead(store, { readInbox: async (workerId) => shared(handedOut, await store.readInbox(workerId)) });
    },
    foundBy: ['copies of records: changing messages that were read changes none that is stored'],
  },
  {
    what: 'gives no suspended run away',
    breakStore: (store) => withCommit(store, (batch, commit) => commit({ ...batch, suspends: [] })),
    foundBy: [
      'suspending: a suspended run has no owner and says when it wakes',
      'suspending: the worker that suspended a run owns it no longer (S3, S5)',
      'waking: a store tells when the first sleeper is due, and whether any sleeps',
    ],
  },
  {
    what: 'leaves a run asleep that something has come for by the time it is suspended',
    breakStore: (store) => {
      const sleep = new Sleep(store);
      return sleep.over(
        withCommit(store, async (batch, commit) => {
          const taken = await commit(batch);
          await sleep.on(batch.suspends.map(({ runId }) => runId));
          return taken;
        }),
      );
    },
    foundBy: [
      'suspending: a run that a message has come for is pending at once (S7)',
      'suspending: a run is pending at once when one that it waits for has ended, whichever worker owned that',
    ],
  },
  {
    what: 'wakes nobody by the end of a child',
    breakStore: (store) => {
      const sleep = new Sleep(store);
      return sleep.over(
        withCommit(store, async (batch, commit) => {
          const asleep = await recordsOf(store, { status: 'SUSPENDED' });
          const taken = await commit(batch);
          if (batch.ends.length > 0) await sleep.on(asleep.map(({ id }) => id));
          return taken;
        }),
      );
    },
    foundBy: ['waking: the end of a child wakes its parent, and no other run'],
  },
  {
    what: 'wakes everybody by the end of a child',
    breakStore: (store) =>
      withCommit(store, async (batch, commit) => {
        const taken = await commit(batch);
        const asleep = batch.ends.length > 0 ? await recordsOf(store, { status: 'SUSPENDED' }) : [];
        for (const { id: runId } of asleep) await store.send({ id: 0, runId, kind: 'event', payload: '{}' });
        return taken;
      }),
    foundBy: ['waking: the end of a child wakes its parent, and no other run', 'waking: a child that is blocked does not wake its parent'],
  },
  {
    what: 'lets a message lie until its run wakes by itself',
    breakStore: (store) => {
      const sleep = new Sleep(store);
      return instead(sleep.over(store), {
        send: async (message) => {
          const [run] = await store.getRuns([message.runId]);
          const status = await store.send(message);
          if (run?.status !== 'SUSPENDED') return status;
          await sleep.on([run.id]);
          return run.status;
        },
      });
    },
    foundBy: ['waking: a message to a sleeper makes it pending, and the sender hears so (S7)'],
  },
  {
    what: 'lets sleepers be claimed before they are due',
    breakStore: (store) => instead(store, { claimRuns: (query) => store.claimRuns({ ...query, nowMs: Number.MAX_SAFE_INTEGER }) }),
    foundBy: [
      'waking: a suspended run is claimed when it is due, and not before',
      'waking: a sleeper of a flow that no worker has is blocked when it is due, and not before',
    ],
  },
  {
    what: 'wakes nobody by the time',
    breakStore: (store) => instead(store, { claimRuns: (query) => store.claimRuns({ ...query, nowMs: 0 }) }),
    foundBy: [
      'waking: a suspended run is claimed when it is due, and not before',
      'waking: of sleepers that are due no more are claimed than asked for, and the others by the next claims',
      'waking: a sleeper of a flow that no worker has is blocked when it is due, and not before',
    ],
  },
  {
    what: 'takes nothing again that could not be read',
    breakStore: (store) => instead(store, { claimRuns: ({ unreadable: _, ...query }) => store.claimRuns(query) }),
    foundBy: [
      'claiming: a run that could not be read is claimed only by its id',
      'claiming: runs that are tried again come beside those that the limit counts',
    ],
  },
  {
    what: 'takes what could not be read with every claim',
    breakStore: (store) =>
      instead(store, {
        claimRuns: async (query) => {
          const unreadable = (await store.blockedRuns('VALUE_UNREADABLE')).map(({ id }) => id);
          return store.claimRuns({ ...query, unreadable });
        },
      }),
    foundBy: ['claiming: a run that could not be read is claimed only by its id'],
  },
  {
    what: 'tells when the last sleeper is due',
    breakStore: (store) =>
      instead(store, {
        nextDueAt: async () => {
          const times = (await recordsOf(store, { status: 'SUSPENDED' })).flatMap(({ wakeAt }) => wakeAt ?? []);
          return times.length === 0 ? store.nextDueAt() : Math.max(...times);
        },
      }),
    foundBy: ['waking: a store tells when the first sleeper is due, and whether any sleeps'],
  },
  {
    what: 'tells no difference between sleepers that wait for others and none',
    breakStore: (store) => instead(store, { nextDueAt: async () => (await store.nextDueAt()) ?? null }),
    foundBy: ['waking: a store tells when the first sleeper is due, and whether any sleeps'],
  },
  {
    what: 'says of a claimed run when it was to wake',
    breakStore: (store) =>
      instead(store, {
        claimRuns: async (query) => {
          const { claimed, ...claim } = await store.claimRuns(query);
          return { ...claim, claimed: claimed.map((run) => ({ ...run, wakeAt: query.nowMs })) };
        },
      }),
    foundBy: ['waking: what a claim of a sleeper returns is what is stored, with its journal'],
  },
  {
    what: 'keeps the journal of a run that begins again',
    breakStore: (store) =>
      withCommit(store, async (batch, commit) => {
        const restarts = batch.restarts.map(async (restart) => ({
          ...restart,
          operations: [...(await journalOf(store, restart.runId)), ...restart.operations],
        }));
        return commit({ ...batch, restarts: await Promise.all(restarts) });
      }),
    foundBy: [
      'beginning again: a run that begins again has what the restart gives it, and stays who it is',
      'beginning again: its journal is what the restart gives, and what later batches add (S4)',
    ],
  },
  {
    what: 'drops the messages of a run that begins again',
    breakStore: (store) =>
      withCommit(store, async (batch, commit) => {
        const messages = batch.restarts.length > 0 ? await store.readInbox(batch.workerId) : [];
        return commit({ ...batch, taken: [...batch.taken, ...messages.map(({ id }) => id)] });
      }),
    foundBy: ['beginning again: messages in its inbox stay for the next generation (S7)'],
  },
  {
    what: 'begins again the first of the runs of a batch that is refused',
    breakStore: (store) =>
      withCommit(store, (batch, commit) =>
        commit(batch).catch(async (error: unknown) => {
          await commit({ ...batch, restarts: batch.restarts.slice(0, 1), suspends: [], ends: [], messages: [] }).catch(() => undefined);
          throw error;
        }),
      ),
    foundBy: ['beginning again: a restart of a run that is not the worker’s is refused whole (S2, S3, S6)'],
  },
  {
    what: 'suspends the first of the runs of a batch that is refused',
    breakStore: (store) =>
      withCommit(store, (batch, commit) =>
        commit(batch).catch(async (error: unknown) => {
          await commit({ ...batch, suspends: batch.suspends.slice(0, 1), restarts: [], ends: [], messages: [] }).catch(() => undefined);
          throw error;
        }),
      ),
    foundBy: ['suspending: a suspension of a run that is not the worker’s is refused whole (S2, S3)'],
  },
  {
    what: 'prunes runs that live',
    breakStore: (store) => {
      const gone = new Set<string>();
      return instead(store, {
        prune: async (query) => {
          for (const { id } of await recordsOf(store, { status: ['RUNNING', 'SUSPENDED', 'PENDING', 'BLOCKED'] })) gone.add(id);
          return store.prune(query);
        },
        getRuns: async (ids) => (await store.getRuns(ids)).filter(({ id }) => !gone.has(id)),
        reader: readerShowing(store, (runs) => runs.filter(({ id }) => !gone.has(id))),
      });
    },
    foundBy: [
      'pruning: a run that has not ended is never gone, whatever its status (S3)',
      'pruning: a child that lives stays with its children when its parent goes, and goes after its end',
    ],
  },
  {
    what: 'leaves the journals of pruned runs behind',
    breakStore: (store) => {
      const behind = new Map<string, OperationRecord[]>();
      return instead(store, {
        prune: async (query) => {
          for (const { id } of await recordsOf(store)) behind.set(id, await journalOf(store, id));
          return store.prune(query);
        },
        loadJournals: journalsBy(async (runId) => {
          const journal = await journalOf(store, runId);
          return journal.length > 0 ? journal : (behind.get(runId) ?? []);
        }),
      });
    },
    foundBy: [
      'pruning: the journals of those that are gone are gone, and no others',
      'pruning: an id whose run is gone is as good as new (S1)',
    ],
  },
  {
    what: 'prunes all that ended, however many are to be kept',
    breakStore: (store) => instead(store, { prune: (query) => store.prune({ ...query, endedBefore: Number.MAX_SAFE_INTEGER }) }),
    foundBy: [
      'pruning: runs are gone that ended before a time',
      'pruning: runs are gone but those that were created last',
      'pruning: one of the two reasons is enough',
      'pruning: without a reason nothing is gone',
    ],
  },
  {
    what: 'prunes without a limit',
    breakStore: (store) => instead(store, { prune: (query) => store.prune({ ...query, limit: Number.MAX_SAFE_INTEGER }) }),
    foundBy: ['pruning: no more are gone than asked for, the oldest first, children not counted'],
  },
  {
    what: 'lets a worker read messages that is dead',
    breakStore: (store) => instead(store, { readInbox: (workerId) => store.readInbox(workerId).catch(() => []) }),
    foundBy: [
      'fence and ownership: an unknown worker cannot write (S3)',
      'fence and ownership: a worker marked dead reads no messages any more, also not when its runs were not taken (S3, S7)',
    ],
  },
];

/** Runs that a broken store shows asleep although something has come for them. */
class Sleep {
  readonly #store: Store;
  readonly #asleep = new Set<string>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Those of these that were woken sleep on. */
  async on(runIds: readonly string[]): Promise<void> {
    for (const { id, status } of await this.#store.getRuns(runIds)) if (status === 'PENDING') this.#asleep.add(id);
  }

  over(store: Store): Store {
    const shown = (run: RunRecord): RunRecord =>
      run.status === 'PENDING' && this.#asleep.has(run.id) ? { ...run, status: 'SUSPENDED' } : run;
    return instead(store, {
      getRuns: async (ids) => (await store.getRuns(ids)).map(shown),
      reader: readerShowing(store, (runs) => runs.map(shown)),
    });
  }
}

/** What a living worker of another id writes. */
async function asSomebodyElse<T>(store: Store, write: (workerId: string) => Promise<T>): Promise<T> {
  await store.registerWorker(workerOf('somebody else'));
  try {
    return await write('somebody else');
  } finally {
    await store.retireWorker('somebody else');
  }
}

/** The cases that fail over a store, each with what it threw. */
async function failuresOver(makeStore: () => Store): Promise<Map<string, unknown>> {
  const failures = new Map<string, unknown>();
  for (const { area, name, run } of storeConformance) {
    const store = makeStore();
    await run(() => store).catch((error: unknown) => failures.set(`${area}: ${name}`, error));
  }
  return failures;
}

describe('storeConformance', () => {
  test('passes over a sound store', async () => {
    expect([...(await failuresOver(soundStore))]).toStrictEqual([]);
  });

  test('has cases of different names', () => {
    expect(new Set(storeConformance.map(({ area, name }) => `${area}: ${name}`)).size).toBe(storeConformance.length);
  });

  test.each(BROKEN)('finds a store that $what', async ({ breakStore, foundBy }) => {
    const failures = await failuresOver(() => breakStore(soundStore()));
    expect([...failures.keys()]).toStrictEqual(expect.arrayContaining([...foundBy]));
    for (const name of foundBy) expect(failures.get(name)).toMatchObject({ name: 'AssertionError' });
  });

  test('checks after each case that what the store holds is well formed', async () => {
    const failures = await failuresOver(() => {
      const store = soundStore();
      const withOwner = (run: RunRecord): RunRecord => (run.status === 'SUCCEEDED' ? { ...run, workerId: 'w1' } : run);
      return instead(store, { reader: readerShowing(store, (runs) => runs.map(withOwner)) });
    });
    expect(failures.get('journal: the journal of an ended run stays')).toMatchObject({
      name: 'AssertionError',
      message: expect.stringContaining('id: not so: an ended run has an outcome, and neither an owner nor a code'),
    });
  });

  test.each([
    ['passes', soundStore()],
    ['fails', instead(soundStore(), { loadJournals: async () => new Map() })],
  ])('closes what it opened when the case %s', async (_outcome, store) => {
    const one = storeConformance.find(({ name }) => name === 'another process sees what was committed (S4)');
    let open = 0;
    const counted = wrappedStore(store, async (method, call) => {
      if (method === 'open') open += 1;
      if (method === 'close') open -= 1;
      return call();
    });
    await one?.run(() => counted).catch(() => undefined);
    expect(open).toBe(0);
    await expect(store.getRuns([])).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });
});
