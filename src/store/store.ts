import type {
  InboxMessage,
  OperationRecord,
  Publication,
  RunCreation,
  RunEnd,
  RunRecord,
  RunRestart,
  RunSuspension,
  TransactionKey,
} from '../model/records.js';
import type { BlockedCode, RunStatus } from '../model/statuses.js';
import type { StoreReader } from './reader.js';
import type { Watcher } from './watcher.js';

/**
 * The port to durable storage. Every method is a transaction (reaping: one for each of the dead), named by what it is for; when its promise resolves, the effect is
 * durable. The store keeps texts and never reads them.
 *
 * Failures are `StorageError`s. Methods that act for a worker check the fence in their own transaction: when the worker was marked dead, they
 * change nothing and throw `StorageError` with code `FENCED`.
 *
 * Invariants every store keeps (the conformance suite cites them):
 *   S1  A run id names one run for ever: the first creation wins.
 *   S2  A commit happens whole or not at all.
 *   S3  Only the living owner of a run changes its journal, its status and its outcome; runs without one are changed by claiming and unblocking.
 *   S4  `loadJournals` returns what was committed, each entry once, in its last state.
 *   S5  A run belongs to at most one worker, and a worker marked dead never lives again.
 *   S6  An ended run never changes.
 *   S7  A message is read by its run's owner until a commit takes it.
 *   S8  Of one flow and singleton key at most one run is unfinished.
 */
export interface Store {
  /** What messages call it: a path, or `memory`. */
  readonly name: string;

  /** Why what is stored can only be read, where that is so. Left out where it can always be written. */
  readonly readOnly?: string | undefined;

  /** Connects and brings the schema up to date; as a client, it only connects to what is there. */
  open(options?: OpenOptions): Promise<void>;

  /** Takes back one `open`; the last releases everything this store holds in this process. Idempotent when it is closed. */
  close(): Promise<void>;

  /** A reader of the same data, apart from this store: it has a connection of its own, made at its first call. The store need not be open. */
  reader(): StoreReader;

  /** Makes the worker alive: takes its lock for its lifetime, then makes it known. */
  registerWorker(worker: NewWorker): Promise<void>;

  /** Ends a worker in good order: its unfinished runs become `PENDING` without an owner, its lock is released. Unknown ids are ignored. */
  retireWorker(workerId: string): Promise<void>;

  /** Says what the worker can execute, in place of what it said before. Fenced. */
  registerFlows(workerId: string, flows: readonly FlowEntry[]): Promise<void>;

  /** Renews the worker's heartbeat. Fenced. */
  heartbeat(workerId: string, nowMs: number): Promise<void>;

  /**
   * Marks dead every other worker whose lock can be taken, or whose heartbeat is older than its own lease; returns their ids.
   * Their runs can be claimed from then on.
   *
   * Such a death is a crash, and changes `crashes` of the run whose trial the worker had open; where that is none, or has recorded an outcome of an
   * operation meanwhile, of each unfinished run that it owned. The first crash counts. A further one counts if the run has recorded no outcome of an
   * operation since the one before; if it has, `crashes` is 0 again.
   */
  reapWorkers(query: { workerId: string; nowMs: number }): Promise<string[]>;

  /**
   * Takes up to `limit` unfinished runs without a living owner whose flow and version are in `flows`, oldest first: they become `RUNNING` and
   * the worker's own. A run that is `BLOCKED` is taken only if its code is `FLOW_NOT_REGISTERED`, one that is `SUSPENDED` only if its `wakeAt` has come.
   * Beside them it takes those of `unreadable` that are `BLOCKED` with `VALUE_UNREADABLE`.
   * Other such orphans, whose flow and version no living worker has registered, become `BLOCKED` with that code, up to `limit` as well; `blocked` has those that
   * were not so before. Suspects, against
   * which at least two crashes count, are not taken but for those of `unreadable`; `suspects` tells whether any could be. What it costs does not grow with
   * the number of orphans, so it need not find all there is: `more` tells whether to ask again. Fenced.
   */
  claimRuns(query: ClaimQuery): Promise<Claim>;

