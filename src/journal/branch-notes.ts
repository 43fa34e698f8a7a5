import type { OperationRecord } from '../model/records.js';

/** What a replay has to know of a branch that has ended, since it does not run its body again. Kept where other operations keep their input. */
export interface BranchNotes {
  /** Ids of futures of the scopes around it that it may have taken delivery of. */
  readonly observed?: readonly string[];
  /** Code outside of it was resumed by what it did, and not by a future: its body is run again after all. */
  readonly entangled?: boolean;
}

export function encodeBranchNotes({ observed = [], entangled = false }: BranchNotes): string | null {
  if (observed.length === 0 && !entangled) return null;
  return JSON.stringify({ ...(observed.length > 0 && { observed }), ...(entangled && { entangled }) });
}

export function branchNotes({ input }: Pick<OperationRecord, 'input'>): BranchNotes {
  return input === null ? {} : (JSON.parse(input) as BranchNotes);
}

/** Whether a record is of a branch whose body a replay does not run again. */
export function isSettledBranch(record: OperationRecord): boolean {
  return record.kind === 'branch' && record.seq !== null && branchNotes(record).entangled !== true;
}

/** Tells which records lie in a branch that a replay does not run again. */
export function insideSettledBranch(records: readonly OperationRecord[]): (record: OperationRecord) => boolean {
  const settled = new Set(records.filter(isSettledBranch).map(({ id }) => id));
  if (settled.size === 0) return () => false;
  return ({ id }) => {
    for (let dot = id.indexOf('.'); dot >= 0; dot = id.indexOf('.', dot + 1)) if (settled.has(id.slice(0, dot))) return true;
    return false;
  };
}
