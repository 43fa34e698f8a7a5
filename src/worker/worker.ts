import type { Clock } from '../clock/clock.js';
import { GroupCommit } from '../journal/group-commit.js';
import type { InboxMessage, RunCreation, RunRecord } from '../model/records.js';
import type { RunStatus } from '../model/statuses.js';
import type { RunListener } from '../runtime/run-gateway.js';
import type { OnEnd, RunPorts, Turns } from '../runtime/run-ports.js';
import type { ToldOperations } from '../runtime/told-operations.js';
import { Alarms } from '../runtime/turns/alarms.js';
import { Delivery } from '../runtime/turns/delivery.js';
import type { Store } from '../store/store.js';
import { AttemptsUnderWay } from './attempts-under-way.js';
import { blockUnreadable, refuseToBegin, tellUnregistered } from './blocking.js';
import { Claims } from './claims.js';
import { Following } from './following.js';
import type { Gateway } from './gateway.js';
import { InboxReader } from './inbox-reader.js';
import { Membership } from './membership.js';
import { PeriodicCheck } from './periodic-check.js';
import { Residency } from './residency.js';
import { Residents } from './residents.js';
import { RunLookup } from './run-lookup.js';
import { runServices } from './run-services.js';
import { StoreFailures } from './store-failures.js';
import { cycleNotices } from './wait-cycles.js';
import { Wakeups } from './wakeups.js';
import type { WorkerOptions } from './worker-options.js';

/**
 * Executes runs: those started here, and those it claims from the dead.
 *
 * Puts its parts together, and gives them what they need of each other: the membership (whether it is alive in the store), the residents (the runs in memory),
 * the claims (how runs get there), the inbox reader (what was sent to them), the attempts under way, and the writer. Owns nothing but the order in which they
 * begin and end. Does not own: the store (the engine opens and closes it), nor the registry.
 *
 *   WK1  While draining, actions come to their end and are recorded, but no flow has a turn, unless it is being cancelled.
 */
export class Worker implements Gateway {
  readonly executes = true;
  readonly failures: StoreFailures;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ports: RunPorts;
  readonly #writer: GroupCommit;
  readonly #delivery: Delivery;
  readonly #alarms: Alarms;
  readonly #attempts: AttemptsUnderWay;
  readonly #membership: Membership;
  readonly #residents: Residents;
  readonly #residency: Residency;
  readonly #claims: Claims;
  readonly #inbox: InboxReader;
  readonly #following: Following;
  readonly #lookup: RunLookup;
  readonly #wakeups: Wakeups;
  readonly #check: PeriodicCheck;

