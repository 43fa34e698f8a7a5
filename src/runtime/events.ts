import type { BlockedCode, EndStatus, OperationKind } from '../model/statuses.js';
import type { PlainError } from './plain-value.js';

/** One future of a leak report. */
export interface LeakedFuture {
  readonly id: string;
  readonly name: string;
  readonly kind: OperationKind | 'rejection';
  /** `RUNNING`: no outcome was delivered before the scope ended; `UNOBSERVED`: it was, to nobody; `REJECTED`: a promise nobody handled. */
  readonly state: 'RUNNING' | 'UNOBSERVED' | 'REJECTED';
  /** Milliseconds from its start to the end of the scope. */
  readonly ageMs: number | null;
  /** Where it was started: the first 100 `.start()` calls of a scope, and plain calls in the testing kit, under `leaks: 'error'` and after a flow's first leak. */
  readonly callSite?: string;
  /** What it failed with. */
  readonly error?: PlainError;
}

/** The names of all events. */
export const ENGINE_EVENTS: readonly (keyof EngineEvents)[] = [
  'run:started',
  'run:finished',
  'run:blocked',
  'run:stuck',
  'operation:started',
  'operation:finished',
  'attempt:failed',
  'action:heartbeat',
  'leak',
  'engine:fenced',
  'engine:failed',
];

interface OperationEvent {
  readonly runId: string;
  readonly operationId: string;
  readonly kind: OperationKind;
  readonly name: string;
}

/** What `engine.on` can listen to: plain, JSON-safe payloads. */
export interface EngineEvents {
  'run:started': { readonly runId: string; readonly flow: string; readonly version: number; readonly recovered: boolean };
  'run:finished': { readonly runId: string; readonly flow: string; readonly status: EndStatus; readonly error?: PlainError };
  'run:blocked': { readonly runId: string; readonly flow: string; readonly code: BlockedCode; readonly error: PlainError };
  'run:stuck': { readonly runId: string; readonly flow: string; readonly lastOperation: string | null };
  /** `recovered`: an earlier execution of the run had started it, and it is announced again. */
  'operation:started': OperationEvent & { readonly recovered?: true };
  /** Those that were cancelled or left behind as well, with a `CancelledError`. */
  'operation:finished': OperationEvent & { readonly status: EndStatus; readonly error?: PlainError };
  /** `nextAt`: when the next attempt is due (milliseconds since the epoch); left out when there is none. */
  'attempt:failed': OperationEvent & { readonly attempt: number; readonly error: PlainError; readonly nextAt?: number };
  'action:heartbeat': { readonly runId: string; readonly operationId: string; readonly attempt: number; readonly detail: unknown };
  leak: {
    readonly runId: string;
    readonly flow: string;
    /** The path of the scope that ended: empty for the run itself. */
    readonly scope: string;
    /** The name of the branch that ended; `null` for the run itself. */
    readonly branch: string | null;
    readonly futures: readonly LeakedFuture[];
  };
  'engine:fenced': { readonly workerId: string };
  'engine:failed': { readonly error: PlainError };
}

/** Where the runtime's events go. */
export interface EventSink {
  /** Whether building this event is worth it. */
  wants(event: keyof EngineEvents): boolean;
  emit<E extends keyof EngineEvents>(event: E, payload: EngineEvents[E]): void;
}
