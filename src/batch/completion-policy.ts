import { inCleanContext } from '../clock/clean-context.js';
import { UsageError } from '../errors/errors.js';
import { ignoreRejection } from '../model/ignored-rejection.js';
import type { BatchItemStatus, CompletionReason } from '../model/statuses.js';
import { refuseMore } from '../options/extra-arguments.js';
import { isFunction, mergedOptions } from '../options/read-options.js';

/** Limits that end a batch early. They are looked at after every completion. */
export interface CompletionThresholds {
  /** So many successes are enough: `MIN_SUCCESSFUL_REACHED`. From 1 to the number of branches. */
  readonly minSuccessful?: number | undefined;
  /** So many failures are borne; one more ends the batch: `FAILURE_TOLERANCE_EXCEEDED`. */
  readonly toleratedFailureCount?: number | undefined;
  /** The same in percent (0 to 100) of all branches, those that have not started included. */
  readonly toleratedFailurePercentage?: number | undefined;
}

/** How far a batch has come. */
export interface CompletionStatus {
  readonly succeeded: number;
  readonly failed: number;
  /** All branches. */
  readonly total: number;
  /** The same numbers under the names that they have in a `BatchResult`. */
  readonly successCount: number;
  readonly failureCount: number;
  readonly totalCount: number;
  /** One for each branch, in index order. */
  readonly items: readonly { readonly index: number; readonly name: string; readonly status: BatchItemStatus }[];
}

/** Whether a batch is complete: `false` or nothing to go on, `true` or `'SUCCEEDED'`, or `'FAILED'`. */
export type CompletionDecision =
  | boolean
  | undefined
  | 'SUCCEEDED'
  | 'FAILED'
  | 'CUSTOM_COMPLETION_SUCCEEDED'
  | 'CUSTOM_COMPLETION_FAILED'
  | { readonly complete: boolean; readonly outcome?: 'SUCCEEDED' | 'FAILED' };

/** A rule of the program's own in place of the limits. */
export interface CustomCompletion {
  /**
   * Called after every completion, in the order of completions. Synchronous and pure: it decides by what it is given alone. What it throws fails the batch.
   */
  readonly shouldComplete: (status: CompletionStatus) => CompletionDecision;
}

type Never<T> = { readonly [K in keyof T]?: undefined };

/** When a batch is complete: by limits, or by a rule of the program's own. */
export type CompletionConfig = (CompletionThresholds & Never<CustomCompletion>) | (CustomCompletion & Never<CompletionThresholds>);

/** The policies that are wanted most. */
export const CompletionConfig: {
  /** The first failure ends the batch. What `parallel` does unless told otherwise. */
  allSuccessful(): CompletionThresholds;
  /** The first success ends the batch. */
  firstSuccessful(): CompletionThresholds;
  /** The batch goes on until every branch is done, whatever fails. What `map` does unless told otherwise. */
  allCompleted(): CompletionThresholds;
} = {
  allSuccessful() {
    refuseMore('CompletionConfig.allSuccessful()', arguments);
    return { toleratedFailureCount: 0 };
  },
  firstSuccessful() {
    refuseMore('CompletionConfig.firstSuccessful()', arguments);
    return { minSuccessful: 1 };
  },
  allCompleted() {
    refuseMore('CompletionConfig.allCompleted()', arguments);
    return { toleratedFailurePercentage: 100 };
  },
};

/** A policy that was read: limits, or a rule of the program's own. */
export type CompletionPolicy = CompletionThresholds | CustomCompletion;

/** How far a batch has come. */
export interface BatchProgress {
  readonly succeeded: number;
  readonly failed: number;
  readonly total: number;
  /** Made when a rule of the program's own asks for them: after every completion it would cost too much. */
  items(): CompletionStatus['items'];
}

/**
 * Why the batch is complete; `undefined` while it is not.
 *
 * @throws What a rule of the program's own throws, and {UsageError} `INVALID_OPTION` when that answers something else than a decision.
 */
export function reasonToComplete(policy: CompletionPolicy, progress: BatchProgress): CompletionReason | undefined {
  const { succeeded, failed, total } = progress;
  if (total === 0) return 'ALL_COMPLETED';
  const all = succeeded + failed === total ? 'ALL_COMPLETED' : undefined;
  if (isCustom(policy)) return customReason(policy, progress) ?? all;
  const {
    minSuccessful = Number.POSITIVE_INFINITY,
    toleratedFailureCount = Number.POSITIVE_INFINITY,
    toleratedFailurePercentage = 100,
  } = policy;
  if (failed > toleratedFailureCount || failed * 100 > toleratedFailurePercentage * total) return 'FAILURE_TOLERANCE_EXCEEDED';
  return all ?? (succeeded >= minSuccessful ? 'MIN_SUCCESSFUL_REACHED' : undefined);
}

