import type { RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import type { EndOfRun, IsAwaited, OnEnd } from '../runtime/run-ports.js';
import type { Store } from '../store/store.js';
import { Followers } from './followers.js';

interface FollowingOptions {
  readonly store: Pick<Store, 'getRuns'>;
  /** Whether the run is in memory here: then its end becomes known here. */
  isResident(runId: string): boolean;
  /** A run elsewhere has to be looked for. */
  onElsewhere(): void;
  /** A followed run sleeps until then; `null`: until something comes for it. */
  onAsleep(wakeAt: number | null): void;
}

/**
 * Who waits for the ends of runs, and where those runs are.
 *
 * Owns: the followers, and which of the followed runs are not in memory here. Does not own: when it is looked for them.
 *
 * A followed run is resident; or asleep: it is looked for when others may have woken it; or elsewhere: it is looked for again and again.
 */
export class Following {
  readonly #options: FollowingOptions;
  readonly #followers = new Followers();
  readonly #elsewhere = new Set<string>();
  readonly #asleep = new Set<string>();
  /** Those elsewhere that have not been looked up since they are followed. */
  readonly #unseen = new Set<string>();

  constructor(options: FollowingOptions) {
    this.#options = options;
  }

  /** Whether runs are followed that are not in memory here. */
  get any(): boolean {
    return this.#elsewhere.size + this.#asleep.size > 0;
  }

  /** Whether runs are followed that only a look into the store tells of. */
  get anyElsewhere(): boolean {
    return this.#elsewhere.size > 0;
  }

  /** Calls back once with the end of a run that exists. Returns what calls it off. */
  follow(runId: string, when: 'gathered' | 'committed', onEnd: OnEnd): () => void {
    const unfollow = this.#followers.follow(runId, when, onEnd);
    if (!this.#options.isResident(runId) && !this.#asleep.has(runId)) this.#isElsewhere(runId);
    return () => {
      unfollow();
      if (!this.#followers.has(runId)) this.resides(runId);
    };
  }

  /** The run is in memory here, or is followed no longer: it need not be looked for. */
  resides(runId: string): void {
    this.#elsewhere.delete(runId);
    this.#asleep.delete(runId);
    this.#unseen.delete(runId);
  }

  /** The run has left memory, and sleeps. */
  sleeps(runId: string): void {
    if (this.#followers.has(runId)) this.#asleep.add(runId);
  }

  /** The run's end is being written. */
  ends(runId: string, end: EndOfRun): void {
    this.#followers.gathered(runId, end);
  }

  /** What was being written of the run is durable; it is no longer here. Returns whether a caller waits for its end. */
  ended(runId: string): IsAwaited {
    const awaited = this.#followers.committed(runId);
    if (this.#followers.has(runId)) this.#isElsewhere(runId);
    return awaited;
  }

  /** All runs have left this process: code that follows them from outside of them looks elsewhere. */
  allLeft(): void {
    for (const runId of this.#followers.forgetEnding()) this.#isElsewhere(runId);
    this.#asleep.clear();
  }

  /** Finds out which of the followed runs have ended. @param changed - Others may have written since the last time. */
  async look(changed: boolean): Promise<void> {
    const runIds = changed ? [...this.#elsewhere, ...this.#asleep] : [...this.#unseen];
    if (runIds.length === 0) return;
    this.#unseen.clear();
    const gone = new Set(runIds);
    for (const { id, status, outcome, wakeAt } of await this.#read(runIds)) {
      gone.delete(id);
      // Meanwhile it may have come here.
      if (!this.#isAway(id)) continue;
      if (isEnded(status)) {
        this.resides(id);
        this.#followers.found(id, { status, outcome: outcome as string });
      } else if (status === 'SUSPENDED') {
        this.#elsewhere.delete(id);
        this.#asleep.add(id);
        this.#options.onAsleep(wakeAt);
      } else if (this.#asleep.delete(id)) this.#isElsewhere(id);
    }
    // It has ended since the last look, and was deleted.
    for (const id of gone) {
      if (!this.#isAway(id)) continue;
      this.resides(id);
      this.#followers.found(id, undefined);
    }
  }

  #isAway(runId: string): boolean {
    return this.#elsewhere.has(runId) || this.#asleep.has(runId);
  }

  async #read(runIds: readonly string[]): Promise<RunRecord[]> {
    try {
      return await this.#options.store.getRuns(runIds);
    } catch (error) {
      for (const runId of runIds) if (this.#elsewhere.has(runId)) this.#unseen.add(runId);
      throw error;
    }
  }

  #isElsewhere(runId: string): void {
    this.#elsewhere.add(runId);
    this.#unseen.add(runId);
    this.#options.onElsewhere();
  }
}
