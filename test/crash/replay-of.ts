import { type Logger, memoryStore, open } from 'perdure';
import type { Store } from 'perdure/store';
import { isEnded } from '../../src/model/statuses.js';
import { batchOf, workerOf } from '../store/records.js';
import { endOf } from './crash-case.js';
import { observe } from './observer.js';
import { Recorder } from './recorder.js';
import type { History } from './well-formed.js';

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const DEAD = 'a worker that is dead';

/** A store in which everything has happened that is recorded, but that this run has ended. */
export async function recordedWorld({ runs, journals }: History, runId: string): Promise<Store> {
  const store = memoryStore();
  await store.open();
  await store.registerWorker(workerOf(DEAD, 0));
  // A detached action becomes a run in the commit that ends its own run, or its branch, so in this world there is none.
  const oldestFirst = [...runs.values()].reverse().filter(({ flow }) => !flow.startsWith('action:'));
  await store.commit(
    batchOf({
      workerId: DEAD,
      creates: oldestFirst.map((run) => ({
        run: { ...run, workerId: DEAD, status: 'RUNNING', outcome: null, finishedAt: null, blockedCode: null },
      })),
      operations: [...journals.values()].flat(),
      ends: oldestFirst.flatMap(({ id, status, outcome, finishedAt, blockedCode }) =>
        id !== runId && isEnded(status) && outcome !== null ? [{ runId: id, status, outcome, finishedAt, blockedCode }] : [],
      ),
    }),
  );
  await store.close();
  return store;
}

/** Runs a run that has ended once more against its whole journal, in a world in which only its own end is not known. */
export async function replayOf(
  history: History,
  runId: string,
): Promise<{ end: string; saw: readonly string[] | undefined; repeated: readonly string[] }> {
  const recorder = new Recorder();
  const unobserve = observe(recorder);
  recorder.committed({ operations: [...history.journals.values()].flat() });
  const engine = await open({ store: await recordedWorld(history, runId), default: false, logger: SILENT });
  try {
    const end = await endOf(engine.future(runId));
    return { end, saw: recorder.lastSaw(runId), repeated: recorder.repeated };
  } finally {
    await engine.close({ timeout: 0 });
    unobserve();
  }
}
