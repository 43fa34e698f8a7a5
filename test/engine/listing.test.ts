import { join } from 'node:path';
import { flow, memoryStore, sqliteStore } from 'perdure';
import type { RunQuery } from 'perdure/store';
import { expect, test } from 'vitest';
import type { RunRecord } from '../../src/model/records.js';
import { recordsOf } from '../../src/testing/reading.js';
import { openEngine, thrownBy, unique } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';
import { readerWith } from '../testing/reader-with.js';

const fails = flow(unique('fails'), async (text: string) => {
  throw new Error(text, { cause: new TypeError('why') });
});
const ECHO = unique('echo');
const echo = flow(ECHO, async (text: string) => text);
const above = flow(unique('above'), async () => echo.with({ id: 'child' })('below'));

const STORES = { memory: () => ':memory:', 'a file': () => sqliteStore(join(tempDirectory(), 'app.db')) };

test.each(Object.entries(STORES))('lists by every condition, and counts as many, in %s', async (_, store) => {
  const { engine } = await openEngine({ store: store() });
  await engine.start(echo, ['one'], { id: 'echo/1' });
  await engine.start(echo, ['two'], { id: 'echo/2' });
  await engine.start(fails, ['three'], { id: 'fails' }).exception();
  await engine.start(above, [], { id: 'above' });
  const { createdAt, finishedAt } = await engine.get('fails');
  const cases: readonly (readonly [Parameters<typeof engine.count>[0], readonly string[]])[] = [
    [{}, ['above', 'child', 'echo/1', 'echo/2', 'fails']],
    [{ flow: ECHO }, ['child', 'echo/1', 'echo/2']],
    [{ flow: ECHO, roots: true }, ['echo/1', 'echo/2']],
    [{ parent: 'above' }, ['child']],
    [{ status: 'FAILED' }, ['fails']],
    [{ idPrefix: 'echo/' }, ['echo/1', 'echo/2']],
    [{ ids: ['fails', 'child'] }, ['child', 'fails']],
    [{ version: 2 }, []],
    [{ finishedAfter: new Date(0), status: 'FAILED' }, ['fails']],
    [{ createdBefore: new Date(0) }, []],
    [{ ids: ['fails'], createdAfter: createdAt.getTime() - 1, finishedBefore: new Date((finishedAt as Date).getTime() + 1) }, ['fails']],
  ];
  for (const [filter, ids] of cases) {
    expect({ filter, ids: (await engine.list(filter)).map(({ id }) => id).sort() }).toEqual({ filter, ids });
    expect({ filter, count: await engine.count(filter) }).toEqual({ filter, count: ids.length });
  }
});

test.each(Object.entries(STORES))('gives pages where they are asked for, in %s', async (_, store) => {
  const { engine } = await openEngine({ store: store() });
  for (const id of ['a', 'b', 'c']) await engine.start(echo, [id], { id });
  const first = await engine.list({ limit: 2, page: true });
  expect(first.runs.map(({ id, result }) => [id, result])).toEqual([
    ['c', 'c'],
    ['b', 'b'],
  ]);
  await engine.start(echo, ['d'], { id: 'd' });
  const second = await engine.list({ limit: 2, cursor: first.next as string });
  expect(second.runs.map(({ id }) => id)).toEqual(['a']);
  expect(second.next).toBeNull();
  const oldest = await engine.list({ limit: 3, order: 'oldest', page: true });
  expect((await engine.list({ cursor: oldest.next as string })).runs.map(({ id }) => id)).toEqual(['d']);
  expect(await engine.list({ limit: 2 })).toBeInstanceOf(Array);
});

test('a page is readable as JSON, with its errors', async () => {
  const { engine } = await openEngine();
  await engine.start(fails, ['no'], { id: 'fails' }).exception();
  const page = JSON.parse(JSON.stringify(await engine.list({ page: true }))) as object;
  expect(page).toMatchObject({
    next: null,
    runs: [{ id: 'fails', error: { name: 'Error', message: 'no', cause: { name: 'TypeError', message: 'why' } } }],
  });
});

test('lists what was started right before', async () => {
  const { engine } = await openEngine({ store: sqliteStore(join(tempDirectory(), 'app.db')) });
  const future = engine.start(echo, ['x'], { id: 'x' });
  expect((await engine.list()).map(({ id }) => id)).toEqual(['x']);
  expect(await engine.count({ ids: ['x'] })).toBe(1);
  await future;
});

test.each<[filter: object, says: string]>([
  [{ state: 'FAILED' }, 'engine.list(): there is no option "state"; the options are ids, idPrefix, flow,'],
  [{ status: 'DONE' }, `engine.list(): the option "status" must be one of 'PENDING',`],
  [{ limit: 0 }, 'engine.list(): the option "limit" must be a whole number above 0'],
  [{ createdAfter: 'yesterday' }, 'engine.list(): the option "createdAfter" must be a Date, or milliseconds since the epoch'],
  [{ createdAfter: new Date('x') }, 'must be a Date, or milliseconds'],
  [{ cursor: 'abc' }, 'engine.list(): the option "cursor" must be the `next` of a page that came before'],
  [{ cursor: 'newest.5', order: 'oldest' }, `engine.list(): the cursor is of a page with the order 'newest'`],
  [{ blockedCode: 'WHY' }, 'engine.list(): the option "blockedCode" must be one of'],
  [{ roots: 'yes' }, 'engine.list(): the option "roots" must be true or false'],
  [{ page: 1 }, 'engine.list(): the option "page" must be true or false'],
])('refuses a list by %o', async (filter, says) => {
  const { engine } = await openEngine();
  const error = await thrownBy(() => engine.list(filter));
  expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION' });
  expect(error.message).toContain(says);
});

test.each(['limit', 'cursor', 'order', 'page'])('refuses to count with %s', async (name) => {
  const { engine } = await openEngine();
  const error = await thrownBy(() => engine.count({ [name]: 1 } as RunQuery));
  expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining(`engine.count(): there is no option "${name}"`) });
});

test('lets all else in the process have its turn between the pages of a long list', async () => {
  const memory = memoryStore();
  const { engine } = await openEngine({ store: memory });
  await engine.start(echo, ['x'], { id: 'x' });
  const [run] = (await recordsOf(memory)) as [RunRecord];
  let pages = 0;
  memory.reader = readerWith({ reader: memory.reader.bind(memory) }, () => ({
    records: async () => {
      // Each page takes as long as a piece may.
      for (const end = performance.now() + 5; performance.now() < end; );
      pages += 1;
      return { runs: [run], next: pages < 5 ? `newest.${pages}` : null };
    },
  }));
  const { engine: looking } = await openEngine({ store: memory, execute: false });
  await looking.open();
  let turns = 0;
  let over = false;
  const turn = (): void => {
    turns += 1;
    if (!over) setImmediate(turn);
  };
  turn();
  expect(await looking.list({ limit: 1_000 })).toHaveLength(5);
  over = true;
  expect(turns).toBeGreaterThan(4);
});
