import type { Clock } from '../clock/clock.js';
import { UsageError } from '../errors/errors.js';
import type { Logger } from '../model/logger.js';
import type { InboxMessage, RunRecord } from '../model/records.js';
import type { RunStatus } from '../model/statuses.js';
import type { OnEnd } from '../runtime/run-ports.js';
import type { Store } from '../store/store.js';
import { Following } from './following.js';
import type { Gateway } from './gateway.js';
import { PeriodicCheck } from './periodic-check.js';
import { StoreFailures } from './store-failures.js';

interface ClientOptions {
  readonly store: Pick<Store, 'getRuns' | 'send' | 'watch'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The store is gone. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * How calls reach runs from a process that executes none.
 *
 * Owns: who follows which run here. Does not own: anything in the store: no worker is registered, and no worker is taken for dead.
 *
 *   CL1  All that it does by itself is to read.
 */
export class Client implements Gateway {
  readonly executes = false;
  readonly failures: StoreFailures;
  readonly #store: ClientOptions['store'];
  readonly #check: PeriodicCheck;
  readonly #following: Following;

  constructor({ store, clock, logger, onFailure }: ClientOptions) {
    this.#store = store;
    this.failures = new StoreFailures({ clock, logger, onLost: onFailure, onEnd: onFailure });
    this.#check = new PeriodicCheck({
      clock,
      store,
      busy: () => this.#following.any,
      keepsAlive: () => this.#following.any,
      look: (changed) => this.#following.look(changed),
      failures: this.failures,
    });
    this.#following = new Following({
      store,
      isResident: () => false,
      onElsewhere: () => this.#check.ask(),
      onAsleep: () => {},
    });
  }

  async open(): Promise<void> {
    this.failures.opened();
    this.#check.start();
  }

  async stop(): Promise<void> {
    this.#check.stop();
  }

  async release(): Promise<void> {
    this.#check.stop();
  }

  start(): never {
    throw new UsageError('INVALID_OPTION', 'this engine was opened with execute: false; open another without it');
  }

  follow(runId: string, onEnd: OnEnd): () => void {
    return this.#following.follow(runId, 'committed', onEnd);
  }

  async find(runId: string): Promise<RunRecord | undefined> {
    return (await this.#store.getRuns([runId]))[0];
  }

  /** It is for others to find. */
  send(message: InboxMessage): Promise<RunStatus | undefined> {
    return this.#store.send(message);
  }

  isQueued(): boolean {
    return false;
  }

  waitsFor(): undefined {
    return undefined;
  }

  pendingOf(): undefined {
    return undefined;
  }

  awaitedBy(): undefined {
    return undefined;
  }

  // Nothing is started here, and what is unblocked is for others to find.

  async flush(): Promise<void> {}

  async settled(): Promise<void> {}

  async claim(): Promise<void> {}
}
