import type { OperationRecord, RunCreation, RunRecord } from '../../model/records.js';
import type { BlockedCode } from '../../model/statuses.js';
import type { Claim, CommitAnswer, CommitBatch, NewWorker, Store } from '../../store/store.js';

/** A worker that may be 30 s without a heartbeat. */
export function workerOf(id: string, nowMs = 1_000, leaseMs = 30_000): NewWorker {
  return { id, nowMs, leaseMs, info: { pid: 1, host: 'here', node: process.versions.node } };
}

/** What a claim gives that finds nothing. */
export const NOTHING: Claim = { claimed: [], blocked: [], suspects: false, more: false };

/** A run of worker `w1` that has just begun. */
export function runOf(id: string, change: Partial<RunRecord> = {}): RunRecord {
  return {
    id,
    flow: 'order',
    version: 1,
    status: 'RUNNING',
    input: '["book"]',
    digest: 'd1',
    seed: 'seed',
    options: null,
    parentRunId: null,
    parentOperationId: null,
    workerId: 'w1',
    outcome: null,
    blockedCode: null,
    createdAt: 1_700_000_000_000,
    finishedAt: null,
    crashes: 0,
    wakeAt: null,
    ...change,
  };
}

/** The start of an action. */
export function startOf(runId: string, id: string, change: Partial<OperationRecord> = {}): OperationRecord {
  return {
    runId,
    id,
    kind: 'action',
    name: 'pay',
    digest: 'd2',
    input: '[1]',
    status: 'STARTED',
    seq: null,
    outcome: null,
    startedAt: 1_700_000_000_001,
    finishedAt: null,
    dueAt: null,
    childRunId: null,
    attempts: null,
    ...change,
  };
}

/** The outcome of an action. */
export function outcomeOf(runId: string, id: string, seq: number, change: Partial<OperationRecord> = {}): OperationRecord {
  return startOf(runId, id, { status: 'SUCCEEDED', seq, outcome: `"${id}"`, finishedAt: 1_700_000_000_002, ...change });
}

/** The answer to a batch all of whose runs were created. */
export const ALL_CREATED: CommitAnswer = { taken: [] };

/** What a batch has. A run stands for its creation with an empty journal. */
export interface BatchParts extends Partial<Omit<CommitBatch, 'creates'>> {
  readonly creates?: readonly (RunRecord | RunCreation)[];
}

/** A batch of worker `w1` with what is given. */
export function batchOf({ creates = [], ...parts }: BatchParts = {}): CommitBatch {
  const made = creates.map((each) => ('run' in each ? each : { run: each }));
  return { workerId: 'w1', creates: made, operations: [], restarts: [], suspends: [], ends: [], messages: [], taken: [], ...parts };
}

/** How a run succeeds. */
export function endOf(runId: string, change: Partial<CommitBatch['ends'][number]> = {}): CommitBatch['ends'][number] {
  return { runId, status: 'SUCCEEDED', outcome: '"done"', blockedCode: null, finishedAt: 1_700_000_000_009, ...change };
}

/** How a run is blocked. */
export function blockOf(runId: string, blockedCode: BlockedCode): CommitBatch['ends'][number] {
  return endOf(runId, { status: 'BLOCKED', outcome: '"why"', blockedCode, finishedAt: null });
}

/** A request to cancel a run. */
export function messageTo(runId: string, payload = '{}'): CommitBatch['messages'][number] {
  return { id: 0, runId, kind: 'cancel', payload };
}

/** An open store with worker `w1`, which owns runs of these ids. */
export async function withRuns(store: Store, ...ids: string[]): Promise<Store> {
  await store.registerWorker(workerOf('w1'));
  await store.commit(batchOf({ creates: ids.map((id) => runOf(id)) }));
  return store;
}

/** The one run of this id. */
export async function theRun(store: Store, id: string): Promise<RunRecord | undefined> {
  const [run] = await store.getRuns([id]);
  return run;
}
