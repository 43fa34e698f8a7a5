import { expect, test } from 'vitest';
import type { RunRecord } from '../../src/model/records.js';
import type { EndOfRun } from '../../src/runtime/run-ports.js';
import { runOf } from '../../src/testing/store-conformance/records.js';
import { Following } from '../../src/worker/following.js';

const END: EndOfRun = { status: 'SUCCEEDED', outcome: '1' };

interface World {
  readonly following: Following;
  readonly residents: Set<string>;
  /** What the store has. */
  readonly stored: Map<string, RunRecord>;
  /** What was looked for, a list a time. */
  readonly looks: (readonly string[])[];
  readonly heard: string[];
  /** How often a run turned out to be elsewhere. */
  elsewhere(): number;
  follow(runId: string, when?: 'gathered' | 'committed'): () => void;
  /** A run has ended in the store. */
  end(runId: string): void;
}

function world(...residents: string[]): World {
  const here = new Set(residents);
  const stored = new Map<string, RunRecord>();
  const looks: (readonly string[])[] = [];
  const heard: string[] = [];
  let elsewhere = 0;
  const following = new Following({
    store: {
      getRuns: async (runIds) => {
        looks.push([...runIds].sort());
        return runIds.flatMap((id) => stored.get(id) ?? []);
      },
    },
    isResident: (runId) => here.has(runId),
    onElsewhere: () => {
      elsewhere += 1;
    },
    onAsleep: (wakeAt) => heard.push(`asleep until ${wakeAt}`),
  });
  return {
    following,
    residents: here,
    stored,
    looks,
    heard,
    elsewhere: () => elsewhere,
    follow: (runId, when = 'committed') => {
      if (!stored.has(runId)) stored.set(runId, runOf(runId));
      return following.follow(runId, when, (end) => {
        heard.push(`${runId} ${when} ${end === undefined ? 'gone' : `${end.status} ${end.outcome}`}`);
        return true;
      });
    },
    end: (runId) => void stored.set(runId, runOf(runId, { status: 'SUCCEEDED', outcome: '1', workerId: null })),
  };
}

test('the end of a run that is here becomes known here, and nobody looks for it', async () => {
  const { following, follow, heard, looks, elsewhere } = world('run');
  follow('run', 'gathered');
  follow('run');
  await following.look(true);
  following.ends('run', END);
  expect(heard).toEqual(['run gathered SUCCEEDED 1']);
  following.ended('run');
  expect(heard).toEqual(['run gathered SUCCEEDED 1', 'run committed SUCCEEDED 1']);
  expect([looks, elsewhere(), following.anyElsewhere]).toEqual([[], 0, false]);
});

test('a run that is not here is looked for: once when it is followed, then whenever others have written', async () => {
  const { following, follow, heard, looks, elsewhere, end } = world();
  follow('run');
  expect([elsewhere(), following.anyElsewhere]).toEqual([1, true]);
  await following.look(false);
  await following.look(false);
  expect(looks).toEqual([['run']]);
  await following.look(true);
  expect(looks).toHaveLength(2);
  end('run');
  await following.look(false);
  expect(heard).toEqual([]);
  await following.look(true);
  expect(heard).toEqual(['run committed SUCCEEDED 1']);
  expect(following.anyElsewhere).toBe(false);
  await following.look(true);
  expect(looks).toHaveLength(3);
});

test('a run that sleeps keeps nobody alive, and is looked for when others have written only', async () => {
  const { following, residents, follow, heard, looks, elsewhere, end } = world('run');
  follow('run');
  residents.delete('run');
  following.sleeps('run');
  await following.look(false);
  expect([looks, elsewhere(), following.anyElsewhere]).toEqual([[], 0, false]);
  await following.look(true);
  expect([looks, heard]).toEqual([[['run']], []]);
  // Another process has woken it, and brought it to its end.
  end('run');
  await following.look(true);
  expect(heard).toEqual(['run committed SUCCEEDED 1']);
});

