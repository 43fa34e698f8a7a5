import { whatIs } from '../model/named.js';
import { isBatch } from '../model/statuses.js';
import type { Operation } from './operations/operation.js';
import { type Rest, restsUntil, STAYS } from './resting.js';
import { type ToldOperations, toldOperations } from './told-operations.js';

/** Whether the run still goes through what an earlier execution recorded. */
interface CatchUpState {
  readonly underWay: boolean;
}

/**
 * What a run has started and not yet delivered, by id: the outcomes that come find their operations here. What its scopes do to them, they know
 * themselves.
 *
 *   Q1  An operation leaves by being delivered, cancelled or ended, once; none of its outcomes is delivered afterwards.
 */
export class PendingOperations {
  readonly #catchUp: CatchUpState;
  /** In a sequence there is never more than one: it needs no table. */
  #only: Operation | undefined;
  #others: Map<string, Operation> | undefined;
  #working = 0;
  #batches = 0;

  constructor(catchUp: CatchUpState) {
    this.#catchUp = catchUp;
  }

  /** How many of them can come to an outcome by themselves: batches and branches only wait for others. */
  get working(): number {
    return this.#working;
  }

  /** Whether code that has been started waits for nothing durable. */
  get someStandStill(): boolean {
    return this.#all().some(({ standsStill }) => standsStill);
  }

  add(operation: Operation): void {
    if (this.#only === undefined) this.#only = operation;
    else {
      this.#others ??= new Map();
      this.#others.set(operation.entry.id, operation);
    }
    if (works(operation)) this.#working += 1;
    else if (isBatch(operation.entry.kind)) this.#batches += 1;
  }

  find(operationId: string): Operation | undefined {
    return this.#only?.entry.id === operationId ? this.#only : this.#others?.get(operationId);
  }

  delete(operation: Operation): void {
    if (this.#only === operation) this.#only = undefined;
    else if (this.#others?.delete(operation.entry.id) !== true) return;
    if (works(operation)) this.#working -= 1;
    else if (isBatch(operation.entry.kind)) this.#batches -= 1;
  }

  /**
   * How the run waits: it sleeps until the first of them goes on by itself, or its limit runs out. It stays as well when nothing can come at all.
   *
   * @param limitAt - When the run's limit runs out; `null` without one.
   */
  rest(limitAt: number | null): Rest {
    if (this.#working === 0) return STAYS;
    let first = limitAt;
    for (const operation of this.#all()) {
      if (!works(operation)) continue;
      const { rest } = operation;
      if (rest.kind === 'stays') return rest;
      if (rest.kind === 'sleeps') first = Math.min(first ?? rest.untilMs, rest.untilMs);
    }
    return restsUntil(first);
  }

  /** The runs whose ends are waited for. */
  get awaitedRuns(): string[] {
    return this.#all().flatMap(({ awaitedRunId }) => awaitedRunId ?? []);
  }

  /** Of these, those that the run does not let go. */
  get awaitedChildren(): string[] {
    return this.#all().flatMap(({ detached, awaitedRunId }) => (detached ? [] : (awaitedRunId ?? [])));
  }

  /** Those that can come to an outcome by themselves, as messages name them. */
  get names(): string[] {
    return this.#all()
      .filter(works)
      .map(({ entry }) => whatIs(entry));
  }

  /** What those are told who look: at most so many of them; `undefined` while the run goes through its journal. */
  told(limit: number): ToldOperations | undefined {
    return this.#catchUp.underWay ? undefined : toldOperations(this.#each(), this.#batches, limit);
  }

  /** The run leaves this process. */
  leaveAll(reason: Error): void {
    for (const operation of this.#all()) operation.leave(reason);
    this.#only = undefined;
    this.#others = undefined;
    this.#working = 0;
    this.#batches = 0;
  }

  /** As `#all`, without a copy. */
  *#each(): Generator<Operation> {
    if (this.#only !== undefined) yield this.#only;
    if (this.#others !== undefined) yield* this.#others.values();
  }

  #all(): readonly Operation[] {
    return [...(this.#only === undefined ? [] : [this.#only]), ...(this.#others?.values() ?? [])];
  }
}

function works({ entry }: Operation): boolean {
  return !isBatch(entry.kind) && entry.kind !== 'branch';
}
