import { recognisable } from '../realm/recognisable.js';
import type { ErrorCode } from './codes.js';

/** The base of every error that perdure itself makes. */
export class PerdureError extends Error {
  /** Stable; see the table of codes. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The program misuses perdure: the message says what to change. */
export class UsageError extends PerdureError {}

/** Something happened to a run or an operation. */
export class ExecutionError extends PerdureError {}

/** The store failed, or refuses. */
export class StorageError extends PerdureError {}

/** Whose limit ran out: of one's own waiting, of an action, an event, a callback or a flow. */
export type TimeoutCode = 'WAIT_TIMEOUT' | 'ACTION_TIMEOUT' | 'EVENT_TIMEOUT' | 'CALLBACK_TIMEOUT' | 'FLOW_TIMEOUT';

/** A limit ran out; the message says which. */
export class TimeoutError extends ExecutionError {
  constructor(code: TimeoutCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** The operation or run was cancelled. */
export class CancelledError extends ExecutionError {
  constructor(message: string, options?: ErrorOptions) {
    super('CANCELLED', message, options);
  }
}

/** The process ended while an attempt was under way. */
export class InterruptedError extends ExecutionError {
  constructor(message: string, options?: ErrorOptions) {
    super('INTERRUPTED', message, options);
  }
}

/** A scope ended without taking delivery of what it started, under `leaks: 'error'`. */
export class LeakedFuturesError extends ExecutionError {
  constructor(message: string, options?: ErrorOptions) {
    super('LEAKED_FUTURES', message, options);
  }
}

/** The flow's code and its journal disagree. */
export class NonDeterminismError extends ExecutionError {
  constructor(message: string, options?: ErrorOptions) {
    super('NON_DETERMINISM', message, options);
  }
}

/** Thrown by an action to stop any retry strategy. */
export class NonRetryableError extends ExecutionError {
  constructor(message: string, options?: ErrorOptions) {
    super('NON_RETRYABLE', message, options);
  }
}

/** All of them by name: a minifier may change what a class says of itself, but not this. */
export const PERDURE_ERRORS: Readonly<Record<string, abstract new (...args: never[]) => Error>> = {
  PerdureError,
  UsageError,
  ExecutionError,
  StorageError,
  TimeoutError,
  CancelledError,
  InterruptedError,
  LeakedFuturesError,
  NonDeterminismError,
  NonRetryableError,
};
for (const [name, errorClass] of Object.entries(PERDURE_ERRORS)) {
  recognisable(errorClass, name);
  Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true, writable: true });
}
