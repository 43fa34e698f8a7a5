import { journalOf } from '../../store/journal-of.js';
import { assertEqual, assertRefused } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { ALL_CREATED, batchOf, messageTo, runOf, withRuns, workerOf } from './records.js';
import { IDLE_WATCHER } from './watching.js';

export const lifecycle: readonly StoreCase[] = area('opening and closing', {
  'closing twice is closing once': async (connect) => {
    const store = await connect();
    await store.close();
    await store.close();
  },
  'a closed store refuses every call': async (connect) => {
    const store = await connect();
    await store.close();
    const calls: (() => Promise<unknown>)[] = [
      () => store.registerWorker(workerOf('w', 1)),
      () => store.retireWorker('w'),
      () => store.heartbeat('w', 1),
      () => store.reapWorkers({ workerId: 'w', nowMs: 1 }),
      () => store.claimRuns({ workerId: 'w', nowMs: 2_000, flows: [], limit: 1 }),
      () => store.claimSuspect({ workerId: 'w', flows: [] }),
      () => store.endTrial({ workerId: 'w', runId: 'r' }),
      () => store.acquit({ workerId: 'w', runIds: ['r'] }),
      () => journalOf(store, 'r'),
      () => store.commit(batchOf()),
      () => store.send(messageTo('r')),
      () => store.readInbox('w'),
      () => store.getRuns(['r']),
      () => store.ownedRuns('w'),
      () => store.unblock('r'),
      async () => store.watch(IDLE_WATCHER),
    ];
    for (const call of calls) await assertRefused(call, 'STORE_CLOSED');
  },
  'a closed store can be opened again': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.close();
    await store.open();
    assertEqual(await store.getRuns(['id']), [runOf('id')]);
  },
  'closing one process does not disturb another': async (connect) => {
    const store = await withRuns(await connect());
    await (await connect()).close();
    assertEqual(await store.commit(batchOf({ creates: [runOf('id')] })), ALL_CREATED);
  },
});
