import type { Clock } from '../clock/clock.js';
import type { ErrorCode } from '../errors/codes.js';
import { PerdureError, StorageError } from '../errors/errors.js';
import type { Logger } from '../model/logger.js';
import { plainError } from '../runtime/notices/plain-value.js';

/** Between two tries, at first and at most; it doubles in between. */
const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 1_000;

/**
 * How often a write is tried whose failure may be there to stay, such as a full disk: for some five seconds. The caller that waits for it must hear of it. The
 * clock does not count: it jumps.
 */
export const WRITE_TRIES = 10;

/** The worker is not alive in the store any more. */
const LOST: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['FENCED']);
/** The store is not there any more, or not the same: no later try can be right. */
const GONE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['STORE_CLOSED', 'STORE_REPLACED', 'STORE_TOO_NEW']);
/** As long as this lasts no write fails for good: nothing is wrong with the store. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['STORE_BUSY', 'STORE_NO_DESCRIPTORS']);

function isOneOf(codes: ReadonlySet<ErrorCode>, error: unknown): boolean {
  return error instanceof PerdureError && codes.has(error.code);
}

interface StoreFailuresOptions {
  readonly clock: Pick<Clock, 'now' | 'setTimer'>;
  readonly logger: Logger;
  /** The worker has to register again. */
  onLost(error: unknown): void;
  /** The engine cannot go on. */
  onEnd(error: unknown): void;
}

/**
 * What follows when the store fails: the one place that decides it.
 *
 * | failure | a look | a write |
 * |---|---|---|
 * | `FENCED` | the worker registers again | the same |
 * | the store is gone, or was changed by a newer version | the engine ends | the same |
 * | the store is locked, or the process has no descriptors left | tried again | tried again |
 * | anything else: a full or failing disk; what looks like damage, as after a failed read | tried again | tried again for a while, then the engine ends |
 *
 * A look is what only finds something out, or what another try makes good: a heartbeat, a search for the dead, a claim. Until the engine is open, every
 * failure ends it: the code that opens it is to hear of it.
 *
 *   FA1  What goes on failing is logged once, and once more when it works again.
 *   FA2  The first new try comes at once, later ones after growing delays.
 */
export class StoreFailures {
  readonly #options: StoreFailuresOptions;
  #opened = false;
  /** From then on no write is tried again. */
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(options: StoreFailuresOptions) {
    this.#options = options;
  }

  /** One kind of work with the store. @param what - Completes «… is tried again». */
  streak(what: string): Streak {
    return new Streak(what, this.#options);
  }

  /** The engine is open. */
  opened(): void {
    this.#opened = true;
  }

  /** The engine is closing: until then writes may be tried again. */
  limitWrites(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
  }

  /** Milliseconds until a look is to be tried again; `undefined`: never. */
  look(streak: Streak, error: unknown): number | undefined {
    if (this.#ends(error, isOneOf(GONE, error))) return undefined;
    return streak.failed(error);
  }

  /** Milliseconds until a write is to be tried again; `undefined`: never. */
  write(streak: Streak, error: unknown): number | undefined {
    const now = this.#options.clock.now();
    if (!isOneOf(PASSING, error)) streak.doubts += 1;
    const final = isOneOf(GONE, error) || streak.doubts >= WRITE_TRIES || now >= this.#deadlineMs;
    if (this.#ends(error, final)) return undefined;
    return Math.min(streak.failed(error), this.#deadlineMs - now);
  }

  /** Does what may be done again until it works, or fails for good. */
  async insist<T>(streak: Streak, work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await work();
        streak.worked();
        return result;
      } catch (error) {
        const againMs = error instanceof StorageError ? this.look(streak, error) : undefined;
        if (againMs === undefined) throw error;
        await new Promise<void>((resolve) => void this.#options.clock.setTimer(againMs, resolve));
      }
    }
  }

  #ends(error: unknown, final: boolean): boolean {
    const { onLost, onEnd } = this.#options;
    const lost = this.#opened && isOneOf(LOST, error);
    const ends = final || !this.#opened;
    if (lost) onLost(error);
    else if (ends) onEnd(error);
    return lost || ends;
  }
}

/** Failures of one kind of work, one after the other. */
export class Streak {
  /** How many of them may be there to stay. */
  doubts = 0;
  readonly #what: string;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #logger: Logger;
  #failures = 0;
  #sinceMs = 0;

  constructor(what: string, { clock, logger }: Pick<StoreFailuresOptions, 'clock' | 'logger'>) {
    this.#what = what;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Another failure. Returns after how many milliseconds to try again. */
  failed(error: unknown): number {
    if (this.#failures === 0) {
      this.#sinceMs = this.#clock.now();
      this.#logger.warn(`the store failed: ${plainError(error).message}; ${this.#what} is tried again`);
    }
    this.#failures += 1;
    return this.#failures === 1 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#failures - 2));
  }

  /** It has worked. */
  worked(): void {
    if (this.#failures === 0) return;
    const times = this.#failures === 1 ? 'once' : `${this.#failures} times in ${this.#clock.now() - this.#sinceMs} ms`;
    this.#logger.info(`the store works again: ${this.#what} had failed ${times}`);
    this.#failures = 0;
    this.doubts = 0;
  }
}
