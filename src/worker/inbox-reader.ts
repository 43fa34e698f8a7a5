import type { Clock } from '../clock/clock.js';
import type { GroupCommit } from '../journal/group-commit.js';
import type { InboxMessage } from '../model/records.js';
import type { Store } from '../store/store.js';
import type { StoreFailures, Streak } from './store-failures.js';

/** Messages that runs are given in one macrotask. */
const GIVEN_AT_ONCE = 512;

interface InboxReaderOptions {
  readonly clock: Pick<Clock, 'macrotask'>;
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
 *
 *   IR1  A run is given each message once, in their order. What was read is given before anything is read again: it may be in the journal by then.
 *   IR2  However many there are, they are given in pieces, and nothing of a worker that was lost meanwhile.
 */
export class InboxReader {
  readonly #options: InboxReaderOptions;
  readonly #streak: Streak;
  readonly #taken = new Set<number>();
  #missed = false;
  /** The last read, until it is over. */
  #underWay: Promise<void> | undefined;

  constructor(options: InboxReaderOptions) {
    this.#options = options;
    this.#streak = options.failures.streak('the look for messages');
  }

  /** Whether something was sent here, and the inbox could not be read since. */
  get missed(): boolean {
    return this.#missed;
  }

  /** Resolves when runs have all that lies there now. */
  read(): Promise<void> {
    const read = this.#underWay === undefined ? this.#read() : this.#underWay.then(() => this.#read());
    const settled = read
      .catch(() => {})
      .then(() => {
        if (this.#underWay === settled) this.#underWay = undefined;
      });
    this.#underWay = settled;
    return read;
  }

  async #read(): Promise<void> {
    const { store, clock, reader } = this.#options;
    const workerId = reader();
    const messages = workerId === undefined ? [] : await store.readInbox(workerId);
    this.#missed = false;
    this.#streak.worked();
    for (let given = 0; given < messages.length; given += GIVEN_AT_ONCE) {
      if (given > 0) await new Promise<void>((resolve) => clock.macrotask(resolve));
      if (reader() !== workerId) return;
      for (const message of messages.slice(given, given + GIVEN_AT_ONCE)) this.#give(message);
    }
  }

  #give(message: InboxMessage): void {
    const { group, give } = this.#options;
    const { id } = message;
    if (this.#taken.has(id) || !give(message)) return;
    this.#taken.add(id);
    group.take(id, () => this.#taken.delete(id));
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
