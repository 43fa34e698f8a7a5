import type { RunCreation } from '../../model/records.js';
import { isEnded } from '../../model/statuses.js';
import type { StoredRun } from './stored-run.js';

/** Which run holds a singleton key of its flow: the last that was created with it, until that has ended. */
export class Singletons {
  readonly #byKey = new Map<string, StoredRun>();

  /** The unfinished run that a creation finds in its place. */
  holder({ run: { flow }, singleton }: RunCreation): StoredRun | undefined {
    if (singleton === undefined) return undefined;
    const key = keyOf(flow, singleton);
    const holder = this.#byKey.get(key);
    if (holder === undefined || !isEnded(holder.run.status)) return holder;
    this.#byKey.delete(key);
    return undefined;
  }

  add({ run: { flow }, singleton }: RunCreation, stored: StoredRun): void {
    if (singleton !== undefined) this.#byKey.set(keyOf(flow, singleton), stored);
  }
}

function keyOf(flow: string, singleton: string): string {
  return JSON.stringify([flow, singleton]);
}
