import { childRunId, generationId, idempotencyKey } from '../../journal/numbering.js';
import type { RunOptions } from './new-run.js';

/** The ids that a run gives to what its operations start elsewhere. They are those of its generation. */
export class RunIds {
  readonly #generation: string;
  readonly #kept: string | undefined;

  /** @param options - Those of the run: one that carries on a detached action keeps the key of its call. */
  constructor(runId: string, options: RunOptions) {
    this.#generation = generationId(runId, options.generation?.number);
    this.#kept = options.idempotencyKey;
  }

  /** The id of the run that an operation starts, if it is given none. */
  childRun(operationId: string): string {
    return childRunId(this.#generation, operationId);
  }

  /** What an action gives to the services it calls, so that they can tell a repetition. */
  idempotencyKey(operationId: string): string {
    return this.#kept ?? idempotencyKey(this.#generation, operationId);
  }
}
