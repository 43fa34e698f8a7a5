import { expect } from 'vitest';
import { isEnded } from '../../src/model/statuses.js';
import type { CommitBatch } from '../../src/store/store.js';
import type { Observer } from './observer.js';

/** What was seen of one execution of a flow's body. */
type Trace = string[];

/**
 * Sees everything that flows and actions do, over all the processes of a history, and what becomes durable of it.
 */
export class Recorder implements Observer {
  readonly #executions = new Map<string, Trace[]>();
  readonly #closed = new Set<string>();
  readonly #begun = new Map<string, number>();
  /** Actions whose body was called although their outcome or their cancellation was recorded. */
  readonly repeated: string[] = [];

  flowBegan(runId: string): void {
    const executions = this.#executions.get(runId) ?? [];
    executions.push([]);
    this.#executions.set(runId, executions);
  }

  flowSaw(runId: string, what: string): void {
    this.#executions.get(runId)?.at(-1)?.push(what);
  }

  actionBegan(runId: string, operationId: string): void {
    const action = `${runId} ${operationId}`;
    this.#begun.set(action, (this.#begun.get(action) ?? 0) + 1);
    if (this.#closed.has(action)) this.repeated.push(action);
  }

  committed(batch: Pick<CommitBatch, 'operations'>): void {
    for (const { runId, id, status } of batch.operations) if (isEnded(status)) this.#closed.add(`${runId} ${id}`);
  }

  /** How often the body of an action was called; its most frequent one. */
  get mostBegun(): number {
    return Math.max(0, ...this.#begun.values());
  }

  /** What each execution of a run saw, oldest first. */
  executions(runId: string): readonly Trace[] {
    return this.#executions.get(runId) ?? [];
  }

  get runIds(): string[] {
    return [...this.#executions.keys()];
  }

  /** The last execution of each run has gone the way of every one before it, as far as that had come. */
  expectSamePaths(): void {
    for (const runId of this.runIds) {
      const last = this.executions(runId).at(-1) ?? [];
      for (const [index, trace] of this.executions(runId).entries()) {
        expect(last.slice(0, trace.length), `what the last execution of ${runId} saw, and what execution ${index + 1} did`).toEqual(trace);
      }
    }
  }
}
