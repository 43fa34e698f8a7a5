import { action, actionContext, flow, type Logger, map, memoryStore, open, parallel } from 'perdure';
import type { OperationRecord, Store } from 'perdure/store';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { workerOf } from '../store/records.js';

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const RUN_ID = 'run';
let begun: string[] = [];

beforeEach(() => {
  begun = [];
});

const act = action('golden batch act', async (name: string) => {
  begun.push(name);
  const { signal } = actionContext();
  if (name === 'hangs') await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return name;
});

/** Batches of every kind, in every state that is recorded. */
const batches = flow('golden batches', async () => {
  const outer = act.start('outer');
  const named = await parallel(
    {
      one: async () => [await outer, await act('one')],
      two: () => act('two'),
      loser: () => act('hangs'),
    },
    { completionConfig: { minSuccessful: 2 } },
  );
  const items = await map(
    [3, { deep: new Date(0) }, 'never'],
    async (item) => {
      if (typeof item === 'number') throw new RangeError('no numbers');
      const inner = await parallel([() => act('inner'), { name: 'second', run: () => undefined }], { name: 'inmost' });
      return inner.getResults();
    },
    {
      name: 'items',
      maxConcurrency: 1,
      unfinished: 'leave',
      itemNamer: (_, index) => `item ${index}`,
      completionConfig: { minSuccessful: 1 },
    },
  );
  const empty = await parallel([]);
  const ruled = await map(new Set(['x', 'hangs']), act, {
    completionConfig: { shouldComplete: ({ succeeded }) => succeeded === 1 && 'FAILED' },
  });
  return [named, items, empty, ruled].map(({ all, completionReason }) => [completionReason, ...all.map(({ status }) => status)].join(' '));
});

const RESULT = [
  'MIN_SUCCESSFUL_REACHED SUCCEEDED SUCCEEDED STARTED',
  'MIN_SUCCESSFUL_REACHED FAILED SUCCEEDED NOT_STARTED',
  'ALL_COMPLETED',
  'CUSTOM_COMPLETION_FAILED SUCCEEDED STARTED',
];

type Row = Pick<OperationRecord, 'id' | 'kind' | 'name' | 'digest' | 'input' | 'status' | 'seq' | 'outcome'>;

/**
 * What is recorded of batches, and in which order, is the format of journals: runs that were recorded by an earlier version have to go on. Do not mend
 * this list; mend what changed it.
 */
