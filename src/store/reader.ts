import type { EntryKind, InboxMessage, OperationRecord, RunRecord } from '../model/records.js';
import type { BlockedCode, OperationStatus, RunStatus } from '../model/statuses.js';
import type { Watcher } from './watcher.js';

/**
 * The port for those who look at a store: lists, counts, one run and its journal. A reader is apart from the `Store` that it reads.
 *
 * Failures are `StorageError`s; a query that asks for what there is not is a `UsageError`.
 *
 * Invariants every reader keeps (the conformance suite cites them):
 *   RD1  It changes nothing: it makes and migrates no store, registers no worker, takes none for dead, and sends nothing.
 *   RD2  It gives what was committed before it was asked, through whichever store.
 *   RD3  However much there is to read, it is read in pieces, between which all else in the process has its turn. Of a page, a count or an outline each
 *        piece is a transaction of its own, so none lasts. What is written meanwhile may be in the answer or not, and no run is in it twice.
 */
export interface StoreReader {
  /** What messages call it: a path, or `memory`. */
  readonly name: string;

  /** Connects to what is there. Any other call does so by itself, unless it was closed. */
  open(): Promise<void>;

  /** Releases what the reader holds; it can be opened again. Idempotent. */
  close(): Promise<void>;

  /**
   * Calls `onChange` when anything may have been written, by whomever: sometimes without need, never later than at the next look of a reader that has to look.
   * Fails for no reason that a later call would not meet. Returns what stops it; closing the reader does not.
   */
  watch(watcher: Watcher): () => void;

  /** Runs that meet all conditions, with what is told of them in a list. */
  page(query?: RunQuery): Promise<Page<RunLine>>;

  /** As `page`, with the whole of each run. */
  records(query?: RunQuery): Promise<Page<RunRecord>>;

  /**
   * How many runs meet all conditions, by their status, flow or queue; runs without a queue are not among those by queue. `order`, `cursor` and `limit` mean
   * nothing here. In a damaged store a run whose status cannot be read may count as one that has succeeded.
   */
  counts(by: CountedBy, query?: RunQuery): Promise<ReadonlyMap<string, number>>;

  /** One run, with how much there is of what belongs to it; `undefined` when there is none of this id. */
  run(runId: string): Promise<RunDetail | undefined>;

  /** Entries of a run's journal without what they hold, in the order of their ids as texts. */
  outline(runId: string, range: OutlineRange): Promise<OperationLine[]>;

  /** One entry of a run's journal, in its last state; `undefined` when there is none of this id. */
  operation(runId: string, operationId: string): Promise<OperationRecord | undefined>;

  /** Those of these entries that there are, of one moment and in no order that matters. */
  operations(runId: string, operationIds: readonly string[]): Promise<OperationRecord[]>;

  /** The whole journal of a run, of one moment: outcomes in `seq` order first, then entries without `seq`. Empty also when there is no such run. */
  journal(runId: string): Promise<OperationRecord[]>;

  /** Messages waiting for a run, also for one without an owner, in order of arrival. */
  inbox(runId: string): Promise<InboxMessage[]>;

  /** How many milliseconds the runs of a flow took that have succeeded, from creation to end: of up to so many, those that were created last first. */
  durations(flow: string, limit: number): Promise<number[]>;

  /** Who executes runs, or did: in the order of their ids. */
  overview(what: 'workers'): Promise<WorkerLine[]>;
}

/** What runs are counted by. */
export type CountedBy = 'status' | 'flow' | 'queue';

/** Some runs, in the order that was asked for. */
export interface Page<T> {
  readonly runs: T[];
  /** What to give as `cursor` to get those that come next; `null` when there are none. */
  readonly next: string | null;
}

/** Which runs. All conditions must hold; times are milliseconds since the epoch. */
export interface RunQuery {
  /** Runs of these ids. */
  readonly ids?: readonly string[];
  /** Runs whose ids begin so. */
  readonly idPrefix?: string;
  readonly flow?: string;
  readonly version?: number;
  readonly status?: RunStatus | readonly RunStatus[];
  /** Runs that are `BLOCKED` for this reason. */
  readonly blockedCode?: BlockedCode;
  /** Runs that were put into this queue. */
  readonly queue?: string;
  readonly createdAfter?: number;
  readonly createdBefore?: number;
  /** Runs that have ended since then. */
  readonly finishedAfter?: number;
  readonly finishedBefore?: number;
  /** `true`: only runs that were started from outside; `false`: only those that a run has started. */
  readonly roots?: boolean;
  /** Runs that this run has started. */
  readonly parent?: string;
  /** By creation; `'newest'` first when left out. */
  readonly order?: RunOrder;
  /** The `next` of a page of the same query: what comes behind that. */
  readonly cursor?: string;
  /** At most this many; 100 when left out. */
  readonly limit?: number;
}

/** Which run comes first. */
export type RunOrder = 'newest' | 'oldest';

/** A run as a list tells of it: without what its code has made. */
export interface RunLine
  extends Pick<
    RunRecord,
    | 'id'
    | 'flow'
    | 'version'
    | 'status'
    | 'blockedCode'
    | 'parentRunId'
    | 'parentOperationId'
    | 'workerId'
    | 'createdAt'
    | 'finishedAt'
    | 'wakeAt'
    | 'crashes'
  > {
  /** The queue that it was put into. */
  readonly queue: string | null;
}

/** A run, and how much belongs to it. */
export interface RunDetail extends RunRecord, Pick<RunLine, 'queue'> {
  /** Messages that it has not taken in. */
  readonly inboxLength: number;
  /** Runs that it has started, as far as they are there. */
  readonly childrenCount: number;
}

/** Which entries of a journal. */
export interface OutlineRange {
  /**
   * Only what stands directly in this scope: `''` for the run itself, the id of a batch for its branches, that of a branch for its operations. A branch is
   * among them as soon as it has done something. Left out: all entries of the journal.
   */
  readonly scope?: string;
  /** Only entries of this status; not together with `scope`. */
  readonly status?: OperationStatus;
  /** Only what comes behind this id: the last one of the lines before. */
  readonly after?: string;
  readonly limit: number;
}

/** An entry of a journal without what it holds. */
export interface OperationLine extends Pick<OperationRecord, 'id' | 'seq' | 'startedAt' | 'finishedAt' | 'dueAt' | 'childRunId'> {
  readonly kind: EntryKind;
  /** `null` of a branch that has no entry yet: its batch knows it. */
  readonly name: string | null;
  readonly status: OperationStatus;
}

/** A worker as the store knows it. */
export interface WorkerLine {
  readonly id: string;
  readonly status: 'ALIVE' | 'DEAD';
  readonly registeredAt: number;
  readonly heartbeatAt: number;
  readonly leaseMs: number | null;
  /** Where it is; `null` where that is not known. */
  readonly info: { readonly pid: number; readonly host: string; readonly node: string } | null;
}
