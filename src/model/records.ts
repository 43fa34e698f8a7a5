import type { BlockedCode, EndStatus, OperationKind, OperationStatus, RunStatus } from './statuses.js';

/** A run as it is stored. Texts marked «encoded» are the codec's; times are milliseconds since the epoch. */
export interface RunRecord {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  readonly status: RunStatus;
  /** Encoded array of arguments. */
  readonly input: string;
  readonly digest: string;
  /** Where `random()` and `uuid()` of this run come from. */
  readonly seed: string;
  /** What the starter asked for beyond the arguments, as JSON; `null` when nothing. */
  readonly options: string | null;
  readonly parentRunId: string | null;
  readonly parentOperationId: string | null;
  /** The worker that owns it; `null` while none does. */
  readonly workerId: string | null;
  /** Encoded value (`SUCCEEDED`) or encoded error (`FAILED`, `CANCELLED`, `BLOCKED` by non-determinism); `null` otherwise. */
  readonly outcome: string | null;
  readonly blockedCode: BlockedCode | null;
  readonly createdAt: number;
  readonly finishedAt: number | null;
  /** How many crashes count against it: workers that died while it was under way, and had recorded no outcome since the one before. */
  readonly crashes: number;
  /** `SUSPENDED` runs: when they go on by themselves; `null` for those that wait for others only, and for all that are not suspended. */
  readonly wakeAt: number | null;
}

/** What a journal entry records: an operation, a cancel request that took effect, a message that was taken in, or a change of code that the run has. */
export type EntryKind = OperationKind | 'cancel' | 'message' | 'patch';

/** Whether an entry is of something that the flow asked for. */
export function isOperation({ kind }: { readonly kind: EntryKind }): boolean {
  return kind !== 'cancel' && kind !== 'message' && kind !== 'patch';
}

/** One entry of a run's journal: an operation's start, later overwritten in place by its outcome. */
export interface OperationRecord {
  readonly runId: string;
  /** Scope path and ordinal, such as `3` or `4.0.2`. */
  readonly id: string;
  readonly kind: EntryKind;
  readonly name: string;
  /** What it is recognised by on replay. `readEntry` of the journal says what else it stands for. */
  readonly digest: string;
  /** Encoded arguments, or what the kind has in their place, which `readEntry` of the journal tells apart. */
  readonly input: string | null;
  readonly status: OperationStatus;
  /** Position among the run's outcomes, from 1; `null` for a start and for what was cancelled without an outcome. */
  readonly seq: number | null;
  /** Encoded value or error; `null` before the end. */
  readonly outcome: string | null;
  readonly startedAt: number;
  /** Commit time of the outcome. */
  readonly finishedAt: number | null;
  /** Timers: when they are due. Events with a timeout: when that runs out. */
  readonly dueAt: number | null;
  /** Child runs: their id. */
  readonly childRunId: string | null;
  /** What is to be known of its attempts, as JSON; `null` while none has failed. */
  readonly attempts: string | null;
}

/** A run's end, or its blocking. */
export interface RunEnd {
  readonly runId: string;
  readonly status: EndStatus | 'BLOCKED';
  readonly outcome: string;
  readonly blockedCode: BlockedCode | null;
  readonly finishedAt: number | null;
}

/** A run that is to be created, and what it begins with: written together. */
export interface RunCreation {
  readonly run: RunRecord;
  /** Left out: an empty journal. */
  readonly journal?: readonly OperationRecord[];
  /** While an unfinished run of this flow has this key, none is created: that run is found in its place. Left out: it may have any number beside it. */
  readonly singleton?: string;
  /** Where it waits until a queue, or the time, lets it begin. Left out: it can be claimed at once. */
  readonly line?: PlaceInLine;
  /** What it is found by, as a JSON object of texts. Left out: it has none. */
  readonly tags?: string;
}

/** How a run waits in the line of a queue, or only for a time. */
export interface PlaceInLine {
  /** `null`: it waits for a time only. */
  readonly queue: string | null;
  readonly key: string | null;
  /** Lower comes first. */
  readonly priority: number;
  /** When it may begin at the earliest; `null`: at once. */
  readonly notBeforeMs: number | null;
}

/** What a run tells the world: a named value, or entries of a named stream. Texts are encoded. */
export interface Publication {
  readonly runId: string;
  readonly name: string;
  /** `close`: the stream has its last entry. */
  readonly kind: 'value' | 'stream' | 'close';
  readonly at: number;
  readonly value: string | null;
  /** The action that wrote it, and which beginning of its body; `null` of a flow. */
  readonly operationId: string | null;
  readonly execution: number | null;
  /** Of a flow: the `seq` that resumed the turn that wrote it. What a replay writes again up to there is dropped. */
  readonly mark: number | null;
}

/** The record of a transaction on the user's own tables. */
export interface TransactionKey {
  readonly runId: string;
  /** Tells generations of one run apart. */
  readonly generation: string;
  readonly operationId: string;
}

/** A run that begins again under its id, with an empty journal but for what is given. */
export interface RunRestart extends Pick<RunRecord, 'input' | 'seed' | 'options'> {
  readonly runId: string;
  readonly operations: readonly OperationRecord[];
}

/** A run that leaves memory while all that it waits for is far away. */
export interface RunSuspension {
  readonly runId: string;
  /** When it goes on by itself; `null`: only when something is sent to it, or a child of it ends. */
  readonly wakeAt: number | null;
  /** Ids of the runs whose ends it waits for. */
  readonly children: readonly string[];
}

/** What others send to a run. `payload` is JSON. */
export interface InboxMessage {
  /** Given by the store, ascending; 0 before. */
  readonly id: number;
  readonly runId: string;
  readonly kind: 'cancel' | 'event' | 'callback';
  readonly payload: string;
}
