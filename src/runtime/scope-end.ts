import { CancelledError, type LeakedFuturesError } from '../errors/errors.js';
import { cancellation } from '../futures/future.js';
import type { LeakPolicy } from './definitions.js';
import type { LeakedFuture } from './events.js';
import { leakError, leakedRejection, leaksOf } from './leak-report.js';
import type { RunNotices } from './run-notices.js';
import type { Scope } from './scope.js';

/** What the ends of a run's scopes have in common. */
export interface ScopeRules {
  readonly leaks: LeakPolicy;
  readonly notices: RunNotices;
  now(): number;
}

/**
 * The end of a scope, in two steps, as Node tells of unhandled rejections only when the macrotask is over in which they arose: at first what was left
 * behind is taken down and stopped, a turn later it is reported.
 */
export class ScopeEnd {
  readonly #scope: Scope;
  readonly #rules: ScopeRules;
  readonly #awaited: boolean;
  readonly #leaks: readonly LeakedFuture[];

  /** @param awaited - Whether the scope's outcome is asked for; a branch that was cancelled could not attend to everything. */
  constructor(scope: Scope, rules: ScopeRules, awaited: boolean) {
    this.#scope = scope;
    this.#rules = rules;
    this.#awaited = awaited;
    this.#leaks = rules.leaks === 'ignore' || !awaited ? [] : leaksOf(scope, rules.now());
    scope.close(() => cancellation(scope.what, 'it has ended, and nothing outlives it unnoticed'));
  }

  /**
   * Reports what was left behind. Returns the error that the scope fails with, if that is the policy.
   *
   * @param rejections - Those in the scope that nobody handled.
   * @param others - Those of scopes that cannot fail any more.
   */
  report(rejections: readonly unknown[], others: readonly unknown[] = []): LeakedFuturesError | undefined {
    const { leaks, notices } = this.#rules;
    if (leaks === 'ignore') return undefined;
    const notable = this.#awaited ? rejections : rejections.filter((reason) => !(reason instanceof CancelledError));
    const own = [...this.#leaks, ...notable.map(leakedRejection)];
    const all = [...own, ...others.map(leakedRejection)];
    if (all.length > 0) notices.leaked(this.#scope, all);
    return leaks === 'error' && own.length > 0 ? leakError(this.#scope.what, own) : undefined;
  }
}
