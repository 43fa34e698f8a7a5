import { InterruptedError, TimeoutError } from '../../errors/errors.js';
import { type AttemptNotes, decodeAttempts, NO_ATTEMPTS, withFailure } from '../../journal/attempt-notes.js';
import { ignoreRejection } from '../../model/ignored-rejection.js';
import type { EndStatus } from '../../model/statuses.js';
import type { BodyEnd } from '../body-end.js';
import type { AttemptPolicy } from '../definitions.js';
import { type EngineEvents, operationEvent } from '../notices/engine-events.js';
import { plainError, plainValue } from '../notices/plain-value.js';
import { keptError } from '../outcomes/kept-error.js';
import { type Rest, restsUntil, STAYS } from '../resting.js';
import { Attempt, type AttemptSubject } from './attempt.js';
import { reportFailedAttempt } from './attempt-report.js';
import type { AttemptInfo } from './interceptor.js';
import type { SlotRequest } from './limiter.js';
import { decideRetry, mostAttempts } from './retry-strategy.js';

/** What is tried: a call of an action. */
export interface AttemptedCall extends AttemptSubject, SlotRequest {
  readonly startedAtMs: number;
  readonly policy: AttemptPolicy;
  /** What the limit over all attempts is called where it was asked for. */
  readonly scheduleLimit: string;
  /** What the body is called with. @throws {ExecutionError} `VALUE_UNREADABLE` */
  readArguments(notes: AttemptNotes): readonly unknown[];
  /** Runs the body: what it returns may be a promise. */
  call(args: readonly unknown[]): unknown;
  /** Something that is recorded cannot be read: no attempt is made, and `stop` follows. */
  unreadable(what: string, error: unknown): void;
  /** Whether a value that the body returned is not the end: the notes to go on with. @throws what makes it fail, unless it is over by then. */
  again?(value: unknown, notes: AttemptNotes): AttemptNotes | undefined;
  /** Writes notes with the next commit. */
  note(notes: AttemptNotes, committed?: () => void): void;
  /** The text of a value. @throws {UsageError} when it cannot be stored: that is a failure which no other attempt mends. */
  encode(value: unknown): string;
  succeeded(text: string, notes: AttemptNotes): void;
  failed(error: unknown, notes: AttemptNotes): void;
}

/** Between two writes of what an attempt says of its progress. */
const HEARTBEAT_WRITE_MS = 1_000;

/** What an attempt is given. */
interface Given {
  readonly args: readonly unknown[];
  /** What the last one said of its progress. */
  readonly detail: unknown;
}

const nothing = (): void => {};

/**
 * The attempts of one operation, from the first to the one that decides.
 *
 * Owns: which attempt is under way, its limits, and the back-off before the next. Does not own: the outcome, nor how it is written (the operation does).
 *
 * States: waiting (for a slot, a commit, or the end of a back-off) ⇄ trying → over.
 *
 *   AL1  At most one attempt counts at a time; what one comes to that was given up changes nothing, but it holds its slot until it has ended.
 *   AL2  Another attempt is made only after the failure of the last one, its number and the time of the next are on their way to the journal.
 *   AL3  At most once: a body is begun only when that is durable, and a beginning that is found without an end is a failure.
 *       While the engine closes none is begun: one that has just become durable is taken back.
 *   AL4  The limit over all attempts is an alarm, also where it ran out while no process was there: it comes in due order among the others, and no
 *       attempt is begun before it.
 *   AL5  What an attempt says of its progress is on its way to the journal within a second, and told to listeners, as long as the attempt counts.
 */
export class AttemptLoop {
  readonly #of: AttemptedCall;
  #notes: AttemptNotes = NO_ATTEMPTS;
  #current: Attempt | undefined;
  #over = false;
  #startedAt = 0;
  /** Calls off what it waits for. */
  #callOff = nothing;
  /** Gives back the slot of an attempt whose beginning is not durable yet. */
  #giveBack = nothing;
  #callOffLimits = nothing;
  #callOffSchedule = nothing;
  /** When the limit over all attempts runs out. */
  #dueAt = Number.POSITIVE_INFINITY;
  #lastHeartbeat = 0;
  /** Ends the pause after a write of what an attempt says; `undefined` while there is none. */
  #callOffPause: (() => void) | undefined;
  #writtenHeartbeat: string | undefined;

