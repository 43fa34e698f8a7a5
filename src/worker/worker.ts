import { nanoid } from 'nanoid';
import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import { CancelledError } from '../errors/errors.js';
import { GroupCommit } from '../journal/group-commit.js';
import type { ReplayMode } from '../journal/journal.js';
import type { Logger } from '../model/logger.js';
import type { InboxMessage, OperationRecord, RunRecord, RunRestart } from '../model/records.js';
import { CallSitePolicy } from '../runtime/call-sites.js';
import type { LeakPolicy, NonDurableAwaitPolicy } from '../runtime/definitions.js';
import { Delivery } from '../runtime/delivery.js';
import type { EventSink } from '../runtime/events.js';
import type { Blocking, EndOfRun, IsAwaited, OnEnd, Resident, Resting, RunHost } from '../runtime/host.js';
import { Limiter } from '../runtime/limiter.js';
import { plainError } from '../runtime/plain-value.js';
import type { RetryStrategy } from '../runtime/retry-strategy.js';
import { Run } from '../runtime/run.js';
import type { Store } from '../store/store.js';
import { Alarms } from './alarms.js';
import { AttemptsUnderWay } from './attempts-under-way.js';
import { blockUnreadable, refuseToBegin, tellUnregistered } from './blocking.js';
import { Claims } from './claims.js';
import { Following } from './following.js';
import type { Gateway } from './gateway.js';
import { InboxReader } from './inbox-reader.js';
import { PeriodicCheck } from './periodic-check.js';
import { Residency } from './residency.js';
import { RunLookup } from './run-lookup.js';
import { StoreFailures } from './store-failures.js';
import { cycleNotices } from './wait-cycles.js';
import { Wakeups } from './wakeups.js';
import { workerInfo } from './worker-info.js';
import type { FlowSource, WorkerOptions } from './worker-options.js';

/**
 * Executes runs: those started here, and those it claims from the dead.
 *
 * Owns: its identity in the store, the runs that are resident in this process, their alarms, and who follows which run. Does not own: the store
 * (the engine opens and closes it), nor the registry.
 *
 * States: idle → working ⇄ restarting (fenced: it registers anew under another id) → draining → stopped; failed, when the store is lost.
 *
 *   K1  A run is resident only while this worker owns it, or is about to, by a creation that is being written; when the worker is fenced, all its runs
 *       leave before it registers anew.
 *   K2  While draining, actions come to their end and are recorded, but no flow has a turn, unless it is being cancelled.
 */
export class Worker implements RunHost, Gateway {
  readonly clock: Clock;
  readonly codec: Codec;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly leaks: LeakPolicy;
  readonly nonDurableAwait: NonDurableAwaitPolicy;
  readonly callSites: CallSitePolicy;
  readonly group: GroupCommit;
  readonly delivery: Delivery;
  readonly bodyOf: RunHost['bodyOf'];
  readonly newSeed: RunHost['newSeed'];
  readonly gate: RunHost['gate'];
  readonly retry: RetryStrategy | undefined;
  readonly limiter: Limiter;
  readonly attached: RunHost['attached'];
  readonly #store: Store;
  readonly #flows: FlowSource;
  readonly #claims: Claims;
  readonly failures: StoreFailures;
  readonly #inbox: InboxReader;
  readonly #leaseMs: number;
  readonly #onFailure: (error: unknown) => void;
  readonly #alarms: Alarms;
  readonly #following: Following;
  readonly #lookup: RunLookup;
  readonly #residents = new Map<string, Resident>();
  readonly #check: PeriodicCheck;
  readonly #residency: Residency;
  readonly #wakeups: Wakeups;
  readonly #attempts: AttemptsUnderWay;
  #state: 'idle' | 'working' | 'restarting' | 'draining' | 'stopped' | 'failed' = 'idle';
  #id = '';
  #restarting: Promise<void> | undefined;
  #endPause: (() => void) | undefined;
  /** A look has failed, and others may have written before it. */
  #missed = false;
  /** Runs that have left memory, until that is durable. */
  readonly #leaving = new Set<string>();

