import { inCleanContext } from '../clock/clean-context.js';
import type { Clock } from '../clock/clock.js';
import { ledHere } from '../errors/call-site.js';

/** What calls under way get to come to their ends, however soon the engine is to be closed. */
const LEAST_MS = 1_000;

/** The calls of an engine that are under way. */
export class Calls {
  readonly #clock: Pick<Clock, 'setTimer'>;
  readonly #admit: (signature: string, given: ArrayLike<unknown>) => void;
  readonly #explained: (error: unknown) => unknown;
  readonly #underWay = new Set<Promise<unknown>>();

  /**
   * @param admit - Throws when the calling code may not make a call, whose signature and arguments it is given.
   * @param explained - What a caller is told of an error.
   */
  constructor(
    clock: Pick<Clock, 'setTimer'>,
    admit: (signature: string, given: ArrayLike<unknown>) => void,
    explained: (error: unknown) => unknown,
  ) {
    this.#clock = clock;
    this.#admit = admit;
    this.#explained = explained;
  }

  /**
   * Makes a call of the user's, if it is admitted.
   *
   * @param signature - Of the method, such as `engine.get(runId)`; `given` is what it was called with.
   */
  async make<T>(signature: string, given: ArrayLike<unknown>, call: () => Promise<T>): Promise<T> {
    this.#admit(signature, given);
    try {
      return await this.track(call);
    } catch (error) {
      throw ledHere(error);
    }
  }

  /** Closing waits for it. It goes on in a clean async context, so that nothing that it leads to is in that of the caller. */
  async track<T>(call: () => Promise<T>): Promise<T> {
    const result = inCleanContext(call);
    this.#underWay.add(result);
    try {
      return await result;
    } catch (error) {
      throw this.#explained(error);
    } finally {
      this.#underWay.delete(result);
    }
  }

  /** Resolves when those under way have come to their ends, or the time is over: a store may never answer. */
  settled(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#clock.setTimer(Math.max(limitMs, LEAST_MS), resolve);
      void Promise.allSettled(this.#underWay).then(() => {
        callOff();
        resolve();
      });
    });
  }
}
