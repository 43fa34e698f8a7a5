import type { OnEnd } from '../runtime/run-ports.js';
import type { StoreFailures } from './store-failures.js';

/** How calls from outside of flows reach the runs of a store: through the worker of this process, or from a process without one. */
export interface Gateway {
  /** What follows from failures of the store. */
  readonly failures: StoreFailures;

  /** The store is open. */
  start(): Promise<void>;

  /** Lets go of everything in good order. @param timeoutMs - For what is under way. */
  stop(timeoutMs: number): Promise<void>;

  /** Gives back what the store keeps for this process, as far as it answers. */
  release(): Promise<void>;

  /** Resolves when what was started here is durable, was dropped, or is put off. */
  flush(): Promise<void>;

  /** Resolves when what was started here is durable or was dropped. */
  settled(): Promise<void>;

  /** Follows a run that exists until its end is durable. Returns what calls it off. */
  followCommitted(runId: string, onEnd: OnEnd): () => void;

  /** Calls back when there is room for more runs. */
  whenRoom(callback: () => void): void;

  /** Something was sent to a run. */
  checkInbox(): void;

  /** Runs may have become claimable. */
  claim(): Promise<void>;

  /** The operations that a run waits for; `undefined` where it is not in the memory of this process. */
  waitsFor(runId: string): readonly string[] | undefined;

  /** Whether an action waits for a place, as far as this process knows. */
  isQueued(runId: string, operationId: string): boolean;
}
