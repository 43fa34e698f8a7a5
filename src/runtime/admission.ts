import { type CancelledError, UsageError } from '../errors/errors.js';
import { type Named, whatIs } from '../model/named.js';
import { currentPlace, type FlowPlace } from './current-scope.js';
import type { Operation } from './operations/operation.js';
import type { RunNotices } from './run-notices.js';
import type { Scope } from './scope.js';

/**
 * What a run's code may do where it stands, and when.
 *
 * Owns: whether the run has its turn, and whose code the turn resumed. Does not own: turns.
 *
 *   X1  Code of a run acts in its turns only, and as long as its run and its scope are open.
 *   X2  Code of a scope goes on in turns whose outcome belongs to that scope, to one around it, or to a future that it attends to. Anything else is a
 *       promise that branches share.
 *   X3  A future can be waited for in its own scope and within; cancelled and detached in its own only, since finished branches are not run again.
 */
export class Admission {
  readonly #run: { readonly id: string; readonly flow: string };
  readonly #notices: RunNotices;
  #closed: 'has ended' | 'has left this process' | undefined;
  #inTurn = false;
  /** Counts turns, and deliveries that turned out to be none. */
  #turn = 0;
  /** The first scope whose code this turn resumed. */
  #resumed: Scope | undefined;

  constructor(run: { readonly id: string; readonly flow: string }, notices: RunNotices) {
    this.#run = run;
    this.#notices = notices;
  }

  get inTurn(): boolean {
    return this.#inTurn;
  }

  beginTurn(): void {
    this.#inTurn = true;
    this.resumesNobody();
  }

  endTurn(): void {
    this.#inTurn = false;
    this.resumesNobody();
  }

  /** A delivery resumes code of this scope, or of what is in it. */
  resumes(scope: Scope): void {
    scope.turn = this.#turn;
    this.#resumed ??= scope;
  }

  /** What was delivered so far in this turn resumed no code. */
  resumesNobody(): void {
    this.#turn += 1;
    this.#resumed = undefined;
  }

  /** Nothing is admitted any more. */
  close(why: 'has ended' | 'has left this process'): void {
    this.#closed = why;
  }

  /** Refuses what code does when its run or its scope is over. @throws {UsageError} `RUN_ENDED` */
  requireOpen({ scope }: FlowPlace, deed: string, to?: Named): void {
    if (this.#closed !== undefined) {
      const { id, flow } = this.#run;
      throw new UsageError(
        'RUN_ENDED',
        `${deed}${to === undefined ? '' : ` ${whatIs(to)}`}: run ${id} of flow "${flow}" ${this.#closed}, but its code went on; await everything the flow starts before it returns`,
      );
    }
    if (scope.closed) {
      throw new UsageError(
        'RUN_ENDED',
        `${deed}${to === undefined ? '' : ` ${whatIs(to)}`}: ${scope.what} has ended, but its code went on; await everything the branch starts before it returns`,
      );
    }
  }

  /** Tells when code went on by something that is not durable. @throws {UsageError} `NON_DURABLE_AWAIT` when that is the engine's policy. */
  requireTurnOf(scope: Scope, to: Named): void {
    for (let each: Scope | undefined = scope; each !== undefined; each = each.parent) if (each.turn === this.#turn) return;
    if (this.#resumed === undefined) this.#notices.nonDurableAwait(scope, whatIs(to));
    else this.#notices.sharedAwait(scope, this.#resumed, whatIs(to));
  }

  /** Lets code wait for an operation. @throws {UsageError} `FOREIGN_FUTURE`, `RUN_ENDED`, `NON_DURABLE_AWAIT` */
  requireWaitable(operation: Operation): FlowPlace {
    const { future, place: home } = operation;
    const place = this.#requireOwnRun(operation, 'waited for');
    if (place.scope !== home.scope) {
      if (!place.scope.isWithin(home.scope)) {
        throw new UsageError(
          'FOREIGN_FUTURE',
          `${whatIs(future)} belongs to ${home.scope.what} and cannot be waited for in ${place.scope.what}: branches share nothing; await it where it was started, and return what others need`,
        );
      }
      if (place.scope.closed) this.requireOpen(place, 'waiting for', future);
      operation.requireLendable(place.scope);
      for (let { scope } = place; scope !== home.scope; scope = scope.parent as Scope) operation.lendTo(scope);
    }
    if (future.done()) return place;
    this.requireOpen(place, 'waiting for', future);
    if (this.#inTurn) this.requireTurnOf(place.scope, future);
    return place;
  }

  /** Lets code decide about an operation. @throws {UsageError} `FOREIGN_FUTURE` or `RUN_ENDED` */
  requireOwn(operation: Operation, verb: 'cancelled' | 'detached'): void {
    const { future, place: home } = operation;
    const place = this.#requireOwnRun(operation, verb);
    if (place.scope !== home.scope) {
      throw new UsageError(
        'FOREIGN_FUTURE',
        `${whatIs(future)} belongs to ${home.scope.what} and can be ${verb} only there, not in ${place.scope.what}: the body of a branch that has ended is not run again, so a replay could not repeat that`,
      );
    }
    this.requireOpen(place, verb === 'cancelled' ? 'cancelling' : 'detaching', future);
  }

  #requireOwnRun({ future }: Operation, verb: string): FlowPlace {
    const place = currentPlace();
    if (place?.kind === 'flow' && place.run.id === this.#run.id) return place;
    throw new UsageError(
      'FOREIGN_FUTURE',
      `${whatIs(future)} belongs to run ${this.#run.id} of flow "${this.#run.flow}" and can be ${verb} in that run only; from outside, use engine.future(runId)`,
    );
  }
}

/** Why nothing more can be started or waited for here, if that is so. */
export function cancellationOf({ scope, shielded }: FlowPlace): CancelledError | undefined {
  return shielded ? undefined : scope.cancelled;
}
