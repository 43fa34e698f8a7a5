import type { Clock } from '../clock/clock.js';
import type { InboxMessage, OperationRecord, RunCreation, RunEnd, RunRecord, RunRestart, RunSuspension } from '../model/records.js';
import { type BlockedCode, isEnded } from '../model/statuses.js';
import type { CommitAnswer } from '../store/store.js';
import type { Entry } from './entry.js';
import type { CommitLog, JournalWriter, OnCreated, OutcomeOwner } from './journal-writer.js';

/** A run's end, or its blocking, before its commit gives it a time. */
export interface EndDraft extends Pick<RunEnd, 'runId' | 'status' | 'outcome'> {
  /** Of a blocking; left out or `null` of an end. */
  readonly blockedCode?: BlockedCode | null;
}

interface Creation {
  record: RunRecord;
  readonly onCreated: OnCreated;
  /** What the run begins with: it is written with the creation, however often that is tried. */
  readonly journal: readonly OperationRecord[];
  /** Whether a commit with it has failed: it may be durable all the same. */
  failed: boolean;
}

interface Batch {
  readonly creations: Creation[];
  readonly entries: Set<Entry>;
  /** Entries with an outcome in this batch, and who hears of each: they get the commit's time. */
  readonly outcomes: Entry[];
  readonly owners: OutcomeOwner[];
  readonly restarts: RunRestart[];
  readonly suspends: RunSuspension[];
  readonly ends: EndDraft[];
  readonly messages: InboxMessage[];
  readonly taken: number[];
  readonly committed: (() => void)[];
}

interface GroupCommitOptions {
  readonly log: CommitLog;
  readonly clock: Clock;
  /** The store failed: milliseconds until the same is to be written again, or `undefined` when this worker writes no more. */
  readonly onFailure: (error: unknown) => number | undefined;
  /** The store has written what was to be written again. */
  readonly onRepeated: () => void;
}

/**
 * Gathers what the runs of one worker write, and commits it in one transaction a turn.
 *
 * Owns: the batch being gathered and the one being written. Does not own: the order of outcomes within a run (the journal gives it).
 *
 * States: held, while no worker may write; idle → gathering → writing (and gathering the next) → …, or → postponed → writing, after a failure that passes.
 *
 *   G1  At most one commit is under way; while it is, everything else waits in the next batch.
 *   G2  After the transaction come creations, then outcomes, then the `committed` callbacks, each in the order in which they were handed in.
 *   G3  An entry that changes before its batch is sent is written once, in its last state.
 *   G4  After a failure that passes, the same is written again, together with what was gathered since, so that entries are in their last state. The failed
 *       commit may be durable all the same: then the store takes what it has for the same, or the fence is in the way.
 *   G5  After one that does not, nothing is written until `resume`; creations of runs without a parent are kept for that, everything else is dropped.
 */