  /**
   * Takes the suspect that `claimRuns` could take but for that, with the fewest crashes, the oldest of these, and opens its trial. Returns nothing where
   * there is none, or while a trial is open in the store: as long as the living worker that opened it owns the run, unless it has ended it. Fenced.
   */
  claimSuspect(query: SuspectQuery): Promise<RunRecord | undefined>;

  /** Ends the worker's trial of a run, which leaves its `crashes` as they are. Fenced. */
  endTrial(trial: { workerId: string; runId: string }): Promise<void>;

  /** Sets `crashes` of these runs of the worker back to 0, and ends the trial of any of them. Fenced. */
  acquit(acquittal: { workerId: string; runIds: readonly string[] }): Promise<void>;

  /** Runs that are `BLOCKED` with this code. */
  blockedRuns(code: BlockedCode): Promise<Pick<RunRecord, 'id' | 'flow' | 'version'>[]>;

  /** When the first `SUSPENDED` run is to go on by itself; `null` when some sleep and none is, `undefined` when none sleeps. */
  nextDueAt(): Promise<number | null | undefined>;

  /**
   * The whole journal of each of these runs: outcomes in `seq` order first, then entries without `seq` in no order that matters. One of which nothing is
   * recorded has an empty one, also when there is no such run.
   */
  loadJournals(runIds: readonly string[]): Promise<ReadonlyMap<string, OperationRecord[]>>;

  /**
   * Writes everything that a worker gathered, in one transaction. Fenced. The batch's records may change as soon as this method has returned its promise. It
   * answers which of `creates` were not created; the others exist from now on.
   */
  commit(batch: CommitBatch): Promise<CommitAnswer>;

  /**
   * Creates runs as `PENDING` without an owner, for any worker that has their flows. Answers which of them were not created, as `commit` does: a later
   * creation of the same id, or the same flow and singleton key, in one call finds the first.
   */
  createRuns(creations: readonly RunCreation[]): Promise<readonly Taken[]>;

  /**
   * Puts a message into a run's inbox unless the run has ended; one that is `SUSPENDED` becomes `PENDING`. Returns the run's status then, `undefined` for
   * an unknown id.
   */
  send(message: InboxMessage): Promise<RunStatus | undefined>;

  /**
   * Messages waiting for unfinished runs this worker owns, in order of arrival. Fenced. With a page: no more than `limit` of them, those with the smallest
   * ids above `after`, if that is given.
   */
  readInbox(workerId: string, page?: { readonly limit: number; readonly after?: number }): Promise<InboxMessage[]>;

  /** The runs of these ids that exist, in no order that matters. */
  getRuns(runIds: readonly string[]): Promise<RunRecord[]>;

  /** The unfinished runs of a worker, oldest first. */
  ownedRuns(workerId: string): Promise<RunRecord[]>;

  /**
   * Deletes runs that have ended, with their journals and their ended children: up to `limit` of those that were started from outside, or whose parent is gone, and
   * that ended before `endedBefore`, or are not among the `keep` that were created last. A run that an unfinished run waits for stays. Returns how many runs
   * are gone, children included. It may take many transactions, all of them short.
   */
  prune(query: PruneQuery): Promise<number>;

  /** Makes a `BLOCKED` run `PENDING` without an owner, with 0 `crashes`; returns the status it had, `undefined` for an unknown id; other statuses stay. */
  unblock(runId: string): Promise<RunStatus | undefined>;

  /**
   * Calls `onChange` when others may have written: sometimes without need, never later than at the next look of a store that has to look. Outcomes of
   * operations alone need not be told within a process. Fails for no reason that a later call would not meet. Returns what stops it.
   */
  watch(watcher: Watcher): () => void;
}

