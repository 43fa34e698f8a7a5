import type { Clock } from '../clock/clock.js';

interface WakeupsOptions {
  readonly clock: Clock;
  /** When the first run of the store that sleeps is to go on; `null` when none is. */
  nextWakeAt(): Promise<number | null>;
  /** Claims runs: those that are due are among them. */
  claim(): Promise<void>;
  onFailure(error: unknown): void;
}

/**
 * Wakes runs that have left memory, when they are due. One timer stands for all of them.
 *
 *   K1  The timer is set for the first that is known; after it has rung the store is asked for the next.
 *   K2  After a stop no timer is set any more, whatever is still being written or looked up then.
 */
export class Wakeups {
  readonly #options: WakeupsOptions;
  #armedFor = Number.POSITIVE_INFINITY;
  #callOff: (() => void) | undefined;
  #stopped = false;

  constructor(options: WakeupsOptions) {
    this.#options = options;
  }

  /** A run sleeps until then. */
  note(wakeAt: number): void {
    if (this.#stopped || wakeAt >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = wakeAt;
    const { clock, onFailure } = this.#options;
    this.#callOff = clock.setTimer(wakeAt - clock.now(), () => {
      this.#disarm();
      this.#wake().catch(onFailure);
    });
  }

  /** Asks the store for the first that sleeps. */
  async look(): Promise<void> {
    const next = await this.#options.nextWakeAt();
    if (next !== null) this.note(next);
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.#disarm();
  }

  #disarm(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  async #wake(): Promise<void> {
    await this.#options.claim();
    await this.look();
  }
}
