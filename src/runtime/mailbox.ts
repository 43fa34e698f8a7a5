import type { OperationRecord } from '../model/records.js';

/**
 * The messages of a run that were sent to a name, and the operations that wait for them.
 *
 * Owns: messages that were delivered and that nobody has asked for. Does not own: their order (the journal gives it).
 *
 *   M1  A message goes to whoever has waited longest under its name, once; if nobody does, to the next who will.
 */
export class Mailbox<T> {
  readonly #waiting = new Map<string, Set<T>>();
  readonly #kept = new Map<string, OperationRecord[]>();

  /** A message is delivered. Returns whom it is for; when nobody waits for it, it is kept. */
  deliver(message: OperationRecord): T | undefined {
    const waiting = this.#waiting.get(message.name);
    if (waiting !== undefined) {
      const [first] = waiting;
      this.leave(message.name, first as T);
      return first;
    }
    const kept = this.#kept.get(message.name);
    if (kept === undefined) this.#kept.set(message.name, [message]);
    else kept.push(message);
    return undefined;
  }

  /** The oldest message of this name that nobody has asked for; if there is none, the operation waits for the next. */
  askFor(name: string, operation: T): OperationRecord | undefined {
    const kept = this.#kept.get(name);
    if (kept !== undefined) {
      const message = kept.shift();
      if (kept.length === 0) this.#kept.delete(name);
      return message;
    }
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting.add(operation));
    return undefined;
  }

  /** The operation waits no longer. */
  leave(name: string, operation: T): void {
    const waiting = this.#waiting.get(name);
    if (waiting?.delete(operation) === true && waiting.size === 0) this.#waiting.delete(name);
  }

  /** What nobody has asked for, in order of delivery. */
  get unread(): readonly OperationRecord[] {
    return [...this.#kept.values()].flat().sort((a, b) => (a.seq as number) - (b.seq as number));
  }
}
