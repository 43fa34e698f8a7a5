import type { Clock } from '../clock/clock.js';
import type { Store } from '../store/store.js';

interface WakeupsOptions {
  readonly clock: Clock;
  readonly store: Pick<Store, 'listRuns' | 'nextWakeAt'>;
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
  #any = false;
  /** The first that was noted since the store was asked. */
  #notedSince = Number.POSITIVE_INFINITY;

  constructor(options: WakeupsOptions) {
    this.#options = options;
  }

  /** Whether any run may sleep, as far as this process knows. */
  get any(): boolean {
    return this.#any;
  }

  /** A run sleeps until then; `null`: until something comes for it. */
  note(wakeAt: number | null): void {
    this.#any = true;
    this.#notedSince = Math.min(this.#notedSince, wakeAt ?? Number.POSITIVE_INFINITY);
    if (this.#stopped || wakeAt === null || wakeAt >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = wakeAt;
    const { clock, onFailure } = this.#options;
    this.#callOff = clock.setTimer(wakeAt - clock.now(), () => {
      this.#disarm();
      this.#wake().catch(onFailure);
    });
  }

  /** Asks the store who sleeps: some may do so since an earlier process, or since a suspension that was reported as failed. */
  async look(): Promise<void> {
    const { store } = this.#options;
    const asleep = await store.listRuns({ status: 'SUSPENDED', limit: 1 });
    if (asleep.length > 0) this.note(await store.nextWakeAt());
  }

  /** As `look`, when some may have been woken before their time. */
  async renew(): Promise<void> {
    this.#notedSince = Number.POSITIVE_INFINITY;
    const next = await this.#options.store.nextWakeAt();
    const first = Math.min(next ?? Number.POSITIVE_INFINITY, this.#notedSince);
    this.#disarm();
    if (first !== Number.POSITIVE_INFINITY) this.note(first);
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
    await this.renew();
  }
}
