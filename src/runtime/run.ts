import type { Codec } from '../codec/codec.js';
import { callSiteOf, callSiteText, type EntryPoint, leadTo } from '../errors/call-site.js';
import { CancelledError, NonDeterminismError } from '../errors/errors.js';
import { valueUnreadable } from '../errors/value-unreadable.js';
import type { WaitPlace } from '../futures/conditions.js';
import { type Abortable, cancellation, type Future, type OnExpired } from '../futures/future.js';
import type { Entry, OutcomeOwner } from '../journal/group-commit.js';
import type { ReplayMode } from '../journal/journal.js';
import { ROOT_SCOPE } from '../journal/numbering.js';
import type { Logger } from '../model/logger.js';
import { whatIs } from '../model/named.js';
import { type InboxMessage, isOperation, type OperationRecord, type RunRecord } from '../model/records.js';
import type { BlockedCode, EndStatus } from '../model/statuses.js';
import { Admission } from './admission.js';
import { type BodyEnd, runBody } from './body-end.js';
import { currentPlace, type FlowPlace, type FlowRun, runAt } from './current-scope.js';
import type { AttemptPolicy, FlowDefinition, OperationRequest } from './definitions.js';
import type { TurnTaker } from './delivery.js';
import type { Resting, RunHost, RunInit } from './host.js';
import { beganAt, type RunOptions, runOptions } from './new-run.js';
import type { Branch } from './operations/branch.js';
import { openOperation } from './operations/open-operation.js';
import type { EndedBranch, Operation, OperationRun } from './operations/operation.js';
import type { Timer } from './operations/timer.js';
import type { OutcomeSource } from './outcome-source.js';
import { Patches } from './patches.js';
import { PendingOperations } from './pending-operations.js';
import type { Refusals } from './refusals.js';
import { endRun } from './run-end.js';
import { RunIds } from './run-ids.js';
import { RunInbox } from './run-inbox.js';
import { RunNotices } from './run-notices.js';
import { Scope } from './scope.js';
import { ScopeEnds } from './scope-ends.js';
import { Steps } from './steps.js';
import { readable } from './unreadable.js';

/**
 * One run in this process: drives its flow's body from one outcome to the next.
 *
 * Owns: the body, its operations, and the decision how the run ends. Does not own: the order of outcomes (the journal), when it has a turn (the
 * delivery), what its code may do where (the admission), how anything is written (the group commit), nor who runs it (the worker).
 *
 * States: ready → running → ended; or halted (what it asks for is not what is recorded: it is BLOCKED, or done over); or left (another process, or a
 * later one, goes on).
 *
 *   R1  The flow's code runs in delivery turns only; an operation that is started at another time betrays an await that is not durable.
 *   R2  At most one outcome that resumes code is delivered a turn, and none after the body has ended, but to its shields.
 *   R3  Nothing is dispatched, and nobody else is asked for anything, before the whole journal has been delivered, or the body has ended.
 *   R4  Cancellation is sticky: once delivered, everything outside shields is cancelled or refused.
 *   R5  The end is written once, and nothing of the run after it.
 *   R6  A replay that did not run the bodies of branches that had ended, and comes to nothing or to something else than what is recorded, is done over
 *       with them: the code may wait for what these bodies did.
 */
export class Run implements TurnTaker, FlowRun, OperationRun, OutcomeOwner, Resting {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  readonly host: RunHost;
  lastTurn = 0;
  readonly #record: RunRecord;
  readonly #definition: FlowDefinition;
  readonly #options: RunOptions;
  readonly #codec: Codec;
  readonly #outcomes: OutcomeSource;
  readonly #place: FlowPlace;
  readonly #scope: Scope;
  readonly #recovered: boolean;
  #caughtUp = false;
  /** The body has ended, in an earlier turn. */
  #ending = false;
  readonly ids: RunIds;
  readonly notices: RunNotices;
  readonly inbox: RunInbox;
  readonly patches: Patches;
  readonly pending: PendingOperations = new PendingOperations();
  /** What waits for the end of the journal (R3). */
  readonly #steps = new Steps();
  readonly #admission: Admission;
  readonly #scopeEnds: ScopeEnds;
  /** Outcomes that are not durable yet. */
  #inFlight = 0;
  #state: 'ready' | 'running' | 'ended' | 'halted' | 'left' = 'ready';
  #now: number;
  #bodyEnd: BodyEnd | undefined;
  #lastStarted: Entry | undefined;
  /** What its code called last. */
  #entered: EntryPoint | undefined;

