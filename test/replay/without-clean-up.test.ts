import { readFileSync } from 'node:fs';
import { action, flow, memoryStore, open, parallel, shield, sleep } from 'perdure';
import type { Store } from 'perdure/store';
import { assertReplays } from 'perdure/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { endText } from '../../src/engine/replay-problem.js';
import type { OperationRecord, RunRecord } from '../../src/model/records.js';
import { crashingStore } from '../crash/crashing-store.js';
import { expectWellFormed, type History } from '../crash/well-formed.js';
import { workerOf } from '../store/records.js';

/**
 * Releases before this one ended the branches of a scope that had ended without their clean-up; and while a shield of it was open, they let them go on. The
 * files beside this one are what such a release wrote: a line a commit.
 */
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

let begun: string[] = [];
beforeEach(() => {
  begun = [];
});

const pause = async (macrotasks: number): Promise<void> => {
  for (let left = macrotasks; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
};
const step = action('left-step', async (name: string, macrotasks?: number) => {
  begun.push(name);
  await pause(macrotasks ?? 0);
  return `${name}!`;
});
const fail = action('left-fail', async (macrotasks?: number): Promise<never> => {
  begun.push('fail');
  await pause(macrotasks ?? 0);
  throw new RangeError('declined');
});
const holding = async (): Promise<void> => {
  try {
    await sleep('30d');
  } finally {
    await shield(() => step('given back'));
  }
};

const FLOWS = {
  /** The body throws while a batch is in the background. */
  thrown: flow('left-thrown', async () => {
    await Promise.all([parallel([holding]), fail(4)]);
  }),
  /** What the batch begins with is recorded behind the outcome that ends the body. */
  decided: flow('left-decided', async () => {
    const win = step.start('win', 3);
    const winner = async (): Promise<void> => {
      await step('winner', 3);
    };
    parallel.start([winner, holding], { completionConfig: { minSuccessful: 1 } });
    return await win;
  }),
  /** The body has ended, a shield is open, and the batch goes on. */
  shielded: flow('left-shielded', async () => {
    void shield(async () => {
      for (let round = 0; round < 9; round += 1) await step(`shielded ${round}`, 3);
    });
    const goesOn = async (): Promise<string> => {
      try {
        for (let round = 0; round < 4; round += 1) await step(`branch ${round}`, 3);
        return 'done';
      } finally {
        await shield(() => step('given back'));
      }
    };
    parallel.start([goesOn]);
    await step('body');
    return 'ended';
  }),
};

interface Snapshot {
  readonly run: RunRecord;
  readonly operations: readonly OperationRecord[];
}

/** What was there after each commit. */
function snapshotsOf(name: keyof typeof FLOWS): readonly Snapshot[] {
  const lines = readFileSync(new URL(`without-clean-up/${name}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => {
    const { status, outcome, operations } = JSON.parse(line) as {
      status: RunRecord['status'];
      outcome: string | null;
      operations: unknown[][];
    };
    const ended = status !== 'RUNNING';
    const run: RunRecord = {
      id: name,
      flow: FLOWS[name].name,
      version: 1,
      status,
      input: '[]',
      digest: '',
      seed: 'seed',
      options: null,
      parentRunId: null,
      parentOperationId: null,
      workerId: ended ? null : 'dead',
      outcome,
      blockedCode: null,
      createdAt: 1,
      finishedAt: ended ? 99 : null,
      crashes: 0,
      wakeAt: null,
    };
    return { run, operations: operations.map((row) => recordOf(name, row)) };
  });
}

function recordOf(runId: string, row: readonly unknown[]): OperationRecord {
  const [id, kind, name, digest, input, status, seq, outcome, dueAt] = row;
  const finishedAt = status === 'STARTED' ? null : 99;
  const times = { startedAt: 1, finishedAt, dueAt: dueAt === null ? null : Number.MAX_SAFE_INTEGER };
  return { runId, id, kind, name, digest, input, status, seq, outcome, ...times, childRunId: null, attempts: null } as OperationRecord;
}

async function storeOf({ run, operations }: Snapshot): Promise<Store> {
  const store = memoryStore();
  await store.open();
  await store.registerWorker(workerOf('dead', 0));
  const nothing = { restarts: [], suspends: [], ends: [], messages: [], taken: [] };
  await store.commit({ workerId: 'dead', creates: [{ run }], operations, ...nothing });
  await store.close();
  return store;
}

/** Lets the run go on; how it ends, or that it is blocked. */
async function goOn(name: keyof typeof FLOWS, store: Store): Promise<string> {
  const engine = await open({ store, default: false, logger: SILENT, leaks: 'ignore' });
  onTestFinished(() => engine.close({ timeout: 0 }).catch(() => undefined));
  const blocked = new Promise<string>((resolve) => {
    engine.on('run:blocked', ({ error }) => resolve(`BLOCKED: ${error.message}`));
  });
  const ended = engine
    .future(name)
    .exception()
    .then((error) => error?.message ?? 'SUCCEEDED');
  const end = await Promise.race([ended, blocked]);
  await engine.close({ timeout: 0 }).catch(() => undefined);
  return end;
}

/** What is there now: a well-formed history. */
async function historyIn(store: Store): Promise<History> {
  await store.open();
  try {
    return await expectWellFormed(store);
  } finally {
    await store.close();
  }
}

const NAMES = Object.keys(FLOWS) as (keyof typeof FLOWS)[];
const UNFINISHED = NAMES.flatMap((name) =>
  snapshotsOf(name)
    .slice(0, -1)
    .map((snapshot, commit) => ({ name, snapshot, commit })),
);

describe('a journal of a release without clean-up', () => {
  test.each(UNFINISHED)('of $name goes on from commit $commit, does no action again, and cleans up', async ({ name, snapshot }) => {
    const store = await storeOf(snapshot);
    expect(await goOn(name, store)).toBe(name === 'thrown' ? 'declined' : 'SUCCEEDED');
    const known = snapshot.operations.filter(({ kind, seq }) => kind === 'action' && seq !== null);
    const done = known.map(({ input }) => (JSON.parse(input as string) as string[])[0]);
    for (const what of done) expect(begun).not.toContain(what);
    expect([...done, ...begun].filter((what) => what === 'given back')).toHaveLength(1);
    const { journals } = await historyIn(store);
    const now = new Map(journals.get(name)?.map((entry) => [entry.id, entry.outcome]));
    for (const { id, outcome } of known) expect(now.get(id)).toBe(outcome);
  });

  test.each(UNFINISHED)('of $name goes on from commit $commit through another crash at each commit', async ({ name, snapshot }) => {
    for (let number = 1; ; number += 1) {
      const store = await storeOf(snapshot);
      let crashed = false;
      const end = await Promise.race([
        goOn(
          name,
          crashingStore(store, { number, when: 'after' }, () => (crashed = true)),
        ).catch(() => ''),
        new Promise<string>((resolve) => setTimeout(resolve, 2_000, 'nothing')),
      ]);
      if (!crashed) {
        expect(end).toBe(name === 'thrown' ? 'declined' : 'SUCCEEDED');
        break;
      }
      expect(await goOn(name, store), `after a crash at commit ${number}`).toBe(name === 'thrown' ? 'declined' : 'SUCCEEDED');
      await historyIn(store);
    }
  });

  test.each(NAMES)('of %s, when its run has ended, is replayed to that end', async (name) => {
    const { run, operations } = snapshotsOf(name).at(-1) as Snapshot;
    const { workerId: _, wakeAt: __, ...entry } = run;
    await assertReplays(FLOWS[name], [{ kind: 'run', format: 1, ...entry }, ...operations]);
    expect(begun).toStrictEqual([]);
    expect(endText(run)).toMatch(name === 'thrown' ? /^FAILED: RangeError: declined/ : /^SUCCEEDED/);
  });
});
