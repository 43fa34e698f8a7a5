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

  /** Copies of the messages of those runs: the first so many behind one, or all. */
  of(isOne: (runId: string) => boolean, { limit, after = 0 }: { readonly limit?: number; readonly after?: number } = {}): InboxMessage[] {
    const found: InboxMessage[] = [];
    for (const message of this.#messages.values()) {
      if (found.length === limit) break;
      if (message.id > after && isOne(message.runId)) found.push({ ...message });
    }
    return found;
  }
}
