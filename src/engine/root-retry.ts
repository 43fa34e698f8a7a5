import { UsageError } from '../errors/errors.js';
import type { Logger } from '../model/logger.js';
import { mostAttempts, type RetryStrategy } from '../runtime/attempts/retry-strategy.js';
import type { FlowDefinition } from '../runtime/definitions.js';

/** Runs that are started from outside have one attempt. A strategy for them is refused in the call, and warned of in the flow, where it holds for children. */
export class RootRetry {
  readonly #logger: Logger;
  /** Flows that were warned of. */
  readonly #warned = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @throws {UsageError} `INVALID_OPTION` when the call has a strategy. */
  check({ name, retry }: FlowDefinition, ofCall: RetryStrategy | undefined): void {
    if (ofCall !== undefined) {
      throw new UsageError(
        'INVALID_OPTION',
        `flow "${name}".with(): retry is for child runs; a run that is started from outside has one attempt: start it again under another id, or wrap it in a flow`,
      );
    }
    if (retry === undefined || mostAttempts(retry) === 1 || this.#warned.has(name)) return;
    this.#warned.add(name);
    this.#logger.warn(
      `flow "${name}" has a retry strategy, which holds for child runs only: this run is started from outside and has one attempt; to have it tried again, call the flow in another flow, and start that`,
      { flow: name },
    );
  }
}
