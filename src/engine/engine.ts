import { nanoid } from 'nanoid';
import type { Clock } from '../clock/clock.js';
import { systemClock } from '../clock/system-clock.js';
import { UsageError } from '../errors/errors.js';
import { requireOneVersion } from '../errors/one-version.js';
import { requireReason } from '../futures/cancellation.js';
import type { DurableFuture } from '../futures/durable-future.js';
import type { Duration } from '../model/duration.js';
import type { Logger } from '../model/logger.js';
import { givenDuration } from '../options/durations.js';
import { refuseMore } from '../options/extra-arguments.js';
import { DURATION, isText, mergedOptions, POLICY, readOptions, TEXT } from '../options/read-options.js';
import type { FlowDefinition } from '../runtime/definitions.js';
import { ENGINE_EVENTS, type EngineEvents } from '../runtime/notices/engine-events.js';
import { plainError } from '../runtime/notices/plain-value.js';
import type { Store } from '../store/store.js';
import type { Gateway } from '../worker/gateway.js';
import type { Streak } from '../worker/store-failures.js';
import { refuseInFlow, requireRunId } from './call-checks.js';
import { Calls } from './calls.js';
import type { CheckReport } from './check.js';
import { chooseStore } from './choose-store.js';
import { type CurrentEngine, leaveEngine } from './current.js';
import { defaultLogger, guarded } from './default-logger.js';
import { type EngineParts, engineGateway } from './engine-gateway.js';
import { EngineLife } from './engine-life.js';
import { EngineEmitter, type EngineListener } from './event-emitter.js';
import { exitNotice } from './exit-notice.js';
import { type EngineOptions, engineCodec } from './options.js';
import { Outbox } from './outbox.js';
import type { CountFilter, ListFilter, PageFilter, RunPage } from './queries/list-query.js';
import type { OperationInfo, OperationsSource } from './queries/operations-tree.js';
import { Queries } from './queries/queries.js';
import type { RunDetails } from './queries/run-details.js';
import { type RunInfo, runNotFound } from './queries/run-info.js';
import { registry } from './registry.js';
import { prune, type Retention, readRetention } from './retention.js';
import { Roots } from './roots.js';
import { RunStarts } from './run-starts.js';
import { type FlowCallOptions, requireFlow, requireStart, type StartableFlow, type StartOptions } from './startables.js';
import { StoreAccess } from './store-access.js';

const DEFAULT_CLOSE_MS = 10_000;

/**
 * What `open()` returns: a store, the registry of this process, and the runs it executes.
 *
 * Puts its parts together and checks what it is called with. Owns nothing itself: its life is in `EngineLife`, what it tells in `Queries`, what it starts in
 * `RunStarts`, what it sends in `Outbox`.
 *
 *   E1  Starts are accepted from construction on; they are written when the store is open.
 */
export class Engine implements CurrentEngine, AsyncDisposable {
  readonly #store: Store;
  readonly #emitter: EngineEmitter;
  readonly #gateway: Gateway;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #access: StoreAccess;
  readonly #roots: Roots;
  readonly #starts: RunStarts;
  readonly #queries: Queries;
  readonly #outbox: Outbox;
  readonly #cancelling: Streak;
  readonly #life: EngineLife;
  readonly #calls: Calls;
  #tidying: Promise<unknown> | undefined;

