import { setMaxListeners } from 'node:events';
import { inCleanContext } from '../../clock/clean-context.js';
import type { Codec } from '../../codec/codec.js';
import { refuseMore } from '../../options/extra-arguments.js';
import { contextLogger } from '../notices/context-logger.js';
import type { RunServices, Turns } from '../run-ports.js';
import type { ActionContext, ActionPlace } from '../scopes/current-place.js';

/** What is tried, as its attempts know it. */
export interface AttemptSubject {
  readonly services: RunServices;
  readonly turns: Turns;
  readonly codec: Codec;
  readonly name: string;
  readonly flow: string;
  readonly runId: string;
  readonly operationId: string;
  readonly idempotencyKey: string;
}

/** Hears of the progress that an attempt makes. */
interface AttemptOwner {
  heartbeat(attempt: Attempt, detail: unknown): void;
}

/**
 * One try of an action: where its body stands, and its context, made only when the body asks for it.
 *
 *   AT1  The signal fires at most once; a body that asks for it afterwards finds it fired.
 */
export class Attempt implements ActionPlace {
  readonly kind = 'action';
  readonly name: string;
  readonly #of: AttemptSubject;
  readonly #number: number;
  readonly #heartbeatDetail: unknown;
  readonly #owner: AttemptOwner;
  #context: ActionContext | undefined;
  #controller: AbortController | undefined;
  #aborted: Error | undefined;

  /**
   * @param number - From 1.
   * @param heartbeatDetail - What the attempt before this one said last.
   */
  constructor(of: AttemptSubject, number: number, heartbeatDetail: unknown, owner: AttemptOwner) {
    this.#of = of;
    this.#number = number;
    this.#heartbeatDetail = heartbeatDetail;
    this.#owner = owner;
    this.name = of.name;
  }

  get context(): ActionContext {
    this.#context ??= this.#makeContext();
    return this.#context;
  }

  abort(reason: Error): void {
    this.#aborted ??= reason;
    const controller = this.#controller;
    if (controller !== undefined) inCleanContext(() => controller.abort(this.#aborted));
  }

  #makeContext(): ActionContext {
    const { services, flow, runId, operationId, idempotencyKey } = this.#of;
    const [number, owner] = [this.#number, this.#owner];
    const signal = (): AbortSignal => this.#signal();
    return {
      runId,
      operationId,
      attempt: number,
      idempotencyKey,
      get signal(): AbortSignal {
        return signal();
      },
      heartbeatDetail: this.#heartbeatDetail,
      log: contextLogger(services.logger, { runId, flow, operationId, attempt: number }),
      heartbeat: (detail, ...more: unknown[]) => {
        refuseMore('heartbeat(detail)', [detail, ...more]);
        owner.heartbeat(this, detail);
      },
    };
  }

  #signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      // However many listeners it has: a body may give it to many calls. Node 20 would warn of a leak.
      setMaxListeners(0, this.#controller.signal);
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }
}
