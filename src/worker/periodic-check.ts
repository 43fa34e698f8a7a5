import type { Clock } from '../clock/clock.js';

/** How often a worker looks whether others wrote something for it. */
const CHECK_MS = 50;
/** How often it looks for dead workers and for runs that nobody owns. */
const REAP_MS = 1_000;
/** How often it tidies up. */
const TIDY_MS = 600_000;

interface PeriodicCheckOptions {
  readonly clock: Clock;
  readonly leaseMs: number;
  /** Whether the process should stay alive for what the check may find. */
  readonly keepsAlive: () => boolean;
  readonly look: () => Promise<void>;
  /** @param asOfMs - The time by which the heartbeats of others are judged. */
  readonly reap: (asOfMs: number) => Promise<void>;
  readonly heartbeat: () => Promise<void>;
  /** Tidies up some of what there is; returns whether more is left. Left out where nothing is to be tidied up. */
  readonly tidy?: (() => Promise<boolean>) | undefined;
  readonly onFailure: (error: unknown) => void;
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
 */
export class PeriodicCheck {
  readonly #options: PeriodicCheckOptions;
  #state: 'stopped' | 'running' | 'draining' = 'stopped';
  #cancel: (() => void) | undefined;
  #background = true;
  #lastMs = 0;
  #nextReapMs = 0;
  #nextHeartbeatMs = 0;
  #nextTidyMs = 0;

  constructor(options: PeriodicCheckOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    const now = this.#options.clock.now();
    this.#lastMs = now;
    this.#nextReapMs = now + this.#reapMs();
    this.#nextHeartbeatMs = now + this.#heartbeatMs();
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
    const { clock, look, reap, heartbeat, tidy, onFailure } = this.#options;
    const now = clock.now();
    if (now < this.#lastMs) [this.#nextHeartbeatMs, this.#nextReapMs, this.#nextTidyMs] = [now, now, now];
    const asOfMs = now - this.#lastMs > this.#reapMs() ? this.#lastMs : now;
    this.#lastMs = now;
    try {
      if (now >= this.#nextHeartbeatMs) {
        this.#nextHeartbeatMs = now + this.#heartbeatMs();
        await heartbeat();
      }
      if (this.#state === 'running') await look();
      if (this.#state === 'running' && now >= this.#nextReapMs) {
        this.#nextReapMs = now + this.#reapMs();
        await reap(asOfMs);
      }
      if (this.#state === 'running' && tidy !== undefined && now >= this.#nextTidyMs) {
        this.#nextTidyMs = now + TIDY_MS;
        if (await tidy()) this.#nextTidyMs = now;
      }
    } catch (error) {
      onFailure(error);
    }
    if (this.#state !== 'stopped') this.#schedule();
  }

  #heartbeatMs(): number {
    return this.#options.leaseMs / 3;
  }

  #reapMs(): number {
    return Math.min(REAP_MS, this.#options.leaseMs / 3);
  }
}
