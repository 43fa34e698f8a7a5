import { callSiteOf, callSiteText, type EntryPoint } from '../errors/call-site.js';
import { NonDeterminismError } from '../errors/errors.js';
import { cancellation } from '../futures/cancellation.js';
import type { WaitPlace } from '../futures/conditions.js';
import type { Future } from '../futures/future.js';
import type { Abortable, OnExpired } from '../futures/future-owner.js';
import type { Logger } from '../model/logger.js';
import { whatIs } from '../model/named.js';
import type { RunRecord } from '../model/records.js';
import type { AttemptPolicy, OperationRequest } from './definitions.js';
import type { RunOptions } from './identity/new-run.js';
import { RunIds } from './identity/run-ids.js';
import type { RunInbox } from './messages/run-inbox.js';
import type { RunNotices } from './notices/run-notices.js';
import { openOperation } from './operations/open-operation.js';
import type { BeginningBatch, EndedBranch, Operation, OperationRun } from './operations/operation.js';
import type { Timer } from './operations/timer.js';
import type { OutcomeRecorder } from './outcomes/outcome-recorder.js';
import type { OutcomeSource } from './outcomes/outcome-source.js';
import { Patches } from './patches.js';
import { PendingOperations } from './pending-operations.js';
import type { RunPorts } from './run-ports.js';
import type { Admission } from './scopes/admission.js';
import type { ClosingScopes } from './scopes/closing-scopes.js';
import { currentPlace, type FlowPlace, type FlowRun, runAt } from './scopes/current-place.js';
import type { Scope } from './scopes/scope.js';
import type { CatchUp } from './turns/catch-up.js';

/** What calls ask of the run as a whole. */
interface CalledRun {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  /** The commit time of the last delivered outcome. */
  readonly now: number;
  readonly options: RunOptions;
  /** Its code is never resumed in this process. */
  readonly halted: boolean;
  /** It has ended, or has left this process. */
  readonly gone: boolean;
  readonly inbox: RunInbox;
  /** It has something to do. */
  wake(): void;
  /** What is recorded differs from what its code asks for. @param place - Where the code stands, if that is known. */
  disagree(error: NonDeterminismError, place?: string): void;
  /** Something that is recorded cannot be read. */
  unreadable(what: string, error: unknown): void;
}

interface FlowCallsInit {
  readonly run: CalledRun;
  readonly record: RunRecord;
  readonly ports: RunPorts;
  readonly outcomes: OutcomeSource;
  readonly notices: RunNotices;
  readonly recorder: OutcomeRecorder;
  readonly catchUp: CatchUp;
  readonly admission: Admission;
  readonly closingScopes: ClosingScopes;
}

/**
 * What the code of a flow asks of its run, and what the operations ask that it has started.
 *
 * Owns: the operations that are pending, and the last call that was made. Does not own: turns, outcomes, nor what code may do where (the admission).
 *
 *   FC1  An operation is registered with what is recorded of it before anything of it happens; if the two differ, nothing does.
 *   FC2  What is not recorded to its end waits for the end of the journal.
 */
export class FlowCalls implements FlowRun, OperationRun {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  readonly services: RunPorts['services'];
  readonly writer: RunPorts['writer'];
  readonly turns: RunPorts['turns'];
  readonly life: RunPorts['life'];
  readonly others: RunPorts['others'];
  readonly notices: RunNotices;
  readonly recorder: OutcomeRecorder;
  readonly ids: RunIds;
  readonly patches: Patches;
  readonly pending: PendingOperations;
  readonly #run: CalledRun;
  readonly #outcomes: OutcomeSource;
  readonly #catchUp: CatchUp;
  readonly #admission: Admission;
  readonly #closingScopes: ClosingScopes;
  /** In the order in which they came. */
  readonly #beginning: BeginningBatch[] = [];
  #lastStarted: Operation | undefined;
  /** Where its code called last. */
  #entryPoint: EntryPoint | undefined;

  constructor({ run, record, ports, outcomes, notices, recorder, catchUp, admission, closingScopes }: FlowCallsInit) {
    this.id = run.id;
    this.flow = run.flow;
    this.version = run.version;
    this.services = ports.services;
    this.writer = ports.writer;
    this.turns = ports.turns;
    this.life = ports.life;
    this.others = ports.others;
    this.notices = notices;
    this.recorder = recorder;
    this.ids = new RunIds(record.id, run.options);
    this.patches = new Patches({ runId: record.id, services: ports.services, writer: ports.writer, outcomes });
    this.#run = run;
    this.#outcomes = outcomes;
    this.#catchUp = catchUp;
    this.pending = new PendingOperations(catchUp);
    this.#admission = admission;
    this.#closingScopes = closingScopes;
  }

  get replaying(): boolean {
    return this.#outcomes.replaying;
  }

  get skipsBranches(): boolean {
    return this.#outcomes.skipsBranches;
  }

  get inbox(): RunInbox {
    return this.#run.inbox;
  }

  get log(): Logger {
    return this.notices.log(this);
  }

