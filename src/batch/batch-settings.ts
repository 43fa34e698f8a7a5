import type { Serdes } from '../codec/serdes.js';
import type { BatchResult } from './batch-result.js';
import type { CompletionPolicy } from './completion-policy.js';

/** What becomes of branches that are not done when their batch is complete: they are cancelled, or left to go on until the scope around the batch ends. */
export type UnfinishedPolicy = 'cancel' | 'leave';

/** How a batch is run. */
export interface BatchSettings {
  /** Branches that run at once; `undefined`: all of them. */
  readonly maxConcurrency: number | undefined;
  readonly completion: CompletionPolicy;
  readonly unfinished: UnfinishedPolicy;
  readonly serdes: Serdes | undefined;
  readonly itemSerdes: Serdes | undefined;
  readonly summaryGenerator: ((result: BatchResult<unknown>) => string) | undefined;
}
