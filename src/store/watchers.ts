import type { Watcher } from './watcher.js';

/** Someone who is told of changes. */
interface Watching {
  readonly watcher: Watcher;
  /** Whether it only looks: then it is told of everything, since nothing of it is its own. */
  readonly looks: boolean;
  /** Whether it is about to be told. */
  due: boolean;
}

/**
 * Those in this process who are told when something was written into one set of data.
 *
 *   WA1  Each is told in a macrotask of its own clock, once however many changes there were before; never after it was stopped.
 */
export class Watchers {
  readonly #all = new Set<Watching>();

  get count(): number {
    return this.#all.size;
  }

  /** Returns what stops it, which answers whether it had not been stopped before. */
  add(watcher: Watcher, { looks = false }: { readonly looks?: boolean } = {}): () => boolean {
    const watching: Watching = { watcher, looks, due: false };
    this.#all.add(watching);
    return () => this.#all.delete(watching);
  }

  /** Something was written that others wait for. */
  tell(): void {
    this.#tell(() => true);
  }

  /** Something was written that no other engine waits for. */
  tellThoseWhoLook(): void {
    this.#tell(({ looks }) => looks);
  }

  #tell(isTold: (watching: Watching) => boolean): void {
    for (const watching of this.#all) {
      if (watching.due || !isTold(watching)) continue;
      watching.due = true;
      watching.watcher.clock.macrotask(() => {
        watching.due = false;
        if (this.#all.has(watching)) watching.watcher.onChange();
      });
    }
  }
}
