import type { Clock } from '../clock/clock.js';

/** Who wants to hear of changes. */
export interface Watcher {
  /** Whose timers a store sets that has to look now and then, in the background. */
  readonly clock: Clock;
  /** Others may have written. Does not throw. */
  onChange(): void;
  /** Whether changes are to be looked for more often now. */
  busy(): boolean;
}
