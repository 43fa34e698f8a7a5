import type { EndOfRun, IsAwaited, OnEnd } from '../runtime/run-ports.js';

/**
 * Who waits for the ends of runs, here or elsewhere.
 *
 * Owns: the followers of each run. Does not own: how an end becomes known.
 *
 *   FO1  A follower is called once. Those that want it `gathered` are called while the end can still be joined by what follows from it, or, if they come
 *       after that, when it is durable; those that want it `committed` when it is durable. An end that was found in the store is both.
 */
export class Followers {
  readonly #gathered = new Map<string, OnEnd[]>();
  readonly #committed = new Map<string, OnEnd[]>();
  /** Ends between their gathering and their commit. */
  readonly #ending = new Map<string, { readonly end: EndOfRun; readonly awaited: IsAwaited }>();

  follow(runId: string, when: 'gathered' | 'committed', onEnd: OnEnd): () => void {
    const followers = when === 'gathered' ? this.#gathered : this.#committed;
    const list = followers.get(runId);
    if (list === undefined) followers.set(runId, [onEnd]);
    else list.push(onEnd);
    return () => {
      const rest = followers.get(runId)?.filter((other) => other !== onEnd) ?? [];
      if (rest.length > 0) followers.set(runId, rest);
      else followers.delete(runId);
    };
  }

  /** The end is being written. */
  gathered(runId: string, end: EndOfRun): void {
    this.#ending.set(runId, { end, awaited: notify(this.#gathered, runId, end) });
  }

  /** What was being written of this run is durable. Returns whether a caller waits for its end. */
  committed(runId: string): IsAwaited {
    const ending = this.#ending.get(runId);
    if (ending === undefined) return undefined;
    this.#ending.delete(runId);
    return either(this.found(runId, ending.end), ending.awaited);
  }

  /**
   * The end is durable: it was found in the store, or written here. `undefined`: the run is no longer in the store.
   *
   * @returns Whether a caller waits for it.
   */
  found(runId: string, end: EndOfRun | undefined): IsAwaited {
    return either(notify(this.#gathered, runId, end), notify(this.#committed, runId, end));
  }

  /** What was being written will not be. Followers within runs of this worker leave with them; the runs that others still follow are returned. */
  forgetEnding(): string[] {
    this.#ending.clear();
    this.#gathered.clear();
    return [...this.#committed.keys()];
  }

  /** Whether somebody waits for the run. */
  has(runId: string): boolean {
    return this.#gathered.has(runId) || this.#committed.has(runId);
  }
}

function notify(followers: Map<string, OnEnd[]>, runId: string, end: EndOfRun | undefined): IsAwaited {
  const list = followers.get(runId);
  if (list === undefined) return undefined;
  followers.delete(runId);
  let awaited = false;
  for (const onEnd of list) if (onEnd(end)) awaited = true;
  return awaited;
}

function either(one: IsAwaited, other: IsAwaited): IsAwaited {
  return one === undefined ? other : one || other === true;
}
