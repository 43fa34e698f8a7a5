import { type CancelledError, UsageError } from '../../errors/errors.js';
import type { WaitPlace } from '../../futures/conditions.js';
import type { Future } from '../../futures/future.js';
import type { Abortable } from '../../futures/future-owner.js';
import { type Named, whatIs } from '../../model/named.js';
import type { RunNotices } from '../notices/run-notices.js';
import type { Operation } from '../operations/operation.js';
import { currentPlace, type FlowPlace, runAt } from './current-place.js';
import { Refusals } from './refusals.js';
import type { Scope } from './scope.js';

interface AdmittingRun {
  readonly id: string;
  readonly flow: string;
  /** Code of a cancelled scope gets no more answers: it has come to its end, as far as anybody waits for it. */
  giveUp(scope: Scope): void;
}

/** How often code is told that it went on after its end. */
const ANSWERED_TOO_LATE = 100;

/**
 * What a run's code may do where it stands, and when.
 *
 * Owns: whether the run has its turn, whose code the turn resumed, and what code of cancelled scopes is refused. Does not own: turns.
 *
 *   AD1  Code of a run acts in its turns only, and as long as its run and its scope are open.
 *   AD2  Code of a scope goes on in turns whose outcome belongs to that scope, to one around it, or to a future that it attends to. Anything else is a
 *       promise that branches share.
 *   AD3  A future can be waited for in its own scope and within; cancelled and detached in its own only, since finished branches are not run again.
 *   AD4  Code that goes on after the end of its run or scope is told so; if it goes on in spite of that, it waits for ever, and does not block the process.
 */
export class Admission {
  /** Made when code of a cancelled scope asks for something. */
  refusals: Refusals | undefined;
  readonly #run: AdmittingRun;
  readonly #notices: RunNotices;
  #closed: 'has ended' | 'has left this process' | undefined;
  #inTurn = false;
  /** Counts turns, and deliveries that turned out to be none. */
  #turn = 0;
  /** How often code asked that went on after its end. */
  #askedTooLate = 0;
  /** The first scope whose code this turn resumed. */
  #resumed: Scope | undefined;

  constructor(run: AdmittingRun, notices: RunNotices) {
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

  /**
   * Whether code may ask for anything where it stands, as its run and its scope are open (AD4).
   *
   * @throws {UsageError} `RUN_ENDED`
   */
  requireOpen(place: FlowPlace, deed: string, to?: Named): boolean {
    if (this.#closed === undefined && !place.scope.closed) return true;
    this.#askedTooLate += 1;
    if (this.#askedTooLate <= ANSWERED_TOO_LATE) throw this.#tooLate(place, deed, to);
    return false;
  }

  #tooLate({ scope }: FlowPlace, deed: string, to: Named | undefined): UsageError {
    const { id, flow } = this.#run;
    const what = to === undefined ? deed : `${deed} ${whatIs(to)}`;
    const [over, who] =
      this.#closed === undefined ? [`${scope.what} has ended`, 'branch'] : [`run ${id} of flow "${flow}" ${this.#closed}`, 'flow'];
    return new UsageError('RUN_ENDED', `${what}: ${over}, but its code went on; await everything the ${who} starts before it returns`);
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
      if (place.scope.closed && !this.requireOpen(place, 'waiting for', future)) return place;
      operation.requireShareable(place.scope);
      for (let { scope } = place; scope !== home.scope; scope = scope.parent as Scope) operation.shareWith(scope);
    }
    if (future.done()) return place;
    if (!this.requireOpen(place, 'waiting for', future)) return place;
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
    if (this.#closed === undefined && !place.scope.closed) return;
    throw this.#tooLate(place, verb === 'cancelled' ? 'cancelling' : 'detaching', future);
  }

  /** Whether it is refused to start an operation: its future becomes CANCELLED, at once or later. */
  refusesStart(operation: Operation): boolean {
    const { place } = operation;
    const cancelled = cancellationOf(place);
    if (cancelled === undefined) return false;
    // Not before: what is recorded may give it another id.
    const { future } = operation;
    const refuse = (): boolean => !future.done() && future.settleError('CANCELLED', cancelled);
    future.disclaim();
    if (this.#refusalsOf().refuse(place.scope, refuse)) refuse();
    return true;
  }

  /**
   * Lets code wait, until its place is cancelled. Returns what ends the wait; `undefined` if it is refused later: then `wait` is made to stop.
   *
   * @throws {CancelledError} @throws {UsageError} `RUN_ENDED`
   */
  enterWait(wait: Abortable, place: FlowPlace): (() => void) | undefined {
    if (!this.requireOpen(place, 'waiting for futures')) return undefined;
    const cancelled = cancellationOf(place);
    if (cancelled === undefined) return place.scope.enterWait(wait, place.shielded);
    if (this.#refusalsOf().refuse(place.scope, () => wait.abort(cancelled))) throw cancelled;
    return undefined;
  }

  /** What a wait needs that is made here. */
  waitPlace(place: FlowPlace, limit: WaitPlace['limit']): WaitPlace {
    const { scope } = place;
    return {
      scope,
      limit,
      enter: (wait) => this.enterWait(wait, place),
      attend: (future) => {
        // What was waited for when a branch ended is noted with it.
        if (!scope.closed) runAt(place, () => future.admit());
      },
    };
  }

  /** Code asks for the outcome of a future that was cancelled. Returns whether it is told at once; if not, `tell` is called later. */
  tellsAtOnce(future: Future<unknown>, tell: () => void): boolean {
    const { scope, shielded } = currentPlace() as FlowPlace;
    return shielded || scope.cancelled === undefined || this.#refusalsOf().askedFor(future, scope, tell);
  }

  #refusalsOf(): Refusals {
    this.refusals ??= new Refusals(this, (scope) => this.#run.giveUp(scope));
    return this.refusals;
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
