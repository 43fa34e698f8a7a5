import { AssertionError } from 'node:assert';
import { isStore } from '../engine/options.js';
import { otherEnd } from '../engine/replay-problem.js';
import { requireStart } from '../engine/startables.js';
import { UsageError } from '../errors/errors.js';
import { isEnded } from '../model/statuses.js';
import { refuseMore } from '../options/extra-arguments.js';
import { isBoolean, isFunction, isPositiveInteger, type OptionTable, readOptions } from '../options/read-options.js';
import { memoryStore } from '../store/memory-store.js';
import type { Store } from '../store/store.js';
import { brokenBy, type Invariant } from './invariant.js';
import type { BegunAction } from './mocks.js';
import { reportEnd } from './report-end.js';
import { readTestEngineOptions, TEST_ENGINE_OPTION, type TestEngine, type TestEngineOptions, testEngine } from './test-engine.js';
import { flawsOf, historyOf } from './well-formed.js';
import { type CommitPoint, crashingStore, failingStore, reapedStore, slowStore, withCommit } from './wrapped-store.js';

/** What the store does to a run besides losing its process. */
export interface StoreFaults {
  /** Macrotasks that each commit takes. Default 0. */
  readonly slow?: number;
  /** Also lets each commit fail for once: unwritten, and written although it fails. The process goes on. */
  readonly failingCommit?: boolean;
  /** Also lets another process take the worker for dead right before and right after each commit. The process goes on under another id. */
  readonly lostWorker?: boolean;
}

/** Options of `crashEverywhere`. */
export interface CrashOptions<R = unknown> {
  /** Called before each run begins: brings the world outside back to where it was. */
  readonly reset?: () => void | Promise<void>;
  /** Prepares each engine: its mocks, for one. */
  readonly setup?: (engine: TestEngine) => void;
  /** What must hold however the run went: it throws, or returns `false`, when that is not so. */
  readonly invariant?: Invariant<R>;
  readonly faults?: StoreFaults;
  /** Makes the store of each run, empty and not open; it is opened and closed by one process after the other. Default: one in memory. */
  readonly store?: () => Store;
  /** How the engines are made. */
  readonly engine?: Omit<TestEngineOptions, 'store' | 'startTime' | 'autoAdvance'>;
}

/** What `crashEverywhere` has done. */
export interface CrashReport {
  /** Commits of the run that was not disturbed. */
  readonly commits: number;
  /** Runs that were crashed and went on: two for each commit. */
  readonly crashes: number;
  /** Runs that the store disturbed in another way, and that went on. */
  readonly faults: number;
}

const TABLE: OptionTable = {
  reset: [isFunction, 'a function'],
  setup: [isFunction, 'a function of the engine'],
  invariant: [isFunction, 'a function of the report'],
  faults: [(value) => typeof value === 'object' && value !== null, 'an object'],
  store: [isFunction, 'a function that makes a store'],
  engine: TEST_ENGINE_OPTION,
};

const FAULTS: OptionTable = {
  slow: [(value) => value === 0 || isPositiveInteger(value), 'a whole number of macrotasks'],
  failingCommit: [isBoolean, 'true or false'],
  lostWorker: [isBoolean, 'true or false'],
};

const RUN_ID = 'crashed';

/** What disturbs a run at one of its commits. */
interface Disturbance {
  /** What messages call it. */
  readonly what: string;
  /** Whether the process ends by it, so that another has to go on. */
  readonly fatal: boolean;
  /** The store that does it; `onFault` is called when it has. */
  readonly disturb: (store: Store, point: CommitPoint, onFault: () => void) => Store;
}

const CRASH: Disturbance = { what: 'a crash', fatal: true, disturb: crashingStore };
const FAILING_COMMIT: Disturbance = { what: 'a failure', fatal: false, disturb: failingStore };
const LOST_WORKER: Disturbance = { what: 'the loss of the worker', fatal: false, disturb: reapedStore };

/**
 * Runs a flow once, then once for every commit with the process ending right before it and once right after it, and lets another process go on.
 * Asserts that each comes to the same end, that no action whose outcome was recorded is done again, and that the journals are well formed.
 * `options.faults` disturbs it in more ways.
 *
 * @throws {AssertionError} at the first difference, naming the commit.
 * @throws {UsageError} when the flow cannot be started, or an argument or option is wrong.
 * @example
 * await crashEverywhere(placeOrder, ['lamp'], { setup: (engine) => engine.mock(charge, 'receipt-1') });
 */
export async function crashEverywhere<A extends readonly unknown[], R>(
  flow: (...args: A) => Promise<R>,
  args: A,
  options?: CrashOptions<R>,
): Promise<CrashReport> {
  refuseMore('crashEverywhere(flow, args, options)', arguments);
  requireStart(flow, args, 'crashEverywhere(flow, args)');
  const given = readOptions('crashEverywhere()', options, TABLE);
  const faults = readOptions('crashEverywhere(): faults', given.faults, FAULTS);
  // Each run has a store of its own, and its processes go on where the time of the one before was, by itself.
  const engine = readTestEngineOptions('crashEverywhere(): engine', given.engine, ['store', 'startTime', 'autoAdvance']);
  const { failingCommit = false, lostWorker = false } = faults;
  const disturbances = [CRASH, ...(failingCommit ? [FAILING_COMMIT] : []), ...(lostWorker ? [LOST_WORKER] : [])];

  const begin = (): Promise<DisturbedRun<A, R>> => DisturbedRun.begin(flow, args, { ...given, faults, engine });
  const undisturbed = await begin();
  const expected = await undisturbed.finish();
  const { commits } = undisturbed;
  await undisturbed.check('the run', expected, expected);

  const count = { crashes: 0, faults: 0 };
  for (let number = 1; number <= commits; number += 1) {
    for (const { what, fatal, disturb } of disturbances) {
      for (const when of ['before', 'after'] as const) {
        const run = await begin();
        const disturbed = { disturb, point: { number, when } };
        if (fatal) await run.crash(disturbed);
        const end = await run.finish(fatal ? undefined : disturbed).catch((error: unknown) => (error as Error).message);
        if (run.disturbed) count[fatal ? 'crashes' : 'faults'] += 1;
        await run.check(`after ${what} right ${when} commit ${number} of ${commits} the run`, expected, end);
      }
    }
  }
  return { commits, ...count };
}

