import type { Clock } from '../../clock/clock.js';
import { processTimers } from '../../clock/process-timers.js';

const { nextTick, queueMicrotask } = processTimers;

/** Something that takes delivery turns. */
export interface TurnTaker {
  /** Whether it has had a turn. */
  readonly begun: boolean;
  /** Whether it has its turns while the pump is paused: its cancellation has been asked for, and what it runs should hear of that. */
  readonly urgent: boolean;
  /** Delivers outcomes until one resumes code. */
  beginTurn(): void;
  /** All code that the delivery resumed has come to rest. Returns whether another turn is due. */
  endTurn(): boolean;
}

/** Runs that have their turns in one macrotask: enough to share its cost, few enough to let input and output through. */
const TURNS_A_MACROTASK = 512;

/** Of these, how many runs that have not begun are sure of, if so many are due. */
const BEGINNINGS_A_MACROTASK = 64;

/**
 * The pump of an engine: gives every run that has something to deliver one turn a macrotask.
 *
 * Owns: who is due for a turn, and in what order. Does not own: outcomes.
 *
 *   D1  A run has at most one turn a macrotask: between two turns all microtasks have been run.
 *   D2  `endTurn` is called in the macrotask of `beginTurn`, when the microtask queue is empty: the flow is quiescent.
 *   D3  Runs that have begun go before runs that have not, each in the order in which they became due; but a share of every macrotask is for
 *       beginnings. So a thousand runs that are started at once are not all begun before the first goes on: what is alive at one time stays small.
 *   D4  While paused, only urgent runs have turns.
 */
export class Delivery {
  readonly #clock: Clock;
  readonly #begun = new Set<TurnTaker>();
  readonly #toBegin = new Set<TurnTaker>();
  #scheduled = false;
  #paused = false;
  #turns = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The run has something to deliver. */
  wake(run: TurnTaker): void {
    (run.begun ? this.#begun : this.#toBegin).add(run);
    this.#schedule();
  }

  /** Whether the run will have a turn. */
  awaits(run: TurnTaker): boolean {
    return this.#begun.has(run) || this.#toBegin.has(run);
  }

  /** Whether any run will have a turn. */
  get busy(): boolean {
    return this.#scheduled;
  }

  /** How many macrotasks with turns there have been. */
  get turns(): number {
    return this.#turns;
  }

  /** The run takes no more turns. */
  forget(run: TurnTaker): void {
    this.#begun.delete(run);
    this.#toBegin.delete(run);
  }

  /** From now on only urgent runs have turns. */
  pause(): void {
    this.#paused = true;
  }

  #schedule(): void {
    if (this.#scheduled || (this.#begun.size === 0 && this.#toBegin.size === 0)) return;
    this.#scheduled = true;
    this.#clock.macrotask(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    this.#turns += 1;
    const runs: TurnTaker[] = [];
    this.#take(this.#begun, runs, TURNS_A_MACROTASK - Math.min(this.#toBegin.size, BEGINNINGS_A_MACROTASK));
    this.#take(this.#toBegin, runs, TURNS_A_MACROTASK);
    for (const run of runs) run.beginTurn();
    afterMicrotasks(() => {
      for (const run of runs) if (run.endTurn()) this.#begun.add(run);
      this.#schedule();
    });
  }

  #take(due: Set<TurnTaker>, runs: TurnTaker[], most: number): void {
    for (const run of due) {
      if (runs.length >= most) return;
      due.delete(run);
      if (!this.#paused || run.urgent) runs.push(run);
    }
  }
}

/** Calls back in this macrotask, when its microtasks have all been run: ticks come after them, and this one is asked for by a microtask. */
function afterMicrotasks(callback: () => void): void {
  queueMicrotask(() => nextTick(callback));
}
