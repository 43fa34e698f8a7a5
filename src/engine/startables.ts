import type { Serdes } from '../codec/serdes.js';
import { UsageError } from '../errors/errors.js';
import { shared } from '../realm/realm.js';
import type { ActionDefinition, AttemptPolicy, FlowDefinition } from '../runtime/definitions.js';

/** Options of `engine.start`. */
export interface StartOptions {
  /** The run's id; the same id is the same run. Default: a new one. */
  readonly id?: string;
  /** Default: the flow's own policy, else the engine's. */
  readonly leaks?: 'warn' | 'error' | 'ignore';
}

/** A flow as `engine.start` takes it. */
export type StartableFlow<A extends readonly unknown[], R> = (...args: A) => Promise<R>;

/** What stands behind a function that `flow()` or `action()` made. */
export type Startable =
  | { readonly definition: FlowDefinition; readonly versionGiven: boolean; readonly options: FlowCallOptions }
  | StartableAction;

/** What stands behind a function that `action()` made. */
export interface StartableAction {
  readonly definition: ActionDefinition;
  readonly options: ActionCallOptions;
}

/** What `action.with()` keeps for the call. */
export interface ActionCallOptions {
  readonly name: string;
  readonly serdes?: Serdes | undefined;
  /** What it says of attempts; the rest is as the action has it. */
  readonly attempts: AttemptPolicy | undefined;
}

/** What `flow.with()` keeps for the start. */
export interface FlowCallOptions {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly leaks?: FlowDefinition['leaks'];
  readonly timeoutMs?: number | undefined;
  readonly retry?: FlowDefinition['retry'];
}

const startables = shared('startables', () => new WeakMap<object, Startable>());

/** Remembers what stands behind a function. */
export function rememberStartable(callable: object, startable: Startable): void {
  startables.set(callable, startable);
}

/** What stands behind a function; `undefined` for one that is neither flow nor action. */
export function findStartable(callable: unknown): Startable | undefined {
  return typeof callable === 'function' ? startables.get(callable) : undefined;
}

/** @throws {UsageError} `NOT_STARTABLE` when it is not a flow. */
export function requireFlow(callable: unknown, caller: string): Extract<Startable, { versionGiven: boolean }> {
  const startable = findStartable(callable);
  if (startable !== undefined && 'versionGiven' in startable) return startable;
  const what = startable === undefined ? 'a value that flow() did not make' : `action "${startable.definition.name}"`;
  throw new UsageError('NOT_STARTABLE', `${caller} takes a flow, not ${what}; wrap the function with flow()`);
}

/** @throws {UsageError} `NOT_STARTABLE` when it is not a flow, `INVALID_ARGUMENT` when its arguments are no array. */
export function requireStart(callable: unknown, args: unknown, caller: string): ReturnType<typeof requireFlow> {
  const startable = requireFlow(callable, caller);
  if (!Array.isArray(args)) throw new UsageError('INVALID_ARGUMENT', `${caller}: args is the array of arguments`);
  return startable;
}
