import { UsageError } from '../errors/errors.js';
import type { Logger } from '../model/logger.js';
import type { ActionContext } from '../runtime/scopes/current-place.js';
import { knownPlace } from './place.js';

/** What `flowContext()` returns. */
export interface FlowContext {
  readonly runId: string;
  readonly flow: string;
  readonly version: number;
  /** Whether outcomes of an earlier execution are still being delivered. */
  readonly replaying: boolean;
  /**
   * Whether the cancellation of the run, or of the branch it is called in, was delivered: everything outside of shields is refused from then on. The same
   * on every replay.
   */
  readonly cancelRequested: boolean;
  /** Silent while replaying. */
  readonly log: Logger;
}

/** The context of the action the calling code belongs to. @throws {UsageError} `NOT_IN_ACTION` */
export function actionContext(): ActionContext {
  const place = knownPlace();
  if (place?.kind === 'action') return place.context;
  throw new UsageError('NOT_IN_ACTION', 'actionContext() belongs inside an action; in a flow, use flowContext()');
}

/** The context of the flow the calling code belongs to. @throws {UsageError} `NOT_IN_FLOW` */
export function flowContext(): FlowContext {
  const place = knownPlace();
  if (place?.kind !== 'flow') {
    throw new UsageError('NOT_IN_FLOW', 'flowContext() belongs inside a flow; in an action, use actionContext()');
  }
  const { run, scope } = place;
  return {
    runId: run.id,
    flow: run.flow,
    version: run.version,
    get replaying(): boolean {
      return run.replaying;
    },
    get cancelRequested(): boolean {
      return scope.isBeingCancelled;
    },
    log: run.log,
  };
}
