import type { Clock } from '../clock/clock.js';
import { Slices } from '../clock/slices.js';
import type { GroupCommit } from '../journal/group-commit.js';
import { JournalIndex, type LoadedJournal, type ReplayMode } from '../journal/journal-index.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import { unreadableJournal } from '../runtime/outcomes/unreadable-journal.js';
import type { Resting } from '../runtime/resting.js';
import type { Alarms } from '../runtime/turns/alarms.js';
import { journalOf } from '../store/journal-of.js';
import type { Claim, FlowEntry, Store } from '../store/store.js';
import { rowDamage } from '../store/stored-run.js';
import { SecondTries } from './second-tries.js';
import type { StoreFailures, Streak } from './store-failures.js';
import { Trials } from './trials.js';
import type { FlowSource } from './worker-options.js';

/** Runs that are claimed in one transaction. What else there is to do has its turn in between. */
const CHUNK = 32;
/** From so many entries on, a journal is looked through in pieces. */
const LONG_JOURNAL = 1_000;
/** Macrotasks that the runs of a chunk have to come to where they were before the next is claimed. */
const MOST_TURNS = 100;

interface ClaimsOptions {
  readonly store: Pick<
    Store,
    'registerFlows' | 'blockedRuns' | 'claimRuns' | 'claimSuspect' | 'endTrial' | 'acquit' | 'getRuns' | 'loadJournals' | 'ownedRuns'
  >;
  readonly clock: Clock;
  readonly flows: FlowSource;
  readonly group: Pick<GroupCommit, 'settled'>;
  readonly alarms: Pick<Alarms, 'hold' | 'release'>;
  /** Whether more runs may come into memory. */
  hasRoom(): boolean;
  /** Calls back when there is room, or when none will come. */
  whenRoom(callback: () => void): void;
  /** A run against which so many crashes count is not begun. */
  readonly maxRecoveries: number;
  /** Who claims, by now. */
  workerId(): string;
  /** Whether runs may be claimed. */
  may(): boolean;
  /** A run that is in memory. */
  resident(runId: string): Resting | undefined;
  /** Whether this worker knows what becomes of a run: it is in memory, or is about to leave it. */
  knows(runId: string): boolean;
  /** Executes a run from where its journal ends. */
  begin(record: RunRecord, loaded: LoadedJournal, mode: ReplayMode): void;
  /** Something may lie in the inboxes of runs that have just begun. Resolves when they have the first of it. */
  readInbox(): Promise<void>;
  /** The run is not to be begun: its process has ended too often by it. */
  refuse(record: RunRecord, loaded: readonly OperationRecord[]): void;
  /** The run cannot be begun: what is recorded of it cannot be read. */
  unreadable(record: RunRecord, error: Error): void;
  /** No flow for this run is registered anywhere. */
  unregistered(record: RunRecord): void;
  /** Runs were claimed. */
  claimedSome(): Promise<void>;
  readonly failures: Pick<StoreFailures, 'look' | 'streak'>;
}

/** A run of this worker whose journal is to be read. */
interface Unread {
  readonly record: RunRecord;
  readonly mode?: ReplayMode;
  /** What has to be durable before. */
  readonly after?: Promise<void>;
}

/**
 * How runs of the store come into the memory of this process.
 *
 * Owns: the claim under way, whose journals are to be read, and which of the claimed runs have not come to where they were. Does not own: the runs (the
 * worker does).
 *
 *   CM1  Claims do not overlap.
 *   CM2  The alarms of a run that was claimed wait until it has come to where it was, or its journal cannot be read: its timers fire in due order.
 *   CM3  A claim that fails is made again. It may be durable all the same: then the worker looks for runs that it owns and knows nothing of.
 *   CM4  A run of which something cannot be read is blocked, and keeps no other from beginning.
 *   CM5  Runs are claimed in chunks as long as there is room in memory. The next chunk is claimed when that before it has come to where it was; alarms that are
 *       due ring in between, and what was started meanwhile goes on.
 *   CM6  A worker has registered the flows that it claims runs of: others leave runs of these flows to it.
 */
