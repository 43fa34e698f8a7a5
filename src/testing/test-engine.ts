import { AssertionError } from 'node:assert';
import { systemClock } from '../clock/system-clock.js';
import { VirtualClock } from '../clock/virtual-clock.js';
import type { Serdes } from '../codec/serdes.js';
import { standIn } from '../engine/current.js';
import { Engine } from '../engine/engine.js';
import type { EngineParts } from '../engine/engine-gateway.js';
import { ENGINE_OPTIONS, type EngineOptions, engineCodec, isStore, readEngineOptions } from '../engine/options.js';
import { registry } from '../engine/registry.js';
import { replayProblem } from '../engine/replay-problem.js';
import { requireStart } from '../engine/startables.js';
import { StorageError, UsageError } from '../errors/errors.js';
import { readEntry } from '../journal/read-entry.js';
import type { Duration } from '../model/duration.js';
import type { Logger } from '../model/logger.js';
import { requireDuration } from '../options/durations.js';
import { refuseMore } from '../options/extra-arguments.js';
import { DURATION, isBoolean, isText, type OptionRule, type OptionTable, readOptions, TEXT } from '../options/read-options.js';
import { tokenOf } from '../runtime/messages/callback-token.js';
import type { EngineEvents } from '../runtime/notices/engine-events.js';
import { journalOf } from '../store/journal-of.js';
import { memoryStore } from '../store/memory-store.js';
import type { Store } from '../store/store.js';
import { Answers, type Question } from './answers.js';
import { Busy } from './busy.js';
import { type BegunAction, type Mockable, type MockOptions, Mocks, type Sequence, type Settled, type StandIn } from './mocks.js';
import { recordsOf } from './reading.js';
import { type RunReport, runReport } from './run-report.js';
import { wrappedStore } from './wrapped-store.js';

/** How a test engine is made. Leaks and awaits that are not durable are errors unless told otherwise, and nothing is logged. */
export interface TestEngineOptions extends Omit<EngineOptions, 'store' | 'leaseMs'> {
  /** Default: a store in memory of its own. */
  readonly store?: Store;
  /** Where the virtual time begins: a date, or milliseconds since the epoch. Default 2025-01-01. */
  readonly startTime?: Date | number;
  /**
   * Whether the time goes to the next timer by itself when nothing else can happen. Default true; with `false` it moves by `advance()` alone.
   */
  readonly autoAdvance?: boolean;
  /**
   * How long, in time of the machine, the virtual time waits for actions that are under way and not mocked, when nothing happens. Default 50 ms.
   */
  readonly patience?: Duration;
}

/** Options of a run in a test. */
export interface TestRunOptions {
  readonly id?: string;
}

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const START_MS = Date.UTC(2025, 0, 1);
const PATIENCE_MS = 50;
/** A lease that never runs out: time jumps. */
const LEASE_MS = Number.MAX_SAFE_INTEGER;

// Time jumps, so there are no leases.
const { leaseMs: _none, ...SHARED_OPTIONS } = ENGINE_OPTIONS;
const TEST_ENGINE_OPTIONS: OptionTable = {
  ...SHARED_OPTIONS,
  store: [isStore, 'a store, such as memoryStore() makes'],
  startTime: [(value) => Number.isFinite(millisecondsOf(value)), 'a valid date or milliseconds'],
  autoAdvance: [isBoolean, 'true or false'],
  patience: DURATION,
};

/** The rule of every option that is how test engines are made: `readTestEngineOptions` tells what is wrong with it. */
export const TEST_ENGINE_OPTION: OptionRule = [() => true, 'options of createTestEngine()'];

interface Kit {
  readonly clock: VirtualClock;
  readonly mocks: Mocks;
  readonly store: Store;
  readonly patienceMs: number;
  readonly gate: EngineParts['gate'];
}

/** What the kit's own tests of a flow see and decide. */
export interface TestHooks {
  /** The body of an action is begun. */
  readonly onAction?: (action: BegunAction) => void;
  /** Chooses which outcome of an action or a child run is recorded next, or whether the time goes on: the place of what happens. Default: all are at once. */
  readonly choose?: (happenings: readonly string[]) => number;
}