  /** @param options - Those that were read. @throws {UsageError} `VERSION_CONFLICT`, or `INVALID_OPTION` when there is no such store. */
  constructor(options: EngineOptions, parts: EngineParts = {}) {
    requireOneVersion();
    const logger = options.logger === undefined ? defaultLogger : guarded(options.logger);
    const clock = parts.clock ?? systemClock;
    const store = chooseStore(options.store, options.execute !== false);
    const reader = store.reader();
    const codec = engineCodec(options);
    const newSeed = parts.newSeed ?? (() => nanoid());
    this.#logger = logger;
    this.#clock = clock;
    this.#store = store;
    this.#emitter = new EngineEmitter(logger, clock);
    const calls = new Calls(
      clock,
      (signature, given) => this.#admit(signature, given),
      (error) => this.#life.explained(error),
    );
    const life = new EngineLife({
      store,
      reader,
      logger,
      calls,
      gateway: () => gateway,
      roots: () => roots,
      onRefused: (error) => {
        leaveEngine(this, error, logger);
        exitNotice.closed(roots);
      },
    });
    const gateway = engineGateway(options, parts, {
      store,
      clock,
      codec,
      logger,
      newSeed,
      events: this.#emitter,
      tidy: (retention) => this.#tidy(retention),
      onFailure: (error) => life.fail(error),
    });
    const access = new StoreAccess({
      store,
      reader,
      codec,
      clock,
      gateway,
      admit: (caller) => this.#admit(caller),
      opened: () => life.open(),
    });
    const roots = new Roots({
      clock,
      logger,
      gateway,
      requestCancel: (runId, reason) =>
        void this.#requestCancel(runId, reason).catch((error: unknown) =>
          logger.warn(`run ${runId} was not cancelled: ${plainError(error).message}`, { runId }),
        ),
    });
    this.#calls = calls;
    this.#life = life;
    this.#gateway = gateway;
    this.#access = access;
    this.#roots = roots;
    this.#starts = new RunStarts({ clock, logger, newSeed, gateway, access, roots, calls });
    this.#queries = new Queries({ clock, access, gateway, requireOpen: (caller) => this.#admit(caller) });
    this.#outbox = new Outbox({ access, gateway });
    this.#cancelling = gateway.failures.streak('a cancellation');
  }

  /** Opens the store, and recovers what others left unfinished. Idempotent. */
  open(): Promise<void> {
    if (this.#life.refusal !== undefined) return Promise.reject(this.#life.refusal);
    // One of the testing kit has another clock, and ends without a word.
    if (this.#clock === systemClock) exitNotice.opened(this.#roots);
    return this.#life.open();
  }

  /**
   * Starts a run and returns its future at once; `recorded()` tells when the start is durable.
   *
   * @throws {UsageError} when the flow, the arguments or the options cannot be used, or the engine is closed.
   */
  start<A extends readonly unknown[], R>(flow: StartableFlow<A, R>, args: A, options?: StartOptions): DurableFuture<R> {
    refuseMore('engine.start(flow, args, options)', arguments);
    const startable = requireStart(flow, args, 'engine.start(flow, args)');
    const given = readOptions('engine.start()', options, { id: TEXT, leaks: POLICY });
    return this.startRun(registry.toStart(startable), args, mergedOptions(startable.options, given)) as DurableFuture<R>;
  }

  /** As `start`, for a definition that is known already. */
  startRun(definition: FlowDefinition, args: readonly unknown[], options: FlowCallOptions): DurableFuture<unknown> {
    this.#admitExecution('starting a run');
    return this.#starts.start(definition, args, options).future;
  }

  /**
   * Starts a new run that goes on where another was before the outcome of an operation: what was recorded by then is taken over, the rest is done again by
   * the present code of the same version. The other run stays as it is.
   *
   * @returns The new run's future; it rejects with `RUN_NOT_FOUND`, `INVALID_ARGUMENT` (no such operation) or `FLOW_NOT_REGISTERED`.
   * @throws {UsageError} `INVALID_ARGUMENT`
   */
  fork<T = unknown>(runId: string, operationId: string): DurableFuture<T> {
    this.#admitExecution('engine.fork(runId, operationId)', arguments);
    requireRunId(runId, 'engine.fork(runId, operationId)');
    if (!isText(operationId))
      throw new UsageError('INVALID_ARGUMENT', 'engine.fork(runId, operationId): the operation has an id, such as "3"');
    return this.#starts.fork(runId, operationId).future as unknown as DurableFuture<T>;
  }

  /** The future of any run of the store, whichever process started it and executes it. It rejects with `RUN_NOT_FOUND` when there is none of this id. */
  future<T = unknown>(runId: string): DurableFuture<T> {
    this.#admit('engine.future(runId)', arguments);
    return this.#starts.find(requireRunId(runId, 'engine.future(runId)')).future as unknown as DurableFuture<T>;
  }

  /** Tells of a run, and what it waits for. @throws {UsageError} `RUN_NOT_FOUND` */
  get(runId: string): Promise<RunDetails> {
    return this.#calls.make('engine.get(runId)', arguments, () => this.#queries.details(runId));
  }

  /** All that a run and its child runs have asked for, as a tree, with attempts and outcomes. @throws {UsageError} `RUN_NOT_FOUND` */
  operations(runId: string): Promise<OperationInfo[]> {
    return this.#calls.make('engine.operations(runId)', arguments, () => this.#queries.operations(runId));
  }

  /** The runs that meet all conditions, newest first; page by page with `page: true`, and then with the `cursor` of the page before. */
  list(filter: PageFilter): Promise<RunPage>;
  list(filter?: ListFilter): Promise<RunInfo[]>;
  list(filter: ListFilter | PageFilter = {}): Promise<RunInfo[] | RunPage> {
    return this.#calls.make('engine.list(filter)', arguments, () => this.#queries.list(filter));
  }

  /** How many runs meet all conditions. */
  count(filter: CountFilter = {}): Promise<number> {
    return this.#calls.make('engine.count(filter)', arguments, () => this.#queries.count(filter));
  }

  /**
   * Asks for the cancellation of a run, whichever worker executes it; resolves to `false` when it has ended already.
   *
   * @throws {UsageError} `RUN_NOT_FOUND`
   */
  cancel(runId: string, reason?: string): Promise<boolean> {
    return this.#calls.make('engine.cancel(runId, reason)', arguments, async () => {
      requireRunId(runId, 'engine.cancel(runId)');
      requireReason(reason, 'engine.cancel(runId, reason)');
      return this.#outbox.cancel(runId, reason);
    });
  }

  /**
   * Sends a value to the run's `event(name)`, on whichever worker: to the first in the line of that name, or, if that is empty, to the next. What is
   * sent several times arrives several times, in order.
   *
   * @throws {UsageError} `RUN_NOT_FOUND`, `RUN_FINISHED`, `INVALID_ARGUMENT` or `VALUE_NOT_SERIALIZABLE`.
   */
  send(runId: string, name: string, value?: unknown): Promise<void> {
    return this.#calls.make('engine.send(runId, name, value)', arguments, async () => {
      requireRunId(runId, 'engine.send(runId, name)');
      if (!isText(name)) throw new UsageError('INVALID_ARGUMENT', 'engine.send(runId, name): the name must be a text that is not empty');
      await this.#outbox.event(runId, name, value);
    });
  }

  /**
   * Completes a callback with a value, from any process, as soon as its token exists. The first answer counts: the same again is welcome, another is
   * refused.
   *
   * @throws {UsageError} `INVALID_TOKEN`, `CALLBACK_CLOSED`, `RUN_FINISHED` or `VALUE_NOT_SERIALIZABLE`.
   */
  complete(token: string, value?: unknown): Promise<void> {
    return this.#calls.make('engine.complete(token, value)', arguments, async () => {
      await this.#outbox.complete('engine.complete(token, value)', token, value);
    });
  }

  /**
   * Lets a callback fail with an error; otherwise as `complete`.
   *
   * @throws {UsageError} `INVALID_TOKEN`, `CALLBACK_CLOSED` or `RUN_FINISHED`.
   */
  fail(token: string, error: unknown): Promise<void> {
    return this.#calls.make('engine.fail(token, error)', arguments, async () => {
      await this.#outbox.fail('engine.fail(token, error)', token, error);
    });
  }

  /**
   * Says that the work behind a callback goes on: its `heartbeatTimeout` begins again.
   *
   * @throws {UsageError} `INVALID_TOKEN`, `CALLBACK_CLOSED` or `RUN_FINISHED`.
   */
  heartbeat(token: string): Promise<void> {
    return this.#calls.make('engine.heartbeat(token)', arguments, async () => {
      await this.#outbox.heartbeat('engine.heartbeat(token)', token);
    });
  }

  /**
   * Continues a `BLOCKED` run, once its code is mended.
   *
   * @throws {UsageError} `RUN_NOT_FOUND`, or `RUN_NOT_BLOCKED` when it has another status.
   */
  retry(runId: string): Promise<void> {
    return this.#calls.make('engine.retry(runId)', arguments, async () => {
      requireRunId(runId, 'engine.retry(runId)');
      await this.#access.readyToWrite();
      const status = await this.#store.unblock(runId);
      if (status === undefined) throw runNotFound(runId);
      if (status !== 'BLOCKED') throw new UsageError('RUN_NOT_BLOCKED', `run ${runId} is ${status}; only a BLOCKED run can be retried`);
      await this.#gateway.claim();
    });
  }

  /**
   * Replays all stored runs of a flow, of whatever version and status, against the code of this process, and executes nothing: run it before a release, in
   * an engine that was opened with `execute: false`.
   *
   * @returns What the present code does not replay.
   * @throws {UsageError} `NOT_STARTABLE`
   */
  check(flow: StartableFlow<never, unknown>): Promise<CheckReport> {
    return this.#calls.make('engine.check(flow)', arguments, async () => {
      const { name } = requireFlow(flow, 'engine.check(flow)').definition;
      return this.#queries.check(name);
    });
  }

  /**
   * Deletes runs that have ended, with their journals and their children. The option `retention` of `open()` does so now and then.
   *
   * @returns How many runs are gone, children included.
   * @throws {UsageError} `INVALID_OPTION` or `INVALID_DURATION`
   */
  prune(retention: Retention): Promise<number> {
    return this.#calls.make('engine.prune(retention)', arguments, async () => {
      const given = readRetention('engine.prune()', retention);
      await this.#access.readyToWrite();
      const pruned = await this.#prune(given);
      this.#admit('engine.prune()');
      return pruned;
    });
  }

  /** Listens to an event; returns what stops it. A listener that throws is logged and disturbs nothing else. */
  on<E extends keyof EngineEvents>(event: E, listener: EngineListener<E>): () => void {
    this.#admit('engine.on(event, listener)', arguments);
    if (!ENGINE_EVENTS.includes(event) || typeof listener !== 'function') {
      throw new UsageError(
        'INVALID_ARGUMENT',
        `engine.on(event, listener) takes a function and one of the events ${ENGINE_EVENTS.join(', ')}`,
      );
    }
    return this.#emitter.on(event, listener);
  }

  /**
   * Stops taking work, lets running actions end (for `timeout`, default 10 s; 0: at once), writes everything, and leaves unfinished runs to the next
   * engine on this store. Futures still pending reject with `ENGINE_CLOSED`. Idempotent.
   */
  close(options?: { timeout?: Duration }): Promise<void> {
    refuseInFlow('engine.close()');
    refuseMore('engine.close(options)', arguments);
    const given = readOptions('engine.close()', options, { timeout: DURATION });
    const timeout = givenDuration(given.timeout, 'close(): timeout') ?? DEFAULT_CLOSE_MS;
    return this.#life.close(timeout);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #prune(retention: Retention): Promise<number> {
    return prune(this.#store, retention, this.#clock.now(), () => this.#life.refusal !== undefined);
  }

  /** Prunes beside all else that is done now and then, since it may take long; what fails is done the next time. */
  async #tidy(retention: Retention): Promise<void> {
    this.#tidying ??= this.#calls
      .track(() => this.#prune(retention))
      .catch((error: unknown) => this.#logger.warn(`old runs were not deleted: ${plainError(error).message}`))
      .finally(() => {
        this.#tidying = undefined;
      });
  }

  #requestCancel(runId: string, reason: string | undefined): Promise<boolean> {
    return this.#calls.track(async () => {
      await this.#access.readyToWrite();
      await this.#gateway.settled();
      return this.#gateway.failures.insist(this.#cancelling, () => this.#outbox.cancel(runId, reason));
    });
  }

  /** What the testing kit reads. */
  protected get access(): StoreAccess {
    return this.#access;
  }

  protected get operationsSource(): OperationsSource {
    return this.#queries.source;
  }

  #admitExecution(what: string, given?: ArrayLike<unknown>): void {
    this.#admit(what, given);
    if (this.#gateway.executes) return;
    throw new UsageError('INVALID_OPTION', `${what}: this engine was opened with execute: false; open another without it`);
  }

  /** @param given - What the method was called with, where `what` is its signature. */
  #admit(what: string, given?: ArrayLike<unknown>): void {
    if (this.#life.refusal !== undefined) throw this.#life.refusal;
    refuseInFlow(what);
    if (given !== undefined) refuseMore(what, given);
  }
}
