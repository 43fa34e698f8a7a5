import { StorageError, UsageError } from '../errors/errors.js';
import type { InboxMessage, OperationRecord, RunCreation, RunEnd, RunRecord, RunRestart, RunSuspension } from '../model/records.js';
import type { BlockedCode, RunStatus } from '../model/statuses.js';
import { isEnded } from '../model/statuses.js';
import { mayHaveMore, WOKEN_A_CLAIM } from './claim-limits.js';
import { ownerless, refuseUnsupported } from './creations.js';
import { hasNews } from './has-news.js';
import { checkEnds } from './memory/check-ends.js';
import { MemoryData } from './memory/memory-data.js';
import { MemoryReader } from './memory/memory-reader.js';
import { Orphans } from './memory/orphans.js';
import { prunable } from './memory/pruning.js';
import { copies, type StoredRun } from './memory/stored-run.js';
import type { StoreReader } from './reader.js';
import type {
  Claim,
  ClaimQuery,
  CommitAnswer,
  CommitBatch,
  FlowEntry,
  NewWorker,
  PruneQuery,
  Store,
  SuspectQuery,
  Taken,
} from './store.js';
import type { Watcher } from './watcher.js';

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

/**
 * Owns: all data.
 * Does not own: any resource, so each `close` only takes back one `open`.
 *
 * States: closed ⇄ open (counted).
 *
 * Invariants: S1–S7 of the port, by way of
 *   MS1  A method checks everything before it changes anything, and does so without a pause.
 *   MS2  `#orphans` has exactly the unfinished runs without an owner, `#owned` those with one, by owner; owners are alive. So a record changes by `#change`,
 *       but for one that has an owner before and after.
 */
class MemoryStore implements Store {
  readonly name: string = 'memory';
  readonly #data = new MemoryData();
  readonly #orphans = new Orphans();
  readonly #owned = new Map<string, Set<StoredRun>>();
  /** The run on trial, and the worker that tries it. It may be over. */
  #trial: { readonly runId: string; readonly workerId: string } | undefined;
  #opened = 0;
  #created = 0;

  async open(): Promise<void> {
    this.#opened += 1;
  }

