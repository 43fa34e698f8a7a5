import { TimeoutError, UsageError } from '../../errors/errors.js';
import type { Waiter } from '../../futures/future-owner.js';
import { type AttemptNotes, decodeAttempts, encodeAttempts, NO_ATTEMPTS } from '../../journal/attempt-notes.js';
import { messageOf } from '../../journal/read-entry.js';
import { whatIs } from '../../model/named.js';
import type { OperationRecord } from '../../model/records.js';
import type { CallbackLimits } from '../definitions.js';
import { LISTENS, type Rest, restsUntil, STAYS } from '../resting.js';
import { cancellationOf } from '../scopes/admission.js';
import type { FlowPlace } from '../scopes/current-place.js';
import type { Scope } from '../scopes/scope.js';
import { Operation, type OperationInit } from './operation.js';

/** What its operations are told when they have their outcome. */
const DONE = new Error('the operation has its outcome');

/** What an event is recorded with that took its message when it was waited for again. */
const LATE_NOTES = encodeAttempts({ ...NO_ATTEMPTS, late: true });

/** When something from outside is not waited for any longer, and the error of that. */
interface Deadline {
  readonly atMs: number;
  readonly error: () => TimeoutError;
}

/**
 * Something from outside that is waited for: its outcome is a message, which has an entry and a position in the order of its own.
 *
 * Its own entry tells that it waits, and which message it took: a replay that does not run its branch again knows by that which are spent.
 */
abstract class MessageOperation extends Operation {
  #callOff: (() => void) | undefined;
  #dueAt: number | null | undefined;

  override deliver(record: OperationRecord): boolean {
    if (record.kind === 'message') return this.take(record);
    this.leave(DONE);
    return super.deliver(record);
  }

  override get rest(): Rest {
    return this.#dueAt === undefined ? STAYS : restsUntil(this.#dueAt);
  }

  /** How long it is waited for; `undefined`: for ever. */
  protected abstract get deadline(): Deadline | undefined;

  protected dispatch(): void {
    if (this.recovered) this.#arm();
    else this.write(() => this.#arm());
  }

  protected release(): void {
    this.#callOff?.();
  }

  /** Its deadline is another by now. */
  protected rearm(): void {
    if (this.#dueAt !== undefined) this.#arm();
  }

  /** Takes a message that was delivered. Returns whether that resumed code. */
  protected take(message: OperationRecord): boolean {
    const { run, entry } = this;
    const read = this.read(message);
    if (read === undefined) return false;
    this.leave(DONE);
    const { id: input, status, outcome, finishedAt } = message;
    const known = this.recovered && entry.status === status;
    // It had its message before it could wait.
    if (!this.begun) this.announce();
    Object.assign(entry, { status, outcome, finishedAt, input });
    if (!known) {
      run.whenCurrent(() => {
        this.write();
        run.notices.operationFinished(entry);
      });
    }
    return this.future.settle(read);
  }

  #arm(): void {
    if (this.stopped) return;
    this.#callOff?.();
    const { deadline } = this;
    this.#dueAt = deadline?.atMs ?? null;
    if (deadline === undefined) return;
    const { atMs, error } = deadline;
    this.#callOff = this.run.turns.setAlarm(this.run.id, atMs, () =>
      this.run.recorder.offer(this, 'FAILED', this.codec.encodeError(error())),
    );
  }
}

/**
 * An event: the first message of its name that no other has taken. Whichever comes first, that or the end of its time, is its outcome.
 *
 * States: in the line of its name → out of it, when the last wait for it has run out of time → in it again, at the end, when it is waited for again.
 *
 *   EV1  Only waits in its own scope count: the bodies of branches that have ended are not run again, so a replay could not repeat what theirs did.
 *   EV2  The limit of a wait is durable before it can run out, and says whether it was set by a release in which the end of a wait changed nothing.
 */
export class AwaitEvent extends MessageOperation {
  readonly #timeoutMs: number | undefined;
  /** The message that it took in an earlier execution. */
  #promised: string | null = null;
  /** It is in no line: the last wait for it has run out of time. */
  #out = false;
  /** That wait was limited by an older release. */
  #olderWait = false;

  constructor(init: OperationInit, timeoutMs: number | undefined) {
    super(init);
    this.#timeoutMs = timeoutMs;
    this.#setDue();
  }

  override adopt(recorded: OperationRecord): void {
    super.adopt(recorded);
    this.#promised = messageOf(recorded) ?? null;
    this.#setDue();
  }

  override begin(): void {
    this.#join();
  }

