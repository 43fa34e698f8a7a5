import { Slices } from '../clock/slices.js';
import type { Codec } from '../codec/codec.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import type { RunStatus } from '../model/statuses.js';
import type { FlowDefinition } from '../runtime/definitions.js';
import { unreadableJournal } from '../runtime/outcomes/unreadable-journal.js';
import { flowNotRegistered, registry } from './registry.js';
import { type RecordedRun, replayProblem } from './replay-problem.js';

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
  readonly pages: AsyncIterable<{ readonly runs: readonly RunRecord[] }>;
  readonly codec: Codec;
  loadJournal(runId: string): Promise<OperationRecord[]>;
}

/** Replays runs one after the other against the code of this process. Nothing is executed. */
export async function checkRuns({ pages, codec, loadJournal }: CheckInit): Promise<CheckReport> {
  const mismatches: Mismatch[] = [];
  const slices = new Slices();
  let checked = 0;
  for await (const { runs } of pages) {
    for (const run of runs) {
      if (slices.over) await slices.next();
      const { id: runId, version, status } = run;
      const definition = registry.find(run.flow, version);
      const problem =
        definition === undefined
          ? flowNotRegistered(`run ${runId}`, run.flow, version).message
          : await problemOf({ run, operations: await loadJournal(runId) }, definition, codec);
      if (problem !== undefined) mismatches.push({ runId, version, status, problem });
    }
    checked += runs.length;
  }
  return { checked, mismatches };
}

async function problemOf(recorded: RecordedRun, definition: FlowDefinition, codec: Codec): Promise<string | undefined> {
  const unreadable = await unreadableJournal(recorded.run, recorded.operations);
  return (unreadable ?? (await replayProblem(recorded, definition, codec)))?.message;
}
