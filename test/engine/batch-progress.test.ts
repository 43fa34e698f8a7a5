import { join } from 'node:path';
import {
  action,
  type BatchProgress,
  CompletionConfig,
  type Engine,
  type EngineOptions,
  flow,
  map,
  memoryStore,
  open,
  parallel,
  sleep,
} from 'perdure';
import type { OperationRecord, Store } from 'perdure/store';
import { crashEverywhere } from 'perdure/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { decodeAttempts } from '../../src/journal/attempt-notes.js';
import { scopeOf } from '../../src/journal/numbering.js';
import { isBatch } from '../../src/model/statuses.js';
import { reading } from '../../src/testing/reading.js';
import { withCommit, wrappedStore } from '../../src/testing/wrapped-store.js';
import { unique } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const hang = action(unique('hang'), () => new Promise<void>(() => {}));
/** Below the limit the even ones succeed and the odd ones fail; the others have no end. */
const until = action(unique('until'), async (index: number, limit: number): Promise<number> => {
  if (index >= limit) return new Promise<number>(() => {});
  if (index % 2 === 1) throw new RangeError('odd');
  return index;
});
const halfway = flow(unique('halfway'), async (total: number, limit: number, maxConcurrency: number) => {
  await map(numbers(total), async (index) => until(index, limit), { maxConcurrency });
});

async function opened(options: EngineOptions): Promise<Engine> {
  const engine = await open({ default: false, logger: SILENT, ...options });
  onTestFinished(() => engine.close({ timeout: 0 }));
  return engine;
}

async function progressIn(engine: Engine, id = 'run'): Promise<(BatchProgress | undefined)[]> {
  const { pending } = await engine.get(id);
  return pending.filter(({ kind }) => isBatch(kind)).map(({ progress }) => progress);
}

/** The run has come as far as this. */
async function reaches(engine: Engine, progress: readonly (BatchProgress | undefined)[], id = 'run'): Promise<void> {
  await expect.poll(() => progressIn(engine, id), { interval: 2, timeout: 5_000 }).toEqual(progress);
}

const journalOf = (store: Store): Promise<OperationRecord[]> => reading(store, (reader) => reader.journal('run'));
const notedIn = ({ attempts }: OperationRecord): BatchProgress | undefined => decodeAttempts(attempts).progress;

/** As versions wrote it that had no notes. */
function olderStore(store: Store): Store {
  return withCommit(store, (batch, commit) => {
    const operations = batch.operations.map((entry) => (isBatch(entry.kind) ? { ...entry, attempts: null } : entry));
    return commit({ ...batch, operations });
  });
}

/** Another engine, after the first, sees the run as it was left. */
async function left(engine: Engine): Promise<void> {
  await engine.close({ timeout: 0 });
}

const STORES: Readonly<Record<string, () => Store | string>> = {
  memory: () => memoryStore(),
  'a file': () => join(tempDirectory(), 'app.db'),
};

describe.each(Object.entries(STORES))('the progress of a batch in %s', (_, made) => {
  const there = { total: 10, succeeded: 3, failed: 2, started: 4 };

  test('is told where the run is executed, elsewhere, and after a restart', async () => {
    const store = made();
    const owner = await opened({ store });
    owner.start(halfway, [10, 5, 4], { id: 'run' });
    await reaches(owner, [there]);
    const { pending } = await owner.get('run');
    expect(pending[0]).toMatchObject({ kind: 'map', progress: there, waitsFor: 'its branches (5 have ended)' });
    const client = await opened({ store, execute: false });
    expect(await client.get('run')).toEqual(await owner.get('run'));
    await left(owner);
    expect(await progressIn(client)).toEqual([there]);
    const next = await opened({ store });
    await reaches(next, [there]);
    expect(await progressIn(client)).toEqual([there]);
  });

  test('is told of batches in branches', async () => {
    const store = made();
    const owner = await opened({ store });
    const nested = flow(unique('nested'), async () => {
      await parallel([async () => map([0, 1, 2], async (index) => until(index, 1)), async () => 1, () => hang()]);
    });
    owner.start(nested, [], { id: 'run' });
    const expected = [
      { total: 3, succeeded: 1, failed: 0, started: 2 },
      { total: 3, succeeded: 1, failed: 0, started: 2 },
    ];
    await reaches(owner, expected);
    expect(await progressIn(await opened({ store, execute: false }))).toEqual(expected);
  });

  test('of a run with very many branches is told without all that is pending', async () => {
    const store = made();
    const owner = await opened({ store });
    owner.start(halfway, [2_000, 1_000, 2_000], { id: 'run' });
    const expected = { total: 2_000, succeeded: 500, failed: 500, started: 1_000 };
    await reaches(owner, [expected]);
    for (const engine of [owner, await opened({ store, execute: false })]) {
      const { pending, morePending } = await engine.get('run');
      expect(pending).toHaveLength(100);
      expect(morePending).toBe(true);
      expect(pending[0]).toMatchObject({ id: '0', progress: expected });
    }
  });
});

