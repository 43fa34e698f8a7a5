import type { Clock } from './clock.js';

/** The longest delay `setTimeout` takes; longer ones are set again when it has passed. */
const LONGEST_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),

  setTimer(delayMs, callback, options) {
    let remainingMs = Math.max(0, delayMs);
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const stepMs = Math.min(remainingMs, LONGEST_MS);
      remainingMs -= stepMs;
      handle = setTimeout(remainingMs > 0 ? arm : callback, stepMs);
      if (options?.background === true) handle.unref();
    };
    arm();
    return () => clearTimeout(handle);
  },

  macrotask(callback) {
    setImmediate(callback);
  },
};
