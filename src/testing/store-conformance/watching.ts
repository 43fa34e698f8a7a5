import { systemClock } from '../../clock/system-clock.js';
import type { Store } from '../../store/store.js';
import type { Watcher } from '../../store/watcher.js';
import { reading } from '../reading.js';
import { assertEqual } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { type BatchParts, batchOf, endOf, messageTo, outcomeOf, runOf, withRuns, workerOf } from './records.js';

/** Far longer than any store waits between two looks. */
const TOO_LATE_MS = 10_000;

/** A watcher that does nothing. */
export const IDLE_WATCHER: Watcher = { clock: systemClock, busy: () => true, onChange: () => {} };

/** Someone who counts what is told. */
class Counting implements Watcher {
  readonly clock = systemClock;
  changes = 0;
  #onNext = (): void => {};

  busy(): boolean {
    return true;
  }

  onChange(): void {
    this.changes += 1;
    this.#onNext();
  }

  /** Whether a change is told before it is too late. */
  next(): Promise<boolean> {
    return new Promise((resolve) => {
      const giveUp = systemClock.setTimer(TOO_LATE_MS, () => resolve(false));
      this.#onNext = () => {
        giveUp();
        resolve(true);
      };
    });
  }
}

/** Whether a watcher is told of what happens. */
async function isTold(store: Pick<Store, 'watch'>, change: () => Promise<unknown>): Promise<boolean> {
  const watcher = new Counting();
  const stop = store.watch(watcher);
  try {
    const next = watcher.next();
    await change();
    return await next;
  } finally {
    stop();
  }
}

/** What one worker writes, and another waits for. */
const NEWS: Readonly<Record<string, BatchParts>> = {
  'a new run': { creates: [runOf('new', { workerId: null, status: 'PENDING' })] },
  'the end of a run': { ends: [endOf('id')] },
  'a message': { messages: [messageTo('id')] },
  'a run that sleeps': { suspends: [{ runId: 'id', wakeAt: null, children: [] }] },
};

export const watching: readonly StoreCase[] = area('watching', {
  'a message that was sent elsewhere is told': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const other = await connect();
    assertEqual(await isTold(store, () => other.send(messageTo('id'))), true);
  },
  ...Object.fromEntries(
    Object.entries(NEWS).map(([what, batch]) => [
      `${what} is told to others who use the store`,
      async (connect: () => Promise<Store>): Promise<void> => {
        const store = await withRuns(await connect(), 'id');
        const other = await connect();
        await other.registerWorker(workerOf('w2'));
        assertEqual(await isTold(other, () => store.commit(batchOf(batch))), true);
      },
    ]),
  ),
  'runs that a worker leaves are told': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const other = await connect();
    assertEqual(await isTold(other, () => store.retireWorker('w1')), true);
  },
  'who reads is told of all that is written, outcomes included': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await reading(store, async (reader) => {
      assertEqual(await isTold(reader, () => store.commit(batchOf({ operations: [outcomeOf('id', '1', 1)] }))), true);
      assertEqual(await isTold(reader, () => store.send(messageTo('id'))), true);
      assertEqual(await isTold(reader, () => store.createRuns([{ run: runOf('new') }])), true);
    });
  },
  'who was stopped is told nothing more': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const other = await connect();
    const stopped = new Counting();
    store.watch(stopped)();
    assertEqual(await isTold(store, () => other.send(messageTo('id'))), true);
    assertEqual(stopped.changes, 0);
  },
});
