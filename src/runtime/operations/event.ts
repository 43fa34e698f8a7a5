import { TimeoutError } from '../../errors/errors.js';
import { decodeAttempts, encodeAttempts, NO_ATTEMPTS } from '../../journal/attempt-notes.js';
import type { OperationRecord } from '../../model/records.js';
import type { EndStatus } from '../../model/statuses.js';
import type { CallbackLimits } from '../definitions.js';
import { Operation, type OperationInit } from './operation.js';

/** What its operations are told when they have their message. */
const ANSWERED = new Error('the operation has its message');

/**
 * Something from outside that is waited for: its outcome is a message, which has an entry and a place in the order of its own.
 *
 * Its own entry tells that it waits, and which message it took: a replay that does not run its branch again knows by that which are spent.
 */
abstract class Messaged extends Operation {
  override deliver(record: OperationRecord): boolean {
    return record.kind === 'message' ? this.take(record) : super.deliver(record);
  }

  /** Takes a message that was delivered. Returns whether that resumed code. */
  protected take(message: OperationRecord): boolean {
    const { run, entry } = this;
    this.leave(ANSWERED);
    const { id: input, status, outcome, finishedAt } = message;
    const known = this.recovered && entry.status === status;
    // It had its message before it could wait.
    if (!this.written) this.announce();
    Object.assign(entry, { status, outcome, finishedAt, input });
    if (!known) {
      run.whenCurrent(() => {
        this.write();
        run.notices.operationFinished(entry);
      });
    }
    return this.future.settle({ status: status as EndStatus, text: outcome as string, codec: this.codec });
  }
}

/** An event: the first message of its name that nobody else has taken. */
export class AwaitEvent extends Messaged {
  override begin(): void {
    const message = this.run.inbox.mailbox.askFor(this.entry.name, this);
    if (message === undefined) return;
    this.run.forget(this);
    this.take(message);
  }

  override get restsUntil(): null {
    return null;
  }

  protected dispatch(): void {
    this.write();
  }

  protected release(): void {
    this.run.inbox.mailbox.leave(this.entry.name, this);
  }
}

/** A callback: the message that its token's owner sends. Whichever comes first, that or the end of a limit, is its outcome. */
export class Callback extends Messaged {
  readonly #limits: CallbackLimits;
  #callOff: (() => void) | undefined;
  #dueAt: number | null | undefined;

  constructor(init: OperationInit, limits: CallbackLimits) {
    super(init);
    this.#limits = limits;
  }

  /** Whoever has the token is still at it. */
  heartbeat(): void {
    if (this.stopped || this.entry.seq !== null || this.#limits.heartbeatTimeoutMs === undefined) return;
    this.entry.attempts = encodeAttempts({ ...NO_ATTEMPTS, heartbeatAt: this.run.host.clock.now() });
    this.write();
    if (this.#dueAt !== undefined) this.#arm();
  }

  override get restsUntil(): number | null | undefined {
    return this.#dueAt;
  }

  protected dispatch(): void {
    if (this.recovered) this.#arm();
    else this.write(() => this.#arm());
  }

  protected release(): void {
    this.#callOff?.();
  }

  #arm(): void {
    if (this.stopped) return;
    this.#callOff?.();
    const { timeoutMs = Number.POSITIVE_INFINITY, heartbeatTimeoutMs = Number.POSITIVE_INFINITY } = this.#limits;
    const { startedAt, attempts } = this.entry;
    const silentAt = (decodeAttempts(attempts).heartbeatAt ?? startedAt) + heartbeatTimeoutMs;
    const dueAt = Math.min(startedAt + timeoutMs, silentAt);
    this.#dueAt = dueAt === Number.POSITIVE_INFINITY ? null : dueAt;
    if (this.#dueAt === null) return;
    const why =
      dueAt < silentAt
        ? `was not completed within its timeout of ${timeoutMs} ms`
        : `had no heartbeat for longer than its heartbeatTimeout of ${heartbeatTimeoutMs} ms`;
    this.#callOff = this.run.host.setAlarm(dueAt, () => this.#expire(why));
  }

  #expire(why: string): void {
    const { name, id, runId } = this.entry;
    const error = new TimeoutError('CALLBACK_TIMEOUT', `callback "${name}" (operation ${id} of run ${runId}) ${why}`);
    this.run.complete(this, 'FAILED', this.codec.encodeError(error));
  }
}