export class GroupCommit implements JournalWriter {
  readonly #options: GroupCommitOptions;
  #batch: Batch = emptyBatch();
  #scheduled = false;
  #writing: Promise<void> | undefined;
  #workerId: string | undefined;
  #postponed: Postponed | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** From now on this worker writes. */
  resume(workerId: string): void {
    this.#workerId = workerId;
    this.#batch.creations.forEach((creation) => {
      creation.record = { ...creation.record, workerId };
    });
    if (this.#batch.creations.length > 0) this.#schedule();
  }

  /** Nothing is written until `resume`. What was gathered is dropped, but for new runs that only their starter knows (G5). */
  hold(): void {
    this.#workerId = undefined;
    this.#endPostponement();
    const { creations } = this.#batch;
    this.#batch = emptyBatch();
    this.#keep(creations);
  }

  create({ run, journal = [] }: RunCreation, onCreated: OnCreated): void {
    this.#batch.creations.push({ record: run, onCreated, journal, failed: false });
    this.#schedule();
  }

  entry(entry: Entry, committed?: () => void): void {
    this.#batch.entries.add(entry);
    if (committed !== undefined) this.#batch.committed.push(committed);
    this.#schedule();
  }

  outcome(entry: Entry, owner: OutcomeOwner): void {
    this.#batch.outcomes.push(entry);
    this.#batch.owners.push(owner);
    this.entry(entry);
  }

  /** The run begins again: what is written of it from now on belongs to that. */
  restart(restart: RunRestart, committed: () => void): void {
    this.#batch.restarts.push(restart);
    this.#batch.committed.push(committed);
    this.#schedule();
  }

  /** The run leaves memory, and goes on when it is claimed. */
  suspend(suspension: RunSuspension, committed: () => void): void {
    this.#batch.suspends.push(suspension);
    this.#batch.committed.push(committed);
    this.#schedule();
  }

  end(end: EndDraft, committed: () => void): void {
    this.#batch.ends.push(end);
    this.#batch.committed.push(committed);
    this.#schedule();
  }

  message(message: InboxMessage, committed: () => void): void {
    this.#batch.messages.push(message);
    this.#batch.committed.push(committed);
    this.#schedule();
  }

  /** The message needs no more reading: this batch has its effect. */
  take(messageId: number, committed: () => void): void {
    this.#batch.taken.push(messageId);
    this.#batch.committed.push(committed);
    this.#schedule();
  }

  /** Whether anything is being written, or waits for that. */
  get busy(): boolean {
    return this.#writing !== undefined || this.#scheduled || this.#postponed !== undefined;
  }

  /** Resolves when everything handed in so far is durable, was dropped, or is put off since the store has failed. */
  async flush(): Promise<void> {
    if (this.#writing !== undefined) await this.#writing;
    if (this.#writing !== undefined) await this.#writing;
    else if (this.#mayWrite && !isEmpty(this.#batch)) await this.#write();
  }

  /** As `flush`, and waits for what is put off. */
  async settled(): Promise<void> {
    do {
      await this.#postponed?.promise;
      await this.flush();
    } while (this.#postponed !== undefined);
  }

  /** Writes what is put off without waiting any longer. */
  hurry(): void {
    this.#postponed?.hurry();
    this.#schedule();
  }

  get #mayWrite(): boolean {
    return this.#writing === undefined && this.#workerId !== undefined && this.#postponed?.resting !== true;
  }

  #schedule(): void {
    if (this.#scheduled || !this.#mayWrite) return;
    this.#scheduled = true;
    this.#options.clock.macrotask(() => {
      this.#scheduled = false;
      if (this.#mayWrite && !isEmpty(this.#batch)) void this.#write();
    });
  }

  #write(): Promise<void> {
    const batch = this.#batch;
    const workerId = this.#workerId as string;
    this.#batch = emptyBatch();
    const now = this.#options.clock.now();
    const made = firsts(batch.creations);
    for (const entry of batch.outcomes) entry.finishedAt = now;
    this.#writing = this.#options.log
      .commit({
        workerId,
        creates: [...made.values()].map(({ record, journal }) => ({ run: record, journal })),
        operations: [...batch.entries],
        restarts: batch.restarts,
        suspends: batch.suspends,
        ends: batch.ends.map((end) => stamped(end, now)),
        messages: batch.messages,
        taken: batch.taken,
      })
      .then(
        (answer) => this.#succeeded(batch, made, answer),
        (error: unknown) => this.#failed(batch, error),
      );
    return this.#writing;
  }

  #succeeded(batch: Batch, made: ReadonlyMap<string, Creation>, { taken }: CommitAnswer): void {
    this.#writing = undefined;
    if (this.#endPostponement()) this.#options.onRepeated();
    const foundById = new Map(taken.map(({ id, found }) => [id, found]));
    for (const creation of batch.creations) {
      const { id } = creation.record;
      const first = made.get(id) as Creation;
      const found = foundById.get(id);
      const isOwner = found === undefined ? first === creation : isThisCreation(creation, found);
      creation.onCreated(isOwner ? undefined : (found ?? first.record));
    }
    for (const [index, entry] of batch.outcomes.entries()) batch.owners[index]?.outcomeCommitted(entry);
    for (const committed of batch.committed) committed();
    if (!isEmpty(this.#batch)) this.#schedule();
  }

  #failed(batch: Batch, error: unknown): void {
    this.#writing = undefined;
    for (const creation of batch.creations) creation.failed = true;
    this.#batch = joined(batch, this.#batch);
    const delayMs = this.#options.onFailure(error);
    if (delayMs === undefined) this.hold();
    else this.#postpone(delayMs);
  }

  #postpone(delayMs: number): void {
    this.#postponed ??= new Postponed();
    if (delayMs > 0) this.#postponed.wait(this.#options.clock, delayMs, () => this.#schedule());
    this.#schedule();
  }

  #endPostponement(): boolean {
    const postponed = this.#postponed;
    this.#postponed = undefined;
    postponed?.end();
    return postponed !== undefined;
  }

  #keep(creations: readonly Creation[]): void {
    this.#batch.creations.unshift(...creations.filter(({ record }) => record.parentRunId === null));
  }
}

