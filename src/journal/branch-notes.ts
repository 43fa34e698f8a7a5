import type { OperationRecord } from '../model/records.js';

/** What a replay has to know of a branch that has ended, since it does not run its body again. Kept where other operations keep their input. */
export interface BranchNotes {
  /** Ids of operations of the scopes around it that it may have taken delivery of. */
  readonly observed: readonly string[];
}

export function encodeBranchNotes(notes: BranchNotes): string | null {
  return notes.observed.length === 0 ? null : JSON.stringify(notes);
}

export function branchNotes({ input }: Pick<OperationRecord, 'input'>): BranchNotes {
  return input === null ? { observed: [] } : (JSON.parse(input) as BranchNotes);
}

/** Tells which records lie in a branch that has ended; `undefined` when none has. */
export function insideEndedBranch(records: readonly OperationRecord[]): ((record: Pick<OperationRecord, 'id'>) => boolean) | undefined {
  const ended = new Set(records.filter(({ kind, seq }) => kind === 'branch' && seq !== null).map(({ id }) => id));
  if (ended.size === 0) return undefined;
  return ({ id }) => {
    for (let dot = id.indexOf('.'); dot >= 0; dot = id.indexOf('.', dot + 1)) if (ended.has(id.slice(0, dot))) return true;
    return false;
  };
}
