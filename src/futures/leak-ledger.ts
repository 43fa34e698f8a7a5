import { type CallSite, callSiteOf, callSiteText, type EntryPoint } from '../errors/call-site.js';
import { ArrivalOrder } from '../model/arrival-order.js';
import type { Future } from './future.js';

/** Starts of a scope whose call sites are kept; and, of those that are called without `.start()`, how many at a time. */
const CALL_SITES = 100;

/** Whether call sites are kept of what is called without `.start()`. */
export interface KeptSites {
  readonly plain: boolean;
}

/** Something that was started, by the id of its operation: that of a child run's future is its run's, and several may have the same. */
interface Started {
  readonly entry: { readonly id: string };
  readonly future: Future<unknown>;
}

const isOpen = ({ future }: Started): boolean => !future.accountedFor;

/**
 * What one scope has started and not yet taken delivery of.
 *
 * Owns: the open futures of the scope, and where the first of them were started. Does not own: what becomes of them (the run cancels them).
 *
 *   LL1  A future is open from its start until it is cancelled, detached, or both delivered and observed; a timer until it is waited for.
 *   LL2  That a future is observed may be known before it is started.
 *   LL3  Call sites are captured for the first starts only, for plain calls only where that is asked for, and turned into text only for a report.
 */
export class LeakLedger {
  readonly #open = new ArrivalOrder<Started>(isOpen);
  readonly #sites: KeptSites;
  #observed: Set<string> | undefined;
  #starts = 0;
  #callSites: Map<Future<unknown>, CallSite> | undefined;

  constructor(sites: KeptSites) {
    this.#sites = sites;
  }

  /**
   * @param entryPoint - The function it came through; left out where the call site is never kept.
   * @param plain - That is no `.start()`: its caller mostly waits for it.
   */
  add(started: Started, entryPoint?: EntryPoint, plain = false): void {
    const { future } = started;
    if (future.accountedFor) return;
    this.#open.add(started);
    if (entryPoint === undefined || !(plain ? this.#keepsPlain() : this.#keepsStart())) return;
    this.#callSites ??= new Map();
    this.#callSites.set(future, callSiteOf(entryPoint));
  }

  #keepsPlain(): boolean {
    return this.#sites.plain && (this.#callSites === undefined || this.#callSites.size < CALL_SITES);
  }

  #keepsStart(): boolean {
    this.#starts += 1;
    return this.#starts <= CALL_SITES;
  }

  /** The future is accounted for. */
  released(future: Future<unknown>): void {
    this.#open.left();
    this.#callSites?.delete(future);
  }

  /** Somebody takes delivery of it, whether it has been started or will be. */
  observe(operationId: string): void {
    this.#observed ??= new Set();
    this.#observed.add(operationId);
  }

  get isEmpty(): boolean {
    return this.#open.present.length === 0;
  }

  /** The futures that no code has taken delivery of, in the order of their starts. */
  open(): readonly Future<unknown>[] {
    const isTaken = ({ entry, future }: Started): boolean =>
      (future.done() || future.kind === 'timer') && this.#observed?.has(entry.id) === true;
    return this.#open.present.filter((started) => !isTaken(started)).map(({ future }) => future);
  }

  /** Where the last of those was started that code waits for, if that was kept. */
  get waitsAt(): string | undefined {
    const last = this.#open.present.findLast(({ future }) => future.awaited && this.#callSites?.has(future) === true);
    return last && this.callSite(last.future);
  }

  /** Where a future was started, such as `main (orders.ts:12:5)`, if that was kept. */
  callSite(future: Future<unknown>): string | undefined {
    return callSiteText(this.#callSites?.get(future));
  }
}
