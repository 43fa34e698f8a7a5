import type { RunOrder } from '../reader.js';
import type { StoredRun } from './stored-run.js';

/** With fewer runs than that it is not worth while to clear away those that were deleted. */
const FEW = 64;

/**
 * All runs, in the order of their creation.
 *
 * Owns: the list. A run that was deleted stays in it, and is passed over, until most are such.
 */
export class CreationOrder {
  #runs: StoredRun[] = [];
  #gone = 0;

  /** A run that is newer than all others. */
  add(stored: StoredRun): void {
    this.#runs.push(stored);
  }

  delete(stored: StoredRun): void {
    stored.gone = true;
    this.#gone += 1;
    const left = this.#runs.length - this.#gone;
    if (this.#runs.length <= FEW + 2 * left) return;
    this.#runs = this.#runs.filter(({ gone }) => !gone);
    this.#gone = 0;
  }

  /** The runs behind a place, whatever is created and deleted meanwhile. */
  *from(order: RunOrder, after: number | undefined): Generator<StoredRun> {
    const runs = this.#runs;
    const step = order === 'newest' ? -1 : 1;
    for (let at = this.#first(order, after); at >= 0 && at < runs.length; at += step) {
      const stored = runs[at] as StoredRun;
      if (!stored.gone) yield stored;
    }
  }

  #first(order: RunOrder, after: number | undefined): number {
    if (after === undefined) return order === 'newest' ? this.#runs.length - 1 : 0;
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { n } = this.#runs[middle] as StoredRun;
      if (order === 'newest' ? n < after : n <= after) low = middle + 1;
      else high = middle;
    }
    return order === 'newest' ? low - 1 : low;
  }
}
