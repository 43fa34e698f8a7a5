import type { Slices } from '../clock/slices.js';
import type { OperationRecord } from '../model/records.js';

/** Up to so many are compared with each other: with more that takes too long at once. */
const FEW = 1_000;

/** A journal as `loadJournals` gives it: outcomes in their order, then the rest. */
export async function inJournalOrder(entries: OperationRecord[], slices: Slices): Promise<OperationRecord[]> {
  if (entries.length <= FEW) return entries.sort(bySeq);
  const outcomes = new Array<OperationRecord | undefined>(entries.length).fill(undefined);
  const others: OperationRecord[] = [];
  let misplaced = false;
  await slices.each(entries, (entry) => {
    const { seq } = entry;
    if (seq === null) others.push(entry);
    else if (Number.isInteger(seq) && seq >= 1 && seq <= outcomes.length && outcomes[seq - 1] === undefined) outcomes[seq - 1] = entry;
    else misplaced = true;
  });
  // No journal of ours has numbers like that: it will be refused, in whatever order.
  if (misplaced) return entries.sort(bySeq);
  const ordered: OperationRecord[] = [];
  await slices.each(outcomes, (entry) => entry !== undefined && ordered.push(entry));
  await slices.each(others, (entry) => ordered.push(entry));
  return ordered;
}

function bySeq(a: OperationRecord, b: OperationRecord): number {
  return (a.seq ?? Number.MAX_SAFE_INTEGER) - (b.seq ?? Number.MAX_SAFE_INTEGER);
}
