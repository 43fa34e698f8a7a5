import { expect, test } from 'vitest';
import type { RunRecord } from '../../src/model/records.js';
import type { RunStatus } from '../../src/model/statuses.js';
import { SecondTries } from '../../src/worker/second-tries.js';

const ORDER = { flow: 'order', version: 1 };

/** A store of runs that could not be read. */
function store(...ids: readonly string[]) {
  const statuses = new Map<string, RunStatus>(ids.map((id) => [id, 'BLOCKED']));
  return {
    statuses,
    blockedRuns: async () =>
      [...statuses].filter(([, status]) => status === 'BLOCKED').map(([id]) => ({ id, ...ORDER, version: id.startsWith('v2') ? 2 : 1 })),
    getRuns: async (wanted: readonly string[]) => wanted.map((id) => ({ id, status: statuses.get(id) }) as RunRecord),
  };
}

const claimed = (...ids: readonly string[]): RunRecord[] => ids.map((id) => ({ id }) as RunRecord);

test('each run is tried once, so many at a time', async () => {
  const tries = new SecondTries(store('a', 'b', 'c'));
  expect(await tries.next([ORDER], 2)).toEqual(['a', 'b']);
  await tries.tried(['a', 'b'], claimed('a', 'b', 'another'));
  expect(await tries.next([ORDER], 2)).toEqual(['c']);
  await tries.tried(['c'], claimed('c'));
  expect(await tries.next([ORDER], 2)).toEqual([]);
});

test('a run waits for its flow to be registered', async () => {
  const tries = new SecondTries(store('a', 'v2'));
  expect(await tries.next([], 10)).toEqual([]);
  expect(await tries.next([ORDER], 10)).toEqual(['a']);
  await tries.tried(['a'], claimed('a'));
  expect(await tries.next([ORDER, { ...ORDER, version: 2 }], 10)).toEqual(['v2']);
});

test('a run that another worker has is tried if that blocks it again, behind the others', async () => {
  const runs = store('a', 'b', 'gone', 'ended');
  const tries = new SecondTries(runs);
  expect(await tries.next([ORDER], 4)).toEqual(['a', 'b', 'gone', 'ended']);
  runs.statuses.set('a', 'RUNNING').set('ended', 'SUCCEEDED').set('gone', 'SUSPENDED');
  await tries.tried(['a', 'b', 'gone', 'ended'], []);
  expect(await tries.next([ORDER], 4)).toEqual(['a']);
  runs.statuses.set('a', 'BLOCKED');
  await tries.tried(['a'], claimed('a'));
  expect(await tries.next([ORDER], 4)).toEqual([]);
});

test('what is blocked later is left to later workers', async () => {
  const runs = store('a');
  const tries = new SecondTries(runs);
  await tries.tried(await tries.next([ORDER], 4), claimed('a'));
  runs.statuses.set('late', 'BLOCKED');
  expect(await tries.next([ORDER], 4)).toEqual([]);
  tries.forget();
  expect(await tries.next([ORDER], 4)).toEqual(['a', 'late']);
});
