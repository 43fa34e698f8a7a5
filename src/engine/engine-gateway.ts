import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import type { Logger } from '../model/logger.js';
import type { EventSink } from '../runtime/notices/engine-events.js';
import type { RunServices } from '../runtime/run-ports.js';
import type { Store } from '../store/store.js';
import { Client } from '../worker/client.js';
import type { Gateway } from '../worker/gateway.js';
import { Worker } from '../worker/worker.js';
import { type EngineOptions, workerLimits } from './options.js';
import { registry } from './registry.js';
import type { Retention } from './retention.js';

/** What an engine is made of besides its options; the testing kit puts others in their places. */
export interface EngineParts {
  readonly clock?: Clock;
  readonly bodyOf?: RunServices['bodyOf'];
  readonly newSeed?: RunServices['newSeed'];
  readonly gate?: RunServices['gate'];
  readonly keepsCallSites?: boolean;
}

interface Surroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly codec: Codec;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly newSeed: RunServices['newSeed'];
  /** Begins to delete what is not to be kept. */
  readonly tidy: (retention: Retention) => Promise<void>;
  /** The store failed for good. */
  readonly onFailure: (error: unknown) => void;
}

/** How the calls of an engine reach runs: through its worker, or, where it executes nothing, without one. */
export function engineGateway(options: EngineOptions, parts: EngineParts, surroundings: Surroundings): Gateway {
  const { logger, tidy } = surroundings;
  const { retention } = options;
  if (options.execute === false) {
    if (retention !== undefined)
      logger.warn('open({ execute: false }): retention does nothing, since this engine only asks; call engine.prune() to delete runs');
    return new Client(surroundings);
  }
  return new Worker({
    ...surroundings,
    flows: registry,
    leaks: options.leaks ?? 'warn',
    nonDurableAwait: options.nonDurableAwait ?? 'warn',
    ...workerLimits(options),
    tidy: retention && (() => tidy(retention)),
    retry: options.retry,
    maxConcurrentActions: options.maxConcurrentActions,
    interceptors: options.interceptors,
    bodyOf: parts.bodyOf,
    gate: parts.gate,
    keepsCallSites: parts.keepsCallSites,
  });
}