/**
 * An engine for tests: its time is virtual and its own, so tests run next to each other, and what flows and actions do can be replaced.
 *
 * Owns: the clock, the mocks and the store.
 *
 *   TE1  The time goes to the next timer when nothing else can happen, and never while an action that is not mocked makes progress.
 */
export class TestEngine extends Engine {
  readonly #kit: Kit;
  readonly #leaks: EngineEvents['leak'][] = [];
  readonly #answers: Answers = new Answers((question, answer) => this.#give(question, answer));

  constructor(options: EngineOptions, kit: Kit) {
    const bodyOf: EngineParts['bodyOf'] = (definition) => kit.mocks.bodyOf(definition);
    super(options, { clock: kit.clock, bodyOf, newSeed: seedOf, gate: kit.gate, keepsCallSites: true });
    this.#kit = kit;
    this.on('leak', (leak) => this.#leaks.push(leak));
    this.on('operation:started', (operation) => {
      if (operation.kind === 'event') this.#answers.asked(operation);
    });
    this.on('operation:finished', (operation) => this.#answers.over(operation));
  }

  /** The virtual time, in milliseconds since the epoch. */
  readonly now = (): number => this.#kit.clock.now();

  /**
   * Lets virtual time pass, and what is due by then happen.
   *
   * @throws {UsageError} `INVALID_DURATION`
   */
  readonly advance = async (duration: Duration, ...more: never[]): Promise<void> => {
    refuseMore('advance(duration)', [duration, ...more]);
    await this.#kit.clock.advance(requireDuration(duration, 'advance(): the duration'));
  };

  /**
   * Lets something stand in for an action or a child flow in this engine: a function, an error, a value, or a `sequence` of them.
   *
   * @returns What takes it away again.
   * @throws {UsageError} `NOT_STARTABLE`, `INVALID_OPTION` or `INVALID_DURATION`.
   */
  readonly mock = <A extends readonly unknown[], R>(
    target: Mockable<A, R>,
    standIn: StandIn<A, Settled<R>> | Sequence<StandIn<A, Settled<R>>>,
    options?: MockOptions<A>,
    ...more: never[]
  ): (() => void) => {
    refuseMore('mock(target, standIn, options)', [target, standIn, options, ...more]);
    return this.#kit.mocks.add('mock()', target, standIn, options);
  };

  /**
   * Answers the `event` or `callback` of this name that has waited longest, of whatever run, with a value or an error; when none waits, the next that does.
   *
   * @throws {UsageError} `INVALID_ARGUMENT` or `VALUE_NOT_SERIALIZABLE`.
   */
  readonly answer = async (name: string, answer: unknown, ...more: never[]): Promise<void> => {
    refuseMore('answer(name, value)', [name, answer, ...more]);
    if (!isText(name)) throw new UsageError('INVALID_ARGUMENT', 'answer(name, value): the name must be a text that is not empty');
    await this.#answers.answer(name, answer);
  };

  /** Takes all mocks away. */
  readonly restore = (): void => this.#kit.mocks.clear();

  /** The arguments of each call of an action or a flow in this engine, in order; a repetition after a crash counts. */
  readonly calls = <A extends readonly unknown[]>(target: Mockable<A, unknown>): readonly A[] =>
    this.#kit.mocks.calls('calls()', target) as unknown as readonly A[];

  /**
   * Asserts that no flow and no branch in this engine left a future behind so far. Under `leaks: 'ignore'` they are not looked for.
   *
   * @throws {AssertionError} naming what was left behind.
   */
  readonly assertNoLeaks = (): void => {
    if (this.#leaks.length === 0) return;
    const found = this.#leaks.map(({ flow, branch, futures }) => {
      const names = futures.map(({ kind, name, state }) => `${kind} "${name}" (${state})`).join(', ');
      return `flow "${flow}"${branch === null ? '' : `, branch "${branch}"`} left ${names}`;
    });
    throw new AssertionError({ message: `futures were left behind: ${found.join('; ')}`, actual: found, expected: [] });
  };

  /**
   * Replays every run that this engine has recorded, and executes nothing. Asserts that each asks for what is recorded, and comes to the same end.
   * Runs of flows that something stood in for are left out.
   *
   * @throws {AssertionError} with the first difference.
   */
  readonly assertReplays = async (): Promise<void> => {
    await this.list();
    const { store, mocks } = this.#kit;
    const { codec } = this.access;
    for (const run of await recordsOf(store)) {
      const definition = registry.find(run.flow, run.version);
      if (definition === undefined || mocks.mocked(definition)) continue;
      const problem = await replayProblem({ run, operations: await journalOf(store, run.id) }, definition, codec);
      if (problem !== undefined) throw new AssertionError(problem);
    }
  };

  /**
   * Asserts that at no time more than so many calls of an action were under way at once, virtual latency included.
   *
   * @throws {AssertionError} with the number there were.
   * @throws {UsageError} `NOT_STARTABLE`, or `INVALID_ARGUMENT` when `most` is not a whole number.
   */
  readonly assertMaxInFlight = <A extends readonly unknown[]>(target: Mockable<A, unknown>, most: number): void => {
    const actual = this.#kit.mocks.mostInFlight('assertMaxInFlight()', target);
    if (!Number.isSafeInteger(most) || most < 0) {
      throw new UsageError('INVALID_ARGUMENT', 'assertMaxInFlight(target, most): the most there may be must be a whole number, 0 or more');
    }
    if (actual <= most) return;
    throw new AssertionError({ message: `${actual} calls were under way at once, and there may be ${most}`, actual, expected: most });
  };

  /**
   * Runs a flow to its end, however that is: the report has its status.
   *
   * @throws {UsageError} when the flow cannot be started, its id is another run's, or it waits for something that nothing brings about.
   */
  readonly run = async <A extends readonly unknown[], R>(
    flow: (...args: A) => Promise<R>,
    args: A = [] as unknown as A,
    options?: TestRunOptions,
    ...more: never[]
  ): Promise<RunReport<R>> => {
    refuseMore('engine.run(flow, args, options)', [flow, args, options, ...more]);
    requireStart(flow, args, 'engine.run(flow, args)');
    const future = this.start(flow, args, readOptions('engine.run()', options, { id: TEXT }));
    const halted = this.#halted(future.id);
    try {
      // Rejects when the id is another run's.
      await future.recorded();
      const { status } = await this.access.recordOf(future.id, 'run()');
      const error = status === 'BLOCKED' ? undefined : await Promise.race([future.exception(), halted.promise]);
      return await this.report<R>(future.id).catch((cause: unknown) => Promise.reject(error ?? cause));
    } catch (error) {
      // The engine was closed: the future says so.
      throw future.status === 'FAILED' && error instanceof StorageError ? await future.exception() : error;
    } finally {
      halted.forget();
    }
  };

  /** Resolves when a run is blocked, and rejects when it, or a child of it, waits for nothing that could come. */
  #halted(id: string): { readonly promise: Promise<undefined>; forget(): void } {
    const off: (() => void)[] = [];
    const promise = new Promise<undefined>((resolve, reject) => {
      off.push(
        this.on('run:blocked', ({ runId }) => {
          if (runId === id) resolve(undefined);
        }),
        this.on('run:stuck', ({ runId, lastOperation }) => {
          if (runId !== id && !runId.startsWith(`${id}/`)) return;
          // It may go on by something that is not durable, and then say so itself.
          off.push(systemClock.setTimer(this.#kit.patienceMs, () => reject(stuck(runId, lastOperation))));
        }),
      );
    });
    // It may not be asked for yet.
    promise.catch(() => {});
    const forget = (): void => {
      for (const each of off) each();
    };
    return { promise, forget };
  }

  async #give({ runId, operationId, name }: Question, answer: unknown): Promise<boolean> {
    const record = await this.access.recordOf(runId, 'answer()');
    const asked = await this.access.reader.operation(runId, operationId);
    // It was cancelled, which is not told; or its worker has lost the run, and asks again.
    if (asked?.status !== 'STARTED') return false;
    if (readEntry(asked).kind !== 'callback') {
      if (answer instanceof Error)
        throw new UsageError('INVALID_ARGUMENT', `answer("${name}", error): an event cannot fail; answer it with a value`);
      await this.send(runId, name, answer);
      return true;
    }
    const token = tokenOf(record, operationId);
    try {
      await (answer instanceof Error ? this.fail(token, answer) : this.complete(token, answer));
      return true;
    } catch (error) {
      // It has come to its end meanwhile.
      if ((error as UsageError).code === 'CALLBACK_CLOSED') return false;
      throw error;
    }
  }

  /** What the store has of a run by now. @throws {UsageError} `RUN_NOT_FOUND` */
  async report<R = unknown>(runId: string): Promise<RunReport<R>> {
    const record = await this.access.recordOf(runId, 'report(runId)');
    const serdesOf = (...of: [string, string]): Serdes | undefined => this.#kit.mocks.serdesOf(...of);
    return runReport<R>({ ...this.operationsSource, serdesOf }, record);
  }
}

function stuck(runId: string, lastOperation: string | null): UsageError {
  return new UsageError(
    'NON_DURABLE_AWAIT',
    `run ${runId} waits, and nothing is pending that could wake it (last operation: ${lastOperation ?? 'none'}); it awaits something that is not durable, or that never settles`,
  );
}

/**
 * Makes an engine for tests. It needs no waiting for: starts are taken at once.
 *
 * @throws {UsageError} `INVALID_OPTION` or `INVALID_DURATION`.
 * @example
 * await using engine = createTestEngine();
 * const report = await engine.run(placeOrder, ['lamp']);
 */
export function createTestEngine(options: TestEngineOptions = {}): TestEngine {
  refuseMore('createTestEngine(options)', arguments);
  return testEngine(options);
}

/**
 * The options that are given.
 *
 * @param decided - Those that the caller decides itself: they are no options.
 * @throws {UsageError} `INVALID_OPTION` or `INVALID_DURATION`.
 */
export function readTestEngineOptions(
  caller: string,
  options: TestEngineOptions | undefined,
  decided: readonly (keyof TestEngineOptions)[] = [],
): TestEngineOptions {
  const table = Object.fromEntries(
    Object.entries(TEST_ENGINE_OPTIONS).filter(([name]) => !decided.includes(name as keyof TestEngineOptions)),
  );
  return readEngineOptions(caller, options, table);
}

/** As `createTestEngine`, with hooks. */
export function testEngine(given: TestEngineOptions, { onAction, choose }: TestHooks = {}): TestEngine {
  const read = readTestEngineOptions('createTestEngine()', given);
  const { startTime = START_MS, patience = PATIENCE_MS, autoAdvance = true, store = memoryStore(), ...options } = read;
  const startMs = millisecondsOf(startTime);
  const patienceMs = requireDuration(patience, 'createTestEngine(): patience');
  const busy = new Busy();
  const clock = new VirtualClock({
    startMs,
    auto: autoAdvance,
    busy: () => busy.is,
    patienceMs,
    onImpatience: () => busy.forget(),
    choose,
  });
  busy.onChange = () => clock.touch();
  const mocks = new Mocks({
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    codec: engineCodec(options),
    working: () => busy.begin(),
    onAction,
  });
  const watched = wrappedStore(store, async (_method, call) => {
    const done = busy.begin();
    return call().finally(done);
  });
  const engineOptions: EngineOptions = {
    leaks: 'error',
    nonDurableAwait: 'error',
    logger: SILENT,
    ...options,
    store: watched,
  };
  const engine = new TestEngine(
    { ...engineOptions, leaseMs: LEASE_MS },
    { clock, mocks, store: watched, patienceMs, gate: choose && gateOf(clock) },
  );
  if (options.default === true) standIn(engine);
  // A failure to open rejects the futures of what was started.
  engine.open().catch(() => undefined);
  return engine;
}

function millisecondsOf(time: unknown): number {
  return time instanceof Date ? time.getTime() : (time as number);
}

/** The same run draws the same values in every test engine. */
function seedOf(runId: string): string {
  return `test ${runId}`;
}

/** Holds outcomes until nothing else can happen. */
function gateOf(clock: VirtualClock): EngineParts['gate'] {
  return ({ kind, name, runId, id }, pass) => {
    if (kind === 'action' || kind === 'flow') clock.hold(`${kind} "${name}" (${id} of ${runId})`, pass);
    else pass();
  };
}
