import { inCleanContext } from '../clock/clean-context.js';
import type { Clock } from '../clock/clock.js';
import { systemClock } from '../clock/system-clock.js';
import type { Codec } from '../codec/codec.js';
import { thrownError } from '../codec/error-parts.js';
import { StorageError, UsageError } from '../errors/errors.js';
import { refuseMore } from '../errors/extra-arguments.js';
import { requireOneVersion } from '../errors/one-version.js';
import { DURATION, isText, mergedOptions, POLICY, readOptions, TEXT } from '../errors/options.js';
import type { DurableFuture } from '../futures/durable-future.js';
import { givenDuration, requireReason } from '../futures/future.js';
import { isReservedId } from '../journal/numbering.js';
import type { Duration } from '../model/duration.js';
import type { Logger } from '../model/logger.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import type { FlowDefinition } from '../runtime/definitions.js';
import { ENGINE_EVENTS, type EngineEvents } from '../runtime/events.js';
import { holdRejections } from '../runtime/held-rejections.js';
import { newRun, newRunId } from '../runtime/new-run.js';
import { plainError } from '../runtime/plain-value.js';
import { reservedId } from '../runtime/run-id-errors.js';
import { unreadableJournal } from '../runtime/unreadable-journal.js';
import { journalOf } from '../store/journal-of.js';
import type { Store } from '../store/store.js';
import type { Gateway } from '../worker/gateway.js';
import type { Streak } from '../worker/store-failures.js';
import type { Worker } from '../worker/worker.js';
import { refuseInFlow, requireRunId } from './call-checks.js';
import { Calls } from './calls.js';
import { type CheckReport, checkRuns } from './check.js';
import { chooseStore } from './choose-store.js';
import { type CurrentEngine, leaveEngine } from './current.js';
import { defaultLogger, guarded } from './default-logger.js';
import { type EngineParts, engineGateway } from './engine-gateway.js';
import { EngineEmitter, type EngineListener } from './events.js';
import { exitNotice } from './exit-notice.js';
import { forkOf } from './fork.js';
import { type OperationInfo, type OperationsSource, operationsTree } from './operations-tree.js';
import { type EngineOptions, engineCodec } from './options.js';
import { Outbox } from './outbox.js';
import { flowNotRegistered, registry } from './registry.js';
import { prune, type Retention, readRetention } from './retention.js';
import type { RootFuture } from './root-future.js';
import { RootRetry } from './root-retry.js';
import { type Creation, Roots } from './roots.js';
import { type RunDetails, runDetails } from './run-details.js';
import { type ListFilter, type RunInfo, readListFilter, runInfo, runNotFound } from './run-info.js';
import { warnOfShortNames } from './short-names.js';
import { type FlowCallOptions, requireFlow, requireStart, type StartableFlow, type StartOptions } from './startables.js';

const DEFAULT_CLOSE_MS = 10_000;

/**
 * What `open()` returns: a store, the registry of this process, and the runs it executes.
 *
 * Owns: the store's opening and closing, and the worker. Does not own: the registry.
 *
 * States: opening → open → closing → closed; failed, when the store is lost.
 *
 *   E1  Starts are accepted from construction on; they are written when the store is open.
 *   E2  After closing, or after the store is lost, every pending future is rejected and every call refused.
 */
export class Engine implements CurrentEngine, AsyncDisposable {
  readonly #store: Store;
  readonly #codec: Codec;
  readonly #emitter: EngineEmitter;
  /** There is none where nothing is executed. */
  readonly #worker: Worker | undefined;
  readonly #gateway: Gateway;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #rootRetry: RootRetry;
  readonly #roots: Roots;
  readonly #outbox: Outbox;
  readonly #attaching: Streak;
  readonly #cancelling: Streak;
  readonly #releases: (() => void)[] = [];
  /** Closing waits for them. */
  readonly #calls: Calls;
  #refusal: Error | undefined;
  #storeOpen = false;
  #tidying: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;
  #givingBack: Promise<void> | undefined;
  #opened: Promise<void> | undefined;

