import type { RunRecord } from '../model/records.js';
import type { Store } from '../store/store.js';

/** A run, and the code that it needs. */
type RunKey = Pick<RunRecord, 'id' | 'flow' | 'version'>;

/**
 * The runs of which something could not be read when this worker began: each is tried once, since this process may be able to.
 *
 * Owns: those that were not tried yet. Does not own: how they are claimed.
 *
 * A run that another worker has taken up meanwhile stays among them as long as that has it: it may be blocked again.
 */
export class SecondTries {
  readonly #store: Pick<Store, 'blockedRuns' | 'getRuns'>;
  /** `undefined`: the store was not asked. */
  #left: Map<string, RunKey> | undefined;

  constructor(store: Pick<Store, 'blockedRuns' | 'getRuns'>) {
    this.#store = store;
  }

  /** The worker is lost: the next one tries again. */
  forget(): void {
    this.#left = undefined;
  }

  /** The ids of up to so many that can be tried here. */
  async next(flows: readonly Pick<RunKey, 'flow' | 'version'>[], limit: number): Promise<readonly string[]> {
    this.#left ??= new Map((await this.#store.blockedRuns('VALUE_UNREADABLE')).map((run) => [run.id, run]));
    const ids: string[] = [];
    if (this.#left.size === 0) return ids;
    const known = new Set(flows.map(({ flow, version }) => `${version} ${flow}`));
    for (const { id, flow, version } of this.#left.values()) {
      if (ids.length === limit) break;
      if (known.has(`${version} ${flow}`)) ids.push(id);
    }
    return ids;
  }

  /** Of these, the claimed ones are being tried. */
  async tried(ids: readonly string[], claimed: readonly RunRecord[]): Promise<void> {
    const left = this.#left;
    if (ids.length === 0 || left === undefined) return;
    for (const { id } of claimed) left.delete(id);
    const others = ids.filter((id) => left.has(id));
    if (others.length === 0) return;
    const held = new Map((await this.#store.getRuns(others)).map((run) => [run.id, run.status]));
    for (const id of others) {
      const run = left.get(id);
      left.delete(id);
      // Behind those that have not had their turn.
      if (run !== undefined && held.get(id) === 'RUNNING') left.set(id, run);
    }
  }
}
