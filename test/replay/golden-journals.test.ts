import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assertReplays, assertWellFormed, type RunJournal } from '../../src/testing.js';
import * as flows from './golden-flows.js';

const DIRECTORY = new URL('golden/', import.meta.url);
const FLOWS = new Map(Object.values(flows).map((flow) => [flow.name, flow]));

test.each(readdirSync(DIRECTORY))('%s, which an older release wrote, is replayed', async (file) => {
  const journal = JSON.parse(readFileSync(new URL(file, DIRECTORY), 'utf8')) as RunJournal;
  assertWellFormed(journal);
  const [{ flow }] = journal;
  await assertReplays(FLOWS.get(flow) as (typeof flows)['messages'], journal);
  // The same journal does not fit a flow that asks for something else.
  const first = journal.findIndex(({ id, kind }) => !id.includes('.') && ['action', 'event', 'timer', 'parallel'].includes(kind));
  const other = journal.map((entry, index) => (index === first ? { ...entry, digest: 'another' } : entry));
  await expect(assertReplays(FLOWS.get(flow) as (typeof flows)['messages'], other)).rejects.toThrow(
    /asked for the same operation with another/,
  );
});

test('there is a golden journal of each flow', () => {
  const recorded = readdirSync(DIRECTORY).map((file) => JSON.parse(readFileSync(new URL(file, DIRECTORY), 'utf8'))[0].flow as string);
  expect(new Set(recorded)).toEqual(new Set(FLOWS.keys()));
});