/** The methods that answer at once. All others return promises. */
export const SYNCHRONOUS_METHODS: ReadonlySet<PropertyKey> = new Set<keyof Store>(['reader', 'watch']);

/** A worker that is about to live. */
export interface NewWorker {
  readonly id: string;
  readonly nowMs: number;
  /** How long it may be without a heartbeat before others take it for dead. */
  readonly leaseMs: number;
  /** What people may want to know of its process. */
  readonly info: WorkerInfo;
}

/** Where a worker is. */
export interface WorkerInfo {
  readonly pid: number;
  readonly host: string;
  /** The version of Node. */
  readonly node: string;
}

/** How a store is opened. */
export interface OpenOptions {
  /** Only to read, to send, to unblock and to delete: no worker is registered. Makes no store where there is none, and changes none of another schema version. */
  readonly client?: boolean;
}

/** Which runs a worker takes. */
export interface ClaimQuery extends SuspectQuery {
  readonly nowMs: number;
  readonly limit: number;
  /** Ids of runs that could not be read, and are to be tried again; left out where there are none. */
  readonly unreadable?: readonly string[];
}

/** Which suspects a worker may try. */
export interface SuspectQuery {
  readonly workerId: string;
  /** What the worker can execute. */
  readonly flows: readonly FlowEntry[];
}

/** What a worker has taken. */
export interface Claim {
  readonly claimed: RunRecord[];
  readonly blocked: RunRecord[];
  /** Whether there are suspects that it may try. */
  readonly suspects: boolean;
  /** Whether another claim may find more right away. */
  readonly more: boolean;
}

/** Which runs are deleted: one of the two conditions is enough; `null`: it is not asked for. */
export interface PruneQuery {
  /** Milliseconds since the epoch. */
  readonly endedBefore: number | null;
  readonly keep: number | null;
  readonly limit: number;
  /** Asked between two transactions: when it answers true, what is left stays. */
  readonly stopped?: () => boolean;
}

/** What a worker writes at once, in this order. */
export interface CommitBatch {
  readonly workerId: string;
  readonly creates: readonly RunCreation[];
  /** Inserted, or overwriting the entry of the same run and id. An entry without `seq` never overwrites one with. */
  readonly operations: readonly OperationRecord[];
  /** Runs of this worker that begin again: what they have in their journals by then is dropped, and their `crashes` are 0. */
  readonly restarts: readonly RunRestart[];
  /** Runs of this worker that become `SUSPENDED` without an owner, with 0 `crashes`; `PENDING` at once when something lies in their inbox, or a run they wait for has ended. */
  readonly suspends: readonly RunSuspension[];
  /** Ends, and blockings: the run loses its owner; an ended run loses its inbox, and a parent of it that is `SUSPENDED` becomes `PENDING`. */
  readonly ends: readonly RunEnd[];
  /** Sent like `send`: dropped when the run is unknown or has ended. */
  readonly messages: readonly InboxMessage[];
  /** Ids of messages that this batch moved into the journal. */
  readonly taken: readonly number[];
  // Rare parts, left out when there are none.
  readonly publications?: readonly Publication[];
  /** What runs are found by from now on, as JSON. */
  readonly tags?: readonly { readonly runId: string; readonly tags: string }[];
  /** Transactions whose outcome this batch has in the journal: their records are needed no more. */
  readonly settled?: readonly TransactionKey[];
}

/** What has become of a batch. */
export interface CommitAnswer {
  /** The creations that found another run, in order. */
  readonly taken: readonly Taken[];
}

/** A run that was not created. */
export interface Taken {
  /** The id that it was to have. */
  readonly id: string;
  /** The run that has this id, or holds the singleton key: then it has another id. */
  readonly found: RunRecord;
}

/** A flow that a worker can execute. */
export interface FlowEntry {
  readonly flow: string;
  readonly version: number;
}
