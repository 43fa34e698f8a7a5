import type { Codec } from '../codec/codec.js';
import { contextLogger } from './context-logger.js';
import type { ActionContext, ActionPlace } from './current-scope.js';
import { plainValue } from './events.js';
import type { RunHost } from './host.js';

/** What is tried, as its attempts know it. */
export interface AttemptSubject {
  readonly host: RunHost;
  readonly codec: Codec;
  readonly name: string;
  readonly flow: string;
  readonly runId: string;
  readonly operationId: string;
  readonly idempotencyKey: string;
}

interface AttemptInit {
  readonly of: AttemptSubject;
  /** From 1. */
  readonly number: number;
  /** What the attempt before this one said last, encoded. */
  readonly heartbeat: string | undefined;
  /** Hears of the progress that it makes. */
  readonly owner: { heartbeat(attempt: Attempt, detail: unknown): void };
}

/**
 * One try of an action: where its body stands, and its context, made only when the body asks for it.
 *
 *   A1  The signal fires at most once; a body that asks for it afterwards finds it fired.
 */
export class Attempt implements ActionPlace {
  readonly kind = 'action';
  readonly name: string;
  readonly #init: AttemptInit;
  #context: ActionContext | undefined;
  #controller: AbortController | undefined;
  #aborted: Error | undefined;

  constructor(init: AttemptInit) {
    this.#init = init;
    this.name = init.of.name;
  }

  get context(): ActionContext {
    this.#context ??= this.#makeContext();
    return this.#context;
  }

  abort(reason: Error): void {
    this.#aborted ??= reason;
    this.#controller?.abort(this.#aborted);
  }

  #makeContext(): ActionContext {
    const { of, number, heartbeat, owner } = this.#init;
    const { host, codec, flow, runId, operationId, idempotencyKey } = of;
    const signal = (): AbortSignal => this.#signal();
    return {
      runId,
      operationId,
      attempt: number,
      idempotencyKey,
      get signal(): AbortSignal {
        return signal();
      },
      get heartbeatDetail(): unknown {
        return heartbeat === undefined ? undefined : codec.decode(heartbeat);
      },
      log: contextLogger(host.logger, { runId, flow, operationId, attempt: number }),
      heartbeat: (detail) => {
        owner.heartbeat(this, detail);
        host.events.emit('action:heartbeat', { runId, operationId, attempt: number, detail: plainValue(detail) });
      },
    };
  }

  #signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    return this.#controller.signal;
  }
}
