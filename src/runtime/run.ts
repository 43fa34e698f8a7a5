import type { Codec } from '../codec/codec.js';
import { leadTo } from '../errors/call-site.js';
import { CancelledError, NonDeterminismError } from '../errors/errors.js';
import { valueUnreadable } from '../errors/value-unreadable.js';
import type { ReplayMode } from '../journal/journal-index.js';
import { ROOT_SCOPE } from '../journal/numbering.js';
import type { InboxMessage, OperationRecord, RunRecord } from '../model/records.js';
import type { BlockedCode } from '../model/statuses.js';
import { type BodyEnd, runBody } from './body-end.js';
import type { FlowDefinition } from './definitions.js';
import { FlowCalls } from './flow-calls.js';
import { beganAt, type RunOptions, runOptions } from './identity/new-run.js';
import { RunInbox } from './messages/run-inbox.js';
import { RunNotices } from './notices/run-notices.js';
import type { Branch } from './operations/branch.js';
import { OutcomeRecorder } from './outcomes/outcome-recorder.js';
import type { OutcomeSource } from './outcomes/outcome-source.js';
import { readable } from './outcomes/unreadable.js';
import type { PendingOperations } from './pending-operations.js';
import { type Rest, type Resting, STAYS } from './resting.js';
import { endRun } from './run-end.js';
import type { Resident, RunPorts } from './run-ports.js';
import { Admission } from './scopes/admission.js';
import { ClosingScopes } from './scopes/closing-scopes.js';
import { type FlowPlace, runAt } from './scopes/current-place.js';
import type { Refusals } from './scopes/refusals.js';
import { Scope } from './scopes/scope.js';
import { CatchUp } from './turns/catch-up.js';
import type { TurnTaker } from './turns/delivery.js';

/** Outcomes that are delivered in one turn, if none of them resumes code. */
const DELIVERED_A_TURN = 1_024;
/** What is dispatched in one turn. */
const STEPS_A_TURN = 512;

/** What a run is made of. */
export interface RunInit {
  readonly record: RunRecord;
  readonly definition: FlowDefinition;
  readonly outcomes: OutcomeSource;
  /** Whether an earlier execution of it is being continued. */
  readonly recovered: boolean;
  readonly ports: RunPorts;
}

/**
 * One run in this process: drives its flow's body from one outcome to the next.
 *
 * Owns: the body, its turns, and the decision how the run ends. Does not own: the order of outcomes (the journal), how they get there (the recorder), what its
 * code asks for (the calls) and may do where (the admission), nor who runs it (the worker).
 *
 * States: ready → running → ended; or halted (what it asks for is not what is recorded: it is BLOCKED, or replayed in another way); or left (another
 * process, or a later one, goes on).
 *
 *   R1  The flow's code runs in delivery turns only; an operation that is started at another time betrays an await that is not durable.
 *   R2  At most one outcome that resumes code is delivered a turn, and none after the body has ended, but to its shields.
 *   R3  Nothing is dispatched, and no other run is asked for anything, before the whole journal has been delivered, or the body has ended.
 *   R4  Cancellation is sticky: once delivered, everything outside shields is cancelled or refused.
 *   R5  The end is written once, and nothing of the run after it.
 *   R6  If a replay that skipped the bodies of ended branches stalls or diverges, it is repeated as a whole replay, which runs them too.
 */
export class Run implements TurnTaker, Resident, Resting {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  readonly options: RunOptions;
  readonly inbox: RunInbox;
  lastTurn = 0;
  readonly #ports: RunPorts;
  readonly #record: RunRecord;
  readonly #definition: FlowDefinition;
  readonly #codec: Codec;
  readonly #outcomes: OutcomeSource;
  readonly #recovered: boolean;
  readonly #notices: RunNotices;
  readonly #recorder: OutcomeRecorder;
  readonly #catchUp: CatchUp;
  readonly #admission: Admission;
  readonly #scope: Scope;
  readonly #closingScopes: ClosingScopes;
  readonly #calls: FlowCalls;
  readonly #place: FlowPlace;
  #state: 'ready' | 'running' | 'ended' | 'halted' | 'left' = 'ready';
  #now: number;
  #bodyEnd: BodyEnd | undefined;
  /** The body has ended, in an earlier turn. */
  #ending = false;

