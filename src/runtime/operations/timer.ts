import { cancellation } from '../../futures/cancellation.js';
import type { OnExpired } from '../../futures/future-owner.js';
import { encodeAttempts, NO_ATTEMPTS } from '../../journal/attempt-notes.js';
import { whatIs } from '../../model/named.js';
import type { OperationRequest } from '../definitions.js';
import { type Rest, restsUntil, STAYS } from '../resting.js';
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

  /** Lets it limit a wait. Returns what calls that off. */
  limitWait(expire: OnExpired): () => void {
    const { future, place } = this;
    // It may have been set by a release in which the end of a wait changed nothing for an event.
    const older = (): boolean => this.entry.attempts === null;
    future.attach({ scope: place.scope, onSettled: () => future.status === 'SUCCEEDED' && expire(older()) });
    return () => {
      if (!future.done()) this.cancelWith(cancellation(whatIs(future), 'nobody waits any more', 'flow'));
    };
  }

  protected dispatch(): void {
    if (this.recovered) this.#arm();
    else this.write(() => this.#arm());
  }

  override get rest(): Rest {
    return this.#callOff === undefined ? STAYS : restsUntil(this.entry.dueAt);
  }

  protected release(): void {
    this.#callOff?.();
  }

  #arm(): void {
    if (this.stopped) return;
    this.#callOff = this.run.turns.setAlarm(this.run.id, this.entry.dueAt as number, () => this.run.recorder.offer(this, 'SUCCEEDED', ''));
  }
}
