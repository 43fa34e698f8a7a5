import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import type { Logger } from '../model/logger.js';
import type { Interceptor } from '../runtime/attempts/interceptor.js';
import type { RetryStrategy } from '../runtime/attempts/retry-strategy.js';
import type { FlowDefinition, LeakPolicy, NonDurableAwaitPolicy } from '../runtime/definitions.js';
import type { EventSink } from '../runtime/notices/engine-events.js';
import type { RunServices } from '../runtime/run-ports.js';
import type { Store } from '../store/store.js';
import type { ResidentLimits } from './residency.js';

/** The flows this process can run. */
export interface FlowSource {
  find(flow: string, version: number): FlowDefinition | undefined;
  all(): { readonly flow: string; readonly version: number }[];
}

export interface WorkerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly codec: Codec;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly flows: FlowSource;
  readonly leaks: LeakPolicy;
  readonly nonDurableAwait: NonDurableAwaitPolicy;
  readonly leaseMs: number;
  /** A run against which so many crashes count is not begun. */
  readonly maxRecoveries: number;
  readonly residents: ResidentLimits;
  /** Done now and then. */
  readonly tidy?: (() => Promise<void>) | undefined;
  /** Default: the definition's own body. */
  readonly bodyOf?: RunServices['bodyOf'] | undefined;
  readonly newSeed: RunServices['newSeed'];
  /** Run around the bodies of actions, the first outermost. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  readonly gate?: RunServices['gate'];
  /** Whether it is kept of all calls where they are, whatever that costs. */
  readonly keepsCallSites?: boolean | undefined;
  /** For actions that say nothing of it. Default: no second attempt. */
  readonly retry?: RetryStrategy | undefined;
  /** How many bodies of actions run at once; `undefined`: any number. */
  readonly maxConcurrentActions?: number | undefined;
  /** The store failed for good: nothing more can be made durable. */
  readonly onFailure: (error: unknown) => void;
}
