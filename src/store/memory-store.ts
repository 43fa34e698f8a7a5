import { Slices } from '../clock/slices.js';
import { StorageError, UsageError } from '../errors/errors.js';
import {
  type InboxMessage,
  isOperation,
  type OperationRecord,
  type RunEnd,
  type RunRecord,
  type RunRestart,
  type RunSuspension,
} from '../model/records.js';
import type { BlockedCode, RunStatus } from '../model/statuses.js';
import { isEnded } from '../model/statuses.js';
import { SUSPECT_FROM } from '../model/suspects.js';
import { inJournalOrder } from './journal-order.js';
import type { Claim, ClaimQuery, CommitBatch, NewWorker, PruneQuery, RunFilter, Store, SuspectQuery } from './store.js';

/**
 * A store in memory, for tests and for work that may be lost. Several engines of one process may share it, and it keeps its data when
 * it is closed: closing the last engine without retiring its workers is what the end of a process is to a store on disk.
 *
 * @throws {UsageError} `INVALID_ARGUMENT` when it is given anything, such as a path.
 * @example
 * const store = memoryStore();
 */
export function memoryStore(): Store;
export function memoryStore(given?: unknown): Store {
  if (given === undefined) return new MemoryStore();
  throw new UsageError(
    'INVALID_ARGUMENT',
    'memoryStore() takes no arguments, and writes to no file; sqliteStore(path) makes a store in a file',
  );
}

/** A run with its place in the order of creation. */
interface StoredRun {
  readonly n: number;
  run: RunRecord;
  /** The last outcome of an operation that it had at the last crash, if there was one. */
  crashedAfter: number | undefined;
}

interface Worker {
  status: 'ALIVE' | 'DEAD';
  heartbeatMs: number;
  readonly leaseMs: number;
  /** Stands for the lock: false once everyone who had the store open has closed it. */
  locked: boolean;
}

/**
 * Owns: all data.
 * Does not own: any resource, so each `close` only takes back one `open`.
 *
 * States: closed ⇄ open (counted).
 *
 * Invariants: S1–S7 of the port, by way of
 *   M1  A method checks everything before it changes anything, and does so without a pause.
 *   M2  `#orphans` has exactly the unfinished runs without an owner, `#owned` those with one, by owner; owners are alive.
 */
class MemoryStore implements Store {
  readonly name: string = 'memory';
  readonly #runs = new Map<string, StoredRun>();
  readonly #journals = new Map<string, Map<string, OperationRecord>>();
  readonly #inbox = new Map<number, InboxMessage>();
  readonly #workers = new Map<string, Worker>();
  readonly #orphans = new Set<StoredRun>();
  readonly #owned = new Map<string, Set<StoredRun>>();
  /** The run on trial, and the worker that tries it. It may be over. */
  #trial: { readonly runId: string; readonly workerId: string } | undefined;
  #opened = 0;
  /** Since the last look for changes somebody who shared this store has closed it. */
  #somebodyLeft = false;
  #lastMessageId = 0;
  #created = 0;

  async open(): Promise<void> {
    this.#opened += 1;
  }

