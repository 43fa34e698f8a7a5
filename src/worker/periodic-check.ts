import type { Clock } from '../clock/clock.js';
import type { Store } from '../store/store.js';
import type { StoreFailures, Streak } from './store-failures.js';

/** The longest time between two checks. */
const CHECK_MS = 250;
/** How often a worker looks for dead workers and for runs without an owner. */
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
  /** Tells when others may have written. */
  readonly store: Pick<Store, 'watch'>;
  /** Whether this process waits for something that others may write. */
  readonly busy: () => boolean;
  /** Whether the process should stay alive for what a check may find. */
  readonly keepsAlive: () => boolean;
  /** @param changed - Whether others may have written since the last look that worked. */
  readonly look: (changed: boolean) => Promise<void>;
  /** Left out where there is no worker. */
  readonly liveness?: Liveness;
  /** Begins to tidy up; heartbeats do not wait for the end of it. Left out where nothing is to be tidied up. */
  readonly tidy?: (() => Promise<void>) | undefined;
  readonly failures: Pick<StoreFailures, 'look' | 'streak'>;
}

/** Something that is done now and then. */
interface Duty {
  readonly work: (asOfMs: number) => Promise<void>;
  /** `Infinity`: only when it is asked for. */
  readonly everyMs: number;
  readonly streak: Streak;
  nextMs: number;
}

/**
 * The one periodic check of an engine: a look when it is asked for, a search for the dead, a heartbeat, and tidying up, each when it is due.
 *
 * States: stopped ⇄ running → draining → stopped.
 *
 *   P1  One check at a time; the next is timed when the last has ended.
 *   P2  A clock that is set back puts nothing off: all is due then.
 *   P3  While draining there are heartbeats only.
 *   P4  Where the clock has jumped forward, or all processes stood still together, others are judged by the time before that: they may not have come
 *       to their heartbeats yet.
 *   P5  What fails keeps nothing else from being done, and is tried again sooner than it would be due.
 *   P6  A look that is asked for comes in the next macrotask, or after the check under way. A change that a look has missed is one for the next look.
 */
export class PeriodicCheck {
  readonly #options: PeriodicCheckOptions;
  #state: 'stopped' | 'running' | 'draining' = 'stopped';
  #stopWatching = (): void => {};
  #cancel: (() => void) | undefined;
  #checking = false;
  /** A look is to come that has not begun. */
  #asked = false;
  /** Others may have written since the last look that worked. */
  #changed = false;
  #lastMs = 0;
  /** In the order in which they are done: who was taken for dead is to find out first. */
  readonly #duties: readonly Duty[];
  readonly #heartbeat: Duty | undefined;
  readonly #looking: Duty;
  readonly #tidying: Duty | undefined;
  readonly #reapMs: number;
  readonly #checkMs: number;

  constructor(options: PeriodicCheckOptions) {
    this.#options = options;
    const { liveness, tidy, failures } = options;
    const duty = (what: string, everyMs: number, work: Duty['work']): Duty => ({
      work,
      everyMs,
      streak: failures.streak(what),
      nextMs: 0,
    });
    const beatMs = (liveness?.leaseMs ?? Number.POSITIVE_INFINITY) / 3;
    this.#reapMs = Math.min(REAP_MS, beatMs);
    this.#checkMs = Math.min(CHECK_MS, this.#reapMs / 2);
    this.#heartbeat = liveness && duty('the heartbeat', beatMs, liveness.heartbeat);
    this.#looking = duty('the look for changes', Number.POSITIVE_INFINITY, () => this.#look());
    const reaping = liveness && duty('the search for dead workers', this.#reapMs, liveness.reap);
    this.#tidying = tidy && duty('the deletion of old runs', TIDY_MS, tidy);
    this.#duties = [this.#heartbeat, this.#looking, reaping, this.#tidying].filter((each) => each !== undefined);
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    const { clock, store, busy } = this.#options;
    this.#stopWatching = store.watch({ clock, busy, onChange: () => this.#onChange() });
    this.#state = 'running';
    this.#asked = false;
    const now = clock.now();
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
    this.#stopWatching();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Something is to be looked for, also where others have written nothing. */
  ask(): void {
    if (this.#asked || this.#state !== 'running') return;
    this.#asked = true;
    if (!this.#checking) this.#checkSoon();
  }

  #onChange(): void {
    this.#changed = true;
    this.ask();
  }

  #checkSoon(): void {
    this.#options.clock.macrotask(() => {
      if (this.#state === 'stopped' || this.#checking || !this.#asked) return;
      this.#cancel?.();
      void this.#check();
    });
  }

  #schedule(): void {
    const { clock, keepsAlive } = this.#options;
    const now = clock.now();
    let delayMs = this.#checkMs;
    for (const duty of this.#duties) if (this.#may(duty)) delayMs = Math.min(delayMs, duty.nextMs - now);
    this.#cancel = clock.setTimer(delayMs, () => void this.#check(), { background: !keepsAlive() });
  }

  async #check(): Promise<void> {
    this.#cancel = undefined;
    this.#checking = true;
    const now = this.#options.clock.now();
    if (now < this.#lastMs) for (const duty of this.#duties) duty.nextMs = now;
    if (this.#asked) this.#looking.nextMs = now;
    const asOfMs = now - this.#lastMs > this.#reapMs ? this.#lastMs : now;
    this.#lastMs = now;
    for (const duty of this.#duties) if (this.#may(duty) && now >= duty.nextMs) await this.#do(duty, now, asOfMs);
    this.#checking = false;
    if (this.#state === 'stopped') return;
    if (this.#asked && this.#state === 'running') this.#checkSoon();
    else this.#schedule();
  }

  #may(duty: Duty): boolean {
    return this.#state === 'running' || (this.#state === 'draining' && duty === this.#heartbeat);
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

  async #look(): Promise<void> {
    const changed = this.#changed;
    this.#asked = false;
    this.#changed = false;
    try {
      await this.#options.look(changed);
    } catch (error) {
      this.#changed ||= changed;
      throw error;
    }
  }
}
