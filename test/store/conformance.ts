import { expect } from 'vitest';
import { isEnded } from '../../src/model/statuses.js';
import type { Store } from '../../src/store/store.js';
import type { ConformanceCase } from './conformance/case.js';
import { claiming } from './conformance/claiming.js';
import { creation } from './conformance/creation.js';
import { inbox } from './conformance/inbox.js';
import { journal } from './conformance/journal.js';
import { lifecycle } from './conformance/lifecycle.js';
import { listing } from './conformance/listing.js';
import { ownership } from './conformance/ownership.js';

/** What every store does, as data: run each over each store. */
export const CONFORMANCE: readonly ConformanceCase[] = [
  ...creation,
  ...journal,
  ...ownership,
  ...inbox,
  ...claiming,
  ...listing,
  ...lifecycle,
];

/** Everything a store holds is well formed, whatever happened to it before. */
export async function expectWellFormed(store: Store): Promise<void> {
  for (const run of await store.listRuns({ limit: 1_000_000 })) {
    if (isEnded(run.status)) expect(run).toMatchObject({ workerId: null, blockedCode: null, outcome: expect.any(String) });
    if (run.status === 'BLOCKED') expect(run).toMatchObject({ workerId: null, blockedCode: expect.any(String) });
    const entries = await store.loadJournal(run.id);
    const seqs = entries.flatMap((entry) => entry.seq ?? []);
    expect(new Set(entries.map((entry) => entry.id)).size).toBe(entries.length);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect(entries.every((entry) => entry.runId === run.id && (entry.seq === null || isEnded(entry.status)))).toBe(true);
  }
}
