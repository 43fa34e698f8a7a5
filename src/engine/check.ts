import type { Codec } from '../codec/codec.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import type { RunStatus } from '../model/statuses.js';
import { flowNotRegistered, registry } from './registry.js';
import { replayProblem } from './replay-problem.js';

/** A stored run that the present code does not replay. */
export interface Mismatch {
  readonly runId: string;
  readonly version: number;
  readonly status: RunStatus;
  /** What differs, for people. */
  readonly problem: string;
}

/** What `engine.check` has found. */
export interface CheckReport {
  /** How many runs were replayed. */
  readonly checked: number;
  /** Those that the present code does not replay; empty when all is well. */
  readonly mismatches: readonly Mismatch[];
}

interface CheckInit {
  readonly runs: readonly RunRecord[];
  readonly codec: Codec;
  loadJournal(runId: string): Promise<OperationRecord[]>;
}

/** Replays runs one after the other against the code of this process. Nothing is executed. */
export async function checkRuns({ runs, codec, loadJournal }: CheckInit): Promise<CheckReport> {
  const mismatches: Mismatch[] = [];
  for (const run of runs) {
    const { id: runId, version, status } = run;
    const definition = registry.find(run.flow, version);
    const problem =
      definition === undefined
        ? flowNotRegistered(`run ${runId}`, run.flow, version).message
        : (await replayProblem({ run, operations: await loadJournal(runId) }, definition, codec))?.message;
    if (problem !== undefined) mismatches.push({ runId, version, status, problem });
  }
  return { checked: runs.length, mismatches };
}
