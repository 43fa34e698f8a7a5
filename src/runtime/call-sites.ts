import type { LeakPolicy } from './definitions.js';

/** Whether it is kept where operations are called without `.start()`: that costs something for each. */
export interface CallSites {
  plain: boolean;
}

const KEPT: CallSites = { plain: true };
const NOT_KEPT: CallSites = { plain: false };

/**
 * For which runs it is kept where operations are called: where a leak fails the run, in the testing kit, and where a run of the flow has leaked before, or was blocked.
 */
export class CallSitePolicy {
  readonly #always: boolean;
  readonly #ofFlows = new Map<string, CallSites>();

  constructor(always = false) {
    this.#always = always;
  }

  /** For a run of the flow. It may change while the run is under way. */
  of(flow: string, leaks: LeakPolicy): CallSites {
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
