import type { Clock } from '../../src/clock/clock.js';

interface ManualTimer {
  readonly dueMs: number;
  readonly callback: () => void;
  readonly background: boolean;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs: number;
  #timers: ManualTimer[] = [];
  #macrotasks: (() => void)[] = [];
  /** How many timers were ever set. */
  timersSet = 0;

  constructor(nowMs = 1_000) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void, options?: { background?: boolean }): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), callback, background: options?.background === true };
    this.timersSet += 1;
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  macrotask(callback: () => void): void {
    this.#macrotasks.push(callback);
  }

  /** The delays of the timers that are set, shortest first. */
  get pending(): number[] {
    return this.#timers.map(({ dueMs }) => dueMs - this.#nowMs).sort((a, b) => a - b);
  }

  /** Whether any timer keeps the process alive. */
  get keepsAlive(): boolean {
    return this.#timers.some(({ background }) => !background);
  }

  /** Macrotasks that wait. */
  get due(): number {
    return this.#macrotasks.length;
  }

  /** Sets the time without calling anybody, as a clock that is put forward or back. */
  jump(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** Lets time pass: timers are called when they are due, and what they lead to settles in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#timers.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
      await microtasks();
    }
    this.#nowMs = untilMs;
  }

  /** Runs the macrotasks that wait now, and their microtasks. */
  async turn(): Promise<void> {
    for (const macrotask of this.#macrotasks.splice(0)) {
      macrotask();
      await microtasks();
    }
  }
}

/** Lets all microtasks run. */
export async function microtasks(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
