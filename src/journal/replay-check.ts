import { splitBatchInput } from '../batch/batch-input.js';
import { NonDeterminismError } from '../errors/errors.js';
import type { EntryKind, OperationRecord } from '../model/records.js';
import { isBatch } from '../model/statuses.js';
import { isSameChild } from './numbering.js';

/** What a flow asks for, as far as its journal can tell one operation from another. */
export interface OperationIdentity {
  readonly id: string;
  readonly kind: EntryKind;
  readonly name: string;
  readonly digest: string;
  /** Of a child run: its id. */
  readonly childRunId: string | null;
  /** Encoded; `null` where the kind has none. */
  readonly input?: string | null;
}

/** Tells whether a recorded input stands for the same value as the input that is asked for now. Asked only where their digests differ. */
export interface InputCheck {
  sameInput(recorded: string): boolean;
  /** The recorded input cannot be read: whether it matches is for a process to say that can. */
  unreadable(what: string, error: unknown): void;
}

/** The run in whose name a difference is reported. */
export interface ReplayedRun {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
}

const CURE =
  'Nothing was executed and nothing is lost: mend the code so that it asks for what was recorded (or register the old code as its own version), then call engine.retry(runId).';

/** Characters of an input that are shown. */
const SHOWN = 200;
/** Of these, how many come before the first difference. */
const SHOWN_BEFORE = 60;

/** The flow asks for something else under this id; `undefined` when it matches. */
export function mismatch(
  run: ReplayedRun,
  recorded: OperationRecord,
  actual: OperationIdentity,
  check?: InputCheck,
): NonDeterminismError | undefined {
  const sameChild = actual.kind !== 'flow' || isSameChild(recorded.childRunId, actual.childRunId, actual.id);
  const sameOperation = recorded.kind === actual.kind && recorded.name === actual.name;
  if (sameOperation && sameChild && (recorded.digest === actual.digest || sameInput(recorded, actual, check))) return undefined;
  const differs = sameOperation ? `the same operation with another ${sameChild ? 'input' : 'id or input'}` : 'another operation';
  const from = shownFrom(contentOf(recorded), contentOf(actual));
  return new NonDeterminismError(
    [
      `${title(run)} asked for ${differs} than its journal has recorded as operation ${actual.id}.`,
      `  expected: ${recorded.kind} "${recorded.name}" (input digest ${recorded.digest}${childOf(recorded)}${inputOf(recorded, from)})`,
      `  actual:   ${actual.kind} "${actual.name}" (input digest ${actual.digest}${childOf(actual)}${inputOf(actual, from)})`,
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

/** Digests differ with the order of keys, which means nothing. An input whose text is the same is another: there a serdes has left out what differs. */
function sameInput({ input }: OperationRecord, actual: OperationIdentity, check: InputCheck | undefined): boolean {
  if (input === null || actual.input == null || input === actual.input || check === undefined) return false;
  try {
    return check.sameInput(input);
  } catch (error) {
    check.unreadable('the recorded input', error);
    return true;
  }
}

/** A part of an input, to recognise it by. */
function inputOf(operation: OperationIdentity, from = 0): string {
  const content = contentOf(operation);
  if (content === null) return '';
  const shown = content.slice(from, from + SHOWN);
  return `, input ${from > 0 ? '…' : ''}${shown}${from + SHOWN < content.length ? '…' : ''}`;
}

/** What an input says of the operation; of a batch, its policy is left out, as it may change in the code. */
function contentOf({ kind, input = null }: OperationIdentity): string | null {
  return input !== null && isBatch(kind) ? splitBatchInput(input).content : input;
}

/** From where on two inputs are shown, so that what differs is seen. */
function shownFrom(a: string | null, b: string | null): number {
  if (a === null || b === null || (a.length <= SHOWN && b.length <= SHOWN)) return 0;
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  return Math.max(0, same - SHOWN_BEFORE);
}
