import { inCleanContext } from './clean-context.js';
import type { Clock } from './clock.js';
import { processTimers } from './process-timers.js';

const { now, setImmediate } = processTimers;

interface VirtualTimer {
  readonly dueMs: number;
  readonly callback: () => void;
  readonly background: boolean;
}

interface VirtualClockOptions {
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  /** Whether time goes on by itself, and not only by `advance`. Default true. */
  readonly auto?: boolean;
  /** Whether something is under way outside of the clock that may still lead somewhere: a call of the store, the body of an action. */
  readonly busy: () => boolean;
  /** Milliseconds of the machine's time without anything happening after which what is under way is not waited for. */
  readonly patienceMs: number;
  /** They have passed. */
  readonly onImpatience: () => void;
  /** Chooses which of what is held happens next: its place; the last may be the next timer. Default: the first. */
  readonly choose?: ((happenings: readonly string[]) => number) | undefined;
}

/** Something that waits until nothing else can happen. */
interface Held {
  readonly what: string;
  readonly callback: () => void;
}

/** What the next timer is called among the things that can happen. */
export const NEXT_TIMER = 'the next timer';

/** Macrotasks without anything happening after which nothing else will: promises between macrotasks have long been run by then. */
const QUIET_TURNS = 3;

/**
 * A clock whose time goes on by itself, unless it is told not to: to the next timer that is due, when nothing else can happen.
 *
 * Owns: the time and the timers. Does not own: what goes on beside it (`busy` tells).
 *
 *   VC1  Timers are called in due order, those of one time in the order in which they were set.
 *   VC2  Time stands still while a macrotask is asked for, or something is under way and `patienceMs` have not passed.
 *   VC3  A background timer moves no time: it is called when the time has come to it for other reasons, once however long that jump was.
 */
export class VirtualClock implements Clock {
  readonly #options: VirtualClockOptions;
  #nowMs: number;
  readonly #timers = new Set<VirtualTimer>();
  readonly #held: Held[] = [];
  /** How many of them are not in the background. */
  #waiting = 0;
  #macrotasks = 0;
  /** Counts whatever happens. */
  #happenings = 0;
  #watching = false;

  constructor(options: VirtualClockOptions) {
    this.#options = options;
    this.#nowMs = options.startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void, options?: { background?: boolean }): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), callback, background: options?.background === true };
    this.#timers.add(timer);
    if (!timer.background) this.#waiting += 1;
    this.#happens();
    return () => void this.#drop(timer);
  }

  macrotask(callback: () => void): void {
    this.#macrotasks += 1;
    setImmediate(() => {
      this.#macrotasks -= 1;
      this.#happens();
      inCleanContext(callback);
    });
  }

  /** Calls back when nothing else can happen, before the time moves, unless `choose` says otherwise. */
  hold(what: string, callback: () => void): void {
    this.#held.push({ what, callback });
    this.#happens();
  }

  /** Something has happened beside the clock. */
  touch(): void {
    this.#happens();
  }

  /** Lets time pass, whatever is under way: timers on the way are called, and what they lead to settles in between. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      await this.#quiet();
      const next = this.#next();
      if (next === undefined || next.dueMs > untilMs) break;
      this.#ring(next);
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    this.#ringBackground();
    await this.#quiet();
  }

  #happens(): void {
    this.#happenings += 1;
    if (this.#options.auto === false || this.#watching || !this.#hasMore) return;
    this.#watching = true;
    void this.#watch();
  }

  get #hasMore(): boolean {
    return this.#waiting + this.#held.length > 0;
  }

  /** Lets what is held happen, and the time move to the next timer, one after the other, as long as there is any. */
  async #watch(): Promise<void> {
    while (this.#hasMore) {
      await this.#quiet();
      this.#goOn();
    }
    this.#watching = false;
  }

  /** Lets the next thing happen. */
  #goOn(): void {
    const timer = this.#next();
    if (this.#held.length > 0) {
      const whats = this.#held.map(({ what }) => what);
      const chosen = this.#options.choose?.(timer === undefined ? whats : [...whats, NEXT_TIMER]) ?? 0;
      const [held] = this.#held.splice(chosen, 1);
      if (held !== undefined) {
        this.#happens();
        inCleanContext(held.callback);
        return;
      }
    }
    if (timer !== undefined) this.#ring(timer);
  }

  /** Resolves when nothing has happened for some macrotasks, and what is under way is not worth waiting for. */
  async #quiet(): Promise<void> {
    const { busy, patienceMs, onImpatience } = this.#options;
    let seen = this.#happenings;
    let turns = 0;
    let since = now();
    while (turns < QUIET_TURNS || this.#macrotasks > 0 || busy()) {
      if (now() - since >= patienceMs) onImpatience();
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
      if (seen === this.#happenings) continue;
      seen = this.#happenings;
      turns = 0;
      since = now();
    }
  }

  /** The first that is due and not in the background. */
  #next(): VirtualTimer | undefined {
    let first: VirtualTimer | undefined;
    for (const timer of this.#timers) if (!timer.background && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
    return first;
  }

  #ring(timer: VirtualTimer): void {
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    this.#ringBackground();
    this.#happens();
    // A background timer may have called it off.
    if (this.#drop(timer)) inCleanContext(timer.callback);
  }

  #ringBackground(): void {
    const due = [...this.#timers].filter(({ background, dueMs }) => background && dueMs <= this.#nowMs);
    for (const timer of due.sort((a, b) => a.dueMs - b.dueMs)) if (this.#drop(timer)) inCleanContext(timer.callback);
  }

  /** Returns whether it was still set. */
  #drop(timer: VirtualTimer): boolean {
    if (!this.#timers.delete(timer)) return false;
    if (!timer.background) this.#waiting -= 1;
    return true;
  }
}
