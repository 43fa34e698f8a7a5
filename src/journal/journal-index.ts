import { isEndedBranch, isInside } from '../batch/branch-notes.js';
import type { Slices } from '../clock/slices.js';
import { isOperation, type OperationRecord } from '../model/records.js';
import { CANCEL_ENTRY_ID, NOT_PATCHED } from './numbering.js';
import { messageOf } from './read-entry.js';

/**
 * How a journal is replayed. `short`: without the bodies of branches that have ended. `whole`: with them. `late`: with them, and as releases did it whose
 * branches went on while a shield of their ended scope was open.
 */
export type ReplayMode = 'short' | 'whole' | 'late';

/** What is recorded of a run; an index of that, where there may be much of it. */
export type LoadedJournal = readonly OperationRecord[] | JournalIndex;

/**
 * What is recorded of a run, as a replay looks for it. It belongs to one replay, which takes out of it what it has met.
 *
 *   JI1  However long the journal is, it can be made in pieces: {@link JournalIndex.inSlices}.
 */
export class JournalIndex {
  /** The outcomes, in their order. */
  readonly outcomes: OperationRecord[] = [];
  /** What the flow is expected to ask for, by id. */
  readonly expected: Map<string, OperationRecord> = new Map();
  /** Which event took a message, by the message's id. */
  readonly takers: Map<string | undefined, string> = new Map();
  /** The changes of code that are recorded, and whether the run has them. */
  readonly patches: Map<string, boolean> = new Map();
  cancelRecorded = false;
  readonly #mode: ReplayMode;
  readonly #endedBranches = new Set<string>();

  private constructor(mode: ReplayMode) {
    this.#mode = mode;
  }

  static of(loaded: readonly OperationRecord[], mode: ReplayMode): JournalIndex {
    const index = new JournalIndex(mode);
    for (const record of loaded) index.#see(record);
    for (const record of loaded) index.#expect(record);
    return index;
  }

  static async inSlices(loaded: readonly OperationRecord[], mode: ReplayMode, slices: Slices): Promise<JournalIndex> {
    const index = new JournalIndex(mode);
    await slices.each(loaded, (record) => index.#see(record));
    await slices.each(loaded, (record) => index.#expect(record));
    return index;
  }

  /** Whether there are branches whose bodies are not run again. */
  get skipsBranches(): boolean {
    return this.#mode === 'short' && this.#endedBranches.size > 0;
  }

  /** Whether an operation lies in a branch whose body is not run again. */
  isSkipped(operationId: string): boolean {
    return this.skipsBranches && isInside(operationId, this.#endedBranches);
  }

  /** The position of the last outcome that code was told of: messages that no event took are none. */
  get lastTold(): number {
    return this.outcomes.findLast(({ kind, id }) => kind !== 'message' || this.takers.has(id))?.seq ?? 0;
  }

  #see(record: OperationRecord): void {
    const { id, kind, seq } = record;
    if (seq !== null) this.outcomes.push(record);
    if (kind === 'event') this.takers.set(messageOf(record), id);
    else if (kind === 'patch') this.patches.set(record.name, record.outcome !== NOT_PATCHED);
    else if (isEndedBranch(record)) this.#endedBranches.add(id);
    if (id === CANCEL_ENTRY_ID) this.cancelRecorded = true;
  }

  /** Once all were seen: which branches have ended. */
  #expect(record: OperationRecord): void {
    if (isOperation(record) && !this.isSkipped(record.id)) this.expected.set(record.id, record);
  }
}