/** From a failure of the store until the same is written, or dropped. */
class Postponed {
  readonly promise: Promise<void>;
  #resolve: () => void = () => {};
  #callOff: (() => void) | undefined;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Whether it is too early for another try. */
  get resting(): boolean {
    return this.#callOff !== undefined;
  }

  wait(clock: Clock, delayMs: number, over: () => void): void {
    this.#callOff = clock.setTimer(delayMs, () => {
      this.#callOff = undefined;
      over();
    });
  }

  hurry(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  end(): void {
    this.hurry();
    this.#resolve();
  }
}

function emptyBatch(): Batch {
  return {
    creations: [],
    entries: new Set(),
    outcomes: [],
    owners: [],
    restarts: [],
    suspends: [],
    ends: [],
    messages: [],
    taken: [],
    committed: [],
  };
}

/** What was to be written before, and what has come since. */
function joined(before: Batch, since: Batch): Batch {
  return {
    creations: [...before.creations, ...since.creations],
    entries: new Set([...before.entries, ...since.entries]),
    outcomes: [...before.outcomes, ...since.outcomes],
    owners: [...before.owners, ...since.owners],
    restarts: [...before.restarts, ...since.restarts],
    suspends: [...before.suspends, ...since.suspends],
    ends: [...before.ends, ...since.ends],
    messages: [...before.messages, ...since.messages],
    taken: [...before.taken, ...since.taken],
    committed: [...before.committed, ...since.committed],
  };
}

function isEmpty(batch: Batch): boolean {
  return (
    batch.creations.length === 0 &&
    batch.entries.size === 0 &&
    batch.restarts.length === 0 &&
    batch.suspends.length === 0 &&
    batch.ends.length === 0 &&
    batch.messages.length === 0 &&
    batch.taken.length === 0
  );
}

/** Whether a run was made by this creation, durably, although its commit was reported as failed. In the testing kit seeds are alike for alike ids. */
function isThisCreation({ failed, record }: Creation, { id, seed, createdAt, status }: RunRecord): boolean {
  return failed && id === record.id && seed === record.seed && createdAt === record.createdAt && !isEnded(status);
}

/** The creation of each id that is sent: of several in one batch, the first. */
function firsts(creations: readonly Creation[]): Map<string, Creation> {
  const made = new Map<string, Creation>();
  for (const creation of creations) {
    if (!made.has(creation.record.id)) made.set(creation.record.id, creation);
  }
  return made;
}

function stamped(end: EndDraft, nowMs: number): RunEnd {
  const { blockedCode = null } = end;
  return { ...end, blockedCode, finishedAt: blockedCode === null ? nowMs : null };
}