const JOURNAL: readonly Row[] = [
  {
    id: '0',
    kind: 'action',
    name: 'golden batch act',
    digest: 'MOWDRwN6YavtWfQnb1seVH',
    input: '["outer"]',
    status: 'SUCCEEDED',
    seq: 1,
    outcome: '"outer"',
  },
  {
    id: '1.1.0',
    kind: 'action',
    name: 'golden batch act',
    digest: 'LMdCwJPHfs9Bb7DdMk3w_B',
    input: '["two"]',
    status: 'SUCCEEDED',
    seq: 2,
    outcome: '"two"',
  },
  { id: '1.1', kind: 'branch', name: 'two', digest: '', input: null, status: 'SUCCEEDED', seq: 3, outcome: '"two"' },
  {
    id: '1.0.0',
    kind: 'action',
    name: 'golden batch act',
    digest: 'ebKmAs60LvDFCBTcjpAnSr',
    input: '["one"]',
    status: 'SUCCEEDED',
    seq: 4,
    outcome: '"one"',
  },
  {
    id: '1.0',
    kind: 'branch',
    name: 'one',
    digest: '',
    input: '{"observed":["0"]}',
    status: 'SUCCEEDED',
    seq: 5,
    outcome: '["outer","one"]',
  },
  {
    id: '1',
    kind: 'parallel',
    name: 'parallel',
    digest: 'dHuSPinZuLvmA63RQJsEnU',
    input: '{"unfinished":"cancel","limits":{"minSuccessful":2}}\n["one","two","loser"]',
    status: 'SUCCEEDED',
    seq: 6,
    outcome: '{"reason":"MIN_SUCCESSFUL_REACHED","items":"SSR"}',
  },
  {
    id: '2.0',
    kind: 'branch',
    name: 'item 0',
    digest: '',
    input: null,
    status: 'FAILED',
    seq: 7,
    outcome: '*[["e","RangeError","RangeError",2,"message","no numbers","stack","…"]]',
  },
  { id: '2.1.0.1', kind: 'branch', name: 'second', digest: '', input: null, status: 'SUCCEEDED', seq: 8, outcome: '' },
  {
    id: '2.1.0.0.0',
    kind: 'action',
    name: 'golden batch act',
    digest: 'kDmBEnhfEVK75BRnafPYbI',
    input: '["inner"]',
    status: 'SUCCEEDED',
    seq: 9,
    outcome: '"inner"',
  },
  { id: '2.1.0.0', kind: 'branch', name: 'parallel-branch-0', digest: '', input: null, status: 'SUCCEEDED', seq: 10, outcome: '"inner"' },
  {
    id: '2.1.0',
    kind: 'parallel',
    name: 'inmost',
    digest: 'N0LaNPzjoWFaxcpJmxMzmq',
    input: '{"unfinished":"cancel","limits":{"toleratedFailureCount":0}}\n["parallel-branch-0","second"]',
    status: 'SUCCEEDED',
    seq: 11,
    outcome: '{"reason":"ALL_COMPLETED","items":"SS"}',
  },
  {
    id: '2.1',
    kind: 'branch',
    name: 'item 1',
    digest: '',
    input: null,
    status: 'SUCCEEDED',
    seq: 12,
    outcome: '~{"json":["inner",null],"meta":{"values":{"1":["undefined"]},"v":1}}',
  },
  {
    id: '2',
    kind: 'map',
    name: 'items',
    digest: 'SBXUKkL1AlwWQ7tXNnUB-j',
    input:
      '{"maxConcurrency":1,"unfinished":"leave","limits":{"minSuccessful":1}}\n~{"json":[3,{"deep":"1970-01-01T00:00:00.000Z"},"never"],"meta":{"values":{"1.deep":["Date"]},"v":1}}',
    status: 'SUCCEEDED',
    seq: 13,
    outcome: '{"reason":"MIN_SUCCESSFUL_REACHED","items":"FSN"}',
  },
  {
    id: '3',
    kind: 'parallel',
    name: 'parallel',
    digest: 'T1PNoYwrqgwDVLtfmj7L5e',
    input: '{"unfinished":"cancel","limits":{"toleratedFailureCount":0}}\n[]',
    status: 'SUCCEEDED',
    seq: 14,
    outcome: '{"reason":"ALL_COMPLETED","items":""}',
  },
  {
    id: '4.0.0',
    kind: 'action',
    name: 'golden batch act',
    digest: 'zWXqLCrZnpSoWxtt9y7--c',
    input: '["x"]',
    status: 'SUCCEEDED',
    seq: 15,
    outcome: '"x"',
  },
  { id: '4.0', kind: 'branch', name: 'map-item-0', digest: '', input: null, status: 'SUCCEEDED', seq: 16, outcome: '"x"' },
  {
    id: '4',
    kind: 'map',
    name: 'golden batch act',
    digest: 'K_8q8yp7fxa3om852fuzRj',
    input: '{"unfinished":"cancel"}\n["x","hangs"]',
    status: 'SUCCEEDED',
    seq: 17,
    outcome: '{"reason":"CUSTOM_COMPLETION_FAILED","items":"SR"}',
  },
  {
    id: '1.2.0',
    kind: 'action',
    name: 'golden batch act',
    digest: 'CHQKyUEzX0BfbX4bxlZvXt',
    input: '["hangs"]',
    status: 'CANCELLED',
    seq: null,
    outcome:
      '*[["e","perdure/CancelledError","CancelledError",2,"message","the rest of parallel \\"parallel\\" (1) was cancelled: it is complete","stack","…","code","CANCELLED"]]',
  },
  {
    id: '4.1.0',
    kind: 'action',
    name: 'golden batch act',
    digest: 'CHQKyUEzX0BfbX4bxlZvXt',
    input: '["hangs"]',
    status: 'CANCELLED',
    seq: null,
    outcome:
      '*[["e","perdure/CancelledError","CancelledError",2,"message","the rest of map \\"golden batch act\\" (4) was cancelled: it is complete","stack","…","code","CANCELLED"]]',
  },
];

/** An entry without what differs from run to run: its times, and where errors were made. */
function rowOf({ id, kind, name, digest, input, status, seq, outcome }: OperationRecord): Row {
  return {
    id,
    kind,
    name,
    digest,
    input,
    status,
    seq,
    outcome: outcome === null ? null : outcome.replace(/"stack","(\\.|[^"\\])*"/, '"stack","…"'),
  };
}

async function rowsOf(store: Store): Promise<Row[]> {
  return (await journalOf(store, RUN_ID)).map(rowOf);
}

test('batches are recorded as they ever were', async () => {
  const store = memoryStore();
  const engine = await open({ store, default: false, logger: SILENT });
  onTestFinished(() => engine.close({ timeout: 0 }));
  expect(await engine.start(batches, [], { id: RUN_ID })).toEqual(RESULT);
  expect(await rowsOf(store)).toEqual(JOURNAL);
});

test('a journal of batches that was recorded by an earlier version replays, and nothing of it is done again', async () => {
  const store = memoryStore();
  await store.open();
  await store.registerWorker(workerOf('dead', 0));
  const run = {
    id: RUN_ID,
    flow: batches.name,
    version: 1,
    status: 'RUNNING',
    input: '[]',
    digest: '',
    seed: 'seed',
    options: null,
  } as const;
  const nobody = { parentRunId: null, parentOperationId: null, workerId: 'dead', outcome: null, blockedCode: null } as const;
  await store.commit({
    workerId: 'dead',
    creates: [{ run: { ...run, ...nobody, createdAt: 1, finishedAt: null, wakeAt: null, crashes: 0 } }],
    operations: JOURNAL.map((row) => ({
      ...row,
      runId: RUN_ID,
      startedAt: 1,
      finishedAt: row.seq,
      dueAt: null,
      childRunId: null,
      attempts: null,
    })),
    restarts: [],
    suspends: [],
    ends: [],
    messages: [],
    taken: [],
  });
  await store.close();
  const engine = await open({ store, default: false, logger: SILENT });
  onTestFinished(() => engine.close({ timeout: 0 }));
  expect(await engine.future(RUN_ID)).toEqual(RESULT);
  expect(begun).toEqual([]);
  expect(await rowsOf(store)).toEqual(JOURNAL);
});
