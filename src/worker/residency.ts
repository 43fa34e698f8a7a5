import type { Clock } from '../clock/clock.js';
import type { Resting } from '../runtime/resting.js';

/** Numbers of runs. */
export interface ResidentLimits {
  /** How many runs may be in memory before new ones wait for room. */
  readonly most: number;
  /** How many may stay there although they could leave; at most `most`. */
  readonly mostResting: number;
}

interface ResidencyOptions extends ResidentLimits {
  readonly clock: Clock;
  /** How many there are. */
  count(): number;
  /** Whether anything is under way here that may make room by coming to its end. */
  working(): boolean;
  /** Those that may be able to leave. */
  runs(): Iterable<Resting>;
  /** Lets a run leave memory until then; `null`: until something comes for it. */
  suspend(run: Resting, wakeAt: number | null): void;
}

/** What is due sooner than that is not worth a replay. */
const FAR_MS = 5_000;
/** Between two looks for runs that can leave. */
const SWEEP_MS = 50;
/** The same, where none could leave the last time, and no start waits for room. */
const IDLE_SWEEP_MS = 500;
/** How far below the limit a sweep goes, so that the next one is some time away. */
const SLACK = 0.1;

/**
 * Which runs leave memory when there are too many: those that only wait for what is far away, the one that has rested longest first.
 *
 * Owns: the limit, and who waits for room. Does not own: the runs (the worker does).
 *
 *   RY1  A run leaves only while nothing of it is under way in this process.
 *   RY2  A start that waits for room waits as long as anything may make it, and no longer.
 */
export class Residency {
  readonly #options: ResidencyOptions;
  #roomWanted: (() => void)[] = [];
  #callOff: (() => void) | undefined;

  constructor(options: ResidencyOptions) {
    this.#options = options;
  }

  /** Calls back as soon as there are no more runs in memory than there may be. */
  whenRoom(callback: () => void): void {
    if (this.hasRoom) {
      callback();
      return;
    }
    this.#roomWanted.push(callback);
    // What waits should not have to wait for the next look.
    if (this.#roomWanted.length === 1) {
      this.stop();
      this.#sweepIn(0);
    }
  }

  /** A run has come into memory. */
  entered(): void {
    if (this.#crowded) this.#sweepIn(SWEEP_MS);
  }

  /** A run has left memory. */
  left(): void {
    if (this.#roomWanted.length > 0 && this.hasRoom) this.#letIn();
  }

  #letIn(): void {
    const wanted = this.#roomWanted;
    this.#roomWanted = [];
    for (const callback of wanted) callback();
  }

  stop(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  /** Whether new ones may come in. */
  get hasRoom(): boolean {
    return this.#excess <= 0;
  }

  /** How many too many there are for new ones to come in. */
  get #excess(): number {
    return this.#options.count() - this.#options.most;
  }

  /** Whether there may be some that should leave. */
  get #crowded(): boolean {
    return this.#options.count() > this.#options.mostResting;
  }

  /** @param background - Time need not move for it. */
  #sweepIn(ms: number, background = false): void {
    this.#callOff ??= this.#options.clock.setTimer(ms, () => this.#sweep(), { background });
  }

  #sweep(): void {
    this.#callOff = undefined;
    if (!this.#crowded) return;
    const { clock, mostResting, runs, working, suspend } = this.#options;
    const soon = clock.now() + FAR_MS;
    const resting: { readonly run: Resting; readonly wakeAt: number | null }[] = [];
    for (const run of runs()) {
      const { rest } = run;
      if (rest.kind === 'listens') resting.push({ run, wakeAt: null });
      else if (rest.kind === 'sleeps' && rest.untilMs > soon) resting.push({ run, wakeAt: rest.untilMs });
    }
    const tooMany = Math.max(this.#excess, resting.length - mostResting);
    const most = tooMany > 0 ? tooMany + Math.ceil(mostResting * SLACK) : 0;
    const leaving = most > 0 ? resting.sort((a, b) => a.run.lastTurn - b.run.lastTurn).slice(0, most) : [];
    for (const { run, wakeAt } of leaving) suspend(run, wakeAt);
    const stuck = leaving.length === 0;
    // Where no run can leave and nothing comes to its end, waiting for room would be for ever.
    if (stuck && !working()) this.#letIn();
    if (this.#crowded) this.#sweepIn(stuck && this.#roomWanted.length === 0 ? IDLE_SWEEP_MS : SWEEP_MS, stuck);
  }
}
