import { contextLogger } from './context-logger.js';
import type { ActionContext, ActionPlace } from './current-scope.js';
import { plainValue } from './events.js';
import type { RunHost } from './host.js';

interface AttemptInit {
  readonly host: RunHost;
  readonly name: string;
  readonly flow: string;
  readonly runId: string;
  readonly operationId: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** What the attempt before this one said last; decoded when it is asked for. */
  readonly heartbeatDetail: () => unknown;
  /** It makes progress. */
  readonly onHeartbeat: (detail: unknown) => void;
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
    this.name = init.name;
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
    const { host, flow, runId, operationId, attempt, idempotencyKey, heartbeatDetail, onHeartbeat } = this.#init;
    const signal = (): AbortSignal => this.#signal();
    return {
      runId,
      operationId,
      attempt,
      idempotencyKey,
      get signal(): AbortSignal {
        return signal();
      },
      get heartbeatDetail(): unknown {
        return heartbeatDetail();
      },
      log: contextLogger(host.logger, { runId, flow, operationId, attempt }),
      heartbeat: (detail) => {
        onHeartbeat(detail);
        host.events.emit('action:heartbeat', { runId, operationId, attempt, detail: plainValue(detail) });
      },
    };
  }

  #signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    return this.#controller.signal;
  }
}
