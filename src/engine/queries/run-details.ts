import { Slices } from '../../clock/slices.js';
import { CANCEL_ENTRY_ID } from '../../journal/numbering.js';
import { awaitedAmong, runsOf } from '../../journal/pending-records.js';
import type { RunRecord } from '../../model/records.js';
import { isEnded } from '../../model/statuses.js';
import { SUSPECT_FROM } from '../../model/suspects.js';
import { isReadable } from '../../runtime/outcomes/unreadable-journal.js';
import { type WaitingRuns, waitCycles } from '../../worker/wait-cycles.js';
import { findPending, type PendingSource } from './find-pending.js';
import type { OperationsSource } from './operations-tree.js';
import { type RunInfo, runInfo } from './run-info.js';
import { runsById } from './runs-by-id.js';
import { type PendingOperation, pendingOperations } from './waiting.js';

/** What `engine.get` tells of a run. */
export interface RunDetails extends RunInfo {
  /** What it waits for, in the order in which its code asked; empty once it has ended. */
  readonly pending: readonly PendingOperation[];
  /** It waits for more than `pending` has: of more than 100 operations some are told, batches first in the process that executes the run. */
  readonly morePending?: true;
  /** What it waits for where that is none of its operations: a text for people. */
  readonly waitsFor?: string;
  /** When its cancellation, or the end of its time limit, was delivered: while it goes on, and of a run that was cancelled. */
  readonly cancelledAt?: Date;
}

const NO_CYCLES: ReadonlyMap<string, readonly string[]> = new Map();

/** Reads what a run waits for: not its journal, which may be long. */
export async function runDetails(
  run: RunRecord,
  source: Omit<OperationsSource, 'serdesOf'> & WaitingRuns & PendingSource,
): Promise<RunDetails> {
  const { store, codec } = source;
  const slices = new Slices();
  const found = await findPending(run, source, slices);
  const runs = await runsById(store, runsOf(found.records), slices);
  const waits = (found.more ? undefined : source.awaitedBy(run.id)) ?? awaitedAmong(found.records);
  const cycles = waits.length === 0 ? NO_CYCLES : await waitCycles(run.id, waits, source);
  const pending = await pendingOperations(found, { ...source, runs, cycles }, slices);
  const waitsFor = waitOfRun(run, pending);
  // Not into a new object: the values of the information are decoded when they are read.
  return Object.assign(runInfo(run, codec), {
    pending,
    ...(found.more ? { morePending: true as const } : {}),
    ...(waitsFor === undefined ? {} : { waitsFor }),
    ...(await cancelledAt(run, source)),
  });
}

function waitOfRun(
  { id, flow, version, status, blockedCode, crashes }: RunRecord,
  pending: readonly PendingOperation[],
): string | undefined {
  if (status === 'PENDING') return crashes < SUSPECT_FROM ? 'a process that executes it' : trialOf(crashes);
  if (status === 'RUNNING') return pending.length === 0 ? 'its own code: nothing durable is pending' : undefined;
  if (status !== 'BLOCKED') return undefined;
  return blockedCode === 'FLOW_NOT_REGISTERED'
    ? `a process that has registered flow "${flow}" version ${version}`
    : `its code to be mended, and engine.retry("${id}")`;
}

function trialOf(crashes: number): string {
  return `its turn to be tried by itself, since its process has ended ${crashes} times while it was under way`;
}

/** Of a run that has ended otherwise it is history. */
async function cancelledAt({ id, status }: RunRecord, { reader }: PendingSource): Promise<{ readonly cancelledAt?: Date }> {
  if (isEnded(status) && status !== 'CANCELLED') return {};
  const entry = await reader.operation(id, CANCEL_ENTRY_ID);
  return entry === undefined || !isReadable(entry) ? {} : { cancelledAt: new Date(entry.finishedAt as number) };
}
