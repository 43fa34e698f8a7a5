import type { EndedBranch } from './operations/operation.js';
import type { Scope } from './scope.js';
import { ScopeEnd, type ScopeRules } from './scope-end.js';

/**
 * The scopes of a run that are coming to their ends, and the rejections that nobody has handled.
 *
 * Owns: how far each end is. Does not own: when there are turns.
 *
 *   V1  A branch ends when its body and its shields have; what it left behind is stopped in that turn, and its outcome is made in the next.
 *   V2  A rejection is reported with its scope, or with the run when the scope has been closed by then; only in the first case can it fail anything, so
 *       that a replay, which does not run that branch again, comes to the same end.
 */
export class ScopeEnds {
  readonly #rules: ScopeRules;
  readonly #branches = new Map<EndedBranch, ScopeEnd | undefined>();
  #rejections: Map<Promise<unknown>, { readonly reason: unknown; readonly scope: Scope }> | undefined;

  constructor(rules: ScopeRules) {
    this.#rules = rules;
  }

  branchEnded(branch: EndedBranch): void {
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
   * A turn is over: takes the branches that have ended a step further.
   *
   * @param conclude - Given what makes the outcome of a branch.
   * @returns Whether that goes on in another turn.
   */
  turnEnded(conclude: (step: () => void) => void): boolean {
    let goesOn = false;
    for (const [branch, end] of this.#branches) {
      const { scope } = branch;
      if (scope.shields > 0) continue;
      if (end === undefined) {
        this.#branches.set(branch, new ScopeEnd(scope, this.#rules, branch.awaited));
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
    for (const branch of this.#branches.keys()) branch.tellOfFailure();
    const rejections = this.#take(scope);
    const ofBranches = [...(this.#rejections?.values() ?? [])].map(({ reason }) => reason);
    return new ScopeEnd(scope, this.#rules, true).report(rejections, ofBranches);
  }

  #take(scope: Scope): unknown[] {
    const taken: unknown[] = [];
    for (const [promise, rejection] of this.#rejections ?? []) {
      if (rejection.scope !== scope) continue;
      this.#rejections?.delete(promise);
      taken.push(rejection.reason);
    }
    return taken;
  }
}