  /** @param options - Those that were read. @throws {UsageError} `VERSION_CONFLICT`, or `INVALID_OPTION` when there is no such store. */
  constructor(options: EngineOptions, parts: EngineParts = {}) {
    requireOneVersion();
    const logger = options.logger === undefined ? defaultLogger : guarded(options.logger);
    this.#logger = logger;
    this.#rootRetry = new RootRetry(logger);
    this.#store = chooseStore(options.store, options.execute !== false);
    this.#codec = engineCodec(options);
    this.#emitter = new EngineEmitter(logger);
    this.#clock = parts.clock ?? systemClock;
    this.#calls = new Calls(
      this.#clock,
      (signature, given) => this.#admit(signature, given),
      (error) => this.#explained(error),
    );
    const made = engineGateway(options, parts, {
      store: this.#store,
      clock: this.#clock,
      codec: this.#codec,
      events: this.#emitter,
      logger,
      tidy: (retention) => this.#tidy(retention),
      onFailure: (error) => this.#failed(error),
    });
    this.#worker = made.worker;
    this.#gateway = made.gateway;
    this.#outbox = new Outbox({
      store: this.#store,
      codec: this.#codec,
      ready: () => this.#readyToWrite(),
      settled: () => this.#gateway.settled(),
      sent: () => this.#gateway.checkInbox(),
    });
    this.#attaching = this.#gateway.failures.streak('the look for a run');
    this.#roots = new Roots({
      clock: this.#clock,
      logger,
      gateway: this.#gateway,
      requestCancel: (runId, reason) =>
        void this.#requestCancel(runId, reason).catch((error: unknown) =>
          logger.warn(`run ${runId} was not cancelled: ${plainError(error).message}`, { runId }),
        ),
    });
    this.#cancelling = this.#gateway.failures.streak('a cancellation');
  }

  /** Opens the store, and recovers what others left unfinished. Idempotent. */
  open(): Promise<void> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    // One of the testing kit has another clock, and ends without a word.
    if (this.#clock === systemClock) exitNotice.opened(this.#roots);
    this.#opened ??= inCleanContext(() => this.#open());
    return this.#opened;
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
    const worker = this.#admitExecution('starting a run');
    this.#rootRetry.check(definition, options.retry);
    const runId = options.id ?? newRunId(this.#clock.now());
    const codec = this.#codec.withSerdes(definition.serdes);
    const input = codec.encode(args, () => `the arguments of flow "${definition.name}" (run ${runId})`);
    const record = newRun(worker, {
      id: runId,
      definition,
      input,
      digest: codec.digest(args, input),
      leaks: options.leaks,
      timeoutMs: options.timeoutMs,
    });
    const root = this.#roots.make(runId, options.name ?? definition.name, codec);
    if (isReservedId(runId))
      this.#calls.track(() => this.#attachTo({ root, worker, record, codec })).catch((error: unknown) => root.abandon(error as Error));
    else worker.group.create(record, (taken) => this.#roots.created({ root, worker, record, taken, codec }));
    return root.future;
  }

  /**
   * Starts a new run that goes on where another was before the outcome of an operation: what was recorded by then is taken over, the rest is done again by
   * the present code of the same version. The other run stays as it is.
   *
   * @returns The new run's future; it rejects with `RUN_NOT_FOUND`, `INVALID_ARGUMENT` (no such operation) or `FLOW_NOT_REGISTERED`.
   * @throws {UsageError} `INVALID_ARGUMENT`
   */
  fork<T = unknown>(runId: string, operationId: string): DurableFuture<T> {
    const worker = this.#admitExecution('engine.fork(runId, operationId)', arguments);
    requireRunId(runId, 'engine.fork(runId, operationId)');
    if (!isText(operationId))
      throw new UsageError('INVALID_ARGUMENT', 'engine.fork(runId, operationId): the operation has an id, such as "3"');
    const root = this.#roots.make(newRunId(this.#clock.now()), '', this.#codec);
    this.#calls.track(() => this.#fork({ root, worker, runId, operationId })).catch((error: unknown) => root.abandon(error as Error));
    return root.future as unknown as DurableFuture<T>;
  }

  /** The future of a run, whoever started it and executes it. It rejects with `RUN_NOT_FOUND` when there is none of this id. */
  future<T = unknown>(runId: string): DurableFuture<T> {
    this.#admit('engine.future(runId)', arguments);
    const root = this.#roots.make(requireRunId(runId, 'engine.future(runId)'), '', this.#codec);
    this.#calls.track(() => this.#attach(root)).catch((error: unknown) => root.abandon(error as Error));
    return root.future as unknown as DurableFuture<T>;
  }

  /** Tells of a run, and what it waits for. @throws {UsageError} `RUN_NOT_FOUND` */
  get(runId: string): Promise<RunDetails> {
    return this.#calls.make('engine.get(runId)', arguments, async () => {
      const record = await this.recordOf(runId, 'engine.get(runId)');
      const awaitedBy = (id: string): readonly string[] | undefined => this.#worker?.awaitedBy(id);
      return runDetails(record, { ...this.operationsSource, codec: this.#codecOf(record), awaitedBy });
    });
  }

  /** All that a run and its child runs have asked for, as a tree, with attempts and outcomes. @throws {UsageError} `RUN_NOT_FOUND` */
  operations(runId: string): Promise<OperationInfo[]> {
    return this.#calls.make('engine.operations(runId)', arguments, async () => {
      const record = await this.recordOf(runId, 'engine.operations(runId)');
      return operationsTree(this.operationsSource, record);
    });
  }

  /** The runs that meet all conditions, newest first. */
  list(filter: ListFilter = {}): Promise<RunInfo[]> {
    return this.#calls.make('engine.list(filter)', arguments, async () => {
      const given = readListFilter(filter);
      await this.#ready();
      return (await this.#store.listRuns(given)).map((record) => runInfo(record, this.#codecOf(record)));
    });
  }

  /**
   * Asks for the cancellation of a run, whoever executes it; resolves to `false` when it has ended already.
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
   * Says that whoever is to complete a callback is still at it: its `heartbeatTimeout` begins anew.
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
      await this.#readyToWrite();
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
      await this.#ready();
      const runs = await this.#store.listRuns({ flow: name, limit: Number.MAX_SAFE_INTEGER });
      const loadJournal = (runId: string): Promise<OperationRecord[]> => journalOf(this.#openStore('engine.check()'), runId);
      return checkRuns({ runs, codec: this.#codec, loadJournal });
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
      await this.#readyToWrite();
      const pruned = await this.#prune(given);
      this.#admit('engine.prune()');
      return pruned;
    });
  }

  /** Listens to an event; returns what stops it. A listener that throws is logged and disturbs nobody. */
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
    this.#closing ??= inCleanContext(() => this.#close(timeout));
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(): Promise<void> {
    try {
      await this.#store.open({ client: this.#worker === undefined });
      this.#storeOpen = true;
      this.#releases.push(holdRejections());
      await this.#gateway.start();
      if (this.#closing !== undefined) return;
      if (this.#refusal !== undefined) throw this.#refusal;
      this.#releases.push(
        registry.onChange(() => void this.#gateway.claim()),
        warnOfShortNames(this.#logger),
      );
    } catch (error) {
      this.#failed(error);
      await this.#givingBack;
      throw error;
    }
  }

  async #close(timeoutMs: number): Promise<void> {
    const failed = this.#refusal !== undefined;
    this.#refuse(new UsageError('ENGINE_CLOSED', 'the engine is closed; open() another'));
    await this.#opened?.catch(() => undefined);
    await this.#givingBack;
    try {
      if (!failed) await this.#gateway.stop(timeoutMs);
    } finally {
      await this.#calls.through(timeoutMs);
      this.#releaseAll((root) => root.engineClosed());
      await this.#closeStore();
    }
  }

  #prune(retention: Retention): Promise<number> {
    return prune(this.#store, retention, this.#clock.now(), () => this.#refusal !== undefined);
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

  /** For what has many steps, so that closing does not wait for all of them. */
  #openStore(caller: string): Store {
    this.#admit(caller);
    return this.#store;
  }

  /** Others may share the store: what was opened once is closed once. */
  async #closeStore(): Promise<void> {
    if (!this.#storeOpen) return;
    this.#storeOpen = false;
    await this.#store.close();
  }

  #failed(error: unknown): void {
    if (this.#refusal !== undefined) return;
    const reason = thrownError(error);
    this.#refuse(reason);
    this.#releaseAll((root) => root.abandon(reason));
    this.#givingBack = this.#giveBack();
  }

  /** The first reason stays. */
  #refuse(reason: Error): void {
    this.#refusal ??= reason;
    leaveEngine(this, this.#refusal, this.#logger);
    exitNotice.closed(this.#roots);
  }

  /** A call that was under way when the store was lost hears of that, and not of a store that is closed. */
  #explained(error: unknown): unknown {
    const lost = this.#givingBack !== undefined && error instanceof StorageError && error.code === 'STORE_CLOSED';
    return lost ? this.#refusal : error;
  }

  /** Gives back what the store keeps for this engine: others go on with its runs at once, in this process as well. */
  async #giveBack(): Promise<void> {
    await this.#gateway.release();
    await this.#closeStore().catch((error: unknown) =>
      this.#logger.warn(`the store was not closed in good order: ${plainError(error).message}`),
    );
  }

  #releaseAll(abandon: (root: RootFuture) => void): void {
    this.#roots.abandonAll(abandon);
    for (const release of this.#releases.splice(0)) release();
  }

  async #fork({
    root,
    worker,
    runId,
    operationId,
  }: {
    root: RootFuture;
    worker: Worker;
    runId: string;
    operationId: string;
  }): Promise<void> {
    const run = await this.recordOf(runId, 'engine.fork()');
    if (registry.find(run.flow, run.version) === undefined) throw flowNotRegistered('engine.fork()', run.flow, run.version);
    const { workerId, group } = worker;
    const journal = await journalOf(this.#store, runId);
    const unreadable = await unreadableJournal(run, journal);
    if (unreadable !== undefined) throw unreadable;
    const fork = forkOf({ run, journal, operationId, id: root.runId, workerId, nowMs: this.#clock.now() });
    const codec = this.#codecOf(run);
    root.known(run.flow, codec);
    const created = (): void => {
      worker.begin(fork.record, fork.journal);
      this.#roots.started(root);
    };
    group.create(fork.record, created, fork.journal);
  }

  /** An id that only the engine gives names a run that exists, or nothing. */
  async #attachTo(creation: Omit<Creation, 'taken'>): Promise<void> {
    const { id, flow } = creation.record;
    await this.#ready();
    const [taken] = await this.#store.getRuns([id]);
    if (taken === undefined) throw reservedId(id, `flow "${flow}"`);
    this.#roots.created({ ...creation, taken });
  }

  async #attach(root: RootFuture): Promise<void> {
    const record = await this.#gateway.failures.insist(this.#attaching, () => this.recordOf(root.runId, 'engine.future()'));
    root.known(record.flow, this.#codecOf(record));
    this.#roots.attached(root, record);
  }

  #requestCancel(runId: string, reason: string | undefined): Promise<boolean> {
    return this.#calls.track(async () => {
      await this.#readyToWrite();
      await this.#gateway.settled();
      return this.#gateway.failures.insist(this.#cancelling, () => this.#outbox.cancel(runId, reason));
    });
  }

  /** What the store has of a run, with what was started and asked for here before. @throws {UsageError} `RUN_NOT_FOUND` */
  protected async recordOf(runId: string, caller: string): Promise<RunRecord> {
    this.#admit(caller);
    requireRunId(runId, caller);
    await this.#ready();
    const find = async (): Promise<RunRecord | undefined> => (await this.#store.getRuns([runId]))[0];
    const record = (await find()) ?? (await this.#gateway.settled().then(find));
    if (record === undefined) throw runNotFound(runId);
    return record;
  }

  /**
   * The store is open, and has what was started here before, unless the worker is registering anew. It takes a macrotask, so that a loop of calls lets
   * the runs go on.
   */
  async #ready(): Promise<void> {
    this.#opened ??= this.#open();
    await this.#opened;
    await new Promise<void>((resolve) => this.#clock.macrotask(resolve));
    await this.#gateway.flush();
  }

  async #readyToWrite(): Promise<void> {
    await this.#ready();
    const { readOnly } = this.#store;
    if (readOnly !== undefined) throw new StorageError('STORE_READ_ONLY', readOnly);
  }

  /** What operations are read from by now. */
  protected get operationsSource(): OperationsSource {
    const queued: OperationsSource['queued'] = (runId, operationId) => this.#gateway.isQueued(runId, operationId);
    return { store: this.#store, codec: this.#codec, nowMs: this.#clock.now(), queued };
  }

  #codecOf(record: RunRecord): Codec {
    return this.#codec.withSerdes(registry.find(record.flow, record.version)?.serdes);
  }

  #admitExecution(what: string, given?: ArrayLike<unknown>): Worker {
    this.#admit(what, given);
    if (this.#worker !== undefined) return this.#worker;
    throw new UsageError('INVALID_OPTION', `${what}: this engine was opened with execute: false; open another without it`);
  }

  /** @param given - What the method was called with, where `what` is its signature. */
  #admit(what: string, given?: ArrayLike<unknown>): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    refuseInFlow(what);
    if (given !== undefined) refuseMore(what, given);
  }
}