test('a batch that is complete, or was cancelled, has no note any more', async () => {
  const store = memoryStore();
  const engine = await opened({ store });
  const early = flow(unique('early'), async () => {
    await parallel([async () => 1, () => hang()], { completionConfig: CompletionConfig.firstSuccessful() });
    await map([], async () => 1);
    const other = map.start([0, 1, 2], async (index) => until(index, 1));
    await sleep(20);
    other.cancel();
    await hang();
  });
  engine.start(early, [], { id: 'run' });
  await expect.poll(async () => (await engine.get('run')).pending.map(({ name }) => name)).toEqual([hang.name]);
  const batches = (await journalOf(store)).filter(({ kind }) => isBatch(kind));
  expect(batches.map(({ status, attempts }) => [status, attempts])).toEqual([
    ['SUCCEEDED', null],
    ['SUCCEEDED', null],
    ['CANCELLED', null],
  ]);
});

test.each([1, 3, 50])('each commit has a note of just the branches that have ended by then (%i at once)', async (maxConcurrency) => {
  const memory = memoryStore();
  let looked = 0;
  const store = withCommit(memory, async (batch, commit) => {
    const answer = await commit(batch);
    const journal = await journalOf(memory);
    for (const entry of journal) {
      if (!isBatch(entry.kind) || entry.seq !== null) continue;
      looked += 1;
      const ended = journal.filter(({ kind, id }) => kind === 'branch' && scopeOf(id) === entry.id);
      const succeeded = ended.filter(({ status }) => status === 'SUCCEEDED').length;
      expect(notedIn(entry)).toMatchObject({ total: 30, succeeded, failed: ended.length - succeeded });
    }
    return answer;
  });
  const engine = await opened({ store });
  await engine.start(halfway, [30, 30, maxConcurrency], { id: 'run' });
  expect(looked).toBeGreaterThan(0);
});

test('a crash at any commit of a batch with notes changes nothing', async () => {
  const ends = flow(unique('ends'), async () => {
    const { successCount, failureCount } = await map(numbers(5), async (index) => until(index, 5), { maxConcurrency: 2 });
    return [successCount, failureCount];
  });
  await crashEverywhere(ends, [], { invariant: ({ result }) => expect(result).toEqual([3, 2]) });
});

test('the note of a batch with a long list may lag a little behind', async () => {
  const memory = memoryStore();
  const written: number[] = [];
  const store = withCommit(memory, (batch, commit) => {
    written.push(batch.operations.filter(({ kind }) => kind === 'map').length);
    return commit(batch);
  });
  const engine = await opened({ store });
  const items = numbers(100).map((index) => ({ index, text: 'x'.repeat(400) }));
  const long = flow(unique('long'), async () => {
    await map(items, async ({ index }) => until(index, 55), { maxConcurrency: 1, completionConfig: CompletionConfig.allCompleted() });
  });
  engine.start(long, [], { id: 'run' });
  await reaches(engine, [{ total: 100, succeeded: 28, failed: 27, started: 1 }]);
  const [noted] = await progressIn(await opened({ store: memory, execute: false }));
  const ended = (noted?.succeeded ?? 0) + (noted?.failed ?? 0);
  // The list has some 43,000 characters: each eleventh end is noted.
  expect(ended).toBeGreaterThan(40);
  expect(ended).toBeLessThanOrEqual(55);
  expect(written.reduce((sum, count) => sum + count)).toBeLessThan(20);
});

