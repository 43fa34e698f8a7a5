import { isBatch } from '../model/statuses.js';
import type { Operation } from './operations/operation.js';

/**
 * What a run has started and not yet delivered, by id: the outcomes that come find their operations here. What its scopes do to them, they know
 * themselves.
 *
 *   Q1  An operation leaves by being delivered, cancelled or ended, once; none of its outcomes is delivered afterwards.
 */
export class PendingOperations {
  readonly #operations = new Map<string, Operation>();
  #working = 0;

  /** How many of them can come to an outcome by themselves: batches and branches only wait for others. */
  get working(): number {
    return this.#working;
  }

  /** Whether code that has been started waits for nothing durable. */
  get someStandStill(): boolean {
    for (const operation of this.#operations.values()) if (operation.standsStill) return true;
    return false;
  }

  add(operation: Operation): void {
    this.#operations.set(operation.entry.id, operation);
    if (works(operation)) this.#working += 1;
  }

  find(operationId: string): Operation | undefined {
    return this.#operations.get(operationId);
  }

  delete(operation: Operation): void {
    if (this.#operations.delete(operation.entry.id) && works(operation)) this.#working -= 1;
  }

  /**
   * When the first of them goes on by itself, or the run's limit runs out; `null` when all wait for others; `undefined` when something is under way here, or
   * nothing can come at all.
   */
  restUntil(limitAt: number | null): number | null | undefined {
    if (this.#working === 0) return undefined;
    let first = limitAt;
    for (const operation of this.#operations.values()) {
      if (!works(operation)) continue;
      const until = operation.restsUntil;
      if (until === undefined) return undefined;
      if (until !== null && (first === null || until < first)) first = until;
    }
    return first;
  }

  /** The runs whose ends are waited for. */
  get awaitedRuns(): string[] {
    return [...this.#operations.values()].flatMap(({ awaitedRunId }) => awaitedRunId ?? []);
  }

  /** The run leaves this process. */
  leaveAll(reason: Error): void {
    for (const operation of this.#operations.values()) operation.leave(reason);
    this.#operations.clear();
    this.#working = 0;
  }
}

function works({ entry }: Operation): boolean {
  return !isBatch(entry.kind) && entry.kind !== 'branch';
}