export class Claims {
  /** Which of those that were claimed ends the process, if any does. */
  readonly trials: Trials;
  readonly #options: ClaimsOptions;
  readonly #streak: Streak;
  readonly #catchingUp = new Set<string>();
  readonly #unread = new Map<string, Unread>();
  /** A claim has failed that may be durable. */
  #doubtful = false;
  #callOff: (() => void) | undefined;
  readonly #secondTries: SecondTries;
  #claiming: Promise<void> | undefined;
  /** What the claim under way takes first, has begun. */
  #firstBegun: Promise<void> | undefined;
  #again = false;
  #waitsForRoom = false;
  /** No room will come unless more runs do. */
  #letIn = false;
  /** Which worker has registered how many flows. */
  #registered = { workerId: '', count: 0 };

  constructor(options: ClaimsOptions) {
    this.#options = options;
    this.trials = new Trials({ ...options, claim: () => void this.claim() });
    this.#streak = options.failures.streak('the claim of runs');
    this.#secondTries = new SecondTries(options.store);
  }

  /** The claim under way. */
  get underWay(): Promise<void> | undefined {
    return this.#claiming;
  }

  /** Takes runs that have no owner, as far as their flows are registered here. Resolves when the first of them have begun. */
  async claim(): Promise<void> {
    if (!this.#options.may()) return;
    if (this.#claiming !== undefined) {
      this.#again = true;
      return this.#firstBegun;
    }
    this.#callOff?.();
    this.#callOff = undefined;
    let begun = (): void => {};
    this.#firstBegun = new Promise((resolve) => {
      begun = resolve;
    });
    this.#claiming = this.#claimAll(begun)
      .then(
        () => this.#streak.worked(),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        begun();
        this.#claiming = undefined;
        if (this.#again) void this.claim();
      });
    return this.#firstBegun;
  }

  /** Replays a run of this worker from the beginning. */
  startOver(record: RunRecord, mode: ReplayMode): void {
    this.#unread.set(record.id, { record, mode, after: this.#options.group.settled() });
    void this.claim();
  }

  /** The run has come to where it was, or has left. */
  caughtUp(runId: string): void {
    this.#awaitNoLonger(runId);
    this.trials.arrived(runId);
  }

  /** All runs have left this process. */
  allLeft(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#doubtful = false;
    this.#letIn = false;
    this.#unread.clear();
    this.#secondTries.forget();
    this.trials.allLeft();
    for (const runId of this.#catchingUp) this.#awaitNoLonger(runId);
  }

  #awaitNoLonger(runId: string): void {
    if (this.#catchingUp.delete(runId)) this.#options.alarms.release(runId);
  }

  /** @param begun - To be called when the first chunk has begun. */
  async #claimAll(begun: () => void): Promise<void> {
    const { may, unregistered, claimedSome } = this.#options;
    this.#again = false;
    let any = false;
    let suspects = false;
    for (let more = true; more && may(); ) {
      const claim = await this.#claimSome();
      suspects = claim.suspects;
      for (const record of claim.blocked) unregistered(record);
      any ||= claim.claimed.length > 0;
      if (this.#unread.size > 0) await this.#beginUnread();
      more = claim.more;
      if (!more) break;
      begun();
      await this.#giveWay();
    }
    if (any) await claimedSome();
    if (may()) await this.#tryNext(suspects);
  }

  /** Lets the runs of a chunk come to where they were, and all else in the process have its turn. */
  async #giveWay(): Promise<void> {
    const { clock } = this.#options;
    for (let turns = 0; turns === 0 || (turns < MOST_TURNS && this.#catchingUp.size > 0); turns += 1) {
      await new Promise<void>((resolve) => clock.macrotask(resolve));
    }
  }

  /** How many runs may be claimed now. */
  #limit(): number {
    const { hasRoom, whenRoom } = this.#options;
    const goesOn = this.#letIn || hasRoom();
    this.#letIn = false;
    if (goesOn) return CHUNK;
    if (this.#waitsForRoom) return 0;
    this.#waitsForRoom = true;
    whenRoom(() => {
      this.#waitsForRoom = false;
      this.#letIn = true;
      void this.claim();
    });
    return 0;
  }

  async #tryNext(suspects: boolean): Promise<void> {
    this.#doubtful = true;
    const suspect = await this.trials.next(suspects);
    this.#doubtful = false;
    if (suspect === undefined) return;
    this.#claimed(suspect);
    await this.#beginUnread();
  }

  async #claimSome(): Promise<Claim> {
    const { store, clock, flows, workerId } = this.#options;
    const owner = workerId();
    const known = flows.all();
    const limit = this.#limit();
    if (limit === 0) return { claimed: [], blocked: [], suspects: false, more: false };
    await this.#registerFlows(owner, known);
    const unreadable = await this.#secondTries.next(known, limit);
    const doubtful = this.#doubtful;
    this.#doubtful = true;
    const claim = await store.claimRuns({ workerId: owner, nowMs: clock.now(), flows: known, limit, unreadable });
    const all = doubtful ? await this.#ownedUnknown(owner) : claim.claimed;
    this.#doubtful = false;
    // What was claimed for a worker that is lost is claimed again.
    if (workerId() !== owner) return claim;
    this.trials.claimed(all, claim.suspects);
    for (const record of all) this.#claimed(record);
    await this.#secondTries.tried(unreadable, all);
    const tried = new Set(unreadable);
    return { ...claim, more: claim.more || (tried.size === limit && all.some(({ id }) => tried.has(id))) };
  }

  /** Flows are only added, so their number tells whether there are new ones. */
  async #registerFlows(workerId: string, flows: readonly FlowEntry[]): Promise<void> {
    if (this.#registered.workerId === workerId && this.#registered.count === flows.length) return;
    await this.#options.store.registerFlows(workerId, flows);
    this.#registered = { workerId, count: flows.length };
  }

  #claimed(record: RunRecord): void {
    this.#options.alarms.hold(record.id);
    this.#catchingUp.add(record.id);
    this.#unread.set(record.id, { record });
  }

  /** Those claimed just now are among them. */
  async #ownedUnknown(owner: string): Promise<RunRecord[]> {
    const { store, knows } = this.#options;
    const owned = await store.ownedRuns(owner);
    return owned.filter(({ id }) => !this.#unread.has(id) && !knows(id));
  }

  /** Lets all begin whose journals can be read. */
  async #beginUnread(): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    const unread = [...this.#unread.values()];
    const journals = await this.#journalsOf(unread);
    for (const each of unread) {
      try {
        await this.#beginOne(each, journals.get(each.record.id));
      } catch (error) {
        failure ??= { error };
        this.#awaitNoLonger(each.record.id);
      }
    }
    await this.#options.readInbox();
    if (failure !== undefined) throw failure.error;
  }

  /** The journals that can be read at once. Where that fails each is read by itself: one of them may be the reason. */
  async #journalsOf(unread: readonly Unread[]): Promise<ReadonlyMap<string, OperationRecord[]>> {
    const ready = unread.filter(({ record, after }) => after === undefined && rowDamage(record) === undefined);
    const none = new Map<string, OperationRecord[]>();
    if (ready.length < 2) return none;
    return this.#options.store.loadJournals(ready.map(({ record }) => record.id)).catch(() => none);
  }

  async #beginOne(unread: Unread, journal: OperationRecord[] | undefined): Promise<void> {
    const { store, maxRecoveries, begin, refuse, unreadable } = this.#options;
    const { record, mode = 'short', after } = unread;
    await after;
    const loaded = journal ?? (rowDamage(record) === undefined ? await journalOf(store, record.id) : []);
    const error = await unreadableJournal(record, loaded);
    const index = loaded.length < LONG_JOURNAL || error !== undefined ? loaded : await JournalIndex.inSlices(loaded, mode, new Slices());
    // Its worker may have been lost meanwhile.
    if (this.#unread.get(record.id) !== unread) return;
    this.#unread.delete(record.id);
    if (error !== undefined) unreadable(record, error);
    else if (record.crashes >= maxRecoveries) refuse(record, loaded);
    else begin(record, index, mode);
  }

  #failed(error: unknown): void {
    const { clock, failures } = this.#options;
    const againMs = failures.look(this.#streak, error);
    if (againMs === undefined) return;
    this.#callOff?.();
    this.#callOff = clock.setTimer(againMs, () => void this.claim());
  }
}