test('a batch of which one branch ends is written as often as without notes', async () => {
  let written = 0;
  const store = withCommit(memoryStore(), (batch, commit) => {
    written += batch.operations.filter(({ kind }) => isBatch(kind)).length;
    return commit(batch);
  });
  const engine = await opened({ store });
  const race = flow(unique('race'), async () => {
    await parallel([() => until(0, 1), () => hang()], { completionConfig: CompletionConfig.firstSuccessful() });
  });
  await engine.start(race, []);
  expect(written).toBe(2);
});

describe('a journal of a version that had no notes', () => {
  const there = { total: 10, succeeded: 3, failed: 2, started: 4 };

  async function older(): Promise<Store> {
    const memory = memoryStore();
    const owner = await opened({ store: olderStore(memory) });
    owner.start(halfway, [10, 5, 4], { id: 'run' });
    await reaches(owner, [there]);
    await left(owner);
    expect((await journalOf(memory)).filter(({ kind }) => kind === 'map').map(({ attempts }) => attempts)).toEqual([null]);
    return memory;
  }

  test('is counted by who does not execute it', async () => {
    const client = await opened({ store: await older(), execute: false });
    expect(await progressIn(client)).toEqual([there]);
  });

  test('has a note once its run goes on', async () => {
    const store = await older();
    const next = await opened({ store });
    await reaches(next, [there]);
    await expect
      .poll(async () => (await journalOf(store)).find(({ kind }) => kind === 'map'))
      .toMatchObject({
        attempts: expect.stringContaining('"succeeded":3,"failed":2') as string,
      });
  });

  test('tells how many have ended where its items cannot be read', async () => {
    const memory = memoryStore();
    const owner = await opened({ store: olderStore(memory) });
    const serdes = {
      serialize: (value: unknown) => `~${JSON.stringify(value)}`,
      deserialize: (text: string) => JSON.parse(text.slice(1)) as unknown,
    };
    const sealed = flow(unique('sealed'), async () => {
      await map([0, 1], async (index) => until(index, 1));
    });
    owner.start(sealed, [], { id: 'run' });
    await reaches(owner, [{ total: 2, succeeded: 1, failed: 0, started: 1 }]);
    await left(owner);
    const broken = withJournal(memory, (entry) =>
      entry.kind === 'map' ? { ...entry, input: entry.input?.replace('[0,1]', serdes.serialize([0, 1])) ?? null } : entry,
    );
    const [batch] = (await (await opened({ store: broken, execute: false })).get('run')).pending;
    expect(batch).toMatchObject({ kind: 'map', waitsFor: 'its branches (1 has ended)' });
    expect(batch).not.toHaveProperty('progress');
  });
});

/** The store, with entries that are read otherwise. */
function withJournal(store: Store, shown: (entry: OperationRecord) => OperationRecord): Store {
  return wrappedStore(store, async (method, call) => {
    const answer = await call();
    return method === 'operations' ? (answer as OperationRecord[]).map(shown) : answer;
  });
}

describe('what is read to tell what a run waits for', () => {
  /** What `get` asks a store for, and how many rows it is answered. */
  async function asked(executes: boolean): Promise<Readonly<Record<string, number>>> {
    const memory = memoryStore();
    const owner = await opened({ store: memory });
    const rows: Record<string, number> = {};
    const store = wrappedStore(memory, async (method, call) => {
      const answer = await call();
      const count = Array.isArray(answer) ? answer.length : answer === undefined ? 0 : 1;
      rows[method] = (rows[method] ?? 0) + count;
      return answer;
    });
    const asking = await opened({ store, execute: executes });
    const starting = executes ? asking : owner;
    starting.start(halfway, [1_500, 500, 1_500], { id: 'run' });
    await reaches(starting, [{ total: 1_500, succeeded: 250, failed: 250, started: 1_000 }]);
    for (const method of Object.keys(rows)) delete rows[method];
    await asking.get('run');
    return rows;
  }

  test('is only the run where it is executed', async () => {
    const rows = await asked(true);
    expect(rows).toMatchObject({ records: 1, operation: 0 });
    for (const method of ['journal', 'loadJournals', 'outline', 'operations']) expect(rows).not.toHaveProperty(method);
  });

  test('is a bounded number of entries elsewhere', async () => {
    const rows = await asked(false);
    for (const method of ['journal', 'loadJournals']) expect(rows).not.toHaveProperty(method);
    expect(rows['outline']).toBeLessThanOrEqual(2 * 101);
    expect(rows['operations']).toBeLessThanOrEqual(4 * 101);
  });
});
