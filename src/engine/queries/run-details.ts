import { Slices } from '../../clock/slices.js';
import { CANCEL_ENTRY_ID } from '../../journal/numbering.js';
import { awaitedAmong, runsOf } from '../../journal/pending-records.js';
import type { OperationRecord, RunRecord } from '../../model/records.js';
import { isEnded } from '../../model/statuses.js';
import { SUSPECT_FROM } from '../../model/suspects.js';
import { readableEntries } from '../../runtime/outcomes/unreadable-journal.js';
import { journalOf } from '../../store/journal-of.js';
import { type WaitingRuns, waitCycles } from '../../worker/wait-cycles.js';
import type { OperationsSource } from './operations-tree.js';
import { type RunInfo, runInfo } from './run-info.js';
import { runsById } from './runs-by-id.js';
import { type PendingOperation, pendingIn, pendingOperations } from './waiting.js';

/** What `engine.get` tells of a run. */
export interface RunDetails extends RunInfo {
  /** What it waits for, in the order in which its code asked; empty once it has ended. */
  readonly pending: readonly PendingOperation[];
  /** What it waits for where that is none of its operations: a text for people. */
  readonly waitsFor?: string;
  /** When its cancellation, or the end of its time limit, was delivered: while it goes on, and of a run that was cancelled. */
  readonly cancelledAt?: Date;
}

const NO_CYCLES: ReadonlyMap<string, readonly string[]> = new Map();

/** Reads what a run waits for. */
export async function runDetails(run: RunRecord, source: Omit<OperationsSource, 'serdesOf'> & WaitingRuns): Promise<RunDetails> {
  const { store, codec } = source;
  // What an ended run has waited for is history: its journal need not be read, unless that tells of its cancellation.
  const slices = new Slices();
  const history = isEnded(run.status) && run.status !== 'CANCELLED';
  const journal = history ? [] : await readableEntries(await journalOf(store, run.id), slices);
  const found = await pendingIn(run, journal, slices);
  const runs = await runsById(store, runsOf(found.records), slices);
  const waits = source.awaitedBy(run.id) ?? awaitedAmong(found.records);
  const cycles = waits.length === 0 ? NO_CYCLES : await waitCycles(run.id, waits, source);
  const pending = await pendingOperations(found, { ...source, runs, cycles }, slices);
  const waitsFor = waitOfRun(run, pending);
  // Not into a new object: the values of the information are decoded when they are read.
  return Object.assign(runInfo(run, codec), {
    pending,
    ...(waitsFor === undefined ? {} : { waitsFor }),
    ...cancelledAt(journal),
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

function cancelledAt(journal: readonly OperationRecord[]): { readonly cancelledAt?: Date } {
  const entry = journal.find(({ id }) => id === CANCEL_ENTRY_ID);
  return entry === undefined ? {} : { cancelledAt: new Date(entry.finishedAt as number) };
}
