import type { CancelledBy } from '../../futures/cancellation.js';
import { ROOT_SCOPE, scopeOf } from '../../journal/numbering.js';
import type { OperationRecord } from '../../model/records.js';
import type { BlockedCode, EndStatus, OperationKind } from '../../model/statuses.js';
import type { PlainError } from './plain-value.js';

/** One future of a leak report. */
export interface LeakedFuture {
  readonly id: string;
  readonly name: string;
  readonly kind: OperationKind | 'rejection';
  /** `RUNNING`: no outcome was delivered before the scope ended; `UNOBSERVED`: it was, and no code took it; `REJECTED`: a promise without a handler. */
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
  'attempt:started',
  'attempt:finished',
  'attempt:failed',
  'action:heartbeat',
  'leak',
  'engine:fenced',
  'engine:failed',
];

/** Times are milliseconds since the epoch. */
interface EngineEvent {
  /** When it was told. */
  readonly at: number;
}

interface RunEvent extends EngineEvent {
  readonly runId: string;
  readonly flow: string;
}

/** Where a run belongs. */
export interface RunOrigin {
  /** When it was created; of a run that has begun again, when its generation began. */
  readonly startedAt: number;
  /** The run, and the operation in it, that it is a child of; `null` for a run that was started from outside. */
  readonly parentRunId: string | null;
  readonly parentOperationId: string | null;
}

interface OperationEvent extends EngineEvent {
  readonly runId: string;
  readonly operationId: string;
  /** The branch or batch that it belongs to; `null` where it belongs to the run itself. */
  readonly parentOperationId: string | null;
  readonly kind: OperationKind;
  readonly name: string;
}

interface AttemptEvent extends OperationEvent {
  /** From 1. */
  readonly attempt: number;
}

/** What `engine.on` can listen to: plain, JSON-safe payloads. */
export interface EngineEvents {
  'run:started': RunEvent & RunOrigin & { readonly version: number; readonly recovered: boolean };
  'run:finished': RunEvent & RunOrigin & { readonly status: EndStatus; readonly error?: PlainError };
  'run:blocked': RunEvent & { readonly code: BlockedCode; readonly error: PlainError };
  'run:stuck': RunEvent & { readonly lastOperation: string | null };
  /** `recovered`: an earlier execution of the run had started it, and it is announced again. */
  'operation:started': OperationEvent & { readonly startedAt: number; readonly recovered?: true };
  /** Those that were cancelled or left behind as well, with a `CancelledError`; `by` says what cancelled it, where this process has. */
  'operation:finished': OperationEvent & {
    readonly startedAt: number;
    readonly status: EndStatus;
    readonly error?: PlainError;
    readonly by?: CancelledBy;
  };
  /** The body of an action begins. */
  'attempt:started': AttemptEvent;
  /** The body has ended, or is waited for no more: `CANCELLED` when its operation was cancelled or its run has left this process. */
  'attempt:finished': AttemptEvent & { readonly startedAt: number; readonly status: EndStatus; readonly error?: PlainError };
  /** `nextAt`: when the next attempt is due; left out when there is none. */
  'attempt:failed': AttemptEvent & { readonly error: PlainError; readonly nextAt?: number };
  'action:heartbeat': EngineEvent & {
    readonly runId: string;
    readonly operationId: string;
    readonly attempt: number;
    readonly detail: unknown;
  };
  leak: RunEvent & {
    /** The path of the scope that ended: empty for the run itself. */
    readonly scope: string;
    /** The name of the branch that ended; `null` for the run itself. */
    readonly branch: string | null;
    readonly futures: readonly LeakedFuture[];
  };
  'engine:fenced': EngineEvent & { readonly workerId: string };
  'engine:failed': EngineEvent & { readonly error: PlainError };
}

/** Where the runtime's events go. */
export interface EventSink {
  /** Whether building this event is worth it. */
  wants(event: keyof EngineEvents): boolean;
  /** Adds the time. */
  emit<E extends keyof EngineEvents>(event: E, payload: Omit<EngineEvents[E], 'at'>): void;
}

/** What the events of an operation have in common. */
export function operationEvent({
  runId,
  id,
  kind,
  name,
}: Pick<OperationRecord, 'runId' | 'id' | 'kind' | 'name'>): Omit<OperationEvent, 'at'> {
  const scope = scopeOf(id);
  return { runId, operationId: id, parentOperationId: scope === ROOT_SCOPE ? null : scope, kind: kind as OperationKind, name };
}
