import { type Form, isOrdinal, jsonOf, oneOf, optional, withFields } from '../model/forms.js';
import { joinBatchInput, splitBatchInput } from './batch-input.js';
import type { BatchSettings, UnfinishedPolicy } from './batch-settings.js';
import type { CompletionThresholds } from './completion-policy.js';

/**
 * What a batch is recorded with, so that a change of these options in the code changes new batches only: which branches run when, and when the batch is
 * complete, is part of what a replay repeats.
 */
export interface RecordedPolicy {
  readonly maxConcurrency?: number | undefined;
  readonly unfinished: UnfinishedPolicy;
  /** Left out where the rule is the program's own. */
  readonly limits?: CompletionThresholds;
}

/** The policy as one line of JSON, then what the branches are. */
export function encodeBatchInput({ maxConcurrency, unfinished, completion }: BatchSettings, content: string): string {
  const policy: RecordedPolicy = { maxConcurrency, unfinished, ...('shouldComplete' in completion ? {} : { limits: completion }) };
  return joinBatchInput({ policy: JSON.stringify(policy), content });
}

const isLimit = optional((value) => typeof value === 'number');
const isPolicy = jsonOf(
  withFields({
    maxConcurrency: optional(isOrdinal),
    unfinished: oneOf(['cancel', 'leave'] satisfies UnfinishedPolicy[]),
    limits: optional(withFields({ minSuccessful: isLimit, toleratedFailureCount: isLimit, toleratedFailurePercentage: isLimit })),
  }),
);

/** Whether a batch's input has a policy that this version can go by. */
export const isRecordedPolicy: Form = (input) => typeof input === 'string' && isPolicy(splitBatchInput(input).policy);

/** The policy that a batch was recorded with. */
export function recordedPolicy(input: string): RecordedPolicy {
  return JSON.parse(splitBatchInput(input).policy) as RecordedPolicy;
}

/** The settings, with what was recorded in place of what the code says now. */
export function recordedSettings(settings: BatchSettings, input: string): BatchSettings {
  const { maxConcurrency, unfinished, limits } = recordedPolicy(input);
  return { ...settings, maxConcurrency, unfinished, completion: limits ?? settings.completion };
}
