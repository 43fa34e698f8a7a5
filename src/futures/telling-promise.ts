/** Where a promise keeps whom it tells. */
const TOLD = Symbol('told');

interface Telling {
  [TOLD]?: (() => void) | undefined;
}

/**
 * What promises inherit that tell when somebody waits for them.
 *
 * Whoever waits, by `await` or `then`, looks first at a promise's `constructor`: this one is told of the look, and is `Promise` all the same. So they are
 * waited for as all others are, after as many microtasks. It has to be inherited: if any promise had a `constructor` of its own, Node would look for one at
 * every promise of the process.
 */
const TELLING: object = Object.create(Promise.prototype, {
  constructor: {
    get(this: Telling): PromiseConstructor {
      const told = this[TOLD];
      if (told !== undefined) {
        this[TOLD] = undefined;
        told();
      }
      return Promise;
    },
  },
});

/** The same promise, which calls back when somebody begins to wait for it: once, before that does anything. */
export function tellingWait<T>(promise: Promise<T>, told: () => void): Promise<T> {
  Object.defineProperty(promise, TOLD, { value: told, writable: true });
  return Object.setPrototypeOf(promise, TELLING) as Promise<T>;
}
