import { UsageError } from '../errors/errors.js';
import { requireOneVersion } from '../errors/one-version.js';
import { currentPlace, type FlowPlace, type Place } from '../runtime/scopes/current-place.js';

/**
 * Where the calling code stands.
 *
 * @throws {UsageError} `VERSION_CONFLICT` when it may be the code of a flow or an action of another version of the library, which would seem to stand outside.
 */
export function knownPlace(): Place | undefined {
  const place = currentPlace();
  if (place === undefined) requireOneVersion();
  return place;
}

/**
 * The flow the calling code belongs to; `undefined` outside of everything.
 *
 * @throws {UsageError} `OPERATION_IN_ACTION` in an action.
 */
export function flowPlace(caller: string): FlowPlace | undefined {
  const place = knownPlace();
  if (place?.kind !== 'action') return place;
  throw new UsageError(
    'OPERATION_IN_ACTION',
    `${caller} was called inside action "${place.name}"; actions do the work and cannot start durable operations: move the call into the flow`,
  );
}

/**
 * The flow the calling code belongs to.
 *
 * @throws {UsageError} `OPERATION_IN_ACTION` in an action, `NOT_IN_FLOW` outside of everything.
 */
export function requireFlowPlace(caller: string): FlowPlace {
  const place = flowPlace(caller);
  if (place !== undefined) return place;
  throw new UsageError('NOT_IN_FLOW', `${caller} belongs inside a flow; wrap the function that calls it with flow()`);
}
