/**
 * The port to time. Nothing else in perdure reads the clock of the machine or sets a timer on it.
 *
 * Callbacks are called in a clean async context, not in that of the caller.
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;

  /**
   * Calls back once, `delayMs` from now, however long that is; returns what calls it off.
   * A `background` timer does not keep the process alive.
   */
  setTimer(delayMs: number, callback: () => void, options?: { background?: boolean }): () => void;

  /** Calls back in a macrotask of its own: after all that is running now, its microtasks included. */
  macrotask(callback: () => void): void;
}
