import type { NonDeterminismError } from '../../errors/errors.js';
import type { InputCheck, OperationIdentity } from '../../journal/replay-check.js';
import type { OperationRecord } from '../../model/records.js';

/**
 * Where a run's outcomes come from, in their one order, live as on replay. Our journal is one source; another durable engine can be another.
 */
export interface OutcomeSource {
  /** Whether anything of an earlier execution lies ahead. */
  readonly replaying: boolean;
  /** Whether the run's cancellation is among the recorded outcomes. */
  readonly cancelRecorded: boolean;
  /** Whether there are branches whose bodies are not run again, as they have ended. */
  readonly skipsBranches: boolean;
  /** Whether the run has ended, and is replayed only to see whether it would come to the same end. */
  readonly ended: boolean;
  /** Whether code of a scope that has ended goes on with what is recorded while a shield of it is open. */
  readonly goesOnLate: boolean;
  /** Whether something is recorded that the flow has not asked for. */
  readonly expectsMore: boolean;
  /** Whether any outcome waits for delivery. */
  readonly hasNext: boolean;
  /** Announces an operation: what is recorded of it, or how that differs from what is asked for. */
  start(operation: OperationIdentity, check: InputCheck): OperationRecord | NonDeterminismError | undefined;
  /** The next outcome in order, if one is there; the difference, when it belongs to an operation that a waiting flow never asked for. */
  next(): OperationRecord | NonDeterminismError | undefined;
  /** Whether the run has a change of code; `undefined` when nothing is recorded of it. */
  patch(name: string): boolean | undefined;
  /** What has its position in the order and was not delivered. */
  readonly undelivered: readonly OperationRecord[];
  /** The event that took a message in an earlier execution, or in the run that this one is a fork of; `undefined` when none is known to have. */
  takerOf(message: OperationRecord): string | undefined;
  /** Whether an operation lies in a branch whose body is not run again. */
  isSkipped(operationId: string): boolean;
  /** Whether an operation is recorded that the flow has not asked for. */
  expects(operationId: string): boolean;
  /** The difference, when the flow has ended and something recorded was never asked for. */
  end(): NonDeterminismError | undefined;
  /** The sequence number of the next outcome of this process. */
  takeSeq(): number;
  /** An outcome of this process is durable. */
  append(record: OperationRecord): void;
}
