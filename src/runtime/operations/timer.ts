import { encodeAttempts, NO_ATTEMPTS } from '../../journal/attempt-notes.js';
import type { OperationRequest } from '../definitions.js';
import { Operation, type OperationInit } from './operation.js';

/** What the limit of a wait is recorded with; older releases recorded nothing. */
const LIMIT_NOTES = encodeAttempts({ ...NO_ATTEMPTS, limit: true });

/** A durable timer: due at the wall clock of its first start plus its duration, committed with its start entry. */
export class Timer extends Operation {
  #callOff: (() => void) | undefined;

  constructor(init: OperationInit, { due, limit }: Extract<OperationRequest, { readonly kind: 'timer' }>) {
    super(init);
    this.entry.dueAt = 'atMs' in due ? due.atMs : this.entry.startedAt + due.afterMs;
    if (limit) this.entry.attempts = LIMIT_NOTES;
  }

  /** Of the limit of a wait: whether it was set by a release in which the end of a wait changed nothing for an event. */
  get older(): boolean {
    return this.entry.attempts === null;
  }

  protected dispatch(): void {
    if (this.recovered) this.#arm();
    else this.write(() => this.#arm());
  }

  override get restsUntil(): number | null | undefined {
    return this.#callOff === undefined ? undefined : this.entry.dueAt;
  }

  protected release(): void {
    this.#callOff?.();
  }

  #arm(): void {
    if (this.stopped) return;
    this.#callOff = this.run.host.setAlarm(this.entry.dueAt as number, () => this.run.complete(this, 'SUCCEEDED', ''));
  }
}
