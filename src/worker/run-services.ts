import { allAround } from '../runtime/attempts/interceptor.js';
import { Limiter } from '../runtime/attempts/limiter.js';
import type { RunServices } from '../runtime/run-ports.js';
import { CallSitePolicy } from '../runtime/scopes/call-sites.js';
import type { WorkerOptions } from './worker-options.js';

/** What all runs of a worker share. @param workerId - What its id is now: it has another one when it has registered again. */
export function runServices(options: WorkerOptions, workerId: () => string): RunServices {
  const { clock, codec, events, logger, leaks, nonDurableAwait, retry, gate } = options;
  return {
    get workerId(): string {
      return workerId();
    },
    clock,
    codec,
    events,
    logger,
    leaks,
    nonDurableAwait,
    callSites: new CallSitePolicy(options.keepsCallSites),
    limiter: new Limiter(options.maxConcurrentActions),
    retry,
    gate,
    newSeed: options.newSeed,
    around: allAround(options.interceptors),
    bodyOf: options.bodyOf ?? (({ body }) => body),
  };
}
