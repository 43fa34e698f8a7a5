import { expect } from 'vitest';
import type { Store } from '../../src/store/store.js';
import { flawsOf, type History, historyOf } from '../../src/testing/well-formed.js';

export { type History, historyOf } from '../../src/testing/well-formed.js';

export async function expectWellFormed(store: Store): Promise<History> {
  const history = await historyOf(store);
  expect(flawsOf(history)).toEqual([]);
  return history;
}
