import { AsyncLocalStorage } from 'node:async_hooks';
import { inCleanContext } from '../../clock/clean-context.js';
import type { EntryPoint } from '../../errors/call-site.js';
import type { WaitPlace } from '../../futures/conditions.js';
import type { Future } from '../../futures/future.js';
import type { Logger } from '../../model/logger.js';
import { shared } from '../../realm/realm.js';
import type { AttemptPolicy, OperationRequest } from '../definitions.js';
import type { Scope } from './scope.js';

/** What the code of a flow may ask of its run. */
export interface FlowRun {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  readonly replaying: boolean;
  readonly log: Logger;
  /** The commit time of the last delivered outcome; the run's creation time at first. Never goes back. */
  readonly now: number;
  /** Gives out the tokens of its callbacks. */
  readonly inbox: { callbackToken(operationId: string): string };
  /** The changes of code that it has. */
  readonly patches: { has(id: string, scope: Scope): boolean };
  /** Of a run that carries on a detached action: how that is tried, where its call said otherwise. */
  readonly attempts: AttemptPolicy | undefined;
  /** @param plain - `entryPoint` is no `.start()`. */
  start(request: OperationRequest, place: FlowPlace, entryPoint?: EntryPoint, plain?: boolean): Future<unknown>;
  waitPlace(place: FlowPlace): WaitPlace;
  shield<T>(place: FlowPlace, body: () => PromiseLike<T> | T): Promise<T>;
  /** A promise of this run rejected without a handler: it is held until its scope ends. */
  holdRejection(promise: Promise<unknown>, reason: unknown, scope: Scope): void;
  /** Somebody handles it after all. */
  releaseRejection(promise: Promise<unknown>): void;
}

/** Code of a flow. */
export interface FlowPlace {
  readonly kind: 'flow';
  readonly run: FlowRun;
  readonly scope: Scope;
  /** Whether cancellation of its scope passes this code by. */
  readonly shielded: boolean;
}

/** What `actionContext()` returns. */
export interface ActionContext {
  readonly runId: string;
  readonly operationId: string;
  /** From 1. */
  readonly attempt: number;
  /** The same for every attempt of one operation, across crashes: give it to the service you call. */
  readonly idempotencyKey: string;
  /** Fires when the operation is cancelled or its run is taken away. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** The last detail that an earlier attempt gave to `heartbeat`; `undefined` if there was none. */
  readonly heartbeatDetail: unknown;
  /**
   * Tells that the attempt makes progress: `heartbeatTimeout` begins again, and `detail` is given to the next attempt, should there be one.
   *
   * @throws {UsageError} `VALUE_NOT_SERIALIZABLE` when the detail cannot be stored.
   */
  heartbeat(detail?: unknown): void;
}

/** Code of an action. */
export interface ActionPlace {
  readonly kind: 'action';
  readonly name: string;
  readonly context: ActionContext;
}

/** Where the calling code stands: in a flow, in an action, or outside (`undefined`). It follows awaits and callbacks. */
export type Place = FlowPlace | ActionPlace;

const storage = shared('places', () => new AsyncLocalStorage<Place | undefined>());

export function currentPlace(): Place | undefined {
  return storage.getStore();
}

export function runAt<A extends unknown[], T>(place: Place, body: (...args: A) => T, ...args: A): T {
  return storage.run(place, body, ...args);
}

/** Begins a body at its place, in a clean async context: neither that of the code that has scheduled it, nor one that another body left behind. */
export function beginAt<A extends unknown[], T>(place: Place, body: (...args: A) => T, ...args: A): T {
  return inCleanContext(runAt<A, T>, place, body, ...args);
}
