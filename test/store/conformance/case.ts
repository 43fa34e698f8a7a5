import type { Store } from '../../../src/store/store.js';

/** One thing that every store does. */
export interface ConformanceCase {
  readonly area: string;
  /** A sentence, ending with the invariant of the port it cites, if any. */
  readonly name: string;
  /** `connect` opens the same data once more, as another process would. Whatever it opened is closed afterwards. */
  run(connect: () => Promise<Store>): Promise<void>;
}

/** The cases of one area. */
export function area(name: string, cases: Readonly<Record<string, ConformanceCase['run']>>): ConformanceCase[] {
  return Object.entries(cases).map(([caseName, run]) => ({ area: name, name: caseName, run }));
}
