import { inCleanContext } from '../clock/clean-context.js';
import { processTimers } from '../clock/process-timers.js';
import { UsageError } from '../errors/errors.js';
import { HOT_RELOAD_ADVICE, hotReload } from '../errors/hot-reload.js';
import { shared } from '../realm/realm.js';
import { detachedActionName, detachedDefinition, detachedFlow } from '../runtime/attempts/detached.js';
import type { ActionDefinition, FlowDefinition } from '../runtime/definitions.js';
import type { FlowSource } from '../worker/worker-options.js';

/**
 * The flows and actions of this process, by name; flows by version as well.
 *
 *   RG1  A name (and version) belongs to one function, unless the later one says `replace`, or the process `PERDURE_HOT_RELOAD=1`. What was made of the former
 *       function starts the later one from then on.
 *   RG2  Flows and actions have separate names.
 */
export class Registry implements FlowSource {
  readonly #flows = new Map<string, Map<number, FlowDefinition>>();
  readonly #highest = new Map<string, FlowDefinition>();
  readonly #actions = new Map<string, ActionDefinition>();
  readonly #listeners = new Set<() => void>();
  #announced = false;

  addFlow(definition: FlowDefinition, replace: boolean): void {
    const { name, version } = definition;
    if (detachedActionName(name) !== undefined) {
      throw new UsageError(
        'INVALID_ARGUMENT',
        `flow "${name}": names that begin with "action:" belong to detached actions; choose another`,
      );
    }
    const versions = this.#flows.get(name) ?? new Map<number, FlowDefinition>();
    if (!hotReload() && versions.has(version) && !replace) throw nameTaken(`flow "${name}" version ${version}`, ' or another version');
    this.#flows.set(name, versions.set(version, definition));
    if (version >= (this.#highest.get(name)?.version ?? 0)) this.#highest.set(name, definition);
    this.#changed();
  }

  /** Returns what stands under the name from now on: the same object after a replacement, so that functions made before it follow. */
  addAction(definition: ActionDefinition, replace: boolean): ActionDefinition {
    const known = this.#actions.get(definition.name);
    if (!hotReload() && known !== undefined && !replace) throw nameTaken(`action "${definition.name}"`, '');
    const standing = known === undefined ? definition : Object.assign(known, definition);
    this.#actions.set(standing.name, standing);
    this.#changed();
    return standing;
  }

  find(flow: string, version: number): FlowDefinition | undefined {
    const action = this.#actions.get(detachedActionName(flow) ?? '');
    return action === undefined ? this.#flows.get(flow)?.get(version) : detachedFlow(action);
  }

  findAction(name: string): ActionDefinition | undefined {
    return this.#actions.get(name);
  }

  /** What a flow starts on: the version that was given, else the highest that is registered. */
  toStart({ definition, versionGiven }: { readonly definition: FlowDefinition; readonly versionGiven: boolean }): FlowDefinition {
    return (versionGiven ? this.#flows.get(definition.name)?.get(definition.version) : this.#highest.get(definition.name)) ?? definition;
  }

  all(): { readonly flow: string; readonly version: number }[] {
    const flows = [...this.#flows].flatMap(([flow, versions]) => [...versions.keys()].map((version) => ({ flow, version })));
    const detached = [...this.#actions.values()].map(detachedDefinition).map(({ name, version }) => ({ flow: name, version }));
    return [...flows, ...detached];
  }

  /** Calls back after every registration, once for those of one turn. Returns what calls it off. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #changed(): void {
    if (this.#announced || this.#listeners.size === 0) return;
    this.#announced = true;
    processTimers.queueMicrotask(() => {
      this.#announced = false;
      for (const listener of this.#listeners) inCleanContext(listener);
    });
  }
}

/** The registry of this realm. */
export const registry: Registry = shared('registry', () => new Registry());

/** That a flow is needed which this process has not registered. `caller` is what needs it. */
export function flowNotRegistered(caller: string, flow: string, version: number): UsageError {
  return new UsageError(
    'FLOW_NOT_REGISTERED',
    `${caller}: no flow "${flow}" version ${version} is registered in this process: import the module that defines it, or keep the old version beside the new one`,
  );
}

function nameTaken(what: string, or: string): UsageError {
  return new UsageError(
    'NAME_TAKEN',
    `${what} is registered already; give the second function another name${or}, or pass { replace: true } when it is meant to take the place of the first; ${HOT_RELOAD_ADVICE}`,
  );
}