/** Where a store disturbs a run, and how. */
interface Disturbed extends Pick<Disturbance, 'disturb'> {
  readonly point: CommitPoint;
}

/** One run through the processes that execute it. */
class DisturbedRun<A extends readonly unknown[], R> {
  readonly #flow: (...args: A) => Promise<R>;
  readonly #args: A;
  readonly #options: CrashOptions<R>;
  readonly #store: Store;
  readonly #recorded = new Set<string>();
  readonly #repeated: string[] = [];
  #startTime: number | undefined;
  #broken: Error | undefined;
  commits = 0;
  disturbed = false;

  private constructor(flow: (...args: A) => Promise<R>, args: A, options: CrashOptions<R>) {
    this.#flow = flow;
    this.#args = args;
    this.#options = options;
    const store = options.store === undefined ? memoryStore() : options.store();
    if (!isStore(store)) throw new UsageError('INVALID_OPTION', 'crashEverywhere(): the option "store" must return a store');
    this.#store = store;
  }

  static async begin<A extends readonly unknown[], R>(
    flow: (...args: A) => Promise<R>,
    args: A,
    options: CrashOptions<R>,
  ): Promise<DisturbedRun<A, R>> {
    await options.reset?.();
    return new DisturbedRun(flow, args, options);
  }

  /** Executes the run until the process ends. */
  async crash(disturbed: Disturbed): Promise<void> {
    const engine = this.#engine(disturbed);
    await engine.start(this.#flow, this.#args, { id: RUN_ID }).exception();
    this.#startTime = engine.now();
    await engine.close({ timeout: 0 }).catch(() => undefined);
  }

  /** Executes the run to its end, and tells what that is. */
  async finish(disturbed?: Disturbed): Promise<string> {
    const engine = this.#engine(disturbed);
    try {
      const report = await engine.run(this.#flow, this.#args, { id: RUN_ID });
      this.#broken = await brokenBy(this.#options.invariant, report);
      return reportEnd(report);
    } finally {
      await engine.close({ timeout: 0 });
    }
  }

  /** Asserts that all went well. */
  async check(what: string, expected: string, end: string): Promise<void> {
    if (end !== expected)
      throw new AssertionError({ ...otherEnd(`${what} came to another end`, expected, end), operator: 'crashEverywhere' });
    if (this.#broken !== undefined) {
      const error = new AssertionError({ message: `${what} broke the invariant: ${this.#broken.message}`, operator: 'crashEverywhere' });
      error.cause = this.#broken;
      throw error;
    }
    requireNone(`${what} did actions again whose outcome was recorded`, this.#repeated);
    requireNone(`${what} left journals that are not well formed`, await this.#flaws());
  }

  async #flaws(): Promise<string[]> {
    await this.#store.open();
    try {
      return flawsOf(await historyOf(this.#store));
    } finally {
      await this.#store.close();
    }
  }

  #engine(disturbed: Disturbed | undefined): TestEngine {
    const { engine: options, setup } = this.#options;
    const watched = this.#watched();
    const onFault = (): void => {
      this.disturbed = true;
    };
    const store = disturbed === undefined ? watched : disturbed.disturb(watched, disturbed.point, onFault);
    const startTime = this.#startTime === undefined ? {} : { startTime: this.#startTime };
    const engine = testEngine({ ...options, ...startTime, autoAdvance: true, store }, { onAction: (action) => this.#begun(action) });
    setup?.(engine);
    return engine;
  }

  #begun({ runId, operationId, name }: BegunAction): void {
    if (this.#recorded.has(`${runId} ${operationId}`)) this.#repeated.push(`action "${name}" (${operationId}) of run ${runId}`);
  }

  #forget(runId: string): void {
    for (const key of this.#recorded) if (key.startsWith(`${runId} `)) this.#recorded.delete(key);
  }

  /** The store, with its commits counted and what they record remembered. */
  #watched(): Store {
    const slow = slowStore(this.#store, this.#options.faults?.slow ?? 0);
    return withCommit(slow, async (batch, commit) => {
      const ended = batch.operations.filter(({ status }) => isEnded(status)).map(({ runId, id }) => `${runId} ${id}`);
      const taken = await commit(batch);
      this.commits += 1;
      for (const key of ended) this.#recorded.add(key);
      // A run that begins again does everything again.
      for (const { runId } of batch.restarts) this.#forget(runId);
      return taken;
    });
  }
}

function requireNone(message: string, found: readonly string[]): void {
  if (found.length === 0) return;
  throw new AssertionError({ message: `${message}: ${found.join('; ')}`, expected: [], actual: found, operator: 'crashEverywhere' });
}
