import type { OutcomeSource } from '../outcomes/outcome-source.js';

/** Something to do when the whole journal has been delivered. */
interface Step {
  perform(): void;
}

/**
 * The way of a run through what an earlier execution recorded, and the steps that wait for its end.
 *
 * Owns: whether the run has caught up, and the steps, in the order in which they were asked for. Does not own: outcomes, nor when a turn has ended.
 *
 * States: catching up (of a recovered run only) → caught up; or dropped, when the run is blocked or leaves.
 *
 *   CU1  A step is taken once, when the whole journal has been delivered; after `drop` none is taken.
 */
export class CatchUp {
  readonly #outcomes: Pick<OutcomeSource, 'hasNext'>;
  /** Whether an earlier execution recorded something that this one has not gone through yet. */
  #underWay: boolean;
  #steps: Step[] = [];
  #dropped = false;

  constructor(outcomes: Pick<OutcomeSource, 'hasNext'>, recovered: boolean) {
    this.#outcomes = outcomes;
    this.#underWay = recovered;
  }

  get underWay(): boolean {
    return this.#underWay;
  }

  /** Whether the run has arrived at the end of what is recorded. */
  get arrived(): boolean {
    return !this.#underWay && !this.#outcomes.hasNext;
  }

  /** Whether no step waits. */
  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  add(step: Step): void {
    // An array that is pushed to has room for many.
    if (this.#steps.length === 0) this.#steps = [step];
    else this.#steps.push(step);
  }

  /** Takes all steps, and those that these add. */
  take(): void {
    while (this.#steps.length > 0) {
      const steps = this.#steps;
      this.#steps = [];
      for (const step of steps) {
        if (this.#dropped) return;
        step.perform();
      }
    }
  }

  /** The run has gone through all that was recorded. */
  finish(): void {
    this.#underWay = false;
  }

  /** Nothing more is done: the run is blocked, or leaves. */
  drop(): void {
    this.#dropped = true;
    this.#steps = [];
  }
}
