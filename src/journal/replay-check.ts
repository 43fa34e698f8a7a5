import { NonDeterminismError } from '../errors/errors.js';
import type { EntryKind, OperationRecord } from '../model/records.js';
import { isBatch } from '../model/statuses.js';
import { splitBatchInput } from './batch-input.js';
import { isSameChild } from './numbering.js';

/** What a flow asks for, as far as its journal can tell one operation from another. */
export interface OperationIdentity {
  readonly id: string;
  readonly kind: EntryKind;
  readonly name: string;
  readonly digest: string;
  /** Of a child run: its id. */
  readonly childRunId: string | null;
}

/** The run in whose name a difference is reported. */
export interface ReplayedRun {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
}

const CURE =
  'Nothing was executed and nothing is lost: mend the code so that it asks for what was recorded (or register the old code as its own version), then call engine.retry(runId).';

/** The flow asks for something else under this id; `undefined` when it matches. */
export function mismatch(run: ReplayedRun, recorded: OperationRecord, actual: OperationIdentity): NonDeterminismError | undefined {
  const sameChild = actual.kind !== 'flow' || isSameChild(recorded.childRunId, actual.childRunId, actual.id);
  if (recorded.kind === actual.kind && recorded.name === actual.name && recorded.digest === actual.digest && sameChild) return undefined;
  const differs =
    recorded.kind !== actual.kind || recorded.name !== actual.name
      ? 'another operation'
      : `the same operation with another ${sameChild ? 'input' : 'id or input'}`;
  return new NonDeterminismError(
    [
      `${title(run)} asked for ${differs} than its journal has recorded as operation ${actual.id}.`,
      `  expected: ${recorded.kind} "${recorded.name}" (input digest ${recorded.digest}${childOf(recorded)}${inputOf(recorded)})`,
      `  actual:   ${actual.kind} "${actual.name}" (input digest ${actual.digest}${childOf(actual)})`,
      CURE,
    ].join('\n'),
  );
}

/** The flow waits, or has ended, and never asked for something whose outcome is recorded. */
export function missing(run: ReplayedRun, recorded: OperationRecord, where: 'waiting' | 'ended'): NonDeterminismError {
  return new NonDeterminismError(
    [
      `${title(run)} ${where === 'ended' ? 'has ended' : 'waits'} without asking for operation ${recorded.id}, whose outcome is recorded next (${recorded.seq}).`,
      `  expected: ${recorded.kind} "${recorded.name}" (input digest ${recorded.digest}${inputOf(recorded)})`,
      `  actual:   ${where === 'ended' ? "the flow's end" : 'nothing (the flow may await something that is not durable)'}`,
      CURE,
    ].join('\n'),
  );
}

function title(run: ReplayedRun): string {
  return `Flow "${run.flow}" version ${run.version}, run ${run.id},`;
}

function childOf({ childRunId }: { readonly childRunId: string | null }): string {
  return childRunId === null ? '' : `, child run ${childRunId}`;
}

/** The first part of a recorded input, to recognise it by. */
function inputOf(recorded: OperationRecord): string {
  if (recorded.input === null) return '';
  const input = isBatch(recorded.kind) ? splitBatchInput(recorded.input).content : recorded.input;
  return `, input ${input.length > 200 ? `${input.slice(0, 200)}…` : input}`;
}
