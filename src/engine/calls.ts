import type { Clock } from '../clock/clock.js';

/** What calls under way get to come to their ends, however soon the engine is to be closed. */
const LEAST_MS = 1_000;

/** The calls of an engine that are under way. */
export class Calls {
  readonly #clock: Pick<Clock, 'setTimer'>;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(clock: Pick<Clock, 'setTimer'>) {
    this.#clock = clock;
  }

  make<T>(call: () => Promise<T>): Promise<T> {
    const result = call();
    this.#underWay.add(result);
    const over = (): void => void this.#underWay.delete(result);
    result.then(over, over);
    return result;
  }

  /** Resolves when those under way have come to their ends, or the time is over: a store may never answer. */
  through(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#clock.setTimer(Math.max(limitMs, LEAST_MS), resolve);
      void Promise.allSettled(this.#underWay).then(() => {
        callOff();
        resolve();
      });
    });
  }
}
