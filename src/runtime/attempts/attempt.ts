import { setMaxListeners } from 'node:events';
import { inCleanContext } from '../../clock/clean-context.js';
import type { Codec } from '../../codec/codec.js';
import { refuseMore } from '../../options/extra-arguments.js';
import { type BodyEnd, type BodyOwner, runBody } from '../body-end.js';
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

/** Whose attempt it is: hears of its progress, and its end. */
interface AttemptOwner {
  /** Runs its body. */
  call(args: readonly unknown[]): unknown;
  attemptEnded(attempt: Attempt, end: BodyEnd): void;
  heartbeat(attempt: Attempt, detail: unknown): void;
}

interface AttemptInit {
  readonly of: AttemptSubject;
  /** From 1. */
  readonly number: number;
  /** What the body is called with. */
  readonly args: readonly unknown[];
  /** What the attempt before this one said last. */
  readonly heartbeatDetail: unknown;
  readonly owner: AttemptOwner;
}

const nothing = (): void => {};

/**
 * One try of an action: where its body stands, and its context, made only when the body asks for it.
 *
 *   AT1  The signal fires at most once; a body that asks for it afterwards finds it fired.
 */
export class Attempt implements ActionPlace, BodyOwner {
  readonly kind = 'action';
  readonly name: string;
  readonly #of: AttemptSubject;
  readonly #number: number;
  readonly #heartbeatDetail: unknown;
  readonly #owner: AttemptOwner;
  #context: ActionContext | undefined;
  #controller: AbortController | undefined;
  #aborted: Error | undefined;

  readonly #args: readonly unknown[];
  /** Called when its body has ended. */
  #ended = nothing;
  #release = nothing;

  constructor({ of, number, args, heartbeatDetail, owner }: AttemptInit) {
    this.#of = of;
    this.#number = number;
    this.#args = args;
    this.#heartbeatDetail = heartbeatDetail;
    this.#owner = owner;
    this.name = of.name;
  }

  /** Begins the body. @param release - Gives back its slot. */
  begin(ended: () => void, release: () => void): void {
    this.#ended = ended;
    this.#release = release;
    runBody(this, this);
  }

  callBody(): unknown {
    return this.#owner.call(this.#args);
  }

  bodyEnded(end: BodyEnd): void {
    this.#ended();
    this.#release();
    this.#owner.attemptEnded(this, end);
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
