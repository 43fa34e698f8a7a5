/** Something to do when the whole journal has been delivered. */
interface Step {
  perform(): void;
}

/** What a run will do when the whole journal has been delivered, in the order in which it was asked for. */
export class Steps {
  #steps: Step[] = [];
  #dropped = false;

  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  add(step: Step): void {
    // An array that is pushed to has room for many.
    if (this.#steps.length === 0) this.#steps = [step];
    else this.#steps.push(step);
  }

  /** Does all of it, and what that asks for. */
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

  /** Nothing more is done: the run is blocked, or leaves. */
  drop(): void {
    this.#dropped = true;
    this.#steps = [];
  }
}
