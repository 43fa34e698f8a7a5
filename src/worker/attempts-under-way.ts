import type { Clock } from '../clock/clock.js';

/** How many bodies of actions are under way in a worker. */
export class AttemptsUnderWay {
  readonly #clock: Pick<Clock, 'setTimer' | 'macrotask'>;
  readonly #ended: () => void;
  #count = 0;
  #onNone: (() => void) | undefined;

  constructor(clock: Pick<Clock, 'setTimer' | 'macrotask'>) {
    this.#clock = clock;
    // One for all: an attempt costs no function of its own.
    this.#ended = () => {
      this.#count -= 1;
      if (this.#count === 0) this.#onNone?.();
    };
  }

  get any(): boolean {
    return this.#count > 0;
  }

  /** One has begun. Returns what says that it has ended. */
  begun(): () => void {
    this.#count += 1;
    return this.#ended;
  }

  /** Resolves when none is under way, or the time is over. */
  none(timeoutMs: number): Promise<void> {
    if (this.#count === 0 || timeoutMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const callOff = this.#clock.setTimer(timeoutMs, resolve);
      this.#onNone = () => {
        callOff();
        // Its last outcome is handed over after its end is announced.
        this.#clock.macrotask(resolve);
      };
    });
  }
}
