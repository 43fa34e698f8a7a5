import { AssertionError } from 'node:assert';
import { encodeDefault } from '../codec/default-encoding.js';
import { checkOptions, isFunction, isPositiveInteger, type OptionTable } from '../errors/options.js';
import { isEnded } from '../model/statuses.js';
import { memoryStore } from '../store/memory-store.js';
import type { Store } from '../store/store.js';
import type { BegunAction } from './mocks.js';
import type { RunReport } from './run-report.js';
import { type TestEngine, type TestEngineOptions, testEngine } from './test-engine.js';
import { flawsOf, historyOf } from './well-formed.js';
import { type CrashPoint, crashingStore, slowStore, withCommit } from './wrapped-store.js';

/** Options of `crashEverywhere`. */
export interface CrashOptions {
  /** Prepares each engine: its mocks, for one. */
  readonly setup?: (engine: TestEngine) => void;
  /** Macrotasks that each commit takes. Default 0. */
  readonly slowCommits?: number;
  /** How the engines are made. */
  readonly engine?: Omit<TestEngineOptions, 'store' | 'startTime'>;
}

/** What `crashEverywhere` has done. */
export interface CrashReport {
  /** Commits of the run that was not disturbed. */
  readonly commits: number;
  /** Runs that were crashed and went on: two for each commit. */
  readonly crashes: number;
}

const TABLE: OptionTable = {
  setup: [isFunction, 'a function of the engine'],
  slowCommits: [(value) => value === 0 || isPositiveInteger(value), 'a whole number of macrotasks'],
  engine: [(value) => typeof value === 'object' && value !== null, 'options of createTestEngine()'],
};

const RUN_ID = 'crashed';

/**
 * Runs a flow once, then once for every commit with the process ending right before it and once right after it, and lets another process go on.
 * Asserts that each comes to the same end (which must not depend on `random()` and `uuid()`: each run draws from a seed of its own), that no action whose outcome was recorded is done again, and that the journals are well formed.
 *
 * @throws {AssertionError} at the first difference, naming the commit.
 * @throws {UsageError} when the flow cannot be started, or an option is wrong.
 * @example
 * await crashEverywhere(placeOrder, ['lamp'], { setup: (engine) => engine.mock(charge, 'receipt-1') });
 */
export async function crashEverywhere<A extends readonly unknown[], R>(
  flow: (...args: A) => Promise<R>,
  args: A,
  options: CrashOptions = {},
): Promise<CrashReport> {
  checkOptions('crashEverywhere()', options, TABLE);
  const undisturbed = new CrashedRun(flow, args, options);
  const expected = await undisturbed.finish();
  const { commits } = undisturbed;
  let crashes = 0;
  for (let commit = 1; commit <= commits; commit += 1) {
    for (const when of ['before', 'after'] as const) {
      const crashed = new CrashedRun(flow, args, options);
      if (await crashed.crash({ number: commit, when })) crashes += 1;
      const place = `a crash right ${when} commit ${commit} of ${commits}`;
      const actual = await crashed.finish().catch((error: unknown) => (error as Error).message);
      if (actual !== expected) {
        throw new AssertionError({ message: `after ${place} the run came to another end`, expected, actual, operator: 'strictEqual' });
      }
      requireNone(`after ${place} actions were done again whose outcome was recorded`, crashed.repeated);
      requireNone(`after ${place} the journals are not well formed`, await crashed.flaws());
    }
  }
  return { commits, crashes };
}

function requireNone(message: string, found: readonly string[]): void {
  if (found.length === 0) return;
  throw new AssertionError({ message: `${message}: ${found.join('; ')}`, expected: [], actual: found, operator: 'deepStrictEqual' });
}

/** One run through the processes that execute it. */
class CrashedRun<A extends readonly unknown[], R> {
  readonly #flow: (...args: A) => Promise<R>;
  readonly #args: A;
  readonly #options: CrashOptions;
  readonly #store = memoryStore();
  readonly #recorded = new Set<string>();
  #startTime: number | undefined;
  commits = 0;
  readonly repeated: string[] = [];

  constructor(flow: (...args: A) => Promise<R>, args: A, options: CrashOptions) {
    this.#flow = flow;
    this.#args = args;
    this.#options = options;
  }

  /** Executes the run until the process ends. Returns whether it did. */
  async crash(point: CrashPoint): Promise<boolean> {
    let crashed = false;
    const store = crashingStore(this.#watched(), point, () => {
      crashed = true;
    });
    const engine = this.#engine(store);
    await engine.start(this.#flow, this.#args, { id: RUN_ID }).exception();
    this.#startTime = engine.now();
    await engine.close({ timeout: 0 }).catch(() => undefined);
    return crashed;
  }

  /** Executes the run to its end, and tells what that is. */
  async finish(): Promise<string> {
    const engine = this.#engine(this.#watched());
    try {
      return endOf(await engine.run(this.#flow, this.#args, { id: RUN_ID }));
    } finally {
      await engine.close({ timeout: 0 });
    }
  }

  async flaws(): Promise<string[]> {
    await this.#store.open();
    try {
      return flawsOf(await historyOf(this.#store));
    } finally {
      await this.#store.close();
    }
  }

  #engine(store: Store): TestEngine {
    const { engine: options, setup } = this.#options;
    const startTime = this.#startTime === undefined ? {} : { startTime: this.#startTime };
    const engine = testEngine({ ...options, ...startTime, store }, (action) => this.#begun(action));
    setup?.(engine);
    return engine;
  }

  #begun({ runId, operationId, name }: BegunAction): void {
    if (this.#recorded.has(`${runId} ${operationId}`)) this.repeated.push(`action "${name}" (${operationId}) of run ${runId}`);
  }

  /** The store, with its commits counted and what they record remembered. */
  #watched(): Store {
    const slow = slowStore(this.#store, this.#options.slowCommits ?? 0);
    return withCommit(slow, async (batch, commit) => {
      const ended = batch.operations.filter(({ status }) => isEnded(status)).map(({ runId, id }) => `${runId} ${id}`);
      const taken = await commit(batch);
      this.commits += 1;
      for (const key of ended) this.#recorded.add(key);
      return taken;
    });
  }
}

/** How a run ended, as a text that can be compared. */
function endOf({ status, result, error }: RunReport<unknown>): string {
  return error === undefined ? `${status}: ${encodeDefault(result)}` : `${status}: ${error.name}: ${error.message}`;
}
