import { type Logger, memoryStore, open } from 'perdure';
import { isEnded } from '../../src/model/statuses.js';
import { endOf } from './flows.js';
import { observe } from './observer.js';
import { Recorder } from './recorder.js';
import type { History } from './well-formed.js';

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const DEAD = 'a worker that is dead';

/** Runs a run that has ended once more against its whole journal, in a world in which only its own end is not known. */
export async function replayOf(
  { runs, journals }: History,
  runId: string,
): Promise<{ end: string; saw: readonly string[] | undefined; repeated: readonly string[] }> {
  const recorder = new Recorder();
  const unobserve = observe(recorder);
  const store = memoryStore();
  await store.open();
  await store.registerWorker(DEAD, 0);
  // A detached action becomes a run in the commit that ends its own run, so in this world there is none.
  const oldestFirst = [...runs.values()].reverse().filter(({ flow }) => !flow.startsWith('action:'));
  const operations = [...journals.values()].flat();
  recorder.committed({ operations });
  await store.commit({
    workerId: DEAD,
    creates: oldestFirst.map((run) => ({ ...run, workerId: DEAD, status: 'RUNNING', outcome: null, finishedAt: null, blockedCode: null })),
    operations,
    ends: oldestFirst.flatMap(({ id, status, outcome, finishedAt, blockedCode }) =>
      id !== runId && isEnded(status) && outcome !== null ? [{ runId: id, status, outcome, finishedAt, blockedCode }] : [],
    ),
    messages: [],
    taken: [],
  });
  await store.close();
  const engine = await open({ store, default: false, logger: SILENT });
  try {
    const end = await endOf(engine.future(runId));
    return { end, saw: recorder.lastSaw(runId), repeated: recorder.repeated };
  } finally {
    await engine.close({ timeout: 0 });
    unobserve();
  }
}
