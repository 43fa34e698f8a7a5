import type { Clock } from '../clock/clock.js';
import { Journal } from '../journal/journal.js';
import { WatchedJournal } from '../journal/watched-journal.js';
import type { RunRecord } from '../model/records.js';
import { SUSPECT_FROM } from '../model/suspects.js';
import type { Resting } from '../runtime/resting.js';
import type { Store } from '../store/store.js';
import type { FlowSource } from './worker-options.js';

/** A run that has not ended its process by then is not the one that does so at once. */
const TRIAL_MS = 10_000;

interface TrialsOptions {
  readonly store: Pick<Store, 'claimSuspect' | 'endTrial' | 'acquit'>;
  readonly clock: Clock;
  readonly flows: FlowSource;
  /** Who claims, by now. */
  workerId(): string;
  /** A run that is in memory. */
  resident(runId: string): Resting | undefined;
  /** Claims runs, and asks for what is next here. */
  claim(): void;
}

/** A run that was claimed, since then. */
interface Claimed {
  readonly sinceMs: number;
  /** Whether any crash counts against it. */
  readonly blamed: boolean;
}

/**
 * Finds out which run ends the process, by trying suspects one at a time.
 *
 * Owns: which of the claimed runs have not shown yet that they do not end the process, and the trial of this worker. Does not own: how many crashes count
 * against a run, and that one trial is open in the whole store (the store sees to both); nor what follows when the store fails (the claim is made again).
 *
 * A run shows it by an outcome of an operation, by resting, or by ten seconds. The first two let no crash count against it any more: an outcome does so by
 * its place in the journal, unless the run is on trial; all else is written, for runs against which a crash counts.
 *
 *   TR1  No suspect is tried while another run that was claimed here has not shown that it does not end the process: whatever ends it is to be told apart.
 *   TR2  What was shown by a trial is durable before the next one is opened.
 */
export class Trials {
  readonly #options: TrialsOptions;
  readonly #unproven = new Map<string, Claimed>();
  #trial: { readonly runId: string; readonly callOff: () => void } | undefined;
  /** Runs against which no crash is to count any more, as soon as that is written. */
  readonly #acquitted = new Set<string>();
  /** The run whose time on trial was up, until that is written. */
  #overdue: string | undefined;
  #suspectsWait = false;
  /** The claim of a suspect has failed that may be durable. */
  #doubtful = false;
  #claimDue = false;

  constructor(options: TrialsOptions) {
    this.#options = options;
  }

  /** These are about to begin. @param suspects - Whether others wait to be tried. */
  claimed(records: readonly RunRecord[], suspects: boolean): void {
    for (const { id, crashes } of records) {
      if (suspects || crashes > 0) this.#watch(id, crashes > 0);
      // It was taken to be tried, which had seemed to fail.
      if (this.#doubtful && crashes >= SUSPECT_FROM) this.#begin(id);
    }
    this.#doubtful = false;
  }

  /** The journal of a run that begins. */
  journal(record: RunRecord, ...rest: Rest): Journal {
    if (!this.#unproven.has(record.id)) return new Journal(record, ...rest);
    return new WatchedJournal(() => this.recorded(record.id), record, ...rest);
  }

  /** Writes what has been shown, and takes the suspect that is to be tried next, if it is time for that. */
  async next(suspects: boolean): Promise<RunRecord | undefined> {
    const { store, flows, workerId } = this.#options;
    const owner = workerId();
    this.#suspectsWait = suspects;
    const othersUnproven = this.#review();
    await this.#write(owner);
    if (!suspects || othersUnproven || this.#trial !== undefined) return undefined;
    this.#doubtful = true;
    const suspect = await store.claimSuspect({ workerId: owner, flows: flows.all() });
    this.#doubtful = false;
    // What was taken for a worker that is lost is taken again.
    if (suspect === undefined || workerId() !== owner) return undefined;
    this.#watch(suspect.id, true);
    this.#begin(suspect.id);
    return suspect;
  }

  /** The run has recorded something new. */
  recorded(runId: string): void {
    if (this.#unproven.delete(runId)) this.#shown(runId, this.#trial?.runId === runId);
  }

  /** The run has come to where it was, or has left memory. */
  arrived(runId: string): void {
    const claimed = this.#unproven.get(runId);
    if (claimed === undefined) return;
    const run = this.#options.resident(runId);
    if (run?.rest.kind === 'stays') return;
    this.#unproven.delete(runId);
    // One that has ended or is blocked has no owner, and so no trial: there is nothing to write.
    this.#shown(runId, run !== undefined && claimed.blamed);
  }

  /** All runs have left this process. */
  allLeft(): void {
    this.#trial?.callOff();
    this.#trial = undefined;
    this.#unproven.clear();
    this.#acquitted.clear();
    this.#overdue = undefined;
    this.#suspectsWait = false;
    this.#doubtful = false;
  }

  #watch(runId: string, blamed: boolean): void {
    this.#unproven.set(runId, { sinceMs: this.#options.clock.now(), blamed });
  }

  #begin(runId: string): void {
    this.#trial?.callOff();
    const callOff = this.#options.clock.setTimer(TRIAL_MS, () => this.#timeIsUp(runId), { background: true });
    this.#trial = { runId, callOff };
  }

  /** Whether any but the one on trial has not shown yet that it does not end the process. */
  #review(): boolean {
    const latestMs = this.#options.clock.now() - TRIAL_MS;
    for (const [runId, { sinceMs }] of this.#unproven) {
      if (this.#options.resident(runId) !== undefined) this.arrived(runId);
      if (sinceMs <= latestMs && runId !== this.#trial?.runId) this.#unproven.delete(runId);
    }
    return this.#unproven.size > (this.#trial === undefined ? 0 : 1);
  }

  #shown(runId: string, acquitted: boolean): void {
    if (acquitted) this.#acquitted.add(runId);
    if (this.#trial?.runId === runId) {
      this.#trial.callOff();
      this.#trial = undefined;
    }
    if (this.#claimDue || (this.#acquitted.size === 0 && !this.#suspectsWait)) return;
    // What is shown in one turn is written together.
    this.#claimDue = true;
    this.#options.clock.macrotask(() => {
      this.#claimDue = false;
      this.#options.claim();
    });
  }

  async #write(workerId: string): Promise<void> {
    const { store } = this.#options;
    const [runIds, overdue] = [[...this.#acquitted], this.#overdue];
    if (runIds.length > 0) await store.acquit({ workerId, runIds });
    for (const runId of runIds) this.#acquitted.delete(runId);
    if (overdue !== undefined) await store.endTrial({ workerId, runId: overdue });
    if (this.#overdue === overdue) this.#overdue = undefined;
  }

  #timeIsUp(runId: string): void {
    this.#trial = undefined;
    this.#unproven.delete(runId);
    this.#overdue = runId;
    this.#options.claim();
  }
}

type Rest = ConstructorParameters<typeof Journal> extends [unknown, ...infer R] ? R : never;
