import type { InboxMessage } from '../../model/records.js';

/** What lies in the inboxes of all runs, in order of arrival. */
export class Inboxes {
  readonly #messages = new Map<number, InboxMessage>();
  #lastId = 0;

  add(message: InboxMessage): void {
    this.#lastId += 1;
    this.#messages.set(this.#lastId, { ...message, id: this.#lastId });
  }

  remove(ids: readonly number[]): void {
    for (const id of ids) this.#messages.delete(id);
  }

  removeOf(runId: string): void {
    for (const message of this.#messages.values()) if (message.runId === runId) this.#messages.delete(message.id);
  }

  has(runId: string): boolean {
    for (const message of this.#messages.values()) if (message.runId === runId) return true;
    return false;
  }

  /** Copies of the messages of those runs. */
  of(isOne: (runId: string) => boolean): InboxMessage[] {
    const found: InboxMessage[] = [];
    for (const message of this.#messages.values()) if (isOne(message.runId)) found.push({ ...message });
    return found;
  }
}
