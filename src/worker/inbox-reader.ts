import type { Clock } from '../clock/clock.js';
import type { GroupCommit } from '../journal/group-commit.js';
import type { InboxMessage } from '../model/records.js';
import type { Store } from '../store/store.js';
import type { StoreFailures, Streak } from './store-failures.js';

/** Messages that are read, and that runs are given, in one macrotask. */
const AT_ONCE = 512;

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
 *   IR2  However many there are, they are read and given in pieces, and nothing of a worker that was lost meanwhile.
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

  /** Resolves when runs have all that lies there now. @param gaveFirst - Called when they have the first of it, if there is more. */
  read(gaveFirst?: () => void): Promise<void> {
    const read = this.#underWay === undefined ? this.#read(gaveFirst) : this.#underWay.then(() => this.#read(gaveFirst));
    const settled = read
      .catch(() => {})
      .then(() => {
        if (this.#underWay === settled) this.#underWay = undefined;
      });
    this.#underWay = settled;
    return read;
  }

  /** As `read`, and resolves when runs have the first of it: `open()` does not wait for thousands of messages. */
  readFirst(): Promise<void> {
    return new Promise((resolve, reject) => {
      let gaveFirst = false;
      const whole = this.read(() => {
        gaveFirst = true;
        resolve();
      });
      whole.then(resolve, (error) => (gaveFirst ? this.#failed(error) : reject(error)));
    });
  }

  async #read(gaveFirst?: () => void): Promise<void> {
    const { store, clock, reader } = this.#options;
    const workerId = reader();
    let page: Parameters<Store['readInbox']>[1] = { limit: AT_ONCE };
    while (workerId !== undefined && reader() === workerId) {
      const messages = await store.readInbox(workerId, page);
      this.#missed = false;
      this.#streak.worked();
      if (reader() !== workerId) return;
      for (const message of messages) this.#give(message);
      const last = messages.at(-1);
      // More than that comes from a store that knows no pages: it is all there is.
      if (last === undefined || messages.length !== AT_ONCE) return;
      gaveFirst?.();
      page = { limit: AT_ONCE, after: last.id };
      await new Promise<void>((resolve) => clock.macrotask(resolve));
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
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#missed = this.#options.failures.look(this.#streak, error) !== undefined;
    if (this.#missed) this.#options.onMissed();
  }

  /** All runs have left this process. */
  forget(): void {
    this.#taken.clear();
    this.#missed = false;
  }
}
