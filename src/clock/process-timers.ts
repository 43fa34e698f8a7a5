import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { shared } from '../realm/realm.js';

/** What the library uses of Node's time, timers and tasks. */
interface ProcessTimers {
  readonly now: typeof Date.now;
  readonly setTimeout: typeof setTimeout;
  readonly clearTimeout: typeof clearTimeout;
  readonly setImmediate: typeof setImmediate;
  readonly queueMicrotask: typeof globalThis.queueMicrotask;
  readonly nextTick: typeof process.nextTick;
}

/**
 * Node's own, as they were when the library was first loaded. A test runner may put fake ones in their places later, which stand still until the test moves
 * them: with those, runs would wait for ever.
 */
export const processTimers: ProcessTimers = shared('process timers', () => ({
  now: Date.now,
  setTimeout,
  clearTimeout,
  setImmediate,
  queueMicrotask: globalThis.queueMicrotask,
  nextTick: process.nextTick,
}));
