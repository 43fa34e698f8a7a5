import { inCleanContext } from './clean-context.js';
import type { Clock } from './clock.js';
import { processTimers } from './process-timers.js';

const { now, setTimeout, clearTimeout, setImmediate } = processTimers;

/** The longest delay `setTimeout` takes; longer ones are set again when it has passed. */
const LONGEST_MS = 2 ** 31 - 1;

/** The machine's own clock. Node calls back in the context in which something was asked for. */
export const systemClock: Clock = {
  now,

  setTimer(delayMs, callback, options) {
    let remainingMs = Math.max(0, delayMs);
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const stepMs = Math.min(remainingMs, LONGEST_MS);
      remainingMs -= stepMs;
      handle = inCleanContext(setTimeout<[]>, remainingMs > 0 ? arm : callback, stepMs);
      if (options?.background === true) handle.unref();
    };
    arm();
    return () => clearTimeout(handle);
  },

  macrotask(callback) {
    inCleanContext(setImmediate<[]>, callback);
  },
};
