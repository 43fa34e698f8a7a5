import type { KeptSites } from '../../futures/leak-ledger.js';
import type { LeakPolicy } from '../definitions.js';

const KEPT: KeptSites = { plain: true };
const NOT_KEPT: KeptSites = { plain: false };

/**
 * For which runs it is kept where operations are called without `.start()`, which costs something for each: where a leak fails the run, in the testing kit, and where a run of the flow has leaked before, or was blocked.
 */
export class CallSitePolicy {
  readonly #always: boolean;
  readonly #ofFlows = new Map<string, { plain: boolean }>();

  constructor(always = false) {
    this.#always = always;
  }

  /** For a run of the flow. It may change while the run is under way. */
  of(flow: string, leaks: LeakPolicy): KeptSites {
    if (leaks === 'ignore') return NOT_KEPT;
    if (this.#always || leaks === 'error') return KEPT;
    let sites = this.#ofFlows.get(flow);
    if (sites === undefined) {
      sites = { plain: false };
      this.#ofFlows.set(flow, sites);
    }
    return sites;
  }

  /** From now on for all runs of the flow: one has leaked, or could not be replayed. */
  keep(flow: string): void {
    const sites = this.#ofFlows.get(flow);
    if (sites !== undefined) sites.plain = true;
  }
}
