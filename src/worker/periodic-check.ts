import type { Clock } from '../clock/clock.js';
import type { StoreFailures, Streak } from './store-failures.js';

/** How often a worker looks whether others wrote something for it. */
const CHECK_MS = 50;
/** How often it looks for dead workers and for runs without an owner. */
const REAP_MS = 1_000;
/** How often it tidies up. */
const TIDY_MS = 600_000;

/** That this worker lives, and whether others do. */
interface Liveness {
  readonly leaseMs: number;
  readonly heartbeat: () => Promise<void>;
  /** @param asOfMs - The time by which the heartbeats of others are judged. */
  readonly reap: (asOfMs: number) => Promise<void>;
}

interface PeriodicCheckOptions {
  readonly clock: Clock;
  /** Whether the process should stay alive for what the check may find. */
  readonly keepsAlive: () => boolean;
  readonly look: () => Promise<void>;
  /** Left out where there is no worker. */
  readonly liveness?: Liveness;
  /** Begins to tidy up; heartbeats do not wait for the end of it. Left out where nothing is to be tidied up. */
  readonly tidy?: (() => Promise<void>) | undefined;
  readonly failures: Pick<StoreFailures, 'look' | 'streak'>;
}

/** Something that is done now and then. */
interface Duty {
  readonly work: (asOfMs: number) => Promise<void>;
  readonly everyMs: number;
  readonly streak: Streak;
  nextMs: number;
}

/**
 * The one periodic check of an engine: a look, a search for the dead, a heartbeat, and tidying up, each when it is due.
 *
 * States: stopped ⇄ running → draining → stopped.
 *
 *   P1  One check at a time; the next is timed when the last has ended.
 *   P2  A clock that is set back puts nothing off: all is due then.
 *   P3  While draining there are heartbeats only.
 *   P4  Where the clock has jumped forward, or all processes stood still together, others are judged by the time before that: they may not have come
 *       to their heartbeats yet.
 *   P5  What fails keeps nothing else from being done, and is tried again sooner than it would be due.
 */
export class PeriodicCheck {
  readonly #options: PeriodicCheckOptions;
  #state: 'stopped' | 'running' | 'draining' = 'stopped';
  #cancel: (() => void) | undefined;
  #background = true;
  #lastMs = 0;
  /** In the order in which they are done: who was taken for dead is to find out first. */
  readonly #duties: readonly Duty[];
  readonly #heartbeat: Duty | undefined;
  readonly #tidying: Duty | undefined;
  readonly #reapMs: number;

  constructor(options: PeriodicCheckOptions) {
    this.#options = options;
    const { look, liveness, tidy, failures } = options;
    const duty = (what: string, everyMs: number, work: Duty['work']): Duty => ({
      work,
      everyMs,
      streak: failures.streak(what),
      nextMs: 0,
    });
    const beatMs = (liveness?.leaseMs ?? Number.POSITIVE_INFINITY) / 3;
    this.#reapMs = Math.min(REAP_MS, beatMs);
    this.#heartbeat = liveness && duty('the heartbeat', beatMs, liveness.heartbeat);
    const looking = duty('the look for changes', 0, look);
    const reaping = liveness && duty('the search for dead workers', this.#reapMs, liveness.reap);
    this.#tidying = tidy && duty('the deletion of old runs', TIDY_MS, tidy);
    this.#duties = [this.#heartbeat, looking, reaping, this.#tidying].filter((each) => each !== undefined);
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    const now = this.#options.clock.now();
    this.#lastMs = now;
    for (const duty of this.#duties) duty.nextMs = duty === this.#tidying ? now : now + duty.everyMs;
    this.#schedule();
  }

  /** The engine is about to stop, and is not to be taken for dead meanwhile. */
  drain(): void {
    if (this.#state === 'running') this.#state = 'draining';
  }

  stop(): void {
    this.#state = 'stopped';
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** The process has become worth keeping alive. */
  keepAlive(): void {
    if (this.#cancel === undefined || !this.#background) return;
    this.#cancel();
    this.#schedule();
  }

  #schedule(): void {
    const { clock, keepsAlive } = this.#options;
    this.#background = !keepsAlive();
    this.#cancel = clock.setTimer(CHECK_MS, () => void this.#check(), { background: this.#background });
  }

  async #check(): Promise<void> {
    this.#cancel = undefined;
    const now = this.#options.clock.now();
    if (now < this.#lastMs) for (const duty of this.#duties) duty.nextMs = now;
    const asOfMs = now - this.#lastMs > this.#reapMs ? this.#lastMs : now;
    this.#lastMs = now;
    for (const duty of this.#duties) {
      if (this.#state === 'stopped' || (this.#state === 'draining' && duty !== this.#heartbeat)) break;
      if (now >= duty.nextMs) await this.#do(duty, now, asOfMs);
    }
    if (this.#state !== 'stopped') this.#schedule();
  }

  async #do(duty: Duty, now: number, asOfMs: number): Promise<void> {
    duty.nextMs = now + duty.everyMs;
    try {
      await duty.work(asOfMs);
      duty.streak.worked();
    } catch (error) {
      const againMs = this.#options.failures.look(duty.streak, error);
      if (againMs !== undefined) duty.nextMs = now + againMs;
    }
  }
}