function isCustom(policy: CompletionPolicy): policy is CustomCompletion {
  return Object.hasOwn(policy, 'shouldComplete');
}

function customReason(
  { shouldComplete }: CustomCompletion,
  { succeeded, failed, total, items }: BatchProgress,
): CompletionReason | undefined {
  const outcome = readDecision(
    inCleanContext(shouldComplete, {
      succeeded,
      failed,
      total,
      successCount: succeeded,
      failureCount: failed,
      totalCount: total,
      get items() {
        return items();
      },
    }),
  );
  return outcome && `CUSTOM_COMPLETION_${outcome}`;
}

function readDecision(decision: unknown): 'SUCCEEDED' | 'FAILED' | undefined {
  switch (decision) {
    case false:
    case undefined:
      return undefined;
    case true:
    case 'SUCCEEDED':
    case 'CUSTOM_COMPLETION_SUCCEEDED':
      return 'SUCCEEDED';
    case 'FAILED':
    case 'CUSTOM_COMPLETION_FAILED':
      return 'FAILED';
    default:
      break;
  }
  const { complete, outcome } = (typeof decision === 'object' && decision !== null ? decision : {}) as Record<string, unknown>;
  if (complete === false) return undefined;
  if (complete === true && (outcome === undefined || outcome === 'SUCCEEDED' || outcome === 'FAILED')) return outcome ?? 'SUCCEEDED';
  ignoreRejection(decision);
  throw new UsageError(
    'INVALID_OPTION',
    `shouldComplete() must return at once whether the batch is complete (true, false, 'SUCCEEDED' or 'FAILED'); it returned ${decision instanceof Promise ? 'a promise' : typeof decision}`,
  );
}

const THRESHOLDS: readonly (keyof CompletionThresholds)[] = ['minSuccessful', 'toleratedFailureCount', 'toleratedFailurePercentage'];

/**
 * The policy of a batch with so many branches. A configuration without any limit in it means the operation's own default.
 *
 * @throws {UsageError} `INVALID_OPTION` when it makes no sense for this batch.
 */
export function readCompletion(caller: string, config: unknown, total: number, standard: CompletionThresholds): CompletionPolicy {
  const fail = (message: string): never => {
    throw new UsageError('INVALID_OPTION', `${caller}: completionConfig${message}`);
  };
  if (config === undefined) return standard;
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return fail(' must be an object, or one of the presets');
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  for (const [name] of given) {
    if (name !== 'shouldComplete' && !THRESHOLDS.includes(name as keyof CompletionThresholds)) {
      fail(`: there is no limit "${name}"; give ${THRESHOLDS.join(', ')} or shouldComplete`);
    }
  }
  if (given.length === 0) return standard;
  const { shouldComplete, minSuccessful, toleratedFailureCount, toleratedFailurePercentage } = mergedOptions<
    CompletionThresholds & Partial<CustomCompletion>
  >(Object.fromEntries(given));
  if (shouldComplete !== undefined) {
    if (given.length > 1) fail(' has shouldComplete and limits: give one or the other');
    if (!isFunction(shouldComplete)) fail('.shouldComplete must be a function');
    return { shouldComplete: shouldComplete as CustomCompletion['shouldComplete'] };
  }
  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  if (minSuccessful !== undefined && !(isCount(minSuccessful) && minSuccessful >= 1 && minSuccessful <= total)) {
    fail(`.minSuccessful is ${String(minSuccessful)}; it must be a whole number from 1 to the number of branches, which is ${total}`);
  }
  if (toleratedFailureCount !== undefined && !isCount(toleratedFailureCount)) {
    fail(`.toleratedFailureCount is ${String(toleratedFailureCount)}; it must be a whole number from 0`);
  }
  const percentage: unknown = toleratedFailurePercentage;
  if (percentage !== undefined && !(typeof percentage === 'number' && percentage >= 0 && percentage <= 100)) {
    fail(`.toleratedFailurePercentage is ${String(percentage)}; it must be a number from 0 to 100`);
  }
  return { minSuccessful, toleratedFailureCount, toleratedFailurePercentage };
}
