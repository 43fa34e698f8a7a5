import { type Form, isText, jsonOf, listOf, withFields } from '../model/forms.js';
import type { OperationRecord } from '../model/records.js';

/** What a replay has to know of a branch that has ended, since it does not run its body again. Kept where other operations keep their input. */
export interface BranchNotes {
  /** Ids of operations of the scopes around it that it may have taken delivery of. */
  readonly observed: readonly string[];
}

/** Whether a text has notes of a branch that this version can go by. */
export const areBranchNotes: Form = jsonOf(withFields({ observed: listOf(isText) }));

/** Those of most branches. */
export const NO_NOTES: BranchNotes = { observed: [] };

export function encodeBranchNotes(notes: BranchNotes): string | null {
  return notes.observed.length === 0 ? null : JSON.stringify(notes);
}

export function branchNotes({ input }: Pick<OperationRecord, 'input'>): BranchNotes {
  return input === null ? NO_NOTES : (JSON.parse(input) as BranchNotes);
}

/** Tells which records lie in a branch that has ended; `undefined` when none has. */
export function insideEndedBranch(records: readonly OperationRecord[]): ((record: Pick<OperationRecord, 'id'>) => boolean) | undefined {
  const ended = new Set(records.filter(isEndedBranch).map(({ id }) => id));
  return ended.size === 0 ? undefined : ({ id }) => isInside(id, ended);
}

export function isEndedBranch({ kind, seq }: OperationRecord): boolean {
  return kind === 'branch' && seq !== null;
}

/** Whether an operation lies in one of these branches. */
export function isInside(id: string, branches: ReadonlySet<string>): boolean {
  for (let dot = id.indexOf('.'); dot >= 0; dot = id.indexOf('.', dot + 1)) if (branches.has(id.slice(0, dot))) return true;
  return false;
}
