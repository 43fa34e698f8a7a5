import { EventEmitter } from 'eventemitter3';
import { inCleanContext } from '../clock/clean-context.js';
import type { Clock } from '../clock/clock.js';
import type { Logger } from '../model/logger.js';
import type { EngineEvents, EventSink } from '../runtime/notices/engine-events.js';
import { plainError } from '../runtime/notices/plain-value.js';

/** What listens to an event of the engine. */
export type EngineListener<E extends keyof EngineEvents> = (payload: EngineEvents[E]) => void;

/** The engine's events. A listener that throws is logged and disturbs nothing else. */
export class EngineEmitter implements EventSink {
  readonly #emitter = new EventEmitter();
  readonly #logger: Logger;
  readonly #clock: Clock;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Returns what removes the listener. */
  on<E extends keyof EngineEvents>(event: E, listener: EngineListener<E>): () => void {
    const safe = (payload: EngineEvents[E]): void => {
      try {
        const returned: unknown = inCleanContext(listener, payload);
        if (returned instanceof Promise) returned.catch((error: unknown) => this.#failed(event, error));
      } catch (error) {
        this.#failed(event, error);
      }
    };
    const emitter = this.#emitter;
    emitter.on(event, safe);
    return () => {
      emitter.off(event, safe);
    };
  }

  wants(event: keyof EngineEvents): boolean {
    return this.#emitter.listenerCount(event) > 0;
  }

  emit<E extends keyof EngineEvents>(event: E, payload: Omit<EngineEvents[E], 'at'>): void {
    if (this.wants(event)) this.#emitter.emit(event, { at: this.#clock.now(), ...payload });
  }

  #failed(event: string, error: unknown): void {
    this.#logger.error(`a listener of "${event}" threw: ${plainError(error).message}`, { error: plainError(error) });
  }
}