  async close(): Promise<void> {
    this.#opened = Math.max(0, this.#opened - 1);
    this.#somebodyLeft = this.#opened > 0;
    if (this.#somebodyLeft) return;
    for (const worker of this.#workers.values()) worker.locked = false;
  }

  async registerWorker({ id: workerId, nowMs, leaseMs }: NewWorker): Promise<void> {
    this.#checkOpen();
    const known = this.#workers.get(workerId);
    if (known?.status === 'DEAD') throw fenced(workerId);
    if (known !== undefined) {
      throw new StorageError(
        known.locked ? 'STORE_BUSY' : 'STORE_FAILED',
        `could not register worker ${workerId} in memory: a worker of this id is registered. Every worker needs an id of its own`,
      );
    }
    this.#workers.set(workerId, { status: 'ALIVE', heartbeatMs: nowMs, leaseMs, locked: true });
  }

  async retireWorker(workerId: string): Promise<void> {
    this.#checkOpen();
    if (this.#workers.get(workerId)?.status !== 'ALIVE') return;
    this.#workers.delete(workerId);
    this.#releaseRuns(workerId);
  }

  async heartbeat(workerId: string, nowMs: number): Promise<void> {
    this.#checkOpen();
    this.#checkFence(workerId).heartbeatMs = nowMs;
  }

  async reapWorkers(query: { workerId: string; nowMs: number }): Promise<string[]> {
    this.#checkOpen();
    const dead: string[] = [];
    for (const [id, worker] of this.#workers) {
      const expired = worker.heartbeatMs < query.nowMs - worker.leaseMs;
      if (id === query.workerId || worker.status === 'DEAD' || (worker.locked && !expired)) continue;
      worker.status = 'DEAD';
      this.#crashed(id);
      this.#releaseRuns(id);
      dead.push(id);
    }
    return dead;
  }

  async claimRuns(query: ClaimQuery): Promise<Claim> {
    this.#checkOpen();
    this.#checkFence(query.workerId);
    const unreadable = new Set(query.unreadable);
    let again = 0;
    const claimed: RunRecord[] = [];
    const blocked: RunRecord[] = [];
    let suspects = false;
    for (const stored of this.#claimable(unreadable)) {
      const { run } = stored;
      if (run.status === 'SUSPENDED' && (run.wakeAt ?? Number.POSITIVE_INFINITY) > query.nowMs) continue;
      if (run.blockedCode === 'VALUE_UNREADABLE') {
        claimed.push(this.#take(stored, query.workerId));
        again += 1;
      } else if (isKnown(run, query)) {
        if (run.crashes >= SUSPECT_FROM) suspects = true;
        else if (claimed.length - again < query.limit) claimed.push(this.#take(stored, query.workerId));
      } else if (run.status !== 'BLOCKED') {
        this.#change(stored, { status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED', outcome: null, wakeAt: null });
        blocked.push({ ...stored.run });
      }
    }
    return { claimed, blocked, suspects };
  }

  async claimSuspect(query: SuspectQuery): Promise<RunRecord | undefined> {
    this.#checkOpen();
    this.#checkFence(query.workerId);
    if (this.#trial !== undefined && this.#runs.get(this.#trial.runId)?.run.workerId === this.#trial.workerId) return undefined;
    const [suspect] = this.#claimable()
      .filter(({ run }) => isKnown(run, query) && run.crashes >= SUSPECT_FROM)
      .sort((a, b) => a.run.crashes - b.run.crashes);
    if (suspect === undefined) return undefined;
    this.#trial = { runId: suspect.run.id, workerId: query.workerId };
    return this.#take(suspect, query.workerId);
  }

  async endTrial({ workerId, runId }: { workerId: string; runId: string }): Promise<void> {
    this.#checkOpen();
    this.#checkFence(workerId);
    if (this.#trial?.workerId === workerId && this.#trial.runId === runId) this.#trial = undefined;
  }

  async acquit({ workerId, runIds }: { workerId: string; runIds: readonly string[] }): Promise<void> {
    this.#checkOpen();
    this.#checkFence(workerId);
    for (const id of runIds) {
      const stored = this.#runs.get(id);
      if (stored?.run.workerId === workerId) this.#clear(stored);
    }
    if (this.#trial?.workerId === workerId && runIds.includes(this.#trial.runId)) this.#trial = undefined;
  }

  async blockedRuns(code: BlockedCode): Promise<Pick<RunRecord, 'id' | 'flow' | 'version'>[]> {
    this.#checkOpen();
    const found = [...this.#orphans].filter(({ run }) => run.blockedCode === code);
    return found.map(({ run: { id, flow, version } }) => ({ id, flow, version }));
  }

  async nextWakeAt(): Promise<number | null> {
    this.#checkOpen();
    let first: number | null = null;
    for (const { run } of this.#orphans) {
      if (run.status === 'SUSPENDED' && run.wakeAt !== null && (first === null || run.wakeAt < first)) first = run.wakeAt;
    }
    return first;
  }

  async loadJournal(runId: string): Promise<OperationRecord[]> {
    this.#checkOpen();
    // An entry is never changed, but replaced: those that are there now are one picture.
    const entries = [...(this.#journals.get(runId)?.values() ?? [])];
    const slices = new Slices();
    const copied: OperationRecord[] = [];
    await slices.each(entries, (entry) => copied.push({ ...entry }));
    return inJournalOrder(copied, slices);
  }

  async operation(runId: string, operationId: string): Promise<OperationRecord | undefined> {
    this.#checkOpen();
    const entry = this.#journals.get(runId)?.get(operationId);
    return entry && { ...entry };
  }

  async commit(batch: CommitBatch): Promise<RunRecord[]> {
    this.#checkOpen();
    this.#checkFence(batch.workerId);
    this.#checkEnds(batch);
    const taken: RunRecord[] = [];
    for (const run of batch.creates) {
      const stored = this.#runs.get(run.id);
      if (stored === undefined) this.#create(run);
      else taken.push({ ...stored.run });
    }
    for (const entry of batch.operations) this.#write(entry);
    for (const restart of batch.restarts) this.#restart(restart);
    for (const suspension of batch.suspends) this.#suspend(suspension);
    for (const end of batch.ends) this.#end(end);
    for (const message of batch.messages) this.#add(message);
    for (const id of batch.taken) this.#inbox.delete(id);
    return taken;
  }

  async send(message: InboxMessage): Promise<RunStatus | undefined> {
    this.#checkOpen();
    return this.#add(message);
  }

  async readInbox(workerId: string): Promise<InboxMessage[]> {
    this.#checkOpen();
    this.#checkFence(workerId);
    return copies(this.#inbox.values()).filter(({ runId }) => this.#runs.get(runId)?.run.workerId === workerId);
  }

  async inbox(runId: string): Promise<InboxMessage[]> {
    this.#checkOpen();
    return copies(this.#inbox.values()).filter((message) => message.runId === runId);
  }

  async getRuns(runIds: readonly string[]): Promise<RunRecord[]> {
    this.#checkOpen();
    return copies([...new Set(runIds)].flatMap((id) => this.#runs.get(id)?.run ?? []));
  }

  async listRuns({ flow, status, blockedCode, limit = 100 }: RunFilter): Promise<RunRecord[]> {
    this.#checkOpen();
    const statuses = typeof status === 'string' ? [status] : status;
    const found: RunRecord[] = [];
    for (const { run } of [...this.#runs.values()].reverse()) {
      if (found.length >= limit) break;
      const listed =
        (flow === undefined || run.flow === flow) &&
        (statuses === undefined || statuses.includes(run.status)) &&
        (blockedCode === undefined || run.blockedCode === blockedCode);
      if (listed) found.push(run);
    }
    return copies(found);
  }

  async prune({ endedBefore, keep, limit }: PruneQuery): Promise<number> {
    this.#checkOpen();
    const roots = [...this.#runs.values()].filter(
      ({ run }) => isEnded(run.status) && (run.parentRunId === null || !this.#runs.has(run.parentRunId)),
    );
    const beyond = new Set(keep === null ? [] : roots.slice(0, Math.max(0, roots.length - keep)));
    const old = (run: RunRecord): boolean => endedBefore !== null && (run.finishedAt as number) < endedBefore;
    const awaited = this.#awaitedRuns();
    const doomed = roots.filter((stored) => (beyond.has(stored) || old(stored.run)) && !awaited.has(stored.run.id)).slice(0, limit);
    const gone = new Set(doomed.map(({ run }) => run.id));
    // Children come after their parents in the order of creation.
    for (const { run } of this.#runs.values()) {
      if (isEnded(run.status) && gone.has(run.parentRunId ?? '') && !awaited.has(run.id)) gone.add(run.id);
    }
    for (const id of gone) {
      this.#runs.delete(id);
      this.#journals.delete(id);
    }
    return gone.size;
  }

  /** The runs that unfinished runs wait for. */
  #awaitedRuns(): Set<string | null> {
    const awaited = new Set<string | null>();
    for (const { run } of this.#runs.values()) {
      if (isEnded(run.status)) continue;
      for (const { kind, status, childRunId } of this.#journals.get(run.id)?.values() ?? [])
        if (kind === 'flow' && status === 'STARTED') awaited.add(childRunId);
    }
    return awaited;
  }

  async unblock(runId: string): Promise<RunStatus | undefined> {
    this.#checkOpen();
    const stored = this.#runs.get(runId);
    const status = stored?.run.status;
    if (stored === undefined || status !== 'BLOCKED') return status;
    this.#change(stored, { status: 'PENDING', workerId: null, blockedCode: null, outcome: null, finishedAt: null });
    this.#clear(stored);
    return status;
  }

  /** One object serves every engine that shares it, so it cannot tell whose change was seen by whom: with one engine there is nobody else. */
  async changedElsewhere(): Promise<boolean> {
    this.#checkOpen();
    const changed = this.#opened > 1 || this.#workers.size > 1 || this.#somebodyLeft;
    this.#somebodyLeft = false;
    return changed;
  }

  #checkOpen(): void {
    if (this.#opened > 0) return;
    throw new StorageError(
      'STORE_CLOSED',
      'the store in memory is closed. Open it before it is used, and use it no more once its engine is closed',
    );
  }

  #checkFence(workerId: string): Worker {
    const worker = this.#workers.get(workerId);
    if (worker?.status !== 'ALIVE') throw fenced(workerId);
    return worker;
  }

  /** Every end, every suspension and every new beginning must be of an unfinished run of this worker's, counting the runs this very batch creates (S2, S3, S6). */
  #checkEnds({ workerId, creates, ends, restarts, suspends }: CommitBatch): void {
    if (ends.length + restarts.length + suspends.length === 0) return;
    const given = new Set<string>();
    const created = new Map<string, RunRecord>();
    for (const run of creates) if (!created.has(run.id)) created.set(run.id, run);
    for (const { runId } of [...restarts, ...suspends, ...ends]) {
      const run = this.#runs.get(runId)?.run ?? created.get(runId);
      if (run === undefined || run.workerId !== workerId || isEnded(run.status) || given.has(runId)) {
        throw new StorageError(
          'FENCED',
          `run ${runId} does not belong to worker ${workerId} any more; nothing was written. Drop what this worker knows of it`,
        );
      }
      given.add(runId);
    }
  }

  #create(run: RunRecord): void {
    this.#created += 1;
    const stored: StoredRun = { n: this.#created, run: { ...run, crashes: 0 }, crashedAfter: undefined };
    this.#runs.set(run.id, stored);
    this.#file(stored);
  }

  #write(entry: OperationRecord): void {
    const journal = this.#journals.get(entry.runId) ?? new Map<string, OperationRecord>();
    this.#journals.set(entry.runId, journal);
    if (entry.seq === null && (journal.get(entry.id)?.seq ?? null) !== null) return;
    journal.set(entry.id, { ...entry });
  }

  #restart({ runId, input, seed, options, operations }: RunRestart): void {
    const stored = this.#runs.get(runId);
    if (stored === undefined) return;
    this.#change(stored, { input, seed, options });
    this.#clear(stored);
    this.#journals.delete(runId);
    for (const entry of operations) this.#write(entry);
  }

  #end({ runId, status, outcome, blockedCode, finishedAt }: RunEnd): void {
    const stored = this.#runs.get(runId);
    if (stored === undefined) return;
    this.#change(stored, { status, outcome, blockedCode, finishedAt, workerId: null });
    if (status === 'BLOCKED') return;
    this.#wake(stored.run.parentRunId);
    for (const message of this.#inbox.values()) if (message.runId === runId) this.#inbox.delete(message.id);
  }

  #add(message: InboxMessage): RunStatus | undefined {
    const status = this.#runs.get(message.runId)?.run.status;
    if (status === undefined || isEnded(status)) return status;
    this.#lastMessageId += 1;
    this.#inbox.set(this.#lastMessageId, { ...message, id: this.#lastMessageId });
    return this.#wake(message.runId) ? 'PENDING' : status;
  }

  #suspend({ runId, wakeAt, children }: RunSuspension): void {
    const stored = this.#runs.get(runId);
    if (stored === undefined) return;
    this.#change(stored, { status: 'SUSPENDED', wakeAt, workerId: null });
    this.#clear(stored);
    const ended = children.some((id) => isEnded(this.#runs.get(id)?.run.status ?? 'PENDING'));
    if (ended || [...this.#inbox.values()].some((message) => message.runId === runId)) this.#wake(runId);
  }

  /** Something has come for a run. Returns whether it was suspended. */
  #wake(runId: string | null): boolean {
    const stored = this.#runs.get(runId ?? '');
    if (stored?.run.status !== 'SUSPENDED') return false;
    this.#change(stored, { status: 'PENDING', wakeAt: null });
    return true;
  }

  /** Those without an owner that a worker may take, oldest first. */
  #claimable(unreadable: ReadonlySet<string> = new Set()): StoredRun[] {
    const codes: readonly (BlockedCode | null)[] = [null, 'FLOW_NOT_REGISTERED'];
    const claimable = [...this.#orphans].filter(
      ({ run: { id, blockedCode } }) => codes.includes(blockedCode) || (blockedCode === 'VALUE_UNREADABLE' && unreadable.has(id)),
    );
    return claimable.sort((a, b) => a.n - b.n);
  }

  #take(stored: StoredRun, workerId: string): RunRecord {
    this.#change(stored, { status: 'RUNNING', workerId, blockedCode: null, outcome: null, wakeAt: null });
    return { ...stored.run };
  }

  /** A worker has died: against whom that counts. */
  #crashed(workerId: string): void {
    const tried = this.#trial?.workerId === workerId ? this.#runs.get(this.#trial.runId) : undefined;
    if (this.#trial?.workerId === workerId) this.#trial = undefined;
    if (tried?.run.workerId === workerId && this.#lastOutcome(tried.run.id) <= (tried.crashedAfter ?? 0)) this.#crash(tried);
    else for (const stored of this.#owned.get(workerId) ?? []) this.#crash(stored);
  }

  #crash(stored: StoredRun): void {
    const [before, last] = [stored.crashedAfter, this.#lastOutcome(stored.run.id)];
    const crashes = before === undefined || last <= before ? stored.run.crashes + 1 : 0;
    stored.crashedAfter = last;
    stored.run = { ...stored.run, crashes };
  }

  /** No crash counts against the run any more. */
  #clear(stored: StoredRun): void {
    stored.crashedAfter = undefined;
    stored.run = { ...stored.run, crashes: 0 };
  }

  #lastOutcome(runId: string): number {
    let last = 0;
    for (const entry of this.#journals.get(runId)?.values() ?? []) if (isOperation(entry)) last = Math.max(last, entry.seq ?? 0);
    return last;
  }

  #releaseRuns(workerId: string): void {
    for (const stored of this.#owned.get(workerId) ?? []) this.#change(stored, { status: 'PENDING', workerId: null });
    this.#owned.delete(workerId);
  }

  #change(stored: StoredRun, change: Partial<RunRecord>): void {
    const { workerId } = stored.run;
    this.#orphans.delete(stored);
    if (workerId !== null) this.#owned.get(workerId)?.delete(stored);
    stored.run = { ...stored.run, ...change };
    this.#file(stored);
  }

  /** Keeps M2. */
  #file(stored: StoredRun): void {
    const { status, workerId } = stored.run;
    if (isEnded(status)) return;
    if (workerId === null) {
      this.#orphans.add(stored);
      return;
    }
    const owned = this.#owned.get(workerId);
    if (owned === undefined) this.#owned.set(workerId, new Set([stored]));
    else owned.add(stored);
  }
}

function isKnown(run: RunRecord, { flows }: SuspectQuery): boolean {
  return flows.some(({ flow, version }) => flow === run.flow && version === run.version);
}

/** What is read is the reader's own. */
function copies<T extends object>(records: Iterable<T>): T[] {
  return Array.from(records, (record) => ({ ...record }));
}

function fenced(workerId: string): StorageError {
  return new StorageError(
    'FENCED',
    `worker ${workerId} is not alive in memory: it was retired, or marked dead because it stood still for longer than its lease. ` +
      'Nothing was written. Drop its runs and register a new worker',
  );
}
