import { shared } from '../../realm/realm.js';
import type { Watcher } from '../watcher.js';
import { Watchers } from '../watchers.js';

/** How often a watcher that is busy looks whether another process has written, and how often one that is not. */
const BUSY_MS = 50;
const IDLE_MS = 250;

/** Those who watch a file, whichever store they use, by its path without links. */
const byFile = shared('watchers of files', () => new Map<string, Watchers>());

interface FileWatchOptions {
  /** The path of the file without symbolic links. Left out for one who only looks, and is told of everything: that is no news for the others. */
  readonly path?: string;
  /** Whether another process may have written since this was asked last. */
  readonly changed: () => boolean;
}

/**
 * How those who use a store in a file hear of changes: of those of this process at once, of those of others by a look now and then.
 *
 *   FW1  One timer for each watcher, in the background of its clock.
 *   FW2  What one of them finds out all are told: the connection that they share tells of a change once.
 *   FW3  A look that fails is a change: the next call of the watcher meets the reason.
 */
export class FileWatch {
  readonly #options: FileWatchOptions;
  readonly #watchers: Watchers;
  /** How many of the watchers came by this store. */
  #own = 0;

  constructor(options: FileWatchOptions) {
    this.#options = options;
    const { path } = options;
    this.#watchers = (path === undefined ? undefined : byFile.get(path)) ?? new Watchers();
    if (path !== undefined) byFile.set(path, this.#watchers);
  }

  /** Whether the file is watched through another store. */
  get othersWatch(): boolean {
    return this.#watchers.count > this.#own;
  }

  tell(): void {
    this.#watchers.tell();
  }

  add(watcher: Watcher): () => void {
    const { clock } = watcher;
    let callOff = (): void => {};
    const arm = (): void => {
      callOff = clock.setTimer(watcher.busy() ? BUSY_MS : IDLE_MS, look, { background: true });
    };
    const look = (): void => {
      this.#look();
      arm();
    };
    this.#look();
    arm();
    const remove = this.#watchers.add(watcher);
    this.#own += 1;
    return () => {
      callOff();
      if (!remove()) return;
      this.#own -= 1;
      const { path } = this.#options;
      if (path !== undefined && this.#watchers.count === 0) byFile.delete(path);
    };
  }

  #look(): void {
    if (this.#changed()) this.#watchers.tell();
  }

  #changed(): boolean {
    try {
      return this.#options.changed();
    } catch {
      return true;
    }
  }
}
