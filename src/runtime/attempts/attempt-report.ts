import type { OperationKind } from '../../model/statuses.js';
import { operationEvent } from '../notices/engine-events.js';
import { plainError } from '../notices/plain-value.js';
import type { RunServices } from '../run-ports.js';

/** An attempt that has failed. */
export interface FailedAttemptReport {
  readonly runId: string;
  readonly flow: string;
  readonly operationId: string;
  readonly kind: OperationKind;
  readonly name: string;
  /** From 1. */
  readonly attempt: number;
  /** How many there may be, where that is known. */
  readonly maxAttempts: number | undefined;
  readonly error: unknown;
  /** When the next is due, in milliseconds since the epoch; `undefined`: there is none. */
  readonly nextAt: number | undefined;
}

/** Tells the log and the listeners of a failed attempt. */
export function reportFailedAttempt({ events, logger }: RunServices, report: FailedAttemptReport): void {
  const { runId, flow, operationId, kind, name, attempt, maxAttempts, nextAt } = report;
  const error = plainError(report.error);
  const number = `attempt ${attempt}${maxAttempts === undefined ? '' : ` of ${maxAttempts}`}`;
  const next = nextAt === undefined ? undefined : new Date(nextAt).toISOString();
  logger.warn(
    `${number} of ${kind} "${name}" failed: ${error.name}: ${error.message}; ${next === undefined ? 'it was the last' : `the next is due at ${next}`}`,
    {
      runId,
      flow,
      operationId,
      attempt,
      ...(maxAttempts === undefined ? {} : { maxAttempts }),
      ...(next === undefined ? {} : { nextAt: next }),
      error,
    },
  );
  if (!events.wants('attempt:failed')) return;
  const operation = operationEvent({ runId, id: operationId, kind, name });
  events.emit('attempt:failed', { ...operation, attempt, error, ...(nextAt === undefined ? {} : { nextAt }) });
}
