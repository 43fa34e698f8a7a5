import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Limiter } from '../../src/runtime/attempts/limiter.js';
import { currentPlace, runAt } from '../../src/runtime/scopes/current-place.js';

/** Requests to a limiter, by names: who was granted a place, in order. */
class Requests {
  readonly granted: string[] = [];
  readonly #limiter: Limiter;
  readonly #limit: number | undefined;
  readonly #releases = new Map<string, () => void>();
  readonly #callOffs = new Map<string, () => void>();

  constructor({ most, limit }: { readonly most?: number; readonly limit?: number }) {
    this.#limiter = new Limiter(most);
    this.#limit = limit;
  }

  ask(
    name: string,
    { runId = 'run', action = 'action', limit = this.#limit }: { runId?: string; action?: string; limit?: number } = {},
  ): void {
    const callOff = this.#limiter.acquire({ action, concurrency: limit, runId, operationId: name }, (release) => {
      this.granted.push(name);
      this.#releases.set(name, release);
    });
    this.#callOffs.set(name, callOff);
  }

  release(name: string): void {
    this.#releases.get(name)?.();
  }

  callOff(name: string): void {
    this.#callOffs.get(name)?.();
  }
}

describe('without limits', () => {
  test('every request gets a place at once', () => {
    const requests = new Requests({});
    for (const name of ['a', 'b', 'c']) requests.ask(name);
    expect(requests.granted).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) requests.release(name);
  });
});

const GATES = [
  { gate: 'of all actions', limits: { most: 2 } },
  { gate: 'of one action', limits: { limit: 2 } },
  { gate: 'of both', limits: { most: 2, limit: 2 } },
];

