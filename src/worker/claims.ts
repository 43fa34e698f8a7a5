import type { Clock } from '../clock/clock.js';
import type { GroupCommit } from '../journal/group-commit.js';
import type { ReplayMode } from '../journal/journal.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import type { Store } from '../store/store.js';
import type { Alarms } from './alarms.js';
import type { FlowSource } from './worker-options.js';

/** Runs that are claimed in one transaction. */
const CLAIM_LIMIT = 500;

interface ClaimsOptions {
  readonly store: Pick<Store, 'claimRuns' | 'loadJournal'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly flows: FlowSource;
  readonly group: Pick<GroupCommit, 'flush'>;
  readonly alarms: Pick<Alarms, 'hold' | 'release'>;
  /** Who claims, by now. */
  workerId(): string;
  /** Whether runs may be claimed. */
  may(): boolean;
  /** Executes a run from where its journal ends. */
  begin(record: RunRecord, loaded: readonly OperationRecord[], mode?: ReplayMode): void;
  /** Something may lie in the inboxes of runs that have just begun. */
  readInbox(): Promise<void>;
  /** No flow for this run is registered anywhere. */
  unregistered(record: RunRecord): void;
  /** Runs were claimed. */
  claimedSome(): Promise<void>;
  onFailure(error: unknown): void;
}

/**
 * How runs of the store come into the memory of this process.
 *
 * Owns: the claim under way, and which of the claimed runs have not come to where they were. Does not own: the runs (the worker does).
 *
 *   K1  Claims do not overlap.
 *   K2  Alarms wait for the runs that were claimed to come to where they were, so that timers fire in due order across runs.
 */
export class Claims {
  readonly #options: ClaimsOptions;
  readonly #catchingUp = new Set<string>();
  #claiming: Promise<void> | undefined;
  #again = false;

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  /** The claim under way. */
  get underWay(): Promise<void> | undefined {
    return this.#claiming;
  }

  /** Takes runs that nobody owns, as far as their flows are registered here. */
  async claim(): Promise<void> {
    const { may, onFailure } = this.#options;
    if (!may()) return;
    if (this.#claiming !== undefined) {
      this.#again = true;
      return this.#claiming;
    }
    this.#claiming = this.#claimAll()
      .catch(onFailure)
      .finally(() => {
        this.#claiming = undefined;
        if (this.#again) void this.claim();
      });
    return this.#claiming;
  }

  /** Replays a run of this worker from the beginning. */
  async startOver(record: RunRecord, mode: ReplayMode): Promise<void> {
    const { store, group, workerId, begin, readInbox } = this.#options;
    const owner = workerId();
    await group.flush();
    const loaded = await store.loadJournal(record.id);
    // Another owner loads it for itself.
    if (workerId() !== owner) return;
    begin(record, loaded, mode);
    await readInbox();
  }

  /** The run has come to where it was, or has left. */
  caughtUp(runId: string): void {
    if (this.#catchingUp.delete(runId) && this.#catchingUp.size === 0) this.#options.alarms.release();
  }

  /** All runs have left this process. */
  allLeft(): void {
    this.#catchingUp.clear();
    this.#options.alarms.release();
  }

  async #claimAll(): Promise<void> {
    const { store, clock, flows, alarms, workerId, may, begin, readInbox, unregistered, claimedSome } = this.#options;
    this.#again = false;
    let claimed: RunRecord[];
    let any = false;
    do {
      const claim = await store.claimRuns({ workerId: workerId(), nowMs: clock.now(), flows: flows.all(), limit: CLAIM_LIMIT });
      claimed = claim.claimed;
      if (claimed.length > 0) alarms.hold();
      for (const { id } of claimed) this.#catchingUp.add(id);
      for (const record of claimed) {
        const loaded = await store.loadJournal(record.id);
        if (record.workerId === workerId()) begin(record, loaded);
        else this.caughtUp(record.id);
      }
      for (const record of claim.blocked) unregistered(record);
      if (claimed.length > 0) {
        any = true;
        await readInbox();
      }
    } while (claimed.length === CLAIM_LIMIT && may());
    if (any) await claimedSome();
  }
}
