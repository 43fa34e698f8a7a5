import type { Codec } from '../../codec/codec.js';
import { UsageError } from '../../errors/errors.js';
import { cancelledBy } from '../../futures/cancellation.js';
import type { Logger } from '../../model/logger.js';
import type { OperationRecord, RunRecord } from '../../model/records.js';
import { type BlockedCode, type EndStatus, isEnded } from '../../model/statuses.js';
import { beganAt } from '../identity/new-run.js';
import type { IsAwaited, OtherRuns, RunPorts, RunServices } from '../run-ports.js';
import { leakMessage } from '../scopes/leak-report.js';
import type { Scope } from '../scopes/scope.js';
import { contextLogger } from './context-logger.js';
import { type LeakedFuture, operationEvent, type RunOrigin } from './engine-events.js';
import { type PlainError, plainError } from './plain-value.js';

/** From so many operations on a journal is long. */
const MANY_OPERATIONS = 10_000;

/**
 * What a run tells its listeners and the log. It decides nothing.
 *
 *   RN1  Of awaits that are not durable, of a standstill and of a long journal it tells once an execution.
 */
export class RunNotices {
  readonly #run: RunRecord;
  readonly #services: RunServices;
  readonly #others: OtherRuns;
  #toldOfAwait = false;
  #toldOfStandstill = false;
  #operations = 0;
  #log: Logger | undefined;

  constructor(run: RunRecord, { services, others }: Pick<RunPorts, 'services' | 'others'>) {
    this.#run = run;
    this.#services = services;
    this.#others = others;
  }

  /** What the code of the run logs with. */
  log(run: { readonly replaying: boolean }): Logger {
    this.#log ??= contextLogger(this.#services.logger, this.#names(), () => run.replaying);
    return this.#log;
  }

  started(recovered: boolean): void {
    const { events } = this.#services;
    if (!events.wants('run:started')) return;
    events.emit('run:started', { ...this.#names(), version: this.#run.version, ...this.#origin(), recovered });
  }

  /** The flow asks for one more operation, or asks for it again. */
  operationAskedFor(): void {
    this.#operations += 1;
    if (this.#operations !== MANY_OPERATIONS + 1) return;
    this.#services.logger.warn(
      `${this.what} has asked for more than ${MANY_OPERATIONS} operations: each replay goes through all of them; let it begin again with continueAsNew() now and then, or give parts of it to child flows`,
      this.#names(),
    );
  }

  operationFinished(record: OperationRecord): void {
    const { events, codec } = this.#services;
    if (!events.wants('operation:finished')) return;
    const { startedAt, status, outcome } = record;
    const error = status === 'SUCCEEDED' ? {} : { error: plainStoredError(codec, outcome as string) };
    events.emit('operation:finished', { ...operationEvent(record), startedAt, status: status as EndStatus, ...error });
  }

  /** It was cancelled, or left behind. Returns what tells so, when that is durable; `undefined` where there is no listener. */
  operationCancelled(record: OperationRecord, reason: Error): (() => void) | undefined {
    const { events } = this.#services;
    if (!events.wants('operation:finished')) return undefined;
    const by = cancelledBy(reason);
    const end = {
      startedAt: record.startedAt,
      status: 'CANCELLED',
      error: plainError(reason),
      ...(by === undefined ? {} : { by }),
    } as const;
    return () => events.emit('operation:finished', { ...operationEvent(record), ...end });
  }

  finished(status: EndStatus, error: unknown, awaited: IsAwaited): void {
    const { events } = this.#services;
    if (status === 'FAILED' && awaited !== true) this.#failed(error, awaited);
    if (!events.wants('run:finished')) return;
    events.emit('run:finished', {
      ...this.#names(),
      ...this.#origin(),
      status,
      ...(error === undefined ? {} : { error: plainError(error) }),
    });
  }

  /** It has failed, and as far as is known here nothing waits for that: a parent elsewhere does, as long as it has not ended. */
  #failed(thrown: unknown, awaited: IsAwaited): void {
    const tell = (): void => {
      const error = plainError(thrown);
      const message = `${this.what} failed, and nobody waits for its result: ${error.name}: ${error.message}`;
      this.#services.logger.warn(message, { ...this.#names(), error });
    };
    const { parentRunId } = this.#run;
    if (awaited === false || parentRunId === null) tell();
    else this.#others.find(parentRunId, (parent) => (parent === undefined || isEnded(parent.status)) && tell());
  }

  /** @param place - Where its code stands, if that is known. */
  blocked(code: BlockedCode, error: Error, place?: string): void {
    this.#services.logger.error(error.message, { ...this.#names(), code, ...(place === undefined ? {} : { at: place }) });
    this.#services.events.emit('run:blocked', { ...this.#names(), code, error: plainError(error) });
  }

  leaked(scope: Scope, futures: readonly LeakedFuture[]): void {
    const event = { ...this.#names(), scope: scope.path, branch: scope.branch, futures };
    this.#services.logger.warn(leakMessage(scope.what, futures), event);
    this.#services.events.emit('leak', event);
    this.#services.callSites.keep(this.#run.flow);
  }

  /** Code of the run went on after its end, and failed. */
  lateRejection(reason: unknown): void {
    const error = plainError(reason);
    this.#services.logger.warn(`${this.what} has ended or left this process, but its code went on and failed: ${error.message}`, {
      ...this.#names(),
      error,
    });
  }