describe.each(GATES)('the places $gate', ({ limits }) => {
  test('are granted at once as long as there are any', () => {
    const requests = new Requests(limits);
    for (const name of ['a', 'b', 'c']) requests.ask(name);
    expect(requests.granted).toEqual(['a', 'b']);
  });

  test('are held until they are given back (LI1), then go to the oldest request', () => {
    const requests = new Requests(limits);
    for (const name of ['a', 'b', 'c', 'd']) requests.ask(name);
    requests.release('b');
    expect(requests.granted).toEqual(['a', 'b', 'c']);
    requests.release('a');
    expect(requests.granted).toEqual(['a', 'b', 'c', 'd']);
  });

  test('are given back once, however often that is said', () => {
    const requests = new Requests(limits);
    for (const name of ['a', 'b', 'c', 'd', 'e']) requests.ask(name);
    requests.release('a');
    requests.release('a');
    requests.release('a');
    expect(requests.granted).toEqual(['a', 'b', 'c']);
  });

  test('go to runs in turn, each its oldest request (LI2)', () => {
    const requests = new Requests(limits);
    requests.ask('held-1');
    requests.ask('held-2');
    for (const name of ['a1', 'a2', 'a3']) requests.ask(name, { runId: 'a' });
    for (const name of ['b1', 'b2']) requests.ask(name, { runId: 'b' });
    requests.ask('c1', { runId: 'c' });
    for (const name of ['held-1', 'held-2', 'a1', 'b1', 'c1', 'a2']) requests.release(name);
    expect(requests.granted.slice(2)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  test('do not go to a request that was called off while it waited', () => {
    const requests = new Requests(limits);
    for (const name of ['a', 'b', 'c', 'd']) requests.ask(name);
    requests.callOff('c');
    requests.release('a');
    expect(requests.granted).toEqual(['a', 'b', 'd']);
  });

  test('do not go to a run all of whose requests were called off, nor stop at it', () => {
    const requests = new Requests(limits);
    requests.ask('held-1');
    requests.ask('held-2');
    requests.ask('a1', { runId: 'a' });
    requests.ask('b1', { runId: 'b' });
    requests.callOff('a1');
    requests.callOff('a1');
    requests.ask('a2', { runId: 'a' });
    requests.release('held-1');
    requests.release('held-2');
    expect(requests.granted.slice(2)).toEqual(['b1', 'a2']);
  });

  test('are not given back by calling off what was granted', () => {
    const requests = new Requests(limits);
    for (const name of ['a', 'b', 'c']) requests.ask(name);
    requests.callOff('a');
    expect(requests.granted).toEqual(['a', 'b']);
    requests.release('b');
    expect(requests.granted).toEqual(['a', 'b', 'c']);
    requests.callOff('c');
    requests.ask('d');
    expect(requests.granted).toEqual(['a', 'b', 'c']);
  });
});

describe('places of two kinds', () => {
  test('a request of one action does not wait for the places of another', () => {
    const requests = new Requests({ most: 3 });
    for (const name of ['a1', 'a2']) requests.ask(name, { action: 'a', limit: 1 });
    requests.ask('b1', { action: 'b', limit: 1 });
    requests.ask('c1', { action: 'c' });
    requests.ask('d1', { action: 'd' });
    expect(requests.granted).toEqual(['a1', 'b1', 'c1']);
  });

  test('one that waits for a place of its action holds none of all', () => {
    const requests = new Requests({ most: 2 });
    for (const name of ['a1', 'a2']) requests.ask(name, { action: 'a', limit: 1 });
    requests.ask('b1', { action: 'b' });
    expect(requests.granted).toEqual(['a1', 'b1']);
  });

  test('one that is called off while it waits for the second gives back the first', () => {
    const requests = new Requests({ most: 1 });
    requests.ask('other', { action: 'b' });
    requests.ask('a1', { action: 'a', limit: 1 });
    requests.ask('a2', { action: 'a', limit: 1 });
    requests.callOff('a1');
    requests.release('other');
    expect(requests.granted).toEqual(['other', 'a2']);
  });

  test('one that is called off while it waits for the first never comes to the second', () => {
    const requests = new Requests({ most: 1 });
    requests.ask('a1', { action: 'a', limit: 1 });
    requests.ask('a2', { action: 'a', limit: 1 });
    requests.ask('a3', { action: 'a', limit: 1 });
    requests.callOff('a2');
    requests.release('a1');
    expect(requests.granted).toEqual(['a1', 'a3']);
  });

  test('one that has waited for both and is called off when granted keeps both until they are given back', () => {
    const requests = new Requests({ most: 1 });
    requests.ask('other', { action: 'b' });
    requests.ask('a1', { action: 'a', limit: 1 });
    requests.ask('a2', { action: 'a', limit: 1 });
    requests.release('other');
    requests.callOff('a1');
    expect(requests.granted).toEqual(['other', 'a1']);
    requests.release('a1');
    expect(requests.granted).toEqual(['other', 'a1', 'a2']);
  });
});

test('a place is granted outside of the place that gave one back', () => {
  const limiter = new Limiter(1);
  const places: unknown[] = [];
  let release: (() => void) | undefined;
  limiter.acquire({ action: 'a', concurrency: undefined, runId: 'run', operationId: '0' }, (giveBack) => {
    release = giveBack;
  });
  limiter.acquire({ action: 'a', concurrency: undefined, runId: 'run', operationId: '1' }, () => places.push(currentPlace()));
  runAt({ kind: 'action', name: 'a', context: {} as never }, () => release?.());
  expect(places).toEqual([undefined]);
});

test('a lower limit of an action is kept to once enough places were given back', () => {
  const requests = new Requests({});
  for (const name of ['a', 'b', 'c']) requests.ask(name, { limit: 3 });
  requests.ask('d', { limit: 1 });
  requests.release('a');
  requests.release('b');
  expect(requests.granted).toEqual(['a', 'b', 'c']);
  requests.release('c');
  expect(requests.granted).toEqual(['a', 'b', 'c', 'd']);
});

test('a higher limit of an action is for those who wait, before it is for others', () => {
  const requests = new Requests({});
  for (const name of ['a', 'b', 'c']) requests.ask(name, { limit: 1 });
  requests.ask('d', { limit: 3 });
  expect(requests.granted).toEqual(['a', 'b', 'c']);
  requests.release('a');
  expect(requests.granted).toEqual(['a', 'b', 'c', 'd']);
});

type Step =
  | { readonly kind: 'ask'; readonly run: number; readonly action: number }
  | { readonly kind: 'release' | 'callOff'; readonly pick: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask' as const), run: fc.nat(3), action: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('callOff' as const), pick: fc.nat() }) },
);

interface Asked {
  readonly action: number;
  state: 'waiting' | 'granted' | 'released' | 'called off';
  release: () => void;
  callOff: () => void;
}

test('there are never more places than the limits say, none is left empty, and nobody starves', () => {
  const limits = fc.record({
    most: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    own: fc.tuple(...Array.from({ length: 3 }, () => fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }))),
  });
  fc.assert(
    fc.property(limits, fc.array(step, { maxLength: 60 }), ({ most = Number.POSITIVE_INFINITY, own }, steps) => {
      const limiter = new Limiter(most === Number.POSITIVE_INFINITY ? undefined : most);
      const all: Asked[] = [];
      const inState = (state: Asked['state']): Asked[] => all.filter((each) => each.state === state);
      const ask = (run: number, action: number): void => {
        const asked: Asked = { action, state: 'waiting', release: () => {}, callOff: () => {} };
        all.push(asked);
        const request = { action: String(action), concurrency: own[action], runId: String(run), operationId: String(all.length) };
        asked.callOff = limiter.acquire(request, (release) => {
          expect(asked.state).toBe('waiting');
          asked.state = 'granted';
          asked.release = release;
        });
      };
      const check = (): void => {
        const granted = inState('granted');
        expect(granted.length).toBeLessThanOrEqual(most);
        for (const [action, limit = Number.POSITIVE_INFINITY] of own.entries()) {
          expect(granted.filter((each) => each.action === action).length).toBeLessThanOrEqual(limit);
        }
        for (const { action } of inState('waiting')) {
          const taken = granted.filter((each) => each.action === action).length;
          expect(granted.length === most || taken === own[action]).toBe(true);
        }
      };
      for (const each of steps) {
        if (each.kind === 'ask') ask(each.run, each.action);
        else {
          const candidates = inState(each.kind === 'release' ? 'granted' : 'waiting');
          const picked = candidates[each.pick % candidates.length];
          if (picked !== undefined) {
            picked.state = each.kind === 'release' ? 'released' : 'called off';
            if (each.kind === 'release') picked.release();
            else picked.callOff();
          }
        }
        check();
      }
      for (let granted = inState('granted'); granted.length > 0; granted = inState('granted')) {
        for (const each of granted) {
          each.state = 'released';
          each.release();
        }
      }
      expect(inState('waiting')).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('a run with many requests delays another by as many places at most as there are runs', () => {
  const runs = fc.integer({ min: 2, max: 5 });
  fc.assert(
    fc.property(runs, fc.integer({ min: 1, max: 3 }), (count, most) => {
      const requests = new Requests({ most });
      for (let greedy = 0; greedy < count - 1; greedy += 1) {
        for (let n = 0; n < 20; n += 1) requests.ask(`${greedy}-${n}`, { runId: String(greedy) });
      }
      const before = requests.granted.length;
      requests.ask('modest', { runId: 'modest' });
      for (let at = 0; !requests.granted.includes('modest'); at += 1) requests.release(requests.granted[at] as string);
      expect(requests.granted.length - before).toBeLessThanOrEqual(count);
    }),
  );
});