  constructor(options: WorkerOptions) {
    const { store, clock, logger, leaseMs } = options;
    this.#store = store;
    this.#clock = clock;
    this.#alarms = new Alarms(clock);
    this.#attempts = new AttemptsUnderWay(clock);
    this.#delivery = new Delivery(clock);
    this.#membership = new Membership({
      ...options,
      failures: () => this.failures,
      onAlive: (workerId) => this.#writer.resume(workerId),
      onGone: (why) => this.#leaveAll(why),
      onAgain: async () => {
        await this.claim();
        await this.#wakeups.look();
      },
      onFailure: (error) => {
        this.#check.stop();
        this.#wakeups.stop();
        this.#residency.stop();
        options.onFailure(error);
      },
    });
    this.failures = new StoreFailures({
      clock,
      logger,
      onLost: (error) => this.#membership.lost(error),
      onEnd: (error) => this.#membership.fail(error),
    });
    const writing = this.failures.streak('the write');
    this.#writer = new GroupCommit({
      log: store,
      clock,
      onFailure: (error) => this.failures.write(writing, error),
      onRepeated: () => writing.worked(),
    });
    this.#inbox = new InboxReader({
      store,
      clock,
      group: this.#writer,
      failures: this.failures,
      reader: () => (this.#residents.count > 0 && this.#membership.alive ? this.#membership.id : undefined),
      give: (message) => this.#residents.give(message),
      onMissed: () => this.#check.ask(),
    });
    this.#claims = new Claims({
      store,
      clock,
      flows: options.flows,
      group: this.#writer,
      alarms: this.#alarms,
      maxRecoveries: options.maxRecoveries,
      workerId: () => this.#membership.id,
      may: () => this.#membership.working,
      resident: (runId) => this.#residents.run(runId),
      knows: (runId) => this.#residents.knows(runId),
      begin: (record, loaded, mode) => this.#residents.begin(record, loaded, mode),
      hasRoom: () => this.#residency.hasRoom,
      whenRoom: (callback) => this.#residency.whenRoom(callback),
      readInbox: () => this.#inbox.readFirst(),
      refuse: (record, loaded) => refuseToBegin(this.#ports, record, loaded),
      unreadable: (record, error) => blockUnreadable(this.#ports, record, error),
      unregistered: (record) => tellUnregistered(this.#ports.services, record),
      // Who was woken before its time needs no timer any more.
      claimedSome: async () => (this.#wakeups.any ? this.#wakeups.renew() : undefined),
      failures: this.failures,
    });
    this.#check = new PeriodicCheck({
      clock,
      store,
      busy: () => this.#residents.count > 0 || this.#following.any || this.#wakeups.any,
      keepsAlive: () => this.#following.anyElsewhere || this.#inbox.missed,
      look: (changed) => this.#look(changed),
      liveness: {
        leaseMs,
        heartbeat: () => store.heartbeat(this.#membership.id, clock.now()),
        reap: (asOfMs) => this.#reap(asOfMs),
      },
      tidy: options.tidy,
      failures: this.failures,
    });
    this.#following = new Following({
      store,
      isResident: (runId) => this.#residents.isResident(runId),
      onElsewhere: () => this.#check.ask(),
      onAsleep: (wakeAt) => this.#wakeups.note(wakeAt),
    });
    this.#lookup = new RunLookup({ store, clock, failures: this.failures });
    this.#residency = new Residency({
      clock,
      ...options.residents,
      count: () => this.#residents.count,
      working: () => this.#attempts.any || this.#writer.busy || this.#delivery.busy,
      runs: () => this.#residents.runs,
      suspend: (run, wakeAt) => this.#residents.suspend(run, wakeAt),
    });
    this.#wakeups = new Wakeups({ clock, store, claim: () => this.claim(), failures: this.failures });
    this.#residents = new Residents({
      flows: options.flows,
      writer: this.#writer,
      following: this.#following,
      lookup: this.#lookup,
      claims: this.#claims,
      wakeups: this.#wakeups,
      residency: this.#residency,
      attached: cycleNotices({ store, logger, awaitedBy: (runId) => this.awaitedBy(runId) }),
      ports: () => this.#ports,
      may: () => this.#membership.working,
      checkInbox: () => this.#checkInbox(),
    });
    this.#ports = {
      services: runServices(options, () => this.#membership.id),
      writer: this.#writer,
      turns: this.#turns(),
      life: this.#residents,
      others: this.#residents,
    };
  }

  /** Registers, and takes over what the dead have left. */
  async open(): Promise<void> {
    await this.#membership.register();
    this.#check.start();
    await this.#reap(this.#clock.now());
    await this.#wakeups.look();
    this.failures.opened();
  }

  /**
   * Stops taking work, lets running actions end, writes everything, and leaves unfinished runs to others.
   * Actions that run longer than `timeoutMs` are told to stop, and will be run again.
   */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#membership.stopped) return;
    if (this.#membership.failed) return this.release();
    this.failures.limitWrites(this.#clock.now() + timeoutMs);
    this.#ports.services.limiter.close();
    const registered = await this.#membership.drain();
    if (registered) this.#check.drain();
    else this.#check.stop();
    this.#wakeups.stop();
    this.#residency.stop();
    this.#delivery.pause();
    await this.#claims.underWay;
    this.#writer.hurry();
    await this.#writer.settled();
    await this.#inbox.check();
    await this.#attempts.none(timeoutMs);
    await this.#writer.settled();
    this.#check.stop();
    this.#leaveAll('the engine is closed');
    await this.#membership.stop(registered);
  }

  release(): Promise<void> {
    return this.#membership.release();
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** After a loss of the worker: when it has registered again. */
  async settled(): Promise<void> {
    let restarting: Promise<void> | undefined;
    do {
      ({ restarting } = this.#membership);
      await restarting;
      await this.#writer.settled();
    } while (restarting !== this.#membership.restarting);
  }

  // What calls from outside ask for.

  start(creation: RunCreation, listener: RunListener): void {
    const { journal } = creation;
    const run: RunRecord = { ...creation.run, status: 'RUNNING', workerId: this.#membership.id };
    this.#writer.create({ ...creation, run }, (taken) => {
      if (taken !== undefined) {
        listener.recorded(taken);
        return;
      }
      this.#residents.begin(run, journal);
      // Where runs come faster than they go, this holds up the code that starts them.
      this.#residency.whenRoom(() => listener.recorded());
      this.follow(run.id, listener.ended);
    });
  }

  follow(runId: string, onEnd: OnEnd): () => void {
    return this.#following.follow(runId, 'committed', onEnd);
  }

  async find(runId: string): Promise<RunRecord | undefined> {
    const look = async (): Promise<RunRecord | undefined> => (await this.#store.getRuns([runId]))[0];
    return (await look()) ?? (await this.settled().then(look));
  }

  async send(message: InboxMessage): Promise<RunStatus | undefined> {
    const status = (await this.#store.send(message)) ?? (await this.settled().then(() => this.#store.send(message)));
    if (status !== undefined) this.#checkInbox();
    return status;
  }

  /** Takes runs that have no owner, as far as their flows are registered here. */
  claim(): Promise<void> {
    return this.#claims.claim();
  }

  awaitedBy(runId: string): readonly string[] | undefined {
    return this.#residents.run(runId)?.pending.awaitedChildren;
  }

  pendingOf(runId: string, limit: number): ToldOperations | undefined {
    return this.#residents.run(runId)?.pending.told(limit);
  }

  waitsFor(runId: string): readonly string[] | undefined {
    return this.#residents.run(runId)?.pending.names;
  }

  isQueued(runId: string, operationId: string): boolean {
    return this.#ports.services.limiter.waits(runId, operationId);
  }

  // Inner workings.

  #turns(): Turns {
    return {
      delivery: this.#delivery,
      setAlarm: (runId, dueAtMs, ring) => this.#alarms.set(runId, dueAtMs, ring),
      attemptBegun: () => this.#attempts.begun(),
      caughtUp: (runId) => this.#claims.caughtUp(runId),
    };
  }

  #checkInbox(): void {
    void this.#inbox.check();
    if (this.#wakeups.any) void this.claim();
  }

  async #look(changed: boolean): Promise<void> {
    const mayHave = changed || this.#inbox.missed;
    if (mayHave) await this.#inbox.read();
    if (mayHave) await this.claim();
    await this.#following.look(mayHave);
  }

  async #reap(asOfMs: number): Promise<void> {
    this.#alarms.look();
    try {
      await this.#store.reapWorkers({ workerId: this.#membership.id, nowMs: asOfMs });
    } finally {
      await this.claim();
    }
  }

  /** All runs leave this process, and nothing is written any more. */
  #leaveAll(why: string): void {
    this.#writer.hold();
    this.#residents.leaveAll(why);
    this.#inbox.forget();
    this.#lookup.forget();
    this.#alarms.clear();
    this.#claims.allLeft();
    this.#following.allLeft();
    this.#residency.left();
  }
}
