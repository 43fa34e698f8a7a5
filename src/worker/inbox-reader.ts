import type { GroupCommit } from '../journal/group-commit.js';
import type { InboxMessage } from '../model/records.js';
import type { Store } from '../store/store.js';
import type { StoreFailures, Streak } from './store-failures.js';

interface InboxReaderOptions {
  readonly store: Pick<Store, 'readInbox'>;
  readonly group: Pick<GroupCommit, 'take'>;
  readonly failures: Pick<StoreFailures, 'look' | 'streak'>;
  /** Whose inbox is read, as long as anything can come of it. */
  reader(): string | undefined;
  /** Gives a message to its run. Returns whether that has taken it over. */
  give(message: InboxMessage): boolean;
  /** The inbox could not be read, and something lies there that was sent here: it is to be read again soon. */
  onMissed(): void;
}

/**
 * Brings messages from the store to the runs of this process.
 *
 * Owns: which messages runs have that lie in their inbox until the next commit.
 */
export class InboxReader {
  readonly #options: InboxReaderOptions;
  readonly #streak: Streak;
  readonly #taken = new Set<number>();
  #missed = false;

  constructor(options: InboxReaderOptions) {
    this.#options = options;
    this.#streak = options.failures.streak('the look for messages');
  }

  /** Whether something was sent here, and the inbox could not be read since. */
  get missed(): boolean {
    return this.#missed;
  }

  async read(): Promise<void> {
    const { store, group, reader, give } = this.#options;
    const workerId = reader();
    const messages = workerId === undefined ? [] : await store.readInbox(workerId);
    this.#missed = false;
    this.#streak.worked();
    for (const message of messages) {
      const { id } = message;
      if (this.#taken.has(id) || !give(message)) continue;
      this.#taken.add(id);
      group.take(id, () => this.#taken.delete(id));
    }
  }

  /** Something was sent here. */
  async check(): Promise<void> {
    try {
      await this.read();
    } catch (error) {
      this.#missed = this.#options.failures.look(this.#streak, error) !== undefined;
      if (this.#missed) this.#options.onMissed();
    }
  }

  /** All runs have left this process. */
  forget(): void {
    this.#taken.clear();
    this.#missed = false;
  }
}