  async close(): Promise<void> {
    this.#opened = Math.max(0, this.#opened - 1);
    // The others look for what the engine that has closed left behind.
    if (this.#opened > 0) this.#data.watchers.tell();
    else this.#data.workers.unlockAll();
  }

  reader(): StoreReader {
    return new MemoryReader(this.#data);
  }

  async registerWorker(worker: NewWorker): Promise<void> {
    this.#checkOpen();
    this.#data.workers.register(worker);
  }

  async retireWorker(workerId: string): Promise<void> {
    this.#checkOpen();
    if (this.#data.workers.retire(workerId)) this.#releaseRuns(workerId);
    this.#tell();
  }

  async registerFlows(workerId: string, flows: readonly FlowEntry[]): Promise<void> {
    this.#checkOpen();
    this.#data.workers.registerFlows(workerId, flows);
  }

  async heartbeat(workerId: string, nowMs: number): Promise<void> {
    this.#checkOpen();
    this.#data.workers.heartbeat(workerId, nowMs);
  }

  async reapWorkers(query: { workerId: string; nowMs: number }): Promise<string[]> {
    this.#checkOpen();
    const dead = this.#data.workers.reap(query, (id) => {
      this.#crashed(id);
      this.#releaseRuns(id);
    });
    if (dead.length > 0) this.#tell();
    return dead;
  }

  async claimRuns(query: ClaimQuery): Promise<Claim> {
    this.#checkOpen();
    this.#data.workers.checkFence(query.workerId);
    let woken = 0;
    for (let due = this.#orphans.due(query.nowMs); due !== undefined && woken < WOKEN_A_CLAIM; due = this.#orphans.due(query.nowMs)) {
      this.#wake(due.run.id);
      woken += 1;
    }
    const { claimed, blocked } = this.#claim(query);
    const more = mayHaveMore(query.limit, { claimed: claimed.length, blocked: blocked.length, woken });
    for (const id of query.unreadable ?? []) {
      const stored = this.#data.runs.get(id);
      if (stored?.run.blockedCode === 'VALUE_UNREADABLE') claimed.push(this.#take(stored, query.workerId));
    }
    return { claimed, blocked, suspects: this.#orphans.suspect(query) !== undefined, more };
  }

  #claim(query: ClaimQuery): Pick<Claim, 'claimed' | 'blocked'> {
    const claimed: RunRecord[] = [];
    const blocked: RunRecord[] = [];
    while (blocked.length < query.limit) {
      const stored = this.#orphans.unknown(query, (run) => this.#data.workers.have(run));
      if (stored === undefined) break;
      this.#change(stored, { status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED', outcome: null, wakeAt: null });
      blocked.push({ ...stored.run });
    }
    while (claimed.length < query.limit) {
      const stored = this.#orphans.claimable(query);
      if (stored === undefined) break;
      claimed.push(this.#take(stored, query.workerId));
    }
    return { claimed, blocked };
  }

  async claimSuspect(query: SuspectQuery): Promise<RunRecord | undefined> {
    this.#checkOpen();
    this.#data.workers.checkFence(query.workerId);
    if (this.#trial !== undefined && this.#data.runs.get(this.#trial.runId)?.run.workerId === this.#trial.workerId) return undefined;
    const suspect = this.#orphans.suspect(query);
    if (suspect === undefined) return undefined;
    this.#trial = { runId: suspect.run.id, workerId: query.workerId };
    return this.#take(suspect, query.workerId);
  }

  async endTrial({ workerId, runId }: { workerId: string; runId: string }): Promise<void> {
    this.#checkOpen();
    this.#data.workers.checkFence(workerId);
    if (this.#trial?.workerId === workerId && this.#trial.runId === runId) this.#trial = undefined;
  }

  async acquit({ workerId, runIds }: { workerId: string; runIds: readonly string[] }): Promise<void> {
    this.#checkOpen();
    this.#data.workers.checkFence(workerId);
    for (const id of runIds) {
      const stored = this.#data.runs.get(id);
      if (stored?.run.workerId === workerId) this.#clear(stored);
    }
    if (this.#trial?.workerId === workerId && runIds.includes(this.#trial.runId)) this.#trial = undefined;
  }

  async blockedRuns(code: BlockedCode): Promise<Pick<RunRecord, 'id' | 'flow' | 'version'>[]> {
    this.#checkOpen();
    return this.#orphans.blockedBy(code).map(({ run: { id, flow, version } }) => ({ id, flow, version }));
  }

  async nextDueAt(): Promise<number | null | undefined> {
    this.#checkOpen();
    return this.#orphans.nextDueAt ?? (this.#orphans.asleep > 0 ? null : undefined);
  }

  async loadJournals(runIds: readonly string[]): Promise<ReadonlyMap<string, OperationRecord[]>> {
    this.#checkOpen();
    return this.#data.journals.load(runIds);
  }

  async commit(batch: CommitBatch): Promise<CommitAnswer> {
    this.#checkOpen();
    this.#data.workers.checkFence(batch.workerId);
    checkEnds(this.#data.runs, batch);
    refuseUnsupported(this.name, batch);
    const taken = this.#createAll(batch.creates);
    for (const entry of batch.operations) this.#data.journals.write(entry);
    for (const restart of batch.restarts) this.#restart(restart);
    for (const suspension of batch.suspends) this.#suspend(suspension);
    for (const end of batch.ends) this.#end(end);
    for (const message of batch.messages) this.#add(message);
    this.#data.inbox.remove(batch.taken);
    this.#tell(hasNews(batch));
    return { taken };
  }

  async createRuns(creations: readonly RunCreation[]): Promise<readonly Taken[]> {
    this.#checkOpen();
    refuseUnsupported(this.name, { creates: creations });
    const taken = this.#createAll(creations.map(ownerless));
    this.#tell();
    return taken;
  }

  async send(message: InboxMessage): Promise<RunStatus | undefined> {
    this.#checkOpen();
    const status = this.#add(message);
    this.#tell();
    return status;
  }

  async readInbox(workerId: string, page?: Parameters<Store['readInbox']>[1]): Promise<InboxMessage[]> {
    this.#checkOpen();
    this.#data.workers.checkFence(workerId);
    return this.#data.inbox.of((runId) => this.#data.runs.get(runId)?.run.workerId === workerId, page);
  }

  async getRuns(runIds: readonly string[]): Promise<RunRecord[]> {
    this.#checkOpen();
    return copies([...new Set(runIds)].flatMap((id) => this.#data.runs.get(id)?.run ?? []));
  }

  async ownedRuns(workerId: string): Promise<RunRecord[]> {
    this.#checkOpen();
    const owned = [...(this.#owned.get(workerId) ?? [])].sort((a, b) => a.n - b.n);
    return copies(owned.map(({ run }) => run));
  }

  async prune(query: PruneQuery): Promise<number> {
    this.#checkOpen();
    const gone = prunable(this.#data.runs, this.#data.journals, query);
    for (const id of gone) {
      this.#data.order.delete(this.#data.runs.get(id) as StoredRun);
      this.#data.runs.delete(id);
      this.#data.journals.drop(id);
    }
    return gone.size;
  }

  async unblock(runId: string): Promise<RunStatus | undefined> {
    this.#checkOpen();
    const stored = this.#data.runs.get(runId);
    const status = stored?.run.status;
    if (stored === undefined || status !== 'BLOCKED') return status;
    this.#change(stored, { status: 'PENDING', workerId: null, blockedCode: null, outcome: null, finishedAt: null });
    this.#clear(stored);
    this.#tell();
    return status;
  }

  watch(watcher: Watcher): () => void {
    this.#checkOpen();
    return this.#data.watchers.add(watcher);
  }

  /** The only engine there is is not told of what it has written. */
  #tell(news = true): void {
    if (news && (this.#opened > 1 || this.#data.workers.size > 1)) this.#data.watchers.tell();
    else this.#data.watchers.tellThoseWhoLook();
  }

  #checkOpen(): void {
    if (this.#opened > 0) return;
    throw new StorageError(
      'STORE_CLOSED',
      'the store in memory is closed. Open it before it is used, and use it no more once its engine is closed',
    );
  }

  #createAll(creations: readonly RunCreation[]): Taken[] {
    const taken: Taken[] = [];
    for (const creation of creations) {
      const { id } = creation.run;
      const found = this.#data.runs.get(id) ?? this.#data.singletons.holder(creation);
      if (found === undefined) this.#create(creation);
      else taken.push({ id, found: { ...found.run } });
    }
    return taken;
  }

  #create(creation: RunCreation): void {
    const { run, journal = [] } = creation;
    this.#created += 1;
    const stored: StoredRun = { n: this.#created, run: { ...run, crashes: 0 }, gone: false, crashedAfter: undefined };
    this.#data.runs.set(run.id, stored);
    this.#data.order.add(stored);
    this.#data.singletons.add(creation, stored);
    this.#file(stored);
    for (const entry of journal) this.#data.journals.write(entry);
  }

  #restart({ runId, input, seed, options, operations }: RunRestart): void {
    const stored = this.#data.runs.get(runId);
    if (stored === undefined) return;
    this.#change(stored, { input, seed, options });
    this.#clear(stored);
    this.#data.journals.drop(runId);
    for (const entry of operations) this.#data.journals.write(entry);
  }

  #end({ runId, status, outcome, blockedCode, finishedAt }: RunEnd): void {
    const stored = this.#data.runs.get(runId);
    if (stored === undefined) return;
    this.#change(stored, { status, outcome, blockedCode, finishedAt, workerId: null });
    if (status === 'BLOCKED') return;
    this.#wake(stored.run.parentRunId);
    this.#data.inbox.removeOf(runId);
  }

  #add(message: InboxMessage): RunStatus | undefined {
    const status = this.#data.runs.get(message.runId)?.run.status;
    if (status === undefined || isEnded(status)) return status;
    this.#data.inbox.add(message);
    return this.#wake(message.runId) ? 'PENDING' : status;
  }

  #suspend({ runId, wakeAt, children }: RunSuspension): void {
    const stored = this.#data.runs.get(runId);
    if (stored === undefined) return;
    this.#change(stored, { status: 'SUSPENDED', wakeAt, workerId: null });
    this.#clear(stored);
    const ended = children.some((id) => isEnded(this.#data.runs.get(id)?.run.status ?? 'PENDING'));
    if (ended || this.#data.inbox.has(runId)) this.#wake(runId);
  }

  /** Something has come for a run. Returns whether it was suspended. */
  #wake(runId: string | null): boolean {
    const stored = this.#data.runs.get(runId ?? '');
    if (stored?.run.status !== 'SUSPENDED') return false;
    this.#change(stored, { status: 'PENDING', wakeAt: null });
    return true;
  }

  #take(stored: StoredRun, workerId: string): RunRecord {
    this.#change(stored, { status: 'RUNNING', workerId, blockedCode: null, outcome: null, wakeAt: null });
    return { ...stored.run };
  }

  /** A worker has died: against whom that counts. */
  #crashed(workerId: string): void {
    const tried = this.#trial?.workerId === workerId ? this.#data.runs.get(this.#trial.runId) : undefined;
    if (this.#trial?.workerId === workerId) this.#trial = undefined;
    if (tried?.run.workerId === workerId && this.#data.journals.lastOutcome(tried.run.id) <= (tried.crashedAfter ?? 0)) this.#crash(tried);
    else for (const stored of this.#owned.get(workerId) ?? []) this.#crash(stored);
  }

  #crash(stored: StoredRun): void {
    const [before, last] = [stored.crashedAfter, this.#data.journals.lastOutcome(stored.run.id)];
    const crashes = before === undefined || last <= before ? stored.run.crashes + 1 : 0;
    stored.crashedAfter = last;
    stored.run = { ...stored.run, crashes };
  }

  /** No crash counts against the run any more. */
  #clear(stored: StoredRun): void {
    stored.crashedAfter = undefined;
    if (stored.run.crashes > 0) this.#change(stored, { crashes: 0 });
  }

  #releaseRuns(workerId: string): void {
    for (const stored of this.#owned.get(workerId) ?? []) this.#change(stored, { status: 'PENDING', workerId: null });
    this.#owned.delete(workerId);
  }

  #change(stored: StoredRun, change: Partial<RunRecord>): void {
    const { workerId } = stored.run;
    if (workerId === null) this.#orphans.delete(stored);
    if (workerId !== null) this.#owned.get(workerId)?.delete(stored);
    stored.run = { ...stored.run, ...change };
    this.#file(stored);
  }

  /** Keeps MS2. */
  #file(stored: StoredRun): void {
    const { status, workerId } = stored.run;
    if (isEnded(status)) return;
    if (workerId === null) return void this.#orphans.add(stored);
    const owned = this.#owned.get(workerId);
    if (owned === undefined) this.#owned.set(workerId, new Set([stored]));
    else owned.add(stored);
  }
}
