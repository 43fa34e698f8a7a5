import type { OutcomeSource } from '../outcomes/outcome-source.js';

/** So many steps are not let pile up: they are written together. */
const MANY_STEPS = 512;

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
 *   CU2  All steps are taken that waited when the first of them was, whatever is delivered meanwhile: some in one turn, the rest in those after it.
 *   CU3  When the run has caught up, many steps are taken while outcomes of this process wait for their turns: what they write does not pile up.
 */
export class CatchUp {
  readonly #outcomes: Pick<OutcomeSource, 'hasNext'>;
  /** Whether an earlier execution recorded something that this one has not gone through yet. */
  #underWay: boolean;
  #steps: Step[] = [];
  /** Those that are being taken, and how many of them were. */
  #due: Step[] = [];
  #taken = 0;
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
    return this.#steps.length === 0 && !this.midway;
  }

  /** Whether many steps wait. */
  get isLong(): boolean {
    return this.#steps.length >= MANY_STEPS;
  }

  /** Whether some steps were taken, and those that waited with them were not. */
  get midway(): boolean {
    return this.#taken < this.#due.length;
  }

  add(step: Step): void {
    if (this.#dropped) return;
    // An array that is pushed to has room for many.
    if (this.#steps.length === 0) this.#steps = [step];
    else this.#steps.push(step);
  }

  /** Takes steps in their order, also those that these add. Returns whether none is left. */
  take(most: number = Number.POSITIVE_INFINITY): boolean {
    for (let left = most; ; left -= 1) {
      if (this.isEmpty) return true;
      if (left === 0) return false;
      if (!this.midway) this.#beginWithAll();
      const step = this.#due[this.#taken] as Step;
      this.#taken += 1;
      step.perform();
    }
  }

  #beginWithAll(): void {
    this.#due = this.#steps;
    this.#taken = 0;
    this.#steps = [];
  }

  /** The run has gone through all that was recorded. */
  finish(): void {
    this.#underWay = false;
  }

  /** Nothing more is done: the run is blocked, or leaves. */
  drop(): void {
    this.#dropped = true;
    this.#steps = [];
    this.#due = [];
    this.#taken = 0;
  }
}
