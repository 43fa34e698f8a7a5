import type { OperationRecord } from '../../model/records.js';

/**
 * The messages of a run that were sent to a name, and the events that wait for them.
 *
 * Owns: a line of events a name, and messages that were delivered and not asked for. Does not own: the order of messages (the journal gives it), nor
 * when an event joins its line and leaves it (the event does).
 *
 *   MB1  A message goes to the first in the line of its name, once; while the line is empty it is kept for the next who joins.
 *   MB2  What an event took in an earlier execution goes to that event on replay, whatever the line is.
 */
export class Mailbox<T> {
  readonly #lines = new Map<string, Set<T>>();
  readonly #kept = new Map<string, OperationRecord[]>();
  /** Messages that were delivered again, by their ids, until the event asks that took them before (MB2). */
  #held: Map<string, OperationRecord> | undefined;

  /** A message is delivered. Returns whom it is for; when the line is empty, it is kept. */
  deliver(message: OperationRecord): T | undefined {
    const line = this.#lines.get(message.name);
    if (line !== undefined) {
      const [first] = line;
      this.leave(message.name, first as T);
      return first;
    }
    const kept = this.#kept.get(message.name);
    if (kept === undefined) this.#kept.set(message.name, [message]);
    else kept.push(message);
    return undefined;
  }

  /** The oldest message of this name that is kept; if there is none, the event joins the line at its end. */
  askFor(name: string, event: T): OperationRecord | undefined {
    const kept = this.#kept.get(name);
    if (kept !== undefined) {
      const message = kept.shift();
      if (kept.length === 0) this.#kept.delete(name);
      return message;
    }
    const line = this.#lines.get(name) ?? new Set();
    this.#lines.set(name, line.add(event));
    return undefined;
  }

  /** The event is in the line no longer. */
  leave(name: string, event: T): void {
    const line = this.#lines.get(name);
    if (line?.delete(event) === true && line.size === 0) this.#lines.delete(name);
  }

  /** Keeps a message for the event that took it before (MB2). */
  hold(message: OperationRecord): void {
    this.#held ??= new Map();
    this.#held.set(message.id, message);
  }

  /** The message of this id, if it is held. */
  claim(messageId: string): OperationRecord | undefined {
    const message = this.#held?.get(messageId);
    this.#held?.delete(messageId);
    return message;
  }

  /** What was not asked for, in order of delivery. */
  get unread(): readonly OperationRecord[] {
    const unread = [...this.#kept.values()].flat();
    if (this.#held !== undefined) unread.push(...this.#held.values());
    return unread.sort((a, b) => (a.seq as number) - (b.seq as number));
  }
}
