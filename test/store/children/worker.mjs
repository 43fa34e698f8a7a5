// A process of its own that works on a store, as told by its parent. Arguments: the built library, the file, the worker's id.
const [, , library, path, workerId] = process.argv;
const { sqliteStore } = await import(library);
const store = sqliteStore(path);

const batch = (change) => ({
  workerId,
  creates: [],
  operations: [],
  restarts: [],
  suspends: [],
  ends: [],
  messages: [],
  taken: [],
  ...change,
});
const run = (id) => ({
  id,
  flow: 'order',
  version: 1,
  status: 'RUNNING',
  input: '[]',
  digest: 'd',
  seed: 's',
  options: null,
  parentRunId: null,
  parentOperationId: null,
  workerId,
  outcome: null,
  blockedCode: null,
  createdAt: 1,
  finishedAt: null,
  crashes: 0,
  wakeAt: null,
});
const outcome = (runId, id) => ({
  runId,
  id: `${id}`,
  kind: 'action',
  name: 'pay',
  digest: 'd',
  input: '[]',
  status: 'SUCCEEDED',
  seq: id + 1,
  outcome: '1',
  startedAt: 1,
  finishedAt: 2,
  dueAt: null,
  childRunId: null,
  attempts: null,
});

const TASKS = {
  async open() {
    await store.open();
    await store.registerWorker({
      id: workerId,
      nowMs: 1_000,
      leaseMs: 30_000,
      info: { pid: process.pid, host: 'here', node: process.versions.node },
    });
  },
  async create() {
    await store.commit(batch({ creates: [{ run: run(`run of ${workerId}`) }], operations: [outcome(`run of ${workerId}`, 0)] }));
  },
  /** Writes batches of one run and 25 outcomes until it is killed. */
  async writeForEver() {
    for (let number = 0; ; number += 1) {
      const id = `run ${number}`;
      await store.commit(
        batch({ creates: [{ run: run(id) }], operations: Array.from({ length: 25 }, (_, ordinal) => outcome(id, ordinal)) }),
      );
      if (number % 10 === 0) await new Promise((sent) => process.send({ written: number }, sent));
    }
  },
};

process.on('message', async (task) => {
  try {
    await TASKS[task]();
    process.send({ done: task });
  } catch (error) {
    process.send({ failed: error.code, message: error.message });
  }
});
process.on('disconnect', () => process.exit());
process.send({ done: 'start' });
