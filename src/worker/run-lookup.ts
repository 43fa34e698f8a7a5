import type { Clock } from '../clock/clock.js';
import type { RunRecord } from '../model/records.js';
import type { Store } from '../store/store.js';
import type { StoreFailures, Streak } from './store-failures.js';

type OnFound = (found: RunRecord | undefined) => void;

interface RunLookupOptions {
  readonly clock: Clock;
  readonly store: Pick<Store, 'getRuns'>;
  readonly failures: Pick<StoreFailures, 'look' | 'streak'>;
}

/**
 * Finds runs for others: all that is asked in one macrotask is read at once, and again where that fails.
 */
export class RunLookup {
  readonly #options: RunLookupOptions;
  readonly #streak: Streak;
  #asked = new Map<string, OnFound[]>();
  #callOff: (() => void) | undefined;
  #forgotten = 0;

  constructor(options: RunLookupOptions) {
    this.#options = options;
    this.#streak = options.failures.streak('the look for child runs');
  }

  /** Calls back once with the run as it is stored; `undefined` when there is none. */
  find(runId: string, onFound: OnFound): void {
    if (this.#asked.size === 0) this.#options.clock.macrotask(() => void this.#look());
    this.#ask(runId, [onFound]);
  }

  /** Those who asked have left this process. */
  forget(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#asked.clear();
    this.#forgotten += 1;
  }

  #ask(runId: string, callbacks: readonly OnFound[]): void {
    this.#asked.set(runId, [...(this.#asked.get(runId) ?? []), ...callbacks]);
  }

  async #look(): Promise<void> {
    const asked = this.#asked;
    this.#asked = new Map();
    if (asked.size === 0) return;
    const forgotten = this.#forgotten;
    let runs: RunRecord[];
    try {
      runs = await this.#options.store.getRuns([...asked.keys()]);
    } catch (error) {
      const againMs = this.#options.failures.look(this.#streak, error);
      if (againMs !== undefined && forgotten === this.#forgotten) this.#lookAgain(asked, againMs);
      return;
    }
    this.#streak.worked();
    const found = new Map(runs.map((run) => [run.id, run]));
    for (const [runId, callbacks] of asked) for (const onFound of callbacks) onFound(found.get(runId));
  }

  #lookAgain(asked: ReadonlyMap<string, OnFound[]>, afterMs: number): void {
    for (const [runId, callbacks] of asked) this.#ask(runId, callbacks);
    this.#callOff?.();
    this.#callOff = this.#options.clock.setTimer(afterMs, () => void this.#look());
  }
}
