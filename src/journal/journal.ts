import type { NonDeterminismError } from '../errors/errors.js';
import type { OperationRecord } from '../model/records.js';
import { JournalIndex, type LoadedJournal, type ReplayMode } from './journal-index.js';
import { messageOf, readEntry } from './read-entry.js';
import { type InputCheck, mismatch, missing, type OperationIdentity, type ReplayedRun } from './replay-check.js';

/** Never changed. */
const NOTHING = new Map<string, never>();

/**
 * One run's history in memory: what was recorded before this process took the run over, and what has been committed since.
 *
 * Owns: the run's outcomes that wait for delivery, and its next sequence number. Does not own: writing (the group commit does).
 *
 * A replay leaves out the bodies of branches that have ended, unless it is a whole one.
 *
 * States: replaying, while anything that was loaded lies ahead of the flow; live, from then on. That of a run that has ended: replaying, to its end.
 *
 *   J1  Outcomes are delivered in `seq` order, each once; those of this process come after all that were loaded.
 *   J2  A sequence number is given once and never reused, not even when its commit fails (the run is dropped then).
 *   J3  What was loaded is forgotten when it has been matched, or delivered.
 *   J4  What lies in a branch that has ended is not expected, unless the replay is whole: the branch's body is not run again. Its outcomes still pass,
 *       as their times count.
 */
export class Journal {
  readonly #run: ReplayedRun;
  /** Whether the run has ended: then its end lies ahead of all its code. */
  readonly ended: boolean;
  /** Whether the run's cancellation was recorded. */
  readonly cancelRecorded: boolean = false;
  /** Whether there are branches whose bodies are not run again. */
  readonly skipsBranches: boolean = false;
  readonly goesOnLate: boolean;
  /** The changes of code that are recorded, and whether the run has them. */
  readonly #patches: ReadonlyMap<string, boolean> | undefined;
  readonly #recorded: Map<string, OperationRecord> = NOTHING;
  /** Which event took a message, by the message's id. */
  readonly #takers: ReadonlyMap<string | undefined, string> | undefined;
  /** Tells what lies in a branch whose body is not run again. */
  readonly #skipping: Pick<JournalIndex, 'isSkipped'> | undefined;
  #queue: OperationRecord[] = [];
  #head = 0;
  /** The place of what was delivered last. */
  #delivered = 0;
  /** The last position that was loaded. */
  #lastLoaded = 0;
  /** The last place of what an earlier execution's code was told: outcomes, messages that it took, its cancellation. */
  #lastTold = 0;
  #nextSeq = 1;

  /**
   * @param loaded - What is recorded, or an index of that for this mode.
   * @param options.ended - The run has ended, and is replayed only to see whether it would come to the same end.
   */
  constructor(run: ReplayedRun, loaded: LoadedJournal, options?: { readonly mode: ReplayMode; readonly ended?: boolean }) {
    const mode = options?.mode ?? 'short';
    this.#run = run;
    this.ended = options?.ended === true;
    this.goesOnLate = mode === 'late';
    // So it is with most, and their number is large.
    if (!(loaded instanceof JournalIndex) && loaded.length === 0) return;
    const index = loaded instanceof JournalIndex ? loaded : JournalIndex.of(loaded, mode);
    this.#queue = index.outcomes;
    this.#lastLoaded = this.#queue.at(-1)?.seq ?? 0;
    this.#nextSeq = this.#lastLoaded + 1;
    this.#takers = index.takers;
    this.#lastTold = index.lastTold;
    this.cancelRecorded = index.cancelRecorded;
    this.skipsBranches = index.skipsBranches;
    this.#skipping = index.skipsBranches ? index : undefined;
    this.#recorded = index.expected;
    this.#patches = index.patches.size === 0 ? undefined : index.patches;
  }

  /**
   * Whether anything of an earlier execution lies ahead: something that its code was told, a start to come to, or its end. Messages that were not read
   * are none of these: a run that begins again has them from its beginning.
   */
  get replaying(): boolean {
    // Once an outcome of this process is delivered, all that an unchanged flow was to ask for again lies behind.
    return this.ended || this.#delivered < this.#lastTold || (this.#recorded.size > 0 && this.#delivered <= this.#lastLoaded);
  }

  /** Whether something is recorded that the flow has not asked for. */
  get expectsMore(): boolean {
    return this.#recorded.size > 0;
  }

  /** Whether any outcome waits for delivery. */
  get hasNext(): boolean {
    return this.#head < this.#queue.length;
  }

  /** The flow asks for this operation: what is recorded of it, if anything, or how that differs (J3). */
  start(actual: OperationIdentity, check?: InputCheck): OperationRecord | NonDeterminismError | undefined {
    const recorded = this.#recorded.get(actual.id);
    if (recorded === undefined) return undefined;
    const difference = mismatch(this.#run, recorded, actual, check);
    if (difference !== undefined) return difference;
    this.#recorded.delete(actual.id);
    return recorded;
  }

  /** The next outcome to deliver, in order (J1); the difference when the waiting flow never asked for what it belongs to. */
  next(): OperationRecord | NonDeterminismError | undefined {
    const record = this.#queue[this.#head];
    if (record === undefined) return undefined;
    if (this.#recorded.has(record.id)) return missing(this.#run, record, 'waiting');
    this.#head += 1;
    this.#delivered = record.seq as number;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
    return record;
  }

  /** Whether the run has a change of code; `undefined` when nothing is recorded of it. */
  patch(name: string): boolean | undefined {
    return this.#patches?.get(name);
  }

  takerOf(message: OperationRecord): string | undefined {
    const entry = readEntry(message);
    return this.#takers?.get(message.id) ?? (entry.kind === 'message' ? entry.takerId : undefined);
  }

  isSkipped(operationId: string): boolean {
    return this.#skipping?.isSkipped(operationId) === true;
  }

  expects(operationId: string): boolean {
    return this.#recorded.has(operationId);
  }

  /** What came in and was not delivered. */
  get undelivered(): readonly OperationRecord[] {
    return this.#queue.slice(this.#head);
  }

  /** An outcome of this process was committed. */
  append(record: OperationRecord): void {
    // An array that is pushed to has room for many.
    if (this.#queue.length === 0) this.#queue = [record];
    else this.#queue.push(record);
  }

  /** The sequence number of the next outcome that is handed to the group commit (J2). */
  takeSeq(): number {
    const seq = this.#nextSeq;
    this.#nextSeq += 1;
    return seq;
  }

  /** The difference when the flow has ended and something recorded was never asked for. */
  end(): NonDeterminismError | undefined {
    for (const record of this.#recorded.values()) {
      if (record.seq !== null || messageOf(record) !== undefined) return missing(this.#run, record, 'ended');
    }
    return undefined;
  }
}