  constructor({ record, definition, outcomes, recovered, ports }: RunInit) {
    const { services, writer, turns } = ports;
    this.id = record.id;
    this.flow = record.flow;
    this.version = record.version;
    this.options = runOptions(record);
    this.#ports = ports;
    this.#record = record;
    this.#definition = definition;
    this.#codec = services.codec.withSerdes(definition.serdes);
    this.#outcomes = outcomes;
    this.#recovered = recovered;
    this.#now = beganAt(record);
    const leaks = this.options.leaks ?? definition.leaks ?? services.leaks;
    const notices = new RunNotices(record, ports);
    const recorder = new OutcomeRecorder({ outcomes, writer, gate: services.gate, notices, delivery: turns.delivery, taker: this });
    const catchUp = new CatchUp(outcomes, recovered);
    const admission = new Admission(this, notices);
    const closingScopes = new ClosingScopes({ leaks, notices, clock: services.clock, admission, outcomes });
    const calls = new FlowCalls({ run: this, record, ports, outcomes, notices, recorder, catchUp, admission, closingScopes });
    this.#notices = notices;
    this.#recorder = recorder;
    this.#catchUp = catchUp;
    this.#admission = admission;
    this.#closingScopes = closingScopes;
    this.#calls = calls;
    this.inbox = new RunInbox({ run: calls, record, timeoutMs: this.options.timeoutMs, outcomes, pending: calls.pending });
    this.#scope = new Scope({ path: ROOT_SCOPE, seed: record.seed, run: notices, callSites: services.callSites.of(record.flow, leaks) });
    this.#place = { kind: 'flow', run: calls, scope: this.#scope, shielded: false };
  }

  get begun(): boolean {
    return this.#state !== 'ready';
  }

  get urgent(): boolean {
    return this.inbox.cancelRequested;
  }

  get now(): number {
    return this.#now;
  }

  /** What it has asked for and not been delivered. */
  get pending(): PendingOperations {
    return this.#calls.pending;
  }

  get halted(): boolean {
    return this.#state === 'halted';
  }

  get gone(): boolean {
    return this.#state === 'ended' || this.#state === 'left';
  }

  get rest(): Rest {
    const quiet = this.#state === 'running' && this.#bodyEnd === undefined && this.#catchUp.isEmpty && this.#recorder.idle;
    const rests = quiet && this.#catchUp.arrived && !this.#ports.turns.delivery.awaits(this);
    return rests ? this.pending.rest(this.inbox.dueAt) : STAYS;
  }

  get awaitedRuns(): string[] {
    return this.pending.awaitedRuns;
  }

  // Turns.

  beginTurn(): void {
    this.lastTurn = this.#ports.turns.delivery.turns;
    this.#admission.beginTurn();
    if (this.#state === 'ready') {
      this.#begin();
      return;
    }
    // In the flow's place: a promise that rejects here belongs to the flow.
    runAt(this.#place, () => {
      if (this.#closingScopes.turnBegan() || this.#admission.refusals?.answer() === true || this.#calls.beginMore()) return;
      this.#deliverUntilResumed();
    });
  }

