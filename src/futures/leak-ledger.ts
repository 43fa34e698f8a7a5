import type { Future } from './future.js';

/** Starts of a scope whose call sites are kept. */
const CALL_SITES = 100;

/** The public function a start came through: frames above it are the user's. */
export type EntryPoint = (...args: never[]) => unknown;

/**
 * What one scope has started and not yet taken delivery of.
 *
 * Owns: the open futures of the scope, and where the first of them were started. Does not own: what becomes of them (the run cancels them).
 *
 *   L1  A future is open from its start until it is cancelled, detached, or both delivered and observed.
 *   L2  Call sites are captured for the first starts only, and turned into text only for a report.
 */
export class LeakLedger {
  readonly #open = new Set<Future<unknown>>();
  #starts = 0;
  #callSites: Map<Future<unknown>, { readonly stack?: string }> | undefined;

  /** @param entryPoint - The `.start()` it came through; left out where the call site is not kept. */
  add(future: Future<unknown>, entryPoint?: EntryPoint): void {
    this.#open.add(future);
    if (entryPoint === undefined || this.#starts >= CALL_SITES) return;
    this.#starts += 1;
    const site: { stack?: string } = {};
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 1;
    Error.captureStackTrace(site, entryPoint);
    Error.stackTraceLimit = stackTraceLimit;
    this.#callSites ??= new Map();
    this.#callSites.set(future, site);
  }

  /** The future is accounted for. */
  release(future: Future<unknown>): void {
    this.#open.delete(future);
    this.#callSites?.delete(future);
  }

  /** The futures nobody has taken delivery of, in the order of their starts. */
  open(): readonly Future<unknown>[] {
    return [...this.#open];
  }

  /** Where a future was started, such as `main (orders.ts:12:5)`, if that was kept. */
  callSite(future: Future<unknown>): string | undefined {
    return this.#callSites
      ?.get(future)
      ?.stack?.split('\n')[1]
      ?.trim()
      .replace(/^at (?:async )?/, '');
  }
}
