import { StorageError } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, test } from 'vitest';
import { wrappedStore } from '../../src/testing/wrapped-store.js';
import { turns } from '../faults/turns.js';
import { EXPECTED, type Played, play } from './fault-scenario.js';

/** A fault is played at each call that is one of so many, unless all are asked for. */
const STEP = 13;

/** What a store can throw that passes. */
const ERRORS: Readonly<Record<string, () => Error>> = {
  'an error of the disk': () => new StorageError('STORE_FAILED', 'injected: the disk reported an error'),
  'a locked store': () => new StorageError('STORE_BUSY', 'injected: locked'),
  'descriptors that are used up': () => new StorageError('STORE_NO_DESCRIPTORS', 'injected: no descriptors'),
  'an error of another kind': () => new TypeError('injected: a store of somebody else'),
};
const KINDS = Object.keys(ERRORS);

interface Call {
  readonly method: string;
  readonly number: number;
  /** The number among the calls of this method. */
  readonly ofMethod: number;
}

/** A store some of whose calls fail, right before or right after they had their effect. `open` and `close` are never among them. */
function faulty(store: Store, fails: (call: Call) => 'before' | 'after' | undefined, error: () => Error): Store {
  let number = 0;
  const counts = new Map<string, number>();
  return wrappedStore(store, async (method, call) => {
    if (method === 'open' || method === 'close') return call();
    number += 1;
    const ofMethod = (counts.get(method) ?? 0) + 1;
    counts.set(method, ofMethod);
    const when = fails({ method, number, ofMethod });
    if (when === 'before') throw error();
    const result = await call();
    if (when === 'after') throw error();
    return result;
  });
}

function expectAllWell(what: string, { ends, failures, repeated }: Played): void {
  expect({ what, ends, failures, repeated }).toEqual({ what, ends: EXPECTED, failures: [], repeated: [] });
}

/** The calls of a scenario without faults. */
async function calls(): Promise<Call[]> {
  const made: Call[] = [];
  expectAllWell('without a fault', await play((store) => faulty(store, (call) => void made.push(call), Error as never)));
  return made;
}

const made = await calls();

describe('an engine goes on, does nothing twice that is recorded, and comes to the same ends', { timeout: 600_000 }, () => {
  test.each(['before', 'after'] as const)('when any one call of the store fails right %s it had its effect', async (when) => {
    for (const at of turns(STEP, made.length)) {
      const kind = KINDS[at % KINDS.length] as string;
      const played = await play((store) => faulty(store, ({ number }) => (number === at ? when : undefined), ERRORS[kind] as () => Error));
      expectAllWell(`${kind} right ${when} call ${at}, ${made[at - 1]?.method}`, played);
    }
  });

  test('when any two calls in a row fail, before and after they had their effects', async () => {
    for (const at of turns(STEP, made.length)) {
      const kind = KINDS[at % KINDS.length] as string;
      const fails = ({ number }: Call): 'before' | 'after' | undefined =>
        number === at ? 'after' : number === at + 1 ? 'before' : undefined;
      expectAllWell(`${kind} at calls ${at} and ${at + 1}`, await play((store) => faulty(store, fails, ERRORS[kind] as () => Error)));
    }
  });

  test.each([...new Set(made.map(({ method }) => method))])('when %s fails for a while', async (failing) => {
    for (const when of ['before', 'after'] as const) {
      const from = 1 + Math.floor(made.filter(({ method }) => method === failing).length / 2);
      const fails = ({ method, ofMethod }: Call): 'before' | 'after' | undefined =>
        method === failing && ofMethod >= from && ofMethod < from + 6 ? when : undefined;
      for (const [kind, error] of Object.entries(ERRORS))
        expectAllWell(`${kind}, six times ${when} ${failing}`, await play((store) => faulty(store, fails, error)));
    }
  });
});
