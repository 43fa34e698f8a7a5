import { UsageError } from '../errors/errors.js';
import { isText } from '../options/read-options.js';
import { currentPlace } from '../runtime/scopes/current-place.js';

/** @throws {UsageError} `ENGINE_IN_FLOW` when the code that runs is a flow's. */
export function refuseInFlow(what: string): void {
  if (currentPlace()?.kind !== 'flow') return;
  throw new UsageError(
    'ENGINE_IN_FLOW',
    `${what}: a flow cannot call the engine, since a replay could not repeat that; start child flows with .start(), or call the engine in an action`,
  );
}

/** @throws {UsageError} `INVALID_ARGUMENT` */
export function requireRunId(runId: unknown, caller: string): string {
  if (isText(runId)) return runId;
  throw new UsageError('INVALID_ARGUMENT', `${caller}: the run's id must be a text that is not empty`);
}
