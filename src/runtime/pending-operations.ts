import type { CancelledError } from '../errors/errors.js';
import type { Abortable } from '../futures/future.js';
import type { FlowPlace } from './current-scope.js';
import type { Operation } from './operations/operation.js';

/**
 * What a run has started and not yet delivered, and the waits that are under way.
 *
 * Owns: which operations are pending, in the order of their starts. Does not own: how an operation does its work.
 *
 *   Q1  An operation leaves by being delivered, cancelled or stopped, once; none of its outcomes is delivered afterwards.
 */
export class PendingOperations {
  readonly #operations = new Map<string, Operation>();
  readonly #waits = new Map<Abortable, FlowPlace>();

  get size(): number {
    return this.#operations.size;
  }

  add(operation: Operation): void {
    this.#operations.set(operation.entry.id, operation);
  }

  /** The operation whose outcome is delivered now; `undefined` when it is no longer pending. */
  take(operationId: string): Operation | undefined {
    const operation = this.#operations.get(operationId);
    if (operation !== undefined) this.#operations.delete(operationId);
    return operation;
  }

  enterWait(wait: Abortable, place: FlowPlace): void {
    this.#waits.set(wait, place);
  }

  leaveWait(wait: Abortable): void {
    this.#waits.delete(wait);
  }

  /** Settles the operation's future in this turn, without a sequence number. Returns whether that resumed code. */
  cancel(operation: Operation, error: CancelledError): boolean {
    this.#operations.delete(operation.entry.id);
    this.#close(operation, error);
    return operation.future.settleError('CANCELLED', error);
  }

  /** Cancels everything outside shields, waits first. Returns whether that resumed code. */
  cancelAll(error: CancelledError): boolean {
    let resumed = false;
    for (const [wait, place] of this.#waits) {
      if (place.shielded) continue;
      this.#waits.delete(wait);
      if (wait.abort(error)) resumed = true;
    }
    for (const operation of [...this.#operations.values()]) {
      if (!operation.place.shielded && !operation.detached && this.cancel(operation, error)) resumed = true;
    }
    return resumed;
  }

  /** The run has ended: stops what nobody detached. */
  stopAll(reason: () => CancelledError): void {
    for (const [id, operation] of this.#operations) {
      if (operation.detached) continue;
      this.#operations.delete(id);
      this.#close(operation, reason());
    }
  }

  /** The run has ended: what was detached goes on by itself. */
  outliveAll(): void {
    for (const operation of this.#operations.values()) operation.outlive();
    this.#operations.clear();
  }

  /** The run leaves this process. */
  leaveAll(reason: Error): void {
    for (const operation of this.#operations.values()) operation.leave(reason);
    this.#operations.clear();
  }

  /** Stops an operation for good; its entry says so, unless it was never written or has its outcome. */
  #close(operation: Operation, error: CancelledError): void {
    operation.stop(error);
    const { entry, codec, run } = operation;
    if (!(operation.dispatched || operation.recovered) || entry.seq !== null || entry.status === 'CANCELLED') return;
    entry.status = 'CANCELLED';
    entry.outcome = codec.encodeError(error);
    entry.finishedAt = run.host.clock.now();
    run.host.group.entry(entry);
  }
}