  constructor(of: AttemptedCall) {
    this.#of = of;
  }

  /** Goes on where the recorded notes say. */
  begin(recorded: string | null): void {
    this.#notes = decodeAttempts(recorded);
    this.#writtenHeartbeat = this.#notes.heartbeat;
    const { runId, services, turns, policy, startedAtMs } = this.#of;
    const { scheduleTimeoutMs } = policy;
    if (scheduleTimeoutMs !== undefined) {
      this.#dueAt = startedAtMs + scheduleTimeoutMs;
      this.#callOffSchedule = turns.setAlarm(runId, this.#dueAt, () => this.#scheduleTimedOut(scheduleTimeoutMs));
    }
    const late = services.clock.now() > this.#dueAt;
    const { nextAt, begunAt } = this.#notes;
    if (nextAt === undefined && begunAt !== undefined && policy.execution === 'at-most-once') {
      const error = this.#interrupted(begunAt);
      if (late) this.#noteFailure(error);
      else this.#failed(error);
    } else if (!late) {
      if (nextAt === undefined) this.#queue();
      else this.#waitUntil(nextAt);
    }
  }

  /** When it goes on by itself, while no attempt is under way or waits for a slot. */
  get rest(): Rest {
    const { nextAt } = this.#notes;
    return nextAt === undefined ? STAYS : restsUntil(Math.min(nextAt, this.#dueAt));
  }

  /** The outcome is asked for no more. */
  stop(reason: Error): void {
    if (this.#over) return;
    const attempt = this.#current;
    if (attempt !== undefined) this.#tellEnd('CANCELLED', reason);
    this.#end();
    attempt?.abort(reason);
  }

  get #number(): number {
    return this.#notes.failures + 1;
  }

  #queue(): void {
    this.#callOff = this.#of.services.limiter.acquire(this.#of, (release) => this.#granted(release));
  }

  #granted(release: () => void): void {
    const { services, policy } = this.#of;
    const given = this.#read();
    if (given === undefined) {
      // Later: the call that gets the slot may be about to leave as well.
      services.clock.macrotask(release);
      return;
    }
    if (policy.execution !== 'at-most-once') {
      this.#try(given, release);
      return;
    }
    // Later: the call that gets the slot may be about to leave as well.
    this.#giveBack = () => services.clock.macrotask(release);
    this.#note({ ...this.#notes, begunAt: services.clock.now() }, () => {
      this.#giveBack = nothing;
      if (this.#over) release();
      else if (services.limiter.closed) this.#note({ ...this.#notes, begunAt: undefined });
      else this.#try(given, release);
    });
  }

  /** What an attempt is given; `undefined` when that cannot be read. */
  #read(): Given | undefined {
    const { codec } = this.#of;
    const { heartbeat } = this.#notes;
    try {
      return { args: this.#of.readArguments(this.#notes), detail: heartbeat === undefined ? undefined : codec.decode(heartbeat) };
    } catch (error) {
      this.#of.unreadable('what the next attempt is given', error);
      return undefined;
    }
  }

  #try({ args, detail }: Given, release: () => void): void {
    const { services, turns, policy } = this.#of;
    const attempt = new Attempt({ of: this.#of, number: this.#number, args, heartbeatDetail: detail, owner: this });
    this.#current = attempt;
    this.#startedAt = services.clock.now();
    if (services.events.wants('attempt:started')) services.events.emit('attempt:started', this.#event());
    if (policy.timeoutMs !== undefined || policy.heartbeatTimeoutMs !== undefined) this.#limit(attempt);
    attempt.begin(turns.attemptBegun(), release);
  }

  /** Runs the body of an attempt. */
  call(args: readonly unknown[]): unknown {
    const { around } = this.#of.services;
    return around === undefined ? this.#of.call(args) : around(this.#info(), () => this.#of.call(args));
  }

  /** The body of an attempt has ended, whether that counts or not. */
  attemptEnded(attempt: Attempt, end: BodyEnd): void {
    if (this.#current !== attempt) ignoreRejection(end.ok ? end.value : end.error);
    else if (end.ok) this.#returned(end.value);
    else this.#failed(end.error);
  }

  /** What interceptors are told of the attempt under way. */
  #info(): AttemptInfo {
    const { runId, flow, operationId, name, idempotencyKey } = this.#of;
    return { runId, flow, operationId, name, attempt: this.#number, idempotencyKey, startedAt: this.#startedAt };
  }

  #limit(attempt: Attempt): void {
    const { runId, services, turns, policy } = this.#of;
    const { timeoutMs, heartbeatTimeoutMs } = policy;
    const callOffs: (() => void)[] = [];
    this.#callOffLimits = () => {
      for (const callOff of callOffs) callOff();
    };
    const giveUp = (error: TimeoutError): void => {
      if (this.#current !== attempt) return;
      attempt.abort(error);
      this.#failed(error);
    };
    if (timeoutMs !== undefined) {
      const expire = (): void => giveUp(this.#timeoutError(`took longer than its timeout of ${timeoutMs} ms`));
      callOffs.push(turns.setAlarm(runId, this.#startedAt + timeoutMs, expire));
    }
    if (heartbeatTimeoutMs !== undefined) {
      this.#lastHeartbeat = this.#startedAt;
      const watch = (): void => {
        const dueAt = this.#lastHeartbeat + heartbeatTimeoutMs;
        if (services.clock.now() < dueAt) callOffs[callOffs.length - 1] = turns.setAlarm(runId, dueAt, watch);
        else giveUp(this.#timeoutError(`sent no heartbeat for longer than its heartbeatTimeout of ${heartbeatTimeoutMs} ms`));
      };
      callOffs.push(turns.setAlarm(runId, this.#startedAt + heartbeatTimeoutMs, watch));
    }
  }

  /** An attempt says that it makes progress. @throws {UsageError} when the detail cannot be stored, whether the attempt counts or not. */
  heartbeat(attempt: Attempt, detail: unknown): void {
    const { services, codec, runId, operationId, name } = this.#of;
    const given = detail === undefined ? undefined : codec.encode(detail, () => `the heartbeat detail of action "${name}"`, 'Pass');
    if (this.#current !== attempt) return;
    const { heartbeat } = this.#notes;
    this.#lastHeartbeat = services.clock.now();
    if (given !== undefined && given !== heartbeat) this.#notes = { ...this.#notes, heartbeat: given };
    if (this.#callOffPause === undefined) this.#writeHeartbeat();
    if (services.events.wants('action:heartbeat'))
      services.events.emit('action:heartbeat', { runId, operationId, attempt: this.#number, detail: plainValue(detail) });
  }

  #writeHeartbeat(): void {
    this.#callOffPause = undefined;
    if (this.#notes.heartbeat === this.#writtenHeartbeat) return;
    this.#note(this.#notes);
    this.#callOffPause = this.#of.services.clock.setTimer(HEARTBEAT_WRITE_MS, () => this.#writeHeartbeat(), { background: true });
  }

  #returned(value: unknown): void {
    try {
      const notes = this.#of.again?.(value, this.#notes);
      if (this.#over) return;
      if (notes === undefined) {
        const text = this.#of.encode(value);
        this.#tellEnd('SUCCEEDED');
        this.#end();
        this.#of.succeeded(text, this.#notes);
      } else {
        this.#tellEnd('SUCCEEDED');
        this.#leaveAttempt();
        this.#goOnWith(notes);
      }
    } catch (error) {
      this.#noteFailure(error);
      this.#finallyFailed(error);
    }
  }

  #failed(error: unknown): void {
    this.#leaveAttempt();
    const { services, policy, name, runId, flow, operationId } = this.#of;
    const failedAt = services.clock.now();
    const { logger } = services;
    const strategy = policy.retry ?? services.retry;
    const next = decideRetry({
      strategy,
      error,
      attempt: this.#number,
      what: `action "${name}"`,
      names: { runId, flow, operationId },
      logger,
    });
    const nextAt = next && failedAt + next.delayMs;
    this.#noteFailure(error, mostAttempts(strategy), nextAt);
    if (next === undefined) this.#finallyFailed(error);
    else this.#goOnWith({ ...this.#notes, nextAt, maxAttempts: next.maxAttempts });
  }

  /** The attempt under way has failed; listeners and the log are told, and when the next is due. */
  #noteFailure(error: unknown, maxAttempts?: number, nextAt?: number): void {
    const { services, codec, runId, flow, operationId, name } = this.#of;
    const attempt = this.#number;
    this.#tellEnd('FAILED', error);
    const failed = { attempt, error: keptError(error, codec), startedAt: this.#startedAt, failedAt: services.clock.now() };
    this.#notes = withFailure(this.#notes, failed);
    reportFailedAttempt(services, { runId, flow, operationId, kind: 'action', name, attempt, maxAttempts, error, nextAt });
  }

  /** Listeners are told how the attempt under way has ended. */
  #tellEnd(status: EndStatus, error?: unknown): void {
    const { events } = this.#of.services;
    if (!events.wants('attempt:finished')) return;
    const end = { startedAt: this.#startedAt, status, ...(error === undefined ? {} : { error: plainError(error) }) };
    events.emit('attempt:finished', { ...this.#event(), ...end });
  }

  #event(): Omit<EngineEvents['attempt:started'], 'at'> {
    const { runId, operationId: id, name } = this.#of;
    return { ...operationEvent({ runId, id, kind: 'action', name }), attempt: this.#number };
  }

  #goOnWith(notes: AttemptNotes): void {
    this.#note(notes);
    this.#waitUntil(notes.nextAt as number);
  }

  #waitUntil(nextAt: number): void {
    const { runId, turns } = this.#of;
    this.#callOff = turns.setAlarm(runId, nextAt, () => {
      this.#notes = { ...this.#notes, nextAt: undefined };
      this.#queue();
    });
  }

  #interrupted(begunAt: number): InterruptedError {
    this.#startedAt = begunAt;
    this.#notes = { ...this.#notes, begunAt: undefined };
    return new InterruptedError(
      `${this.#what} was interrupted: its process ended or lost the run while it was under way, and it may be made once at most`,
    );
  }

  #scheduleTimedOut(limitMs: number): void {
    const error = this.#timeoutError(`was not done within its ${this.#of.scheduleLimit} of ${limitMs} ms`);
    const last = this.#notes.kept.at(-1);
    try {
      if (last !== undefined) error.cause = this.#of.codec.decodeError(last.error);
    } catch (unread) {
      this.#of.unreadable('the error of an attempt', unread);
      return;
    }
    if (this.#current !== undefined) {
      this.#current.abort(error);
      this.#noteFailure(error);
    }
    this.#finallyFailed(error);
  }

  #finallyFailed(error: unknown): void {
    this.#end();
    this.#of.failed(error, this.#notes);
  }

  /** The attempt counts no more: neither its limits nor what it says are waited for. */
  #leaveAttempt(): void {
    this.#current = undefined;
    this.#callOffLimits();
    this.#callOffPause?.();
    this.#callOffPause = undefined;
  }

  /** Nothing more is waited for. */
  #end(): void {
    this.#over = true;
    this.#callOff();
    this.#giveBack();
    this.#leaveAttempt();
    this.#callOffSchedule();
  }

  #note(notes: AttemptNotes, committed?: () => void): void {
    this.#notes = notes;
    this.#writtenHeartbeat = notes.heartbeat;
    this.#of.note(notes, committed);
  }

  get #what(): string {
    const { name, operationId, runId } = this.#of;
    return `attempt ${this.#number} of action "${name}" (operation ${operationId} of run ${runId})`;
  }

  #timeoutError(deed: string): TimeoutError {
    return new TimeoutError('ACTION_TIMEOUT', `${this.#what} ${deed}`);
  }
}
