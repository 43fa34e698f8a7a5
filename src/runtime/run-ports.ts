import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import type { ReplayMode } from '../journal/journal-index.js';
import type { JournalWriter } from '../journal/journal-writer.js';
import type { Logger } from '../model/logger.js';
import type { InboxMessage, OperationRecord, RunRecord, RunRestart } from '../model/records.js';
import type { BlockedCode, EndStatus } from '../model/statuses.js';
import type { Around } from './attempts/interceptor.js';
import type { Limiter } from './attempts/limiter.js';
import type { RetryStrategy } from './attempts/retry-strategy.js';
import type { ActionDefinition, Body, FlowDefinition, LeakPolicy, NonDurableAwaitPolicy } from './definitions.js';
import type { EventSink } from './notices/engine-events.js';
import type { CallSitePolicy } from './scopes/call-sites.js';
import type { Delivery } from './turns/delivery.js';

/**
 * What a run needs of its surroundings, in five parts. A worker gives all of them; a rehearsal decides only about turns and lives, and its other parts do
 * nothing.
 */
export interface RunPorts {
  readonly services: RunServices;
  readonly writer: JournalWriter;
  readonly turns: Turns;
  readonly life: RunLife;
  readonly others: OtherRuns;
}

/** Data and services of the process: the same for all its runs. */
export interface RunServices {
  readonly workerId: string;
  readonly clock: Clock;
  readonly codec: Codec;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly leaks: LeakPolicy;
  readonly nonDurableAwait: NonDurableAwaitPolicy;
  readonly callSites: CallSitePolicy;
  /** How many bodies run at once. */
  readonly limiter: Limiter;
  /** For actions that say nothing of it. */
  readonly retry: RetryStrategy | undefined;

  /** Where `random()` and `uuid()` of a run come from. */
  newSeed(runId: string): string;

  /** What is called for a flow or an action: its own body, unless something stands in for it. */
  bodyOf(definition: ActionDefinition | FlowDefinition): Body;

  /** Where given: runs the bodies of actions, each inside of what intercepts it. */
  readonly around?: Around | undefined;

  /** Where given: lets the outcome of an operation be recorded, by calling `pass`, when it sees fit. */
  readonly gate?: ((operation: OperationRecord, pass: () => void) => void) | undefined;
}

/** When a run has its turns, and what tells the worker that it is at work. */
export interface Turns {
  readonly delivery: Delivery;

  /**
   * Rings when the clock reaches `dueAtMs`, but not before the run has come to where it was. Alarms of a run that are due together ring in due order. Returns
   * what calls it off.
   */
  setAlarm(runId: string, dueAtMs: number, ring: () => void): () => void;

  /** An action's body has begun; returns what to call when it has come to its end. */
  attemptBegun(): () => void;

  /** The run has been delivered all that an earlier execution recorded, and what it waits for is under way. */
  caughtUp(runId: string): void;
}

/** How a run ends in this process. */
export interface RunLife {
  /** Writes the run's end, and tells its followers, then the caller whether any of those waits for it. */
  end(runId: string, end: EndOfRun, committed?: (awaited: IsAwaited) => void): void;

  /** Writes that the run is blocked, and why. */
  block(runId: string, blocking: Blocking, committed: () => void): void;

  /** Writes that the run begins its next generation, and begins it. */
  continueAsNew(record: RunRecord, restart: RunRestart): void;

  /** Replays a run from the beginning in another way: in this one its code cannot go on. */
  startOver(record: RunRecord, mode: ReplayMode): void;
}

/** What a run asks for that concerns other runs. */
export interface OtherRuns {
  /** Begins a run that this worker has just created. */
  begin(record: RunRecord): void;

  /** Calls back once with a run as it is stored; `undefined` when there is none. */
  find(runId: string, onFound: (found: RunRecord | undefined) => void): void;

  /**
   * Calls back once with the end of a run that exists, with any owner: in the batch that writes it when this worker does, so that what follows from it
   * can be written in the same transaction. `undefined`: the run has been deleted. Returns what calls it off.
   */
  follow(runId: string, onEnd: OnEnd): () => void;

  /** A run of this worker waits for one that it has not started. */
  attached(runId: string, to: string): void;

  /** Sends a message to a run: at once when this worker has it, else through its inbox. */
  send(message: InboxMessage): void;

  /** Something that goes on without its run: it gets the messages for the run it has become, and hears when this process lets go. */
  adopt(runId: string, resident: Resident): void;

  /** Whether a run is in the memory of this process. */
  isResident(runId: string): boolean;
}

/** How a run ended. */
export interface EndOfRun {
  readonly status: EndStatus;
  /** Encoded value, or encoded error. */
  readonly outcome: string;
}

/** Why a run is blocked. */
export interface Blocking {
  readonly code: BlockedCode;
  /** An encoded error. */
  readonly reason: string;
}

/**
 * Hears of the end of a run; `undefined` when the run has been deleted, so that its end is not known. Returns whether a caller waits for it: it may be
 * heard of for a future that was forgotten.
 */
export type OnEnd = (end: EndOfRun | undefined) => boolean;

/** Whether a caller waits for the end of a run; `undefined`: nothing in this process has followed it. */
export type IsAwaited = boolean | undefined;

/** What a worker keeps of a run that it executes. */
export interface Resident {
  /** Returns whether the message has been taken over: into the journal, or as one that changes nothing. */
  receive(message: InboxMessage): boolean;
  leave(reason: Error): void;
}
