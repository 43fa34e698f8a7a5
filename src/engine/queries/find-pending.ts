import { type BatchProgress, progressOf } from '../../batch/batch-progress.js';
import { isInside } from '../../batch/branch-notes.js';
import type { Slices } from '../../clock/slices.js';
import type { Codec } from '../../codec/codec.js';
import { decodeAttempts } from '../../journal/attempt-notes.js';
import { scopeOf } from '../../journal/numbering.js';
import { isWaitedFor } from '../../journal/pending-records.js';
import { readBatch } from '../../journal/read-entry.js';
import type { OperationRecord, RunRecord } from '../../model/records.js';
import { isBatch, isEnded } from '../../model/statuses.js';
import { isReadable } from '../../runtime/outcomes/unreadable-journal.js';
import type { ToldOperations } from '../../runtime/told-operations.js';
import type { OperationLine, StoreReader } from '../../store/reader.js';
import { inPathOrder, type Pending } from './waiting.js';

/** How many operations are told of that a run waits for. */
const MOST_TOLD = 100;
/** How many branches of a batch are read at once, where they have to be counted. */
const BRANCHES_A_READ = 1_000;

/** Where it is found what a run waits for. */
export interface PendingSource {
  readonly reader: Pick<StoreReader, 'outline' | 'operation' | 'operations'>;
  readonly codec: Codec;
  /** What is known in this process; `undefined` where the store has to be asked. */
  readonly pendingOf: (runId: string, limit: number) => ToldOperations | undefined;
}

/** What a run waits for, as far as it is told. */
export interface FoundPending extends Pending {
  /** Whether there is more. */
  readonly more: boolean;
}

/**
 * Finds what a run waits for: in the memory of this process, if the run is there. Else the store is asked for entries without an outcome, and what has one is
 * not read.
 */
export async function findPending(run: RunRecord, source: PendingSource, slices: Slices): Promise<FoundPending> {
  if (isEnded(run.status)) return { run, records: [], endedBranches: new Map(), more: false };
  const found = source.pendingOf(run.id, MOST_TOLD) ?? (await recordedPending(run.id, source));
  const records = await inPathOrder(found.records, slices);
  const progress = new Map<string, BatchProgress>();
  const endedBranches = new Map<string, number>();
  for (const record of records) {
    if (!isBatch(record.kind)) continue;
    const noted = decodeAttempts(record.attempts).progress;
    const { succeeded, failed } = noted ?? (await countBranches(record, source));
    endedBranches.set(record.id, succeeded + failed);
    const known = noted ?? countedProgress(record, succeeded, failed, source.codec);
    if (known !== undefined) progress.set(record.id, known);
  }
  return { run, records, endedBranches, progress, more: found.more };
}

/** What the journal in the store says. Meanwhile the run may go on: what has ended by then is left out. */
async function recordedPending(runId: string, { reader }: PendingSource): Promise<ToldOperations> {
  const records: OperationRecord[] = [];
  for (let after: string | undefined; ; ) {
    const lines = await reader.outline(runId, { status: 'STARTED', limit: MOST_TOLD + 1, ...(after === undefined ? {} : { after }) });
    for (const record of await waitedFor(runId, lines, reader)) {
      if (records.length === MOST_TOLD) return { records, more: true };
      records.push(record);
    }
    if (lines.length <= MOST_TOLD) return { records, more: false };
    after = lines.at(-1)?.id;
  }
}

/** Those of these entries that have no outcome. What lies in a branch that has ended was left behind, and is not waited for. */
async function waitedFor(
  runId: string,
  lines: readonly Pick<OperationLine, 'id'>[],
  reader: PendingSource['reader'],
): Promise<OperationRecord[]> {
  if (lines.length === 0) return [];
  const branches = new Set(lines.flatMap(({ id }) => branchesAround(id)));
  const found = await reader.operations(runId, [...lines.map(({ id }) => id), ...branches]);
  const byId = new Map(found.filter(isReadable).map((record) => [record.id, record]));
  const ended = new Set([...branches].filter((id) => (byId.get(id)?.seq ?? null) !== null));
  const records = lines.flatMap(({ id }) => byId.get(id) ?? []);
  return records.filter((record) => isWaitedFor(record) && !isInside(record.id, ended));
}

function branchesAround(id: string): string[] {
  const branches: string[] = [];
  for (let branch = scopeOf(id); branch !== ''; branch = scopeOf(scopeOf(branch))) branches.push(branch);
  return branches;
}

/** Of a batch without a note: an older version has begun it, and no newer one has gone on with it. */
async function countBranches(record: OperationRecord, { reader }: PendingSource): Promise<Pick<BatchProgress, 'succeeded' | 'failed'>> {
  let succeeded = 0;
  let failed = 0;
  for (let after: string | undefined; ; ) {
    const range = { scope: record.id, limit: BRANCHES_A_READ, ...(after === undefined ? {} : { after }) };
    const lines = await reader.outline(record.runId, range);
    for (const { status, seq } of lines) {
      if (seq === null) continue;
      if (status === 'SUCCEEDED') succeeded += 1;
      else failed += 1;
    }
    if (lines.length < BRANCHES_A_READ) return { succeeded, failed };
    after = lines.at(-1)?.id;
  }
}

/** `undefined` where this process cannot read how many branches there are: the items of a `map` are written with a serdes that it does not have. */
function countedProgress(record: OperationRecord, succeeded: number, failed: number, codec: Codec): BatchProgress | undefined {
  const { content, policy } = readBatch(record);
  try {
    const list: unknown = record.kind === 'map' ? codec.decode(content) : JSON.parse(content);
    if (!Array.isArray(list)) return undefined;
    return progressOf(list.length, policy.maxConcurrency ?? list.length, succeeded, failed);
  } catch {
    return undefined;
  }
}
