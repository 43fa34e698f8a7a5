import { expect } from 'vitest';
import type { OperationRecord } from '../../src/model/records.js';
import { isEnded } from '../../src/model/statuses.js';
import type { CommitBatch } from '../../src/store/store.js';
import type { Observer } from './observer.js';

/** What code of a flow saw in one of its scopes. */
interface Seen {
  readonly scope: string;
  readonly what: string;
}

/** What was seen of one execution of a flow's body. */
interface Execution {
  /** The branches whose outcome was recorded when it began: their bodies are not run in it, unless it is a whole replay. */
  readonly settled: ReadonlySet<string>;
  readonly saw: Seen[];
}

/**
 * Sees everything that flows and actions do, over all the processes of a history, and what becomes durable of it.
 */
export class Recorder implements Observer {
  readonly #executions = new Map<string, Execution[]>();
  readonly #closed = new Set<string>();
  readonly #settled = new Map<string, Set<string>>();
  readonly #begun = new Map<string, number>();
  /**
   * Actions whose body was called although their outcome or their cancellation was recorded, or the outcome of the branch they lie in; and what was seen
   * in branches whose outcome was recorded before.
   */
  readonly repeated: string[] = [];

  flowBegan(runId: string, whole: boolean): void {
    const executions = this.#executions.get(runId) ?? [];
    executions.push({ settled: new Set(whole ? [] : this.#settledOf(runId)), saw: [] });
    this.#executions.set(runId, executions);
  }

  flowSaw(runId: string, what: string, scope: string): void {
    const execution = this.#executions.get(runId)?.at(-1);
    execution?.saw.push({ scope, what });
    if (execution !== undefined && liesIn(scope, execution.settled)) this.repeated.push(`${runId} ${scope}: ${what}`);
  }

  actionBegan(runId: string, operationId: string): void {
    const action = `${runId} ${operationId}`;
    this.#begun.set(action, (this.#begun.get(action) ?? 0) + 1);
    if (this.#closed.has(action) || liesIn(operationId, this.#settledOf(runId))) this.repeated.push(action);
  }

  committed(batch: Pick<CommitBatch, 'operations'>): void {
    for (const entry of batch.operations) {
      const { runId, id, status } = entry;
      if (isEnded(status)) this.#closed.add(`${runId} ${id}`);
      if (isSettled(entry)) this.#settled.set(runId, this.#settledOf(runId).add(id));
    }
  }

  /** How often the body of an action was called; its most frequent one. */
  get mostBegun(): number {
    return Math.max(0, ...this.#begun.values());
  }

  get runIds(): string[] {
    return [...this.#executions.keys()];
  }

  /** How often the body of a flow was called. */
  executions(runId: string): number {
    return this.#executions.get(runId)?.length ?? 0;
  }

  /** What the last execution of a run saw; `undefined` if there was none. */
  lastSaw(runId: string): string[] | undefined {
    return this.#executions.get(runId)?.at(-1)?.saw.map(textOf);
  }

  /** What a replay of all that is recorded of a run sees, if it goes the way of the last execution; `undefined` if there was none. */
  replaySees(runId: string): string[] | undefined {
    const last = this.#executions.get(runId)?.at(-1);
    return last && outside(last.saw, this.#settledOf(runId));
  }

  /** What of all this the first execution of a run could see, as bodies of branches are not run again whose outcomes it found recorded. */
  visibleToFirst(runId: string, saw: readonly Seen[]): string[] {
    return outside(saw, this.#executions.get(runId)?.[0]?.settled ?? new Set());
  }

  /**
   * The last execution of each run has gone the way of every one before it, as far as that had come: it saw the same in the same order over all scopes,
   * but for the branches that had ended by then.
   */
  expectSamePaths(): void {
    for (const [runId, executions] of this.#executions) {
      const last = executions.at(-1) as Execution;
      for (const [index, execution] of executions.entries()) {
        const skipped = new Set([...last.settled, ...execution.settled]);
        const known = outside(execution.saw, skipped);
        const saw = outside(last.saw, skipped);
        expect(saw.slice(0, known.length), `what the last execution of ${runId} saw, and what execution ${index + 1} did`).toEqual(known);
      }
    }
  }

  #settledOf(runId: string): Set<string> {
    return this.#settled.get(runId) ?? new Set();
  }
}

/** Whether it is a branch with its outcome. */
function isSettled({ kind, seq }: OperationRecord): boolean {
  return kind === 'branch' && seq !== null;
}

/** Whether a scope or an operation is one of these branches, or lies in one. */
function liesIn(path: string, branches: ReadonlySet<string>): boolean {
  const parts = path.split('.');
  return parts.some((_, index) => branches.has(parts.slice(0, index + 1).join('.')));
}

function outside(saw: readonly Seen[], branches: ReadonlySet<string>): string[] {
  return saw.filter(({ scope }) => !liesIn(scope, branches)).map(textOf);
}

function textOf({ scope, what }: Seen): string {
  return scope === '' ? what : `[${scope}] ${what}`;
}
