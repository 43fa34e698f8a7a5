import type { Store } from '../../store/store.js';
import { assertWellStored } from './well-stored.js';

/** One thing that every store does, for a test of any runner. */
export interface StoreCase {
  readonly area: string;
  /** A sentence, ending with the invariants of {@link Store} that it cites, if any. */
  readonly name: string;
  /**
   * Runs the case, then checks that everything the store holds is well formed. What the case opened is closed at the end, also when it fails.
   *
   * @param connect Makes another process's view of one set of data, empty at first: a store that is not yet open. Several calls may return the same
   *   store, which is then opened, and closed, once for each.
   * @throws {AssertionError} when the store does something else.
   */
  run(connect: () => Store): Promise<void>;
}

/** What a case does; `connect` opens the same data once more. */
type Steps = (connect: () => Promise<Store>) => Promise<void>;

/** The cases of one area. */
export function area(name: string, cases: Readonly<Record<string, Steps>>): StoreCase[] {
  return Object.entries(cases).map(([caseName, steps]) => ({
    area: name,
    name: caseName,
    run: (connect) => runSteps(steps, connect),
  }));
}

async function runSteps(steps: Steps, connect: () => Store): Promise<void> {
  const opened: Store[] = [];
  const open = async (): Promise<Store> => {
    const store = connect();
    await store.open();
    opened.push(store);
    return store;
  };
  try {
    await steps(open);
    await assertWellStored(await open());
  } catch (error) {
    // What the case found says more than a failure to close after it.
    await Promise.allSettled(opened.map((store) => store.close()));
    throw error;
  }
  for (const store of opened) await store.close();
}
