import { UsageError } from '../errors/errors.js';
import { currentPlace, type FlowPlace } from '../runtime/current-scope.js';

/**
 * The flow the calling code belongs to.
 *
 * @throws {UsageError} `OPERATION_IN_ACTION` in an action, `NOT_IN_FLOW` outside of everything.
 */
export function requireFlowPlace(caller: string): FlowPlace {
  const place = currentPlace();
  if (place?.kind === 'flow') return place;
  if (place?.kind === 'action') throw operationInAction(caller, place.name);
  throw new UsageError('NOT_IN_FLOW', `${caller} belongs inside a flow; wrap the function that calls it with flow()`);
}

export function operationInAction(caller: string, action: string): UsageError {
  return new UsageError(
    'OPERATION_IN_ACTION',
    `${caller} was called inside action "${action}"; actions do the work and cannot start durable operations: move the call into the flow`,
  );
}
