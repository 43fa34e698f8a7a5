import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BatchResult, type Engine, memoryStore, open, sqliteStore } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { OperationRecord } from '../../src/model/records.js';
import { journalOf } from '../../src/store/journal-of.js';
import { type BatchCase, batchCases, batchFlow, expectCase, observationsOf } from '../api/batch-cases.js';
import { type CrashPoint, crashingStore, watchedStore } from './crashing-store.js';
import { Recorder } from './recorder.js';
import { recordedWorld } from './replay-of.js';
import { expectWellFormed } from './well-formed.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
type Outcome = BatchResult<unknown> | Error;
let runs = 0;

/** One run of a case, in several processes that end and a last one that lives. */
class CaseRun {
  readonly #batchCase: BatchCase;
  readonly #store: Store;
  readonly #recorder = new Recorder();
  readonly #runId: string;

  constructor(batchCase: BatchCase, store: Store) {
    runs += 1;
    this.#batchCase = batchCase;
    this.#runId = `${batchCase.id} ${runs}`;
    this.#store = watchedStore(store, { after: (_number, batch) => this.#recorder.committed(batch) });
  }

  /** Runs it in a process that ends at this point. Returns whether it did. */
  async crash(point: CrashPoint): Promise<boolean> {
    let crashed = false;
    const engine = await this.#open(crashingStore(this.#store, point, () => (crashed = true)));
    await this.#outcome(engine);
    await engine.close({ timeout: 0 }).catch(() => undefined);
    return crashed;
  }

  /** Runs it to its end, and replays that. */
  async finish(): Promise<void> {
    const ended = await this.#branches();
    const before = observationsOf(this.#runId).generations;
    const engine = await this.#open(this.#store);
    const outcome = await this.#outcome(engine);
    const { generations, startOrder } = observationsOf(this.#runId);
    expectCase(this.#batchCase, outcome, observationsOf(this.#runId));
    if (generations > before) expect(startOrder.filter((index) => ended.has(index))).toEqual([]);
    expect(this.#recorder.repeated).toEqual([]);
    const history = await expectWellFormed(this.#store);
    await engine.close();
    const branches = (history.journals.get(this.#runId) ?? []).filter(isOuterBranch);
    const again = await this.#open(await recordedWorld(history, this.#runId));
    const replayed = await this.#outcome(again);
    expectCase(this.#batchCase, replayed);
    expect(toldOf(replayed)).toEqual(toldOf(outcome));
    expect(this.#recorder.repeated).toEqual([]);
    const indexes = branches.map(indexOf);
    expect(observationsOf(this.#runId).startOrder.filter((index) => indexes.includes(index))).toEqual([]);
    await again.close();
  }

  /** The branches whose outcomes are recorded. */
  async #branches(): Promise<Set<number>> {
    await this.#store.open();
    const journal = await journalOf(this.#store, this.#runId);
    await this.#store.close();
    return new Set(journal.filter(isOuterBranch).map(indexOf));
  }

  async #open(store: Store): Promise<Engine> {
    const engine = await open({ store, default: false, logger: SILENT, leaks: 'error', nonDurableAwait: 'error' });
    onTestFinished(() => engine.close({ timeout: 0 }).catch(() => undefined));
    engine.on('operation:started', ({ runId, operationId, kind }) => kind === 'action' && this.#recorder.actionBegan(runId, operationId));
    return engine;
  }

  async #outcome(engine: Engine): Promise<Outcome> {
    try {
      return await engine.start(batchFlow, [this.#batchCase], { id: this.#runId }).result();
    } catch (error) {
      return error as Error;
    }
  }
}

function isOuterBranch({ kind, id }: OperationRecord): boolean {
  return kind === 'branch' && id.split('.').length === 2;
}

function indexOf({ id }: OperationRecord): number {
  return Number(id.split('.')[1]);
}

function toldOf(outcome: Outcome): unknown {
  return outcome instanceof Error ? `${outcome.name}: ${outcome.message}` : outcome.toJSON();
}

async function crashAtEveryCommit(batchCase: BatchCase, when: 'before' | 'after', newStore: () => Store): Promise<void> {
  let crashed: boolean;
  let number = 0;
  do {
    number += 1;
    const run = new CaseRun(batchCase, newStore());
    crashed = await run.crash({ number, when });
    await run.finish();
  } while (crashed);
  expect(number).toBeGreaterThan(2);
}

const WHEN = ['before', 'after'] as const;

describe('on the memory store', () => {
  test.each(batchCases.flatMap((batchCase) => WHEN.map((when) => ({ id: batchCase.id, when, batchCase }))))(
    '$id comes out as the table says after a crash $when any commit, and replayed',
    async ({ batchCase, when }) => crashAtEveryCommit(batchCase, when, memoryStore),
  );

  test.each(batchCases.map((batchCase) => ({ id: batchCase.id, batchCase })))(
    '$id comes out as the table says through crash after crash',
    async ({ batchCase }) => {
      const run = new CaseRun(batchCase, memoryStore());
      for (let crash = 0; crash < 8; crash += 1) await run.crash({ number: 2 + (crash % 2), when: crash % 3 === 0 ? 'before' : 'after' });
      await run.finish();
    },
  );
});

/** Every fourth: what differs between the cases has nothing to do with the store. */
const ON_SQLITE = batchCases.filter((_, index) => index % 4 === 0);

function newFile(): Store {
  const directory = mkdtempSync(join(tmpdir(), 'perdure-batch-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return sqliteStore(join(directory, 'app.db'));
}

describe('on a SQLite file', () => {
  test.each(ON_SQLITE.flatMap((batchCase) => WHEN.map((when) => ({ id: batchCase.id, when, batchCase }))))(
    '$id comes out as the table says after a crash $when any commit, and replayed',
    async ({ batchCase, when }) => crashAtEveryCommit(batchCase, when, newFile),
  );
});
