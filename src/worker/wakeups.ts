import type { Clock } from '../clock/clock.js';
import type { Store } from '../store/store.js';
import type { StoreFailures, Streak } from './store-failures.js';

interface WakeupsOptions {
  readonly clock: Clock;
  readonly store: Pick<Store, 'nextDueAt'>;
  /** Claims runs: those that are due are among them. */
  claim(): Promise<void>;
  readonly failures: Pick<StoreFailures, 'look' | 'streak'>;
}

/**
 * Wakes runs that have left memory, when they are due. One timer stands for all of them.
 *
 *   WU1  The timer is set for the first that is known; after it has rung the store is asked for the next.
 *   WU2  Where the store cannot be asked, it is asked again.
 *   WU3  After a stop no timer is set any more, whatever is still being written or looked up then.
 */
export class Wakeups {
  readonly #options: WakeupsOptions;
  readonly #streak: Streak;
  #armedFor = Number.POSITIVE_INFINITY;
  #callOff: (() => void) | undefined;
  #stopped = false;
  #any = false;
  /** The store could not be asked the last time. */
  #failed = false;
  /** The first that was noted since the store was asked. */
  #notedSince = Number.POSITIVE_INFINITY;

  constructor(options: WakeupsOptions) {
    this.#options = options;
    this.#streak = options.failures.streak('the look who sleeps');
  }

  /** Whether any run may sleep, as far as this process knows. */
  get any(): boolean {
    return this.#any;
  }

  /** A run sleeps until then; `null`: until something comes for it. */
  note(wakeAt: number | null): void {
    this.#any = true;
    this.#notedSince = Math.min(this.#notedSince, wakeAt ?? Number.POSITIVE_INFINITY);
    if (wakeAt !== null) this.#armFor(wakeAt);
  }

  /** Asks the store who sleeps: some may do so since an earlier process, or since a suspension that was reported as failed. */
  async look(): Promise<void> {
    const { store } = this.#options;
    await this.#ask(async () => {
      const next = await store.nextDueAt();
      if (next !== undefined) this.note(next);
    });
  }

  /** Asks again who sleeps, when some may have been woken before their time. */
  async renew(): Promise<void> {
    this.#notedSince = Number.POSITIVE_INFINITY;
    await this.#ask(async () => {
      const next = await this.#options.store.nextDueAt();
      const first = Math.min(next ?? Number.POSITIVE_INFINITY, this.#notedSince);
      this.#disarm();
      if (first !== Number.POSITIVE_INFINITY) this.note(first);
    });
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.#disarm();
  }

  #armFor(wakeAt: number): void {
    if (this.#stopped || wakeAt >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = wakeAt;
    const { clock } = this.#options;
    this.#callOff = clock.setTimer(wakeAt - clock.now(), () => {
      this.#disarm();
      void this.#wake();
    });
  }

  #disarm(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  async #wake(): Promise<void> {
    await this.#options.claim();
    await (this.#failed ? this.look() : this.renew());
  }

  async #ask(question: () => Promise<void>): Promise<void> {
    const { clock, failures } = this.#options;
    try {
      await question();
      this.#failed = false;
      this.#streak.worked();
    } catch (error) {
      this.#failed = true;
      const againMs = failures.look(this.#streak, error);
      if (againMs !== undefined) this.#armFor(clock.now() + againMs);
    }
  }
}