  /** Of one that has its message in an earlier execution: whether it took that when it was delivered, and not when it was waited for again. */
  get takesAtOnce(): boolean {
    return this.entry.attempts === null;
  }

  override get rest(): Rest {
    return this.#timeoutMs === undefined ? LISTENS : super.rest;
  }

  override admit(): FlowPlace {
    const place = super.admit();
    if (this.#out && !this.stopped && cancellationOf(place) === undefined) this.#join();
    return place;
  }

  override requireShareable(to: Scope): void {
    if (!this.#out || this.#olderWait || this.stopped) return;
    throw new UsageError(
      'FOREIGN_FUTURE',
      `${whatIs(this.entry)} belongs to ${this.place.scope.what}, where the last wait for it has run out of time, and cannot be waited for in ${to.what} until it is waited for there again: ask for an event in the branch`,
    );
  }

  waitExpired(ended: Waiter, others: readonly Waiter[], older: boolean): void {
    const { scope } = this.place;
    if (ended.scope !== scope || others.some((other) => other.scope === scope)) return;
    this.#out = true;
    this.#olderWait = older;
    this.run.inbox.mailbox.leave(this.entry.name, this);
  }

  protected override dispatch(): void {
    if (this.#timeoutMs === undefined) this.write();
    else super.dispatch();
  }

  protected override release(): void {
    super.release();
    this.run.inbox.mailbox.leave(this.entry.name, this);
  }

  protected get deadline(): Deadline | undefined {
    const { name, id, runId, dueAt } = this.entry;
    if (dueAt === null) return undefined;
    const what = `event "${name}" (operation ${id} of run ${runId})`;
    return {
      atMs: dueAt,
      error: () => new TimeoutError('EVENT_TIMEOUT', `${what} had no message within its timeout of ${this.#timeoutMs} ms`),
    };
  }

  /** The time that the code of today gives it counts, from its first start. */
  #setDue(): void {
    this.entry.dueAt = this.#timeoutMs === undefined ? null : this.entry.startedAt + this.#timeoutMs;
  }

  /** Takes a message that is there, or stands in the line. */
  #join(): void {
    const late = this.#out;
    this.#out = false;
    const { mailbox } = this.run.inbox;
    const message = this.#promised === null ? mailbox.askFor(this.entry.name, this) : mailbox.claim(this.#promised);
    if (message === undefined) return;
    if (late) this.entry.attempts = LATE_NOTES;
    this.run.forget(this);
    this.take(message);
  }
}

/** A callback: the message that its token's owner sends. Whichever comes first, that or the end of a limit, is its outcome. */
export class Callback extends MessageOperation {
  readonly #limits: CallbackLimits;

  constructor(init: OperationInit, limits: CallbackLimits) {
    super(init);
    this.#limits = limits;
  }

  /** The work behind the token goes on. */
  heartbeat(): void {
    if (this.stopped || this.entry.seq !== null || this.#limits.heartbeatTimeoutMs === undefined) return;
    this.#note({ heartbeatAt: this.run.services.clock.now() });
    this.rearm();
  }

  /** An answer has come, and is on its way to it. The first counts. */
  isAnsweredBy(messageId: string): void {
    const { attempts, seq } = this.entry;
    if (this.stopped || seq !== null || decodeAttempts(attempts).answer !== undefined) return;
    this.#note({ answer: messageId });
  }

  /** Who has its token is to learn that it was cancelled, however early. */
  protected override get written(): boolean {
    return true;
  }

  protected get deadline(): Deadline | undefined {
    const { timeoutMs = Number.POSITIVE_INFINITY, heartbeatTimeoutMs = Number.POSITIVE_INFINITY } = this.#limits;
    const { name, id, runId, startedAt, attempts } = this.entry;
    const silentAt = (decodeAttempts(attempts).heartbeatAt ?? startedAt) + heartbeatTimeoutMs;
    const atMs = Math.min(startedAt + timeoutMs, silentAt);
    if (atMs === Number.POSITIVE_INFINITY) return undefined;
    const why =
      atMs < silentAt
        ? `was not completed within its timeout of ${timeoutMs} ms`
        : `had no heartbeat for longer than its heartbeatTimeout of ${heartbeatTimeoutMs} ms`;
    return { atMs, error: () => new TimeoutError('CALLBACK_TIMEOUT', `callback "${name}" (operation ${id} of run ${runId}) ${why}`) };
  }
  #note(notes: Partial<AttemptNotes>): void {
    this.entry.attempts = encodeAttempts({ ...decodeAttempts(this.entry.attempts), ...notes });
    this.write();
  }
}