  constructor(options: WorkerOptions) {
    this.clock = options.clock;
    this.codec = options.codec;
    this.events = options.events;
    this.logger = options.logger;
    this.leaks = options.leaks;
    this.nonDurableAwait = options.nonDurableAwait;
    this.callSites = new CallSitePolicy(options.keepsCallSites);
    this.bodyOf = options.bodyOf ?? (({ body }) => body);
    this.newSeed = options.newSeed ?? (() => nanoid());
    this.gate = options.gate;
    this.retry = options.retry;
    this.limiter = new Limiter(options.maxConcurrentActions);
    this.#store = options.store;
    this.#flows = options.flows;
    this.attached = cycleNotices({ store: this.#store, logger: this.logger, awaitedBy: (runId) => this.awaitedBy(runId) });
    this.#leaseMs = options.leaseMs;
    this.#onFailure = options.onFailure;
    this.#alarms = new Alarms(this.clock);
    this.#attempts = new AttemptsUnderWay(this.clock);
    this.delivery = new Delivery(this.clock);
    this.failures = new StoreFailures({
      clock: this.clock,
      logger: this.logger,
      onLost: (error) => this.#lost(error),
      onEnd: (error) => this.#fail(error),
    });
    const writing = this.failures.streak('the write');
    this.group = new GroupCommit({
      store: this.#store,
      clock: this.clock,
      onFailure: (error) => this.failures.write(writing, error),
      onRepeated: () => writing.worked(),
    });
    this.#inbox = new InboxReader({
      store: this.#store,
      group: this.group,
      failures: this.failures,
      reader: () => (this.#residents.size > 0 && (this.#state === 'working' || this.#state === 'draining') ? this.#id : undefined),
      give: (message) => this.#residents.get(message.runId)?.receive(message) === true,
      onMissed: () => this.#check.keepAlive(),
    });
    this.#claims = new Claims({
      store: this.#store,
      clock: this.clock,
      flows: this.#flows,
      group: this.group,
      alarms: this.#alarms,
      maxRecoveries: options.maxRecoveries,
      hasRoom: () => this.#residency.hasRoom,
      whenRoom: (callback) => this.#residency.whenRoom(callback),
      workerId: () => this.#id,
      may: () => this.#state === 'working',
      resident: (runId) => this.#runHere(runId),
      knows: (runId) => this.#residents.has(runId) || this.#leaving.has(runId),
      begin: (record, loaded, mode) => this.begin(record, loaded, mode),
      readInbox: () => this.#inbox.read(),
      refuse: (record, loaded) => refuseToBegin(this, record, loaded),
      unreadable: (record, error) => blockUnreadable(this, record, error),
      unregistered: (record) => tellUnregistered(this, record),
      // Who was woken before its time needs no timer any more.
      claimedSome: async () => (this.#wakeups.any ? this.#wakeups.renew() : undefined),
      failures: this.failures,
    });
    this.#check = new PeriodicCheck({
      clock: this.clock,
      keepsAlive: () => this.#following.anyElsewhere || this.#inbox.missed,
      look: () => this.#look(),
      liveness: {
        leaseMs: this.#leaseMs,
        heartbeat: () => this.#store.heartbeat(this.#id, this.clock.now()),
        reap: (asOfMs) => this.#reap(asOfMs),
      },
      tidy: options.tidy,
      failures: this.failures,
    });
    this.#following = new Following({
      store: this.#store,
      isResident: (runId) => this.#residents.has(runId),
      onElsewhere: () => this.#check.keepAlive(),
      onAsleep: (wakeAt) => this.#wakeups.note(wakeAt),
    });
    this.#lookup = new RunLookup({ store: this.#store, clock: this.clock, failures: this.failures });
    this.#residency = new Residency({
      clock: this.clock,
      ...options.residents,
      count: () => this.#residents.size,
      working: () => this.#attempts.any || this.group.busy || this.delivery.busy,
      runs: () => [...this.#residents.values()].filter((resident) => resident instanceof Run),
      suspend: (run, wakeAt) => this.#suspend(run, wakeAt),
    });
    this.#wakeups = new Wakeups({
      clock: this.clock,
      store: this.#store,
      claim: () => this.claim(),
      failures: this.failures,
    });
  }

  get workerId(): string {
    return this.#id;
  }

  /** Registers, and takes over what the dead have left. */
  async start(): Promise<void> {
    await this.#register();
    this.#check.start();
    await this.#reap(this.clock.now());
    await this.#wakeups.look();
    this.failures.opened();
  }

  /** Takes runs that nobody owns, as far as their flows are registered here. */
  claim(): Promise<void> {
    return this.#claims.claim();
  }

  /**
   * Stops taking work, lets running actions end, writes everything, and leaves unfinished runs to others.
   * Actions that run longer than `timeoutMs` are told to stop, and will be run again.
   */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#state === 'stopped') return;
    if (this.#state === 'failed') return this.release();
    const registered = this.#state === 'working';
    this.#state = 'draining';
    this.failures.limitWrites(this.clock.now() + timeoutMs);
    this.limiter.close();
    this.#endPause?.();
    await this.#restarting;
    if (registered) this.#check.drain();
    else this.#check.stop();
    this.#wakeups.stop();
    this.#residency.stop();
    this.delivery.pause();
    await this.#claims.underWay;
    this.group.hurry();
    await this.group.settled();
    await this.#inbox.check();
    await this.#attempts.none(timeoutMs);
    await this.group.settled();
    this.#check.stop();
    this.#leaveAll('the engine is closed');
    this.group.hold();
    this.#state = 'stopped';
    if (registered) await this.#store.retireWorker(this.#id);
  }

  /** Gives back what the store keeps for this worker, as far as it answers: after a failure, so that others need not wait out the lease. */
  async release(): Promise<void> {
    if (this.#id !== '') await this.#store.retireWorker(this.#id).catch(() => undefined);
  }

  flush(): Promise<void> {
    return this.group.flush();
  }

  isQueued(runId: string, operationId: string): boolean {
    return this.limiter.waits(runId, operationId);
  }

  /** Resolves when everything handed in so far is durable or was dropped: after a loss of the worker, when it has registered anew. */
  async settled(): Promise<void> {
    let restarting: Promise<void> | undefined;
    do {
      restarting = this.#restarting;
      await restarting;
      await this.group.settled();
    } while (restarting !== this.#restarting);
  }

  /** Follows a run until its end is durable. Returns what calls it off. */
  followCommitted(runId: string, onEnd: OnEnd): () => void {
    return this.#following.follow(runId, 'committed', onEnd);
  }

  /** Messages may have been written, for runs of this worker or for such as sleep. */
  checkInbox(): void {
    void this.#inbox.check();
    if (this.#wakeups.any) void this.claim();
  }

  /** Calls back when there is room for more runs. */
  whenRoom(callback: () => void): void {
    this.#residency.whenRoom(callback);
  }

  // What its runs ask for.

  /** @param loaded - The journal of a run that was claimed; left out for one that was just created. */
  begin(record: RunRecord, loaded?: readonly OperationRecord[], mode: ReplayMode = 'short'): void {
    const definition = this.#flows.find(record.flow, record.version);
    // A creation that was reported as failed may be durable all the same: then the run may have been claimed by now.
    const known = this.#residents.has(record.id);
    if (this.#state !== 'working' || definition === undefined || known) {
      this.caughtUp(record.id);
      return;
    }
    const run = new Run({
      record,
      definition,
      outcomes: this.#claims.trials.journal(record, loaded ?? [], { mode }),
      recovered: loaded !== undefined,
      host: this,
    });
    this.adopt(record.id, run);
    this.delivery.wake(run);
  }

  startOver(record: RunRecord, mode: ReplayMode): void {
    this.#residents.delete(record.id);
    this.#claims.startOver(record, mode);
  }

  adopt(runId: string, resident: Resident): void {
    this.#residents.set(runId, resident);
    this.#following.resides(runId);
    this.#residency.entered();
  }

  /** The runs that a run waits for, if it is in the memory of this process. */
  awaitedBy(runId: string): readonly string[] | undefined {
    return this.#runHere(runId)?.pending.awaitedChildren;
  }

  waitsFor(runId: string): readonly string[] | undefined {
    return this.#runHere(runId)?.pending.names;
  }

  isResident(runId: string): boolean {
    return this.#residents.has(runId);
  }

  caughtUp(runId: string): void {
    this.#claims.caughtUp(runId);
  }

  setAlarm(dueAtMs: number, ring: () => void): () => void {
    return this.#alarms.set(dueAtMs, ring);
  }

  find(runId: string, onFound: (found: RunRecord | undefined) => void): void {
    this.#lookup.find(runId, onFound);
  }

  follow(runId: string, onEnd: OnEnd): () => void {
    return this.#following.follow(runId, 'gathered', onEnd);
  }

  end(runId: string, end: EndOfRun, committed?: (awaited: IsAwaited) => void): void {
    this.group.end({ runId, ...end }, () => {
      const awaited = this.#dismiss(runId);
      committed?.(awaited);
    });
    this.#following.ends(runId, end);
  }

  continueAsNew(record: RunRecord, { runId, operations, ...change }: RunRestart): void {
    this.group.restart({ runId, operations, ...change }, () => {
      this.#residents.delete(runId);
      this.#claims.trials.recorded(runId);
      this.begin({ ...record, ...change }, operations);
      this.checkInbox();
    });
  }

  block(runId: string, { code, reason }: Blocking, committed: () => void): void {
    this.group.end({ runId, status: 'BLOCKED', outcome: reason, blockedCode: code }, () => {
      this.#dismiss(runId);
      committed();
    });
  }

  /** The run has ended or is blocked, durably: it is resident no longer. Returns whether anybody waits for its end. */
  #dismiss(runId: string): IsAwaited {
    this.#residents.delete(runId);
    this.caughtUp(runId);
    const awaited = this.#following.ended(runId);
    this.#residency.left();
    // Its end may have woken its parent.
    if (this.#wakeups.any) void this.claim();
    return awaited;
  }

  /** The run leaves memory; whoever follows it hears of it when it is here again, or ends elsewhere. */
  #suspend(run: Resting, wakeAt: number | null): void {
    const { id: runId, awaitedRuns: children } = run;
    run.leave(new CancelledError(`run ${runId} has left memory, and goes on when something is due`));
    this.#residents.delete(runId);
    this.#leaving.add(runId);
    this.#following.sleeps(runId);
    this.group.suspend({ runId, wakeAt, children }, () => {
      this.#leaving.delete(runId);
      this.#wakeups.note(wakeAt);
      this.#residency.left();
      // Something may have come for it meanwhile.
      void this.claim();
    });
  }

  send(message: InboxMessage): void {
    if (this.#residents.get(message.runId)?.receive(message) !== true) this.group.message(message, () => this.checkInbox());
  }

  attemptBegun(): () => void {
    return this.#attempts.begun();
  }

  // Inner workings.

  #runHere(runId: string): Run | undefined {
    const resident = this.#residents.get(runId);
    return resident instanceof Run ? resident : undefined;
  }

  async #register(): Promise<void> {
    const id = nanoid();
    try {
      await this.#store.registerWorker({ id, nowMs: this.clock.now(), leaseMs: this.#leaseMs, info: workerInfo() });
    } catch (error) {
      // It may be registered all the same, and would look alive.
      await this.#store.retireWorker(id).catch(() => undefined);
      throw error;
    }
    if (this.#state === 'draining') return this.#store.retireWorker(id);
    this.#id = id;
    this.#state = 'working';
    this.group.resume(id);
  }

  async #look(): Promise<void> {
    this.#alarms.look();
    const missed = this.#missed;
    this.#missed = false;
    try {
      const changed = (await this.#store.changedElsewhere()) || missed || this.#inbox.missed;
      if (changed) await this.#inbox.read();
      if (changed && this.#wakeups.any) await this.claim();
      await this.#following.look(changed);
    } catch (error) {
      this.#missed = true;
      throw error;
    }
  }

  async #reap(asOfMs: number): Promise<void> {
    try {
      await this.#store.reapWorkers({ workerId: this.#id, nowMs: asOfMs });
    } finally {
      await this.claim();
    }
  }

  #leaveAll(why: string): void {
    const reason = new CancelledError(`the run has left this process: ${why}; it goes on elsewhere or later`);
    for (const resident of this.#residents.values()) resident.leave(reason);
    this.#residents.clear();
    this.#inbox.forget();
    this.#leaving.clear();
    this.#lookup.forget();
    this.#alarms.clear();
    this.#claims.allLeft();
    this.#following.allLeft();
    this.#residency.left();
  }

  #lost(error: unknown): void {
    if (this.#state !== 'working') return;
    this.group.hold();
    this.#restarting = this.#restart(error);
  }

  async #restart(error: unknown): Promise<void> {
    this.#state = 'restarting';
    const workerId = this.#id;
    const streak = this.failures.streak('the new registration');
    this.logger.warn(`worker ${workerId} lost its runs and registers anew: ${plainError(error).message}`);
    this.events.emit('engine:fenced', { workerId });
    this.#leaveAll('its worker was taken for dead');
    while (this.#state === 'restarting') {
      try {
        await this.#store.retireWorker(workerId);
        await this.#register();
        streak.worked();
      } catch (failure) {
        const againMs = this.failures.write(streak, failure);
        if (againMs !== undefined) await this.#pause(againMs);
      }
    }
    if (this.#state !== 'working') return;
    await this.claim();
    await this.#wakeups.look();
  }

  /** Some time between two tries, unless the worker is to stop. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.clock.setTimer(ms, resolve);
      this.#endPause = () => {
        callOff();
        resolve();
      };
    });
  }

  #fail(error: unknown): void {
    if (this.#state === 'draining') this.logger.error(`the store failed while the engine was closing: ${plainError(error).message}`);
    if (this.#state === 'draining' || this.#state === 'stopped' || this.#state === 'failed') return;
    this.#state = 'failed';
    this.#check.stop();
    this.#wakeups.stop();
    this.#residency.stop();
    this.group.hold();
    this.#leaveAll('its store failed');
    this.logger.error(`the engine has stopped: ${plainError(error).message}`);
    this.events.emit('engine:failed', { error: plainError(error) });
    this.#onFailure(error);
  }
}