  get now(): number {
    return this.#run.now;
  }

  get attempts(): AttemptPolicy | undefined {
    return this.#run.options.attempts;
  }

  /** How messages call the last operation that was started; `null` before the first. */
  get lastStarted(): string | null {
    return this.#lastStarted === undefined ? null : whatIs(this.#lastStarted.entry);
  }

  /** Whether branches are to begin before anything is delivered. */
  get beginning(): boolean {
    return this.#beginning.length > 0;
  }

  /** Begins some of these branches. Returns whether there were any. */
  beginMore(): boolean {
    const [batch] = this.#beginning;
    if (batch === undefined) return false;
    this.#admission.resumes(batch.place.scope);
    if (!batch.beginMore()) this.#beginning.shift();
    return true;
  }

  // What code asks for.

  start(request: OperationRequest, place: FlowPlace, entryPoint?: EntryPoint, plain?: boolean): Future<unknown> {
    this.#entryPoint = entryPoint;
    const operation = this.#start(request, place);
    place.scope.ledger.add(operation, entryPoint, plain);
    return operation.future;
  }

  #start(request: OperationRequest, place: FlowPlace): Operation {
    const open = this.#admission.requireOpen(place, 'starting', request);
    if (open && !this.#run.halted) this.#admission.requireTurnOf(place.scope, request);
    const operation = openOperation(this, place, request, this.services.codec);
    if (!open || this.#run.halted) return operation;
    this.#lastStarted = operation;
    if (this.#admission.refusesStart(operation)) return operation;
    this.notices.operationAskedFor();
    if (this.register(operation)) operation.begin();
    return operation;
  }

  waitPlace(place: FlowPlace): WaitPlace {
    return this.#admission.waitPlace(place, (limitMs, expire) => this.limit(limitMs, expire));
  }

  async shield<T>(place: FlowPlace, body: () => PromiseLike<T> | T): Promise<T> {
    if (!this.#admission.requireOpen(place, 'entering a shield')) return new Promise(() => {});
    const leave = place.scope.enterShield();
    try {
      return await runAt({ ...place, shielded: true }, async () => body());
    } finally {
      leave();
      this.#run.wake();
    }
  }

  holdRejection(promise: Promise<unknown>, reason: unknown, scope: Scope): void {
    if (this.#run.gone) this.notices.lateRejection(reason);
    else this.#closingScopes.hold(promise, reason, scope);
  }

  releaseRejection(promise: Promise<unknown>): void {
    this.#closingScopes.release(promise);
  }

  // What operations ask for.

  admit(operation: Operation): FlowPlace {
    return this.#admission.requireWaitable(operation);
  }

  limit(limitMs: number, expire: OnExpired): () => void {
    const request = { kind: 'timer', name: 'wait-timeout', due: { afterMs: limitMs }, limit: true } as const;
    return (this.#start(request, currentPlace() as FlowPlace) as Timer).limitWait(expire);
  }

  enterWait(wait: Abortable): (() => void) | undefined {
    return this.#admission.enterWait(wait, currentPlace() as FlowPlace);
  }

  tellsAtOnce(future: Future<unknown>, tell: () => void): boolean {
    return this.#admission.tellsAtOnce(future, tell);
  }

  cancel(operation: Operation, reason: string | undefined): void {
    this.#admission.requireOwn(operation, 'cancelled');
    // It was refused, and is cancelled in a turn to come.
    if (!operation.pending) return;
    if (operation.cancelsAtOnce) operation.cancelWith(cancellation(whatIs(operation.entry), reason, 'flow'));
    else this.whenCurrent(() => operation.requestCancel(reason));
  }

  detach(operation: Operation): void {
    this.#admission.requireOwn(operation, 'detached');
  }

  register(operation: Operation): boolean {
    const recorded = this.#outcomes.start(operation.entry, operation);
    if (recorded instanceof NonDeterminismError) {
      this.#run.disagree(recorded, callSiteText(this.#entryPoint && callSiteOf(this.#entryPoint)));
      return false;
    }
    // What is recorded may have been unreadable.
    if (this.#run.halted) return false;
    if (recorded !== undefined) operation.adopt(recorded);
    operation.pending = true;
    this.pending.add(operation);
    operation.place.scope.add(operation);
    if (recorded?.seq == null) this.#catchUp.add(operation);
    this.#run.wake();
    return true;
  }

  forget(operation: Operation): void {
    if (!operation.pending) return;
    operation.pending = false;
    this.pending.delete(operation);
    operation.place.scope.left();
  }

  beginsMore(batch: BeginningBatch): void {
    this.#beginning.push(batch);
    this.#run.wake();
  }

  branchEnded(branch: EndedBranch): void {
    this.#closingScopes.branchEnded(branch);
    this.#run.wake();
  }

  whenCurrent(perform: () => void): void {
    this.#catchUp.add({ perform });
    this.#run.wake();
  }

  unreadable(what: string, error: unknown): void {
    this.#run.unreadable(what, error);
  }
}