  /**
   * Code of the scope went on by something that is not durable.
   *
   * @throws {UsageError} `NON_DURABLE_AWAIT` when that is the engine's policy.
   */
  nonDurableAwait(scope: Scope, what: string): void {
    this.#betrayed(
      `${scope.what} went on with ${what} after awaiting something that is not durable; a replay cannot repeat that: do input, output and timers in actions, and await only futures and what perdure gives`,
    );
  }

  /**
   * Code of the scope went on by what a branch did, and not by a future.
   *
   * @throws {UsageError} `NON_DURABLE_AWAIT` when that is the engine's policy.
   */
  sharedAwait(scope: Scope, by: Scope, what: string): void {
    this.#betrayed(
      `${scope.what} went on with ${what} because of what ${by.what} did, and not by a future of its own: a promise or an event that branches share is not durable, as the body of a branch that has ended is not run again; give values from branch to branch by their results`,
    );
  }

  /** Code of a scope has swallowed its cancellation until it got no more answers. */
  givenUp(scope: Scope): void {
    this.#services.logger.warn(
      `${scope.what} was cancelled, and went on asking until nothing was answered any more; it is taken for ended. Let a CancelledError through, or leave the loop by flowContext().cancelRequested`,
      this.#names(),
    );
  }

  standstill(lastOperation: string | null): void {
    if (this.#toldOfStandstill) return;
    this.#toldOfStandstill = true;
    this.#services.logger.warn(
      `${this.what} waits, and nothing is pending that could wake it; it awaits something that is not durable, or that never settles. Last operation: ${lastOperation ?? 'none'}`,
      this.#names(),
    );
    this.#services.events.emit('run:stuck', { ...this.#names(), lastOperation });
  }

  #betrayed(message: string): void {
    const policy = this.#services.nonDurableAwait;
    if (policy === 'ignore') return;
    const error = new UsageError('NON_DURABLE_AWAIT', message);
    if (policy === 'error') throw error;
    if (this.#toldOfAwait) return;
    this.#toldOfAwait = true;
    this.#services.logger.warn(error.message, { ...this.#names(), code: error.code });
  }

  /** How messages call the run. */
  get what(): string {
    return `flow "${this.#run.flow}" (run ${this.#run.id})`;
  }

  #origin(): RunOrigin {
    const { parentRunId, parentOperationId } = this.#run;
    return { startedAt: beganAt(this.#run), parentRunId, parentOperationId };
  }

  #names(): { runId: string; flow: string } {
    return { runId: this.#run.id, flow: this.#run.flow };
  }
}

/** An encoded error as plain JSON; what reading it throws, where that fails. */
function plainStoredError(codec: Pick<Codec, 'decodeError'>, text: string): PlainError {
  try {
    return plainError(codec.decodeError(text));
  } catch (error) {
    return plainError(error);
  }
}