  #deliverUntilResumed(): void {
    for (let left = DELIVERED_A_TURN; left > 0 && this.#mayDeliver; left -= 1) {
      const record = this.#outcomes.next();
      if (record === undefined || record instanceof NonDeterminismError) {
        if (this.#isStuck && this.#admission.refusals?.answer(true) === true) return;
      }
      if (record instanceof NonDeterminismError) {
        // Where it went on late, it was told here at the latest.
        if (this.#outcomes.goesOnLate && this.#closingScopes.turnBegan(true)) return;
        this.disagree(record, this.#scope.ledger.waitsAt);
      } else if (record === undefined || this.#deliver(record)) return;
    }
  }

  get #mayDeliver(): boolean {
    return this.#state === 'running' && (this.#bodyEnd === undefined || this.#scope.shields > 0);
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
    const closing = this.#closingScopes.turnEnded((perform) => this.#catchUp.add({ perform }));
    const more = closing || this.#outcomes.hasNext || this.#calls.beginning;
    if (more && !this.#takesMeanwhile) return true;
    // What it has asked for would be begun for nothing.
    if (this.inbox.cancelUnderWay) return more;
    if (!more && !this.#catchUp.midway && this.#endsReplay()) return false;
    const taken = this.#catchUp.take(STEPS_A_TURN);
    if (this.#state !== 'running') return false;
    if (!taken) return true;
    if (this.#catchUp.underWay) {
      this.#catchUp.finish();
      this.#ports.turns.caughtUp(this.id);
    }
    if (more) return true;
    if (this.#isStuck) {
      if (this.#outcomes.skipsBranches) this.#startOver('whole');
      else if (refusals?.waiting === true) return true;
      else this.#notices.standstill(this.#calls.lastStarted);
    }
    return false;
  }

  /** Whether steps are taken although the run has more to do: the rest of those that were begun with, what branches ask for while others begin, and many. */
  get #takesMeanwhile(): boolean {
    const more = this.#calls.beginning || this.#catchUp.isLong;
    return this.#catchUp.midway || (more && !this.#catchUp.underWay);
  }

  /** The journal has been delivered. Returns whether this execution goes no further. */
  #endsReplay(): boolean {
    if (this.#catchUp.underWay && this.#outcomes.skipsBranches && (this.#outcomes.expectsMore || this.#somethingStandsStill())) {
      this.#startOver('whole');
      return true;
    }
    // Its clean-up is not in its journal: an earlier release did none.
    if (this.#bodyEnd !== undefined && this.#outcomes.ended) {
      this.#end(this.#bodyEnd);
      return true;
    }
    return false;
  }

  /** Whether nothing is pending that could come to an outcome by itself. */
  get #isStuck(): boolean {
    return this.pending.working === 0 && this.#recorder.idle;
  }

  /** Whether code that was refused something goes on in the next turn. */
  #goesOn(refusals: Refusals): boolean {
    if (!refusals.due) return refusals.turnEnded();
    // What others have asked for need not wait for them, once all that may be recorded was asked for.
    const current = this.#catchUp.arrived && !this.inbox.cancelUnderWay;
    if (current && this.#mayDeliver) this.#catchUp.take();
    return this.#state === 'running';
  }

  #begin(): void {
    this.#state = 'running';
    const args = readable(this, 'the arguments', () => this.#codec.decodeArguments(this.#record.input));
    if (args === undefined) return;
    this.#notices.started(this.#recovered);
    this.#admission.resumes(this.#scope);
    this.inbox.arm();
    const callBody = (): unknown => this.#ports.services.bodyOf(this.#definition)(...args);
    runBody(this.#place, { callBody, bodyEnded: (end) => this.#bodyEnded(end) });
  }

  #bodyEnded(end: BodyEnd): void {
    // It was given up, and comes to its end after all.
    if (this.#bodyEnd !== undefined) return;
    this.#bodyEnd = end;
    this.#closingScopes.bodyEnded(this.#scope);
    this.wake();
  }

  /** Delivers one outcome. Returns whether that resumed code. */
  #deliver(record: OperationRecord): boolean {
    this.#now = Math.max(this.#now, record.finishedAt ?? 0);
    if (record.kind === 'cancel') return this.#deliverCancel(record);
    const operation = record.kind === 'message' ? this.inbox.deliver(record) : this.pending.find(record.id);
    if (operation === undefined) return false;
    this.#calls.forget(operation);
    this.#admission.resumes(operation.place.scope);
    if (operation.borrowers !== undefined) for (const scope of operation.borrowers) this.#admission.resumes(scope);
    const resumed = operation.deliver(record);
    if (!resumed) this.#admission.resumesNobody();
    return resumed;
  }

  // What its calls ask for.

  /** It has something to do: in its turn it will come to it anyway. */
  wake(): void {
    if (!this.#admission.inTurn) this.#ports.turns.delivery.wake(this);
  }

  giveUp(scope: Scope): void {
    const end: BodyEnd = { ok: false, error: scope.cancelled };
    this.#notices.givenUp(scope);
    if (scope === this.#scope) this.#bodyEnded(end);
    else (this.pending.find(scope.path) as Branch).bodyEnded(end);
  }

  disagree(error: NonDeterminismError, place?: string): void {
    if (this.#outcomes.skipsBranches) this.#startOver('whole');
    else if (this.#closingScopes.toldAhead) this.#startOver('late');
    else {
      // If it is tried again, it will be known.
      this.#ports.services.callSites.keep(this.flow);
      this.#block('NON_DETERMINISM', error, place);
    }
  }

  unreadable(what: string, error: unknown): void {
    if (this.#state !== 'running' && this.#state !== 'ready') return;
    this.#block('VALUE_UNREADABLE', valueUnreadable(this.id, `${what} of ${this.#notices.what}`, error));
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

  #deliverCancel(record: OperationRecord): boolean {
    this.#admission.resumes(this.#scope);
    return this.#scope.cancel(this.inbox.cancellation(record));
  }

  #end(bodyEnd: BodyEnd): void {
    const difference = this.#outcomes.end();
    if (difference !== undefined) {
      this.disagree(difference);
      return;
    }
    const leakFailure = this.#closingScopes.runEnded(this.#scope);
    this.#catchUp.take();
    this.#scope.outliveAll();
    if (this.#state !== 'running') return;
    this.#leaveTurns('ended');
    this.#admission.close('has ended');
    endRun({
      record: this.#record,
      ports: this.#ports,
      codec: this.#codec,
      scope: this.#scope,
      inbox: this.inbox,
      undelivered: this.#outcomes.undelivered,
      bodyEnd,
      leakFailure,
      notices: this.#notices,
      now: this.#now,
    });
  }

  /** Whether code of this run waits for nothing durable. */
  #somethingStandsStill(): boolean {
    return (this.#bodyEnd === undefined && this.#scope.idle) || this.pending.someStandStill;
  }

  /** Another execution takes this one's place. */
  #startOver(mode: ReplayMode): void {
    this.#halt('halted', new CancelledError(`${this.#notices.what} is replayed from the beginning`));
    this.#ports.life.startOver(this.#record, mode);
  }

  #halt(state: 'halted' | 'left', reason: Error): void {
    this.#leaveTurns(state);
    this.pending.leaveAll(reason);
    this.#catchUp.drop();
  }

  /** It has no more turns in this process. */
  #leaveTurns(state: 'ended' | 'halted' | 'left'): void {
    this.#state = state;
    this.#recorder.close();
    this.inbox.disarm();
    this.#ports.turns.delivery.forget(this);
  }

  #block(code: BlockedCode, error: Error, place?: string): void {
    this.#halt('halted', error);
    leadTo(error, place);
    this.#ports.life.block(this.id, { code, reason: this.#codec.encodeError(error) }, () => this.#notices.blocked(code, error, place));
  }
}