  constructor({ record, definition, outcomes, recovered, host }: RunInit) {
    this.id = record.id;
    this.flow = record.flow;
    this.version = record.version;
    this.host = host;
    this.#record = record;
    this.#definition = definition;
    this.#options = runOptions(record);
    this.#codec = host.codec.withSerdes(definition.serdes);
    this.#outcomes = outcomes;
    this.#recovered = recovered;
    this.#now = beganAt(record);
    this.ids = new RunIds(record.id, this.#options);
    this.notices = new RunNotices(record, host);
    this.patches = new Patches(record.id, host, outcomes);
    this.inbox = new RunInbox({ run: this, record, timeoutMs: this.#options.timeoutMs, outcomes, pending: this.pending });
    this.#admission = new Admission(this, this.notices);
    const leaks = this.#options.leaks ?? definition.leaks ?? host.leaks;
    this.#scopeEnds = new ScopeEnds({
      leaks,
      notices: this.notices,
      clock: host.clock,
      admission: this.#admission,
      outcomes,
    });
    this.#scope = new Scope({ path: ROOT_SCOPE, seed: record.seed, run: this.notices, callSites: host.callSites.of(record.flow, leaks) });
    this.#place = { kind: 'flow', run: this, scope: this.#scope, shielded: false };
  }

  get begun(): boolean {
    return this.#state !== 'ready';
  }

  get urgent(): boolean {
    return this.inbox.cancelRequested;
  }

  get skipsBranches(): boolean {
    return this.#outcomes.skipsBranches;
  }

  get replaying(): boolean {
    return this.#outcomes.replaying;
  }

  get log(): Logger {
    return this.notices.log(this);
  }

  get now(): number {
    return this.#now;
  }

  get restUntil(): number | null | undefined {
    const quiet = this.#state === 'running' && this.#bodyEnd === undefined && this.#steps.isEmpty && this.#inFlight === 0;
    const arrived = (this.#caughtUp || !this.#recovered) && !this.#outcomes.hasNext && !this.host.delivery.awaits(this);
    return quiet && arrived ? this.pending.restUntil(this.inbox.dueAt) : undefined;
  }

  get awaitedRuns(): string[] {
    return this.pending.awaitedRuns;
  }

  // Turns.

  beginTurn(): void {
    this.lastTurn = this.host.delivery.turns;
    this.#admission.beginTurn();
    if (this.#state === 'ready') {
      this.#begin();
      return;
    }
    // In the flow's place: a promise that rejects here belongs to the flow.
    runAt(this.#place, () => {
      if (this.#scopeEnds.turnBegan() || this.#admission.refusals?.answer() === true) return;
      this.#deliverUntilResumed();
    });
  }

  #deliverUntilResumed(): void {
    while (this.#state === 'running' && (this.#bodyEnd === undefined || this.#scope.shields > 0)) {
      const record = this.#outcomes.next();
      if (record === undefined || record instanceof NonDeterminismError) {
        if (this.#isStuck && this.#admission.refusals?.answer(true) === true) return;
      }
      if (record instanceof NonDeterminismError) {
        // Where it went on late, it was told here at the latest.
        if (this.#outcomes.goesOnLate && this.#scopeEnds.turnBegan(true)) return;
        this.#disagree(record, this.#scope.ledger.waitsAt);
      } else if (record === undefined || this.#deliver(record)) return;
    }
  }

  endTurn(): boolean {
    this.#admission.endTurn();
    if (this.#state !== 'running') return false;
    if (this.#bodyEnd !== undefined && this.#scope.runsCode) return true;
    const { refusals } = this.#admission;
    if (refusals !== undefined && this.#goesOn(refusals)) return true;
    if (this.#bodyEnd !== undefined && this.#scope.shields === 0) {
      // Node tells of unhandled rejections when this macrotask is over: they belong to the run as well.
      if (!this.#ending) {
        this.#ending = true;
        return true;
      }
      this.#end(this.#bodyEnd);
      return false;
    }
    const closing = this.#scopeEnds.turnEnded((perform) => this.#steps.add({ perform }));
    if (closing || this.#outcomes.hasNext) return true;
    // What it has asked for would be begun for nothing.
    if (this.inbox.cancelUnderWay) return false;
    const catchesUp = this.#recovered && !this.#caughtUp;
    if (catchesUp && this.skipsBranches && (this.#outcomes.expectsMore || this.#somethingStandsStill())) {
      this.#startOver('whole');
      return false;
    }
    // Its clean-up is not in its journal: an earlier release did none.
    if (this.#bodyEnd !== undefined && this.#outcomes.ended) {
      this.#end(this.#bodyEnd);
      return false;
    }
    this.#steps.take();
    if (this.#state !== 'running') return false;
    if (catchesUp) {
      this.#caughtUp = true;
      this.host.caughtUp(this.id);
    }
    if (this.#isStuck) {
      if (this.skipsBranches) this.#startOver('whole');
      else if (refusals?.waiting === true) return true;
      else this.notices.standstill(this.#lastStarted === undefined ? null : whatIs(this.#lastStarted));
    }
    return false;
  }

  /** Whether nothing is pending that could come to an outcome by itself. */
  get #isStuck(): boolean {
    return this.pending.working === 0 && this.#inFlight === 0;
  }

  /** Whether code that was refused something goes on in the next turn. */
  #goesOn(refusals: Refusals): boolean {
    if (!refusals.due) return refusals.turnEnded();
    // What others have asked for need not wait for them, once all that may be recorded was asked for.
    const current = (this.#caughtUp || !this.#recovered) && !this.#outcomes.hasNext && !this.inbox.cancelUnderWay;
    if (current && (this.#bodyEnd === undefined || this.#scope.shields > 0)) this.#steps.take();
    return this.#state === 'running';
  }

  #begin(): void {
    this.#state = 'running';
    const args = readable(this, 'the arguments', () => this.#codec.decodeArguments(this.#record.input));
    if (args === undefined) return;
    this.notices.started(this.#recovered);
    this.#admission.resumes(this.#scope);
    this.inbox.arm();
    const body = (): unknown => this.host.bodyOf(this.#definition)(...args);
    runBody(this.#place, body, (end) => this.#bodyEnded(end));
  }

  #bodyEnded(end: BodyEnd): void {
    // It was given up, and comes to its end after all.
    if (this.#bodyEnd !== undefined) return;
    this.#bodyEnd = end;
    this.#scopeEnds.bodyEnded(this.#scope);
    this.#wake();
  }

  /** Delivers one outcome. Returns whether that resumed code. */
  #deliver(record: OperationRecord): boolean {
    this.#now = Math.max(this.#now, record.finishedAt ?? 0);
    if (record.kind === 'cancel') return this.#deliverCancel(record);
    const operation = record.kind === 'message' ? this.inbox.deliver(record) : this.pending.find(record.id);
    if (operation === undefined) return false;
    this.forget(operation);
    this.#admission.resumes(operation.place.scope);
    if (operation.borrowers !== undefined) for (const scope of operation.borrowers) this.#admission.resumes(scope);
    const resumed = operation.deliver(record);
    if (!resumed) this.#admission.resumesNobody();
    return resumed;
  }

  // What the flow's code asks for.

  start(request: OperationRequest, place: FlowPlace, entryPoint?: EntryPoint, plain?: boolean): Future<unknown> {
    this.#entered = entryPoint;
    const operation = this.#start(request, place);
    place.scope.ledger.add(operation, entryPoint, plain);
    return operation.future;
  }

  #start(request: OperationRequest, place: FlowPlace): Operation {
    const open = this.#admission.requireOpen(place, 'starting', request);
    if (open && this.#state !== 'halted') this.#admission.requireTurnOf(place.scope, request);
    const operation = openOperation(this, place, request, this.host.codec);
    if (!open || this.#state === 'halted') return operation;
    this.#lastStarted = operation.entry;
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
      this.#wake();
    }
  }

  holdRejection(promise: Promise<unknown>, reason: unknown, scope: Scope): void {
    if (this.#state === 'ended' || this.#state === 'left') {
      this.notices.lateRejection(reason);
      return;
    }
    this.#scopeEnds.hold(promise, reason, scope);
  }

  releaseRejection(promise: Promise<unknown>): void {
    this.#scopeEnds.release(promise);
  }

  // What its operations ask for.

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
    if (operation.cancelsAtOnce) operation.cancelWith(cancellation(whatIs(operation.entry), reason));
    else this.whenCurrent(() => operation.requestCancel(reason));
  }

  giveUp(scope: Scope): void {
    const end: BodyEnd = { ok: false, error: scope.cancelled };
    this.notices.givenUp(scope);
    if (scope === this.#scope) this.#bodyEnded(end);
    else (this.pending.find(scope.path) as Branch).bodyEnded(end);
  }

  detach(operation: Operation): void {
    this.#admission.requireOwn(operation, 'detached');
  }

  register(operation: Operation): boolean {
    const recorded = this.#outcomes.start(operation.entry, operation);
    if (recorded instanceof NonDeterminismError) {
      this.#disagree(recorded, callSiteText(this.#entered && callSiteOf(this.#entered)));
      return false;
    }
    // What is recorded may have been unreadable.
    if (this.#state === 'halted') return false;
    if (recorded !== undefined) operation.adopt(recorded);
    operation.pending = true;
    this.pending.add(operation);
    operation.place.scope.add(operation);
    if (recorded?.seq == null) this.#steps.add(operation);
    this.#wake();
    return true;
  }

  forget(operation: Operation): void {
    if (!operation.pending) return;
    operation.pending = false;
    this.pending.delete(operation);
    operation.place.scope.left();
  }

  branchEnded(branch: EndedBranch): void {
    this.#scopeEnds.branchEnded(branch);
    this.#wake();
  }

  unreadable(what: string, error: unknown): void {
    if (this.#state !== 'running' && this.#state !== 'ready') return;
    this.#block('VALUE_UNREADABLE', valueUnreadable(this.id, `${what} of ${this.notices.what}`, error));
  }

  complete(operation: Operation, status: EndStatus, text: string): void {
    const { gate } = this.host;
    if (gate === undefined) this.#settled(operation, status, text);
    else gate(operation.entry, () => this.#settled(operation, status, text));
  }

  // What its inbox and the group commit ask for.

  conclude(entry: Entry, status: EndStatus, text: string): void {
    entry.status = status;
    entry.outcome = text;
    entry.seq = this.#outcomes.takeSeq();
    this.#inFlight += 1;
    this.host.group.outcome(entry, this);
  }

  outcomeCommitted(entry: Entry): void {
    this.#inFlight -= 1;
    if (this.#state === 'running' || this.#state === 'ready') {
      this.#outcomes.append(entry);
      this.host.delivery.wake(this);
    }
    if (isOperation(entry)) this.notices.operationFinished(entry);
  }

  /** How the action is tried that this run carries on, where its call said otherwise. */
  get attempts(): AttemptPolicy | undefined {
    return this.#options.attempts;
  }

  whenCurrent(perform: () => void): void {
    this.#steps.add({ perform });
    this.#wake();
  }

  // What its worker asks for.

  /** A message for this run: it goes into the journal, once. Returns whether the run has it. */
  receive(message: InboxMessage): boolean {
    if (this.#state !== 'running' && this.#state !== 'ready') return false;
    return this.inbox.take(message);
  }

  /** The run leaves this process and goes on elsewhere or later: nothing is written any more, nothing delivered. */
  leave(reason: Error): void {
    if (this.#state === 'ended') return;
    this.#halt('left', reason);
    this.#admission.close('has left this process');
  }

  // Inner workings.

  /** It has something to do: in its turn it will come to it anyway. */
  #wake(): void {
    if (!this.#admission.inTurn) this.host.delivery.wake(this);
  }

  #settled(operation: Operation, status: EndStatus, text: string): void {
    if (this.#state !== 'running' || operation.stopped) return;
    this.conclude(operation.entry, status, text);
  }

  #deliverCancel(record: OperationRecord): boolean {
    this.#admission.resumes(this.#scope);
    return this.#scope.cancel(this.inbox.cancellation(record));
  }

  #end(bodyEnd: BodyEnd): void {
    const difference = this.#outcomes.end();
    if (difference !== undefined) {
      this.#disagree(difference);
      return;
    }
    const leakFailure = this.#scopeEnds.runEnded(this.#scope);
    this.#steps.take();
    this.#scope.outliveAll();
    if (this.#state !== 'running') return;
    this.#state = 'ended';
    this.inbox.disarm();
    this.#admission.close('has ended');
    this.host.delivery.forget(this);
    const { host } = this;
    const [record, codec, scope, inbox, { undelivered }] = [this.#record, this.#codec, this.#scope, this.inbox, this.#outcomes];
    endRun({ record, host, codec, scope, inbox, undelivered, bodyEnd, leakFailure, notices: this.notices, now: this.#now });
  }

  /** Whether code of this run waits for nothing durable. */
  #somethingStandsStill(): boolean {
    return (this.#bodyEnd === undefined && this.#scope.idle) || this.pending.someStandStill;
  }

  /** @param place - Where its code stands, if that is known. */
  #disagree(error: NonDeterminismError, place?: string): void {
    if (this.skipsBranches) this.#startOver('whole');
    else if (this.#scopeEnds.toldAhead) this.#startOver('late');
    else {
      // If it is tried again, it will be known.
      this.host.callSites.keep(this.flow);
      this.#block('NON_DETERMINISM', error, place);
    }
  }

  /** Another execution takes this one's place. */
  #startOver(mode: ReplayMode): void {
    this.#halt('halted', new CancelledError(`${this.notices.what} is replayed from the beginning`));
    this.host.startOver(this.#record, mode);
  }

  #halt(state: 'halted' | 'left', reason: Error): void {
    this.#state = state;
    this.inbox.disarm();
    this.host.delivery.forget(this);
    this.pending.leaveAll(reason);
    this.#steps.drop();
  }

  #block(code: BlockedCode, error: Error, place?: string): void {
    this.#halt('halted', error);
    leadTo(error, place);
    this.host.block(this.id, { code, reason: this.#codec.encodeError(error) }, () => this.notices.blocked(code, error, place));
  }
}
