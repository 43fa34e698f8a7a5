import { CancelledError } from '../errors/errors.js';
import type { GroupCommit } from '../journal/group-commit.js';
import type { LoadedJournal, ReplayMode } from '../journal/journal-index.js';
import type { InboxMessage, RunRecord, RunRestart } from '../model/records.js';
import type { Resting } from '../runtime/resting.js';
import { Run } from '../runtime/run.js';
import type { Blocking, EndOfRun, IsAwaited, OnEnd, OtherRuns, Resident, RunLife, RunPorts } from '../runtime/run-ports.js';
import type { Claims } from './claims.js';
import type { Following } from './following.js';
import type { Residency } from './residency.js';
import type { RunLookup } from './run-lookup.js';
import type { Wakeups } from './wakeups.js';
import type { FlowSource } from './worker-options.js';

interface ResidentsOptions {
  readonly flows: FlowSource;
  readonly writer: GroupCommit;
  readonly following: Following;
  readonly lookup: RunLookup;
  readonly claims: Claims;
  readonly wakeups: Wakeups;
  readonly residency: Residency;
  readonly attached: OtherRuns['attached'];
  /** What runs are given. */
  readonly ports: () => RunPorts;
  /** Whether runs may begin. */
  readonly may: () => boolean;
  /** Messages may have been written, for runs of this worker or for such as sleep. */
  readonly checkInbox: () => void;
}

/**
 * The runs in the memory of this process, and what becomes of them.
 *
 * Owns: which runs these are, and which of them are about to leave memory. Does not own: when runs are claimed, rest or are followed (the claims, the
 * residency and the following decide that), nor whether the worker is alive (the membership).
 *
 *   RS1  A run is resident only while this worker owns it, or is about to, by a creation that is being written.
 *   RS2  A run that leaves memory, ends or is blocked is no longer resident; what follows from that is done when it is durable.
 */
export class Residents implements RunLife, OtherRuns {
  readonly attached: OtherRuns['attached'];
  readonly #options: ResidentsOptions;
  readonly #residents = new Map<string, Resident>();
  /** Runs that have left memory, until that is durable. */
  readonly #leaving = new Set<string>();

  constructor(options: ResidentsOptions) {
    this.#options = options;
    this.attached = options.attached;
  }

  get count(): number {
    return this.#residents.size;
  }

  get runs(): Run[] {
    return [...this.#residents.values()].filter((resident) => resident instanceof Run);
  }

  /** A run that is here, and no detached action that has become one. */
  run(runId: string): Run | undefined {
    const resident = this.#residents.get(runId);
    return resident instanceof Run ? resident : undefined;
  }

  isResident(runId: string): boolean {
    return this.#residents.has(runId);
  }

  /** Whether the run is here, or was until what is being written. */
  knows(runId: string): boolean {
    return this.#residents.has(runId) || this.#leaving.has(runId);
  }

  /** Gives a message to a run that is here. Returns whether it was taken over. */
  give(message: InboxMessage): boolean {
    return this.#residents.get(message.runId)?.receive(message) === true;
  }

  /** @param loaded - The journal of a run that was claimed; left out for one that was just created. */
  begin(record: RunRecord, loaded?: LoadedJournal, mode: ReplayMode = 'short'): void {
    const { flows, claims, may, ports } = this.#options;
    const definition = flows.find(record.flow, record.version);
    // A creation that was reported as failed may be durable all the same: then the run may have been claimed by now.
    const known = this.#residents.has(record.id);
    if (!may() || definition === undefined || known) {
      claims.caughtUp(record.id);
      return;
    }
    const outcomes = claims.trials.journal(record, loaded ?? [], { mode });
    const run = new Run({ record, definition, outcomes, recovered: loaded !== undefined, ports: ports() });
    this.adopt(record.id, run);
    ports().turns.delivery.wake(run);
  }

  startOver(record: RunRecord, mode: ReplayMode): void {
    this.#residents.delete(record.id);
    this.#options.claims.startOver(record, mode);
  }

  adopt(runId: string, resident: Resident): void {
    this.#residents.set(runId, resident);
    this.#options.following.resides(runId);
    this.#options.residency.entered();
  }

  find(runId: string, onFound: (found: RunRecord | undefined) => void): void {
    this.#options.lookup.find(runId, onFound);
  }

  follow(runId: string, onEnd: OnEnd): () => void {
    return this.#options.following.follow(runId, 'gathered', onEnd);
  }

  send(message: InboxMessage): void {
    if (!this.give(message)) this.#options.writer.message(message, () => this.#options.checkInbox());
  }

  end(runId: string, end: EndOfRun, committed?: (awaited: IsAwaited) => void): void {
    this.#options.writer.end({ runId, ...end }, () => {
      const awaited = this.#dismiss(runId);
      committed?.(awaited);
    });
    this.#options.following.ends(runId, end);
  }

  block(runId: string, { code, reason }: Blocking, committed: () => void): void {
    this.#options.writer.end({ runId, status: 'BLOCKED', outcome: reason, blockedCode: code }, () => {
      this.#dismiss(runId);
      committed();
    });
  }

  continueAsNew(record: RunRecord, { runId, operations, ...change }: RunRestart): void {
    const { writer, claims, checkInbox } = this.#options;
    writer.restart({ runId, operations, ...change }, () => {
      this.#residents.delete(runId);
      claims.trials.recorded(runId);
      this.begin({ ...record, ...change }, operations);
      checkInbox();
    });
  }

  /** The run leaves memory; code that follows it hears of it when it is here again, or ends elsewhere. @param wakeAt - `null`: only when it is woken. */
  suspend(run: Resting, wakeAt: number | null): void {
    const { writer, following, wakeups, residency, claims } = this.#options;
    const { id: runId, awaitedRuns: children } = run;
    run.leave(new CancelledError(`run ${runId} has left memory, and goes on when something is due`));
    this.#residents.delete(runId);
    this.#leaving.add(runId);
    following.sleeps(runId);
    writer.suspend({ runId, wakeAt, children }, () => {
      this.#leaving.delete(runId);
      wakeups.note(wakeAt);
      residency.left();
      // Something may have come for it meanwhile.
      void claims.claim();
    });
  }

  /** All runs leave this process. */
  leaveAll(why: string): void {
    const reason = new CancelledError(`the run has left this process: ${why}; it goes on elsewhere or later`);
    for (const resident of this.#residents.values()) resident.leave(reason);
    this.#residents.clear();
    this.#leaving.clear();
  }

  /** The run has ended or is blocked, durably: it is resident no longer. Returns whether a caller waits for its end. */
  #dismiss(runId: string): IsAwaited {
    const { claims, following, residency, wakeups } = this.#options;
    this.#residents.delete(runId);
    claims.caughtUp(runId);
    const awaited = following.ended(runId);
    residency.left();
    // Its end may have woken its parent.
    if (wakeups.any) void claims.claim();
    return awaited;
  }
}
