import type { Clock } from '../../clock/clock.js';
import type { CancelledError, LeakedFuturesError } from '../../errors/errors.js';
import { isCancelledError } from '../../errors/is-cancelled.js';
import { cancellation } from '../../futures/cancellation.js';
import type { LeakPolicy } from '../definitions.js';
import type { LeakedFuture } from '../notices/engine-events.js';
import type { RunNotices } from '../notices/run-notices.js';
import type { EndedBranch } from '../operations/operation.js';
import type { OutcomeSource } from '../outcomes/outcome-source.js';
import type { Admission } from './admission.js';
import { leakError, leakedRejection, leaksOf } from './leak-report.js';
import type { Scope } from './scope.js';

/** What the ends of a run's scopes have in common. */
interface ScopeRules {
  readonly leaks: LeakPolicy;
  readonly notices: RunNotices;
  readonly clock: Clock;
  readonly admission: Pick<Admission, 'resumes'>;
  readonly outcomes: Pick<OutcomeSource, 'hasNext' | 'goesOnLate'>;
}

interface HeldRejection {
  readonly reason: unknown;
  readonly scope: Scope;
}

/**
 * The scopes of a run that are coming to their ends, and the rejections without a handler.
 *
 * Owns: how far each end is. Does not own: when there are turns.
 *
 * States of a scope: open; its body has ended, and code that it runs is told; closed, when no shield is open and everybody is told; reported, a turn later.
 *
 *   V1  What a scope has left behind is stopped when it is closed, and the outcome of a branch is made a turn later.
 *   V2  A rejection is reported with its scope, whose end may be cut short by that of the run, or with the run when the scope had ended by then; only in
 *       the first case can it fail anything, so that a replay, which does not run that branch again, comes to the same end.
 */
export class ClosingScopes {
  readonly #rules: ScopeRules;
  /** The run's own scope, when its body has ended. */
  #root: Scope | undefined;
  #branches: Map<EndedBranch, ClosingScope | undefined> | undefined;
  #rejections: Map<Promise<unknown>, HeldRejection> | undefined;
  /** The errors that code of ended scopes was told: to reject with one is nothing to report. */
  #told: Set<unknown> | undefined;
  /** Code was told while outcomes of an earlier execution lay ahead. */
  #toldAhead = false;

  constructor(rules: ScopeRules) {
    this.#rules = rules;
  }

  bodyEnded(root: Scope): void {
    this.#root = root;
  }

  branchEnded(branch: EndedBranch): void {
    this.#branches ??= new Map();
    this.#branches.set(branch, undefined);
  }

  hold(promise: Promise<unknown>, reason: unknown, scope: Scope): void {
    this.#rejections ??= new Map();
    this.#rejections.set(promise, { reason, scope });
  }

  release(promise: Promise<unknown>): void {
    this.#rejections?.delete(promise);
  }

