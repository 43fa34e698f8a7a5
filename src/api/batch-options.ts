import type { BatchResult } from '../batch/batch-result.js';
import type { BatchSettings, UnfinishedPolicy } from '../batch/batch-settings.js';
import { type CompletionConfig, type CompletionThresholds, readCompletion } from '../batch/completion-policy.js';
import type { Serdes } from '../codec/serdes.js';
import { UsageError } from '../errors/errors.js';
import {
  isFunction,
  isOneOf,
  isPositiveInteger,
  isText,
  type OptionTable,
  readOptions,
  SERDES_OPTION,
  TEXT,
} from '../options/read-options.js';

/** Options of `parallel` and `map`. `Item` is what `itemNamer` names: a branch, or an item of the list. */
export interface BatchOptions<Item, R> {
  /** What the operation is called in journals and logs. Default: the function's name for `map`, else `parallel` or `map`. */
  readonly name?: string;
  /** Branches that run at once; a branch that waits keeps its place. Default: all of them. */
  readonly maxConcurrency?: number;
  /** When the batch is complete. Default: `parallel` stops at the first failure, `map` goes on until every item is done. */
  readonly completionConfig?: CompletionConfig;
  /** What becomes of branches that are not done then: `cancel` (the default), or `leave`, which lets them go on until the scope around them ends. */
  readonly unfinished?: UnfinishedPolicy;
  /** Names a branch. Default `parallel-branch-<i>` and `map-item-<i>`. */
  readonly itemNamer?: (item: Item, index: number) => string;
  /** How the whole result becomes text and comes back: it gets a `BatchResult`, and gives one back or what its `toJSON()` made. */
  readonly serdes?: Serdes;
  /** How the value of a branch becomes text and comes back. */
  readonly itemSerdes?: Serdes;
  /** Called once with a result of more than 256 KiB; its text is the result's `summary`. */
  readonly summaryGenerator?: (result: BatchResult<R>) => string;
}

const TABLE: OptionTable = {
  name: TEXT,
  maxConcurrency: [isPositiveInteger, 'a whole number from 1'],
  // Read together with the number of branches.
  completionConfig: [() => true, 'a completion policy'],
  unfinished: isOneOf('cancel', 'leave'),
  itemNamer: [isFunction, 'a function of the item and its index that returns a text'],
  serdes: SERDES_OPTION,
  itemSerdes: SERDES_OPTION,
  summaryGenerator: [isFunction, 'a function of the result that returns a text'],
};

/** The options that are given. @throws {UsageError} `INVALID_OPTION` when one is unknown or of the wrong kind. */
export function readBatchOptions<Item, R>(caller: string, options: BatchOptions<Item, R> | undefined): BatchOptions<Item, R> {
  return readOptions(caller, options, TABLE);
}

/**
 * How a batch of so many branches is run, by options that were read.
 *
 * @throws {UsageError} `INVALID_OPTION` when its policy makes no sense for so many.
 */
export function batchSettings<Item, R>(
  caller: string,
  options: BatchOptions<Item, R>,
  total: number,
  standard: CompletionThresholds,
): BatchSettings {
  const { maxConcurrency, completionConfig, unfinished, serdes, itemSerdes, summaryGenerator } = options;
  return {
    maxConcurrency,
    completion: readCompletion(caller, completionConfig, total, standard),
    unfinished: unfinished ?? 'cancel',
    serdes,
    itemSerdes,
    summaryGenerator: summaryGenerator as BatchSettings['summaryGenerator'],
  };
}

/** What `itemNamer` calls a branch. @throws {UsageError} `INVALID_OPTION` when that is no name. */
export function nameItem<Item>(caller: string, itemNamer: (item: Item, index: number) => string, item: Item, index: number): string {
  const name: unknown = itemNamer(item, index);
  if (isText(name)) return name;
  throw new UsageError('INVALID_OPTION', `${caller}: itemNamer must return a text that is not empty; it did not for index ${index}`);
}
