import { nanoid } from 'nanoid';
import type { Clock } from '../clock/clock.js';
import type { Logger } from '../model/logger.js';
import type { EventSink } from '../runtime/notices/engine-events.js';
import { plainError } from '../runtime/notices/plain-value.js';
import type { Store } from '../store/store.js';
import type { StoreFailures } from './store-failures.js';
import { workerInfo } from './worker-info.js';

interface MembershipOptions {
  readonly store: Pick<Store, 'registerWorker' | 'retireWorker'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventSink;
  readonly failures: () => StoreFailures;
  readonly leaseMs: number;
  /** The worker is alive under this id: it may write. */
  readonly onAlive: (workerId: string) => void;
  /** The worker may write no more: all its runs leave this process. */
  readonly onGone: (why: string) => void;
  /** It is alive again, under another id. */
  readonly onAgain: () => Promise<void>;
  /** The store failed for good. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * The life of a worker in its store.
 *
 * Owns: its id, its state, and that it registers again when it was taken for dead. Does not own: runs, nor heartbeats (the periodic check sends them).
 *
 * States: idle → working ⇄ restarting (fenced: it registers again under another id) → draining → stopped; failed, when the store is lost.
 *
 *   MP1  When the worker is fenced, all its runs leave before it registers again.
 *   MP2  A worker that has registered retires, unless it was fenced or the store does not answer.
 */
export class Membership {
  readonly #options: MembershipOptions;
  #state: 'idle' | 'working' | 'restarting' | 'draining' | 'stopped' | 'failed' = 'idle';
  #id = '';
  #restarting: Promise<void> | undefined;
  #endPause: (() => void) | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Empty before it has registered. */
  get id(): string {
    return this.#id;
  }

  get working(): boolean {
    return this.#state === 'working';
  }

  /** Whether it is alive in the store, and so may read what is its own. */
  get alive(): boolean {
    return this.#state === 'working' || this.#state === 'draining';
  }

  get failed(): boolean {
    return this.#state === 'failed';
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Pending while it registers again. */
  get restarting(): Promise<void> | undefined {
    return this.#restarting;
  }

  async register(): Promise<void> {
    const { store, clock, leaseMs, onAlive } = this.#options;
    const id = nanoid();
    try {
      await store.registerWorker({ id, nowMs: clock.now(), leaseMs, info: workerInfo() });
    } catch (error) {
      // It may be registered all the same, and would look alive.
      await store.retireWorker(id).catch(() => undefined);
      throw error;
    }
    if (this.#state === 'draining') return store.retireWorker(id);
    this.#id = id;
    this.#state = 'working';
    onAlive(id);
  }

  /** Takes no more work. Returns whether it is registered. */
  async drain(): Promise<boolean> {
    const registered = this.#state === 'working';
    this.#state = 'draining';
    this.#endPause?.();
    await this.#restarting;
    return registered;
  }

  /** Everything is written that could be. @param registered - What `drain` has returned. */
  async stop(registered: boolean): Promise<void> {
    this.#state = 'stopped';
    if (registered) await this.#options.store.retireWorker(this.#id);
  }

  /** Gives back what the store keeps for this worker, as far as it answers: after a failure, so that others need not wait out the lease. */
  async release(): Promise<void> {
    if (this.#id !== '') await this.#options.store.retireWorker(this.#id).catch(() => undefined);
  }

  /** The worker was marked dead, or cannot know whether it was: its runs are for others. */
  lost(error: unknown): void {
    if (this.#state !== 'working') return;
    this.#state = 'restarting';
    this.#restarting = this.#restart(error);
  }

  async #restart(error: unknown): Promise<void> {
    const { store, logger, events, onGone, onAgain } = this.#options;
    const failures = this.#options.failures();
    const workerId = this.#id;
    const streak = failures.streak('the new registration');
    logger.warn(`worker ${workerId} lost its runs and registers again: ${plainError(error).message}`);
    events.emit('engine:fenced', { workerId });
    onGone('its worker was taken for dead');
    while (this.#state === 'restarting') {
      try {
        await store.retireWorker(workerId);
        await this.register();
        streak.worked();
      } catch (failure) {
        const againMs = failures.write(streak, failure);
        if (againMs !== undefined) await this.#pause(againMs);
      }
    }
    if (this.#state === 'working') await onAgain();
  }

  /** Some time between two tries, unless the worker is to stop. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#options.clock.setTimer(ms, resolve);
      this.#endPause = () => {
        callOff();
        resolve();
      };
    });
  }

  /** The store failed for good: nothing more can be made durable. */
  fail(error: unknown): void {
    const { logger, events, onGone, onFailure } = this.#options;
    const { message } = plainError(error);
    if (this.#state === 'draining') logger.error(`the store failed while the engine was closing: ${message}`);
    if (this.#state === 'draining' || this.#state === 'stopped' || this.#state === 'failed') return;
    this.#state = 'failed';
    onGone('its store failed');
    logger.error(`the engine has stopped: ${message}`);
    events.emit('engine:failed', { error: plainError(error) });
    onFailure(error);
  }
}
