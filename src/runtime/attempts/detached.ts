import { UsageError } from '../../errors/errors.js';
import type { ActionDefinition, FlowDefinition } from '../definitions.js';
import { currentPlace } from '../scopes/current-place.js';

/** A detached action that outlives its run is a run of this flow: recovery takes it up like any other. */
const PREFIX = 'action:';

/** The name and version under which detached calls of an action run. */
export function detachedDefinition(action: ActionDefinition): { readonly name: string; readonly version: number } {
  return { name: PREFIX + action.name, version: 1 };
}

/** The flow that carries on a detached call of the action, for a process that takes it over. */
export function detachedFlow(action: ActionDefinition): FlowDefinition {
  const body = async (...args: readonly unknown[]): Promise<unknown> => {
    const place = currentPlace();
    if (place?.kind !== 'flow') throw new UsageError('NOT_IN_FLOW', `the carrier of action "${action.name}" runs in the engine only`);
    return place.run.start({ kind: 'action', definition: action, name: action.name, args, attempts: place.run.attempts }, place);
  };
  return { kind: 'flow', ...detachedDefinition(action), body, serdes: action.serdes };
}

/** The name of the action, if a flow of this name carries on detached calls of one. */
export function detachedActionName(flow: string): string | undefined {
  return flow.startsWith(PREFIX) ? flow.slice(PREFIX.length) : undefined;
}