  /**
   * A turn begins: code of scopes that have ended is told. Returns whether that resumed any.
   *
   * @param now - Also if what is recorded goes on otherwise.
   */
  turnBegan(now = false): boolean {
    let resumed = false;
    if (this.#branches !== undefined) for (const { scope } of this.#branches.keys()) if (this.#windUp(scope, now)) resumed = true;
    return (this.#root !== undefined && this.#windUp(this.#root, now)) || resumed;
  }

  /** Whether code was told that may have gone on when the journal was written: an earlier release did not tell it. */
  get toldAhead(): boolean {
    return this.#toldAhead;
  }

  #windUp(scope: Scope, now: boolean): boolean {
    if (!scope.runsCode) return false;
    const { outcomes } = this.#rules;
    if (outcomes.hasNext) {
      if (outcomes.goesOnLate && scope.shields > 0 && !now) return false;
      this.#toldAhead = !outcomes.goesOnLate;
    }
    const error = overOf(scope);
    this.#told ??= new Set();
    this.#told.add(error);
    const resumed = scope.windUp(error);
    if (resumed) this.#rules.admission.resumes(scope);
    return resumed;
  }

  /**
   * A turn is over: takes the branches that have ended a step further.
   *
   * @param conclude - Given what makes the outcome of a branch.
   * @returns Whether that goes on in another turn.
   */
  turnEnded(conclude: (step: () => void) => void): boolean {
    if (this.#branches === undefined) return false;
    let goesOn = false;
    for (const [branch, end] of this.#branches) {
      const { scope } = branch;
      if (scope.runsCode) {
        goesOn = true;
        continue;
      }
      if (scope.shields > 0) continue;
      if (end === undefined) {
        this.#branches.set(branch, new ClosingScope(scope, this.#rules, branch.awaited));
        goesOn = true;
        continue;
      }
      this.#branches.delete(branch);
      const leakFailure = end.report(this.#take(scope));
      conclude(() => {
        scope.outliveAll();
        branch.conclude(leakFailure);
      });
    }
    return goesOn;
  }

  /** The run's own scope ends. Returns the error that the run fails with for what was left behind, if that is the policy. */
  runEnded(scope: Scope): Error | undefined {
    for (const [branch, end] of this.#branches ?? []) {
      branch.tellOfFailure();
      end?.report(this.#take(branch.scope));
    }
    const rejections = this.#take(scope);
    const ofBranches = [...(this.#rejections?.values() ?? [])].filter(isNotable).map(({ reason }) => reason);
    return new ClosingScope(scope, this.#rules, true).report(rejections, ofBranches);
  }

  #take(scope: Scope): unknown[] {
    const taken: unknown[] = [];
    if (this.#rejections === undefined) return taken;
    for (const [promise, rejection] of this.#rejections) {
      if (rejection.scope !== scope) continue;
      this.#rejections.delete(promise);
      if (this.#told?.has(rejection.reason) !== true) taken.push(rejection.reason);
    }
    return taken;
  }
}

/**
 * The end of a scope, in two steps, as Node tells of unhandled rejections only when the macrotask is over in which they arose: at first what was left
 * behind is taken down and stopped, a turn later it is reported.
 */
class ClosingScope {
  readonly #scope: Scope;
  readonly #rules: ScopeRules;
  readonly #awaited: boolean;
  readonly #leaks: readonly LeakedFuture[];

  /** @param awaited - Whether the scope's outcome is asked for; a branch that was cancelled could not attend to everything. */
  constructor(scope: Scope, rules: ScopeRules, awaited: boolean) {
    this.#scope = scope;
    this.#rules = rules;
    this.#awaited = awaited;
    this.#leaks = rules.leaks === 'ignore' || !awaited ? [] : leaksOf(scope, rules.clock.now());
    scope.close(() => overOf(scope));
  }

  /**
   * Reports what was left behind. Returns the error that the scope fails with, if that is the policy.
   *
   * @param rejections - Those in the scope without a handler.
   * @param others - Those of scopes that cannot fail any more.
   */
  report(rejections: readonly unknown[], others: readonly unknown[] = []): LeakedFuturesError | undefined {
    const { leaks, notices } = this.#rules;
    if (leaks === 'ignore' || this.#leaks.length + rejections.length + others.length === 0) return undefined;
    const notable = this.#awaited ? rejections : rejections.filter((reason) => !isCancelledError(reason));
    const own = [...this.#leaks, ...notable.map(leakedRejection)];
    const all = [...own, ...others.map(leakedRejection)];
    if (all.length > 0) notices.leaked(this.#scope, all);
    return leaks === 'error' && own.length > 0 ? leakError(this.#scope.what, own) : undefined;
  }
}

/** What code is told whose scope has ended. */
function overOf(scope: Scope): CancelledError {
  return cancellation(scope.what, 'it has ended, and nothing outlives it unnoticed', 'leak');
}

/** Whether a rejection of a branch tells anything: code that was cancelled rejects with that. */
function isNotable({ reason, scope }: HeldRejection): boolean {
  return scope.cancelled === undefined || !isCancelledError(reason);
}
