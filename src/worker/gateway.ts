import type { RunGateway } from '../runtime/run-gateway.js';
import type { ToldOperations } from '../runtime/told-operations.js';
import type { StoreFailures } from './store-failures.js';

/** The gateway of an engine: how its calls reach runs, and the life of what is behind it. */
export interface Gateway extends RunGateway {
  /** What follows from failures of the store. */
  readonly failures: StoreFailures;

  /** The store is open. */
  open(): Promise<void>;

  /** Lets go of everything in good order. @param timeoutMs - For what is under way. */
  stop(timeoutMs: number): Promise<void>;

  /** Gives back what the store keeps for this process, as far as it answers. */
  release(): Promise<void>;

  /** Resolves when what was started here is durable, was dropped, or is put off. */
  flush(): Promise<void>;

  /** Resolves when what was started here is durable or was dropped. */
  settled(): Promise<void>;

  /** Runs may have become claimable. */
  claim(): Promise<void>;

  /** The operations that a run waits for; `undefined` where it is not in the memory of this process. */
  waitsFor(runId: string): readonly string[] | undefined;

  /** At most so many entries that a run waits for; `undefined` where it is not in the memory of this process, or has not caught up with its journal. */
  pendingOf(runId: string, limit: number): ToldOperations | undefined;

  /** The runs that a run waits for; `undefined` where it is not in the memory of this process. */
  awaitedBy(runId: string): readonly string[] | undefined;

  /** Whether an action waits for a slot, as far as this process knows. */
  isQueued(runId: string, operationId: string): boolean;
}
