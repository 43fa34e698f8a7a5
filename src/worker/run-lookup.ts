import type { Clock } from '../clock/clock.js';
import type { RunRecord } from '../model/records.js';
import type { Store } from '../store/store.js';

type OnFound = (found: RunRecord | undefined) => void;

interface RunLookupOptions {
  readonly clock: Clock;
  readonly store: Pick<Store, 'getRuns'>;
  /** The runs that asked have left this process, or are about to. */
  onFailure(error: unknown): void;
}

/**
 * Finds runs for others: all that is asked in one macrotask is read at once.
 */
export class RunLookup {
  readonly #options: RunLookupOptions;
  #asked = new Map<string, OnFound[]>();

  constructor(options: RunLookupOptions) {
    this.#options = options;
  }

  /** Calls back once with the run as it is stored; `undefined` when there is none. */
  find(runId: string, onFound: OnFound): void {
    if (this.#asked.size === 0) this.#options.clock.macrotask(() => void this.#look());
    const others = this.#asked.get(runId);
    if (others === undefined) this.#asked.set(runId, [onFound]);
    else others.push(onFound);
  }

  async #look(): Promise<void> {
    const asked = this.#asked;
    this.#asked = new Map();
    let runs: RunRecord[];
    try {
      runs = await this.#options.store.getRuns([...asked.keys()]);
    } catch (error) {
      this.#options.onFailure(error);
      return;
    }
    const found = new Map(runs.map((run) => [run.id, run]));
    for (const [runId, callbacks] of asked) for (const onFound of callbacks) onFound(found.get(runId));
  }
}