test('whoever follows a run that sleeps, and is followed, needs no look', async () => {
  const { following, residents, follow, looks } = world('run');
  follow('run');
  residents.delete('run');
  following.sleeps('run');
  follow('run', 'gathered');
  await following.look(false);
  expect([looks, following.anyElsewhere]).toEqual([[], false]);
});

test('a run that is here again is heard of as one that has never left', async () => {
  const { following, residents, follow, heard, looks } = world('run');
  follow('run');
  residents.delete('run');
  following.sleeps('run');
  residents.add('run');
  following.resides('run');
  await following.look(true);
  expect(looks).toEqual([]);
  following.ends('run', END);
  following.ended('run');
  expect(heard).toEqual(['run committed SUCCEEDED 1']);
});

test('a run from elsewhere that comes here is looked for no longer', async () => {
  const { following, residents, follow, looks } = world();
  follow('run');
  residents.add('run');
  following.resides('run');
  await following.look(true);
  expect([looks, following.anyElsewhere]).toEqual([[], false]);
});

test('nobody looks for what nobody follows', async () => {
  const { following, residents, follow, looks } = world('asleep');
  following.sleeps('unknown');
  const callOff = [follow('asleep'), follow('elsewhere'), follow('elsewhere', 'gathered')];
  residents.delete('asleep');
  following.sleeps('asleep');
  for (const each of callOff.slice(0, 2)) each();
  await following.look(true);
  expect(looks).toEqual([['elsewhere']]);
  callOff[2]?.();
  expect(following.anyElsewhere).toBe(false);
  await following.look(true);
  expect(looks).toHaveLength(1);
});

test('a run that is blocked here is elsewhere from then on', async () => {
  const { following, residents, follow, heard, looks, end } = world('run');
  follow('run');
  residents.delete('run');
  following.ended('run');
  expect(following.anyElsewhere).toBe(true);
  await following.look(false);
  expect([looks, heard]).toEqual([[['run']], []]);
  end('run');
  await following.look(true);
  expect(heard).toEqual(['run committed SUCCEEDED 1']);
});

test('when all runs leave, those that are followed from outside are elsewhere, whether they were here or asleep', async () => {
  const { following, residents, follow, heard, looks, end } = world('here', 'asleep', 'inner');
  follow('here');
  follow('asleep');
  follow('inner', 'gathered');
  residents.clear();
  following.sleeps('asleep');
  // Its end was being written, and is not durable.
  following.ends('here', END);
  following.allLeft();
  expect(following.anyElsewhere).toBe(true);
  await following.look(false);
  expect([looks, heard]).toEqual([[['asleep', 'here']], []]);
  for (const id of ['here', 'asleep', 'inner']) end(id);
  await following.look(true);
  expect(heard).toEqual(['here committed SUCCEEDED 1', 'asleep committed SUCCEEDED 1']);
});

test('a run that is found asleep keeps nobody busy', async () => {
  const { following, follow, stored, heard } = world();
  stored.set('run', runOf('run', { status: 'SUSPENDED', workerId: null, wakeAt: 3_600_000 }));
  follow('run');
  await following.look(false);
  expect(following.anyElsewhere).toBe(false);
  expect(heard).toEqual(['asleep until 3600000']);
});

test('whoever follows a run that was deleted between two looks hears that it is gone', async () => {
  const { following, follow, heard, stored } = world();
  follow('run', 'gathered');
  follow('run');
  follow('other');
  await following.look(false);
  stored.delete('run');
  await following.look(true);
  await following.look(true);
  expect(heard).toEqual(['run gathered gone', 'run committed gone']);
});

test('a run that is newly followed is looked for alone, and all others when something was written, or that look failed', async () => {
  const { following, follow, looks } = world();
  follow('first');
  await following.look(false);
  follow('second');
  await following.look(false);
  await following.look(false);
  await following.look(true);
  expect(looks).toEqual([['first'], ['second'], ['first', 'second']]);
});
