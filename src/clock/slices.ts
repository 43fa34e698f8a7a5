import { inCleanContext } from './clean-context.js';
import { processTimers } from './process-timers.js';

const { setImmediate } = processTimers;
/** As it was when the library was loaded: what a test runner puts in its place stands still. */
const elapsedMs = performance.now.bind(performance);

/** How long a piece of work takes at most, give or take one of its steps. */
const SLICE_MS = 4;

/**
 * Long work in pieces: between two of them all else in the process has its turn.
 *
 * @example
 * for (const entry of entries) {
 *   if (slices.over) await slices.next();
 *   …
 * }
 */
export class Slices {
  #endsAt = elapsedMs() + SLICE_MS;

  /** Whether the piece has taken its time. */
  get over(): boolean {
    return elapsedMs() >= this.#endsAt;
  }

  /** Ends the piece, and resolves when the next begins. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => void inCleanContext(setImmediate<[]>, resolve));
    this.#endsAt = elapsedMs() + SLICE_MS;
  }

  /** Does something with each item, in pieces. */
  async each<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
    for (const item of items) {
      if (this.over) await this.next();
      work(item);
    }
  }
}
