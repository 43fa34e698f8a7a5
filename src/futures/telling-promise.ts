/** Where a promise keeps what it calls. */
const TOLD = Symbol('told');

interface Telling {
  [TOLD]?: (() => void) | undefined;
}

/**
 * What promises inherit that tell when they are waited for.
 *
 * `await` and `then` first read a promise's `constructor`. This one is told of that, and is `Promise` all the same, so these promises are waited for as all
 * others are, after as many microtasks. It has to be inherited: if any promise had a `constructor` of its own, Node would read it at every promise of the
 * process.
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

/** The same promise, which calls back when it begins to be waited for: once, before that does anything. */
export function tellingWait<T>(promise: Promise<T>, told: () => void): Promise<T> {
  Object.defineProperty(promise, TOLD, { value: told, writable: true });
  return Object.setPrototypeOf(promise, TELLING) as Promise<T>;
}
