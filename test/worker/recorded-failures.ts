import type { Clock } from '../../src/clock/clock.js';
import { StoreFailures } from '../../src/worker/store-failures.js';

/** The policy for failures of the store, as an open engine has it, and what it led to. */
export class RecordedFailures extends StoreFailures {
  /** What was logged. */
  readonly logged: string[];
  /** What the worker, or the engine, was ended for. */
  readonly ended: unknown[];

  constructor(clock: Clock) {
    const logged: string[] = [];
    const ended: unknown[] = [];
    const log = (message: string): void => void logged.push(message);
    const note = (error: unknown): void => void ended.push(error);
    super({ clock, logger: { debug: log, info: log, warn: log, error: log }, onLost: note, onEnd: note });
    this.logged = logged;
    this.ended = ended;
    this.opened();
  }
}
