import type { Serdes } from '../codec/serdes.js';
import { registry } from '../engine/registry.js';
import { UsageError } from '../errors/errors.js';
import type { DurableFuture } from '../futures/durable-future.js';
import { refuseMore } from '../options/extra-arguments.js';
import {
  isBoolean,
  isFunction,
  isPositiveInteger,
  mergedOptions,
  NO_OPTIONS,
  type OptionTable,
  readOptions,
  SERDES_OPTION,
  TEXT,
} from '../options/read-options.js';
import type { ActionDefinition } from '../runtime/definitions.js';
import { ATTEMPT_OPTIONS, type AttemptOptions, attemptPolicy } from './attempt-options.js';
import { makeCallable } from './callable.js';
import { flowPlace } from './place.js';
import { type Body, wrap } from './wrap.js';

/** A durable action: call it in a flow, or start it in the background. */
export interface Action<A extends readonly unknown[], R> {
  /** Does the action and waits for its result. Inside flows. */
  (...args: A): Promise<R>;
  readonly name: string;
  /** Starts the action in the background. Inside flows. */
  start(...args: A): DurableFuture<R>;
  /** The same action with options for this call. */
  with(options: ActionCall): Action<A, R>;
}

/** Options of one call of an action. */
export interface ActionCall extends AttemptOptions {
  /** What the operation is called in journals and logs. Default: the action's name. */
  readonly name?: string;
  /** How this call's arguments and result become text and come back. */
  readonly serdes?: Serdes;
}

/** Options of an action. */
export interface ActionOptions extends AttemptOptions {
  /** How many calls of it run at once in an engine; the others wait, and runs take turns. Default: any number. */
  readonly concurrency?: number;
  /** Take the place of an action registered under the same name. For development there is `PERDURE_HOT_RELOAD=1` instead. */
  readonly replace?: boolean;
  /** How this action's arguments and result become text and come back. */
  readonly serdes?: Serdes;
}

/** Options of an action that is a method. */
export interface ActionMethodOptions<This = never> extends ActionOptions {
  /** Tells the objects of the class apart, by a text that is the same after a restart. */
  readonly instance?: (self: This) => string;
}

const OPTIONS: OptionTable = {
  ...ATTEMPT_OPTIONS,
  replace: [isBoolean, 'true or false'],
  serdes: SERDES_OPTION,
  concurrency: [isPositiveInteger, 'a whole number above 0'],
};
const METHOD_OPTIONS: OptionTable = { ...OPTIONS, instance: [isFunction, 'a function of the object that returns a text'] };
const CALL_OPTIONS: OptionTable = { ...ATTEMPT_OPTIONS, name: TEXT, serdes: SERDES_OPTION };

/**
 * Makes a function with side effects a step of flows: its outcome is recorded, and an action whose outcome was recorded is not done again.
 *
 * An action that was interrupted by a crash is done again (at least once), so let it be idempotent: `actionContext().idempotencyKey` is the same each
 * time. A function without a name needs one here; beware that minifiers change the names of functions.
 *
 * @throws {UsageError} `NAME_REQUIRED`, `NAME_TAKEN`, `INVALID_ARGUMENT` or `INVALID_OPTION`.
 * @example
 * const fetchProfile = action('fetchProfile', async (userId: string) => ({ userId, name: 'Ada' }));
 */
export function action<This, A extends unknown[], R>(
  method: (this: This, ...args: A) => R,
  context: ClassMethodDecoratorContext<This, (this: This, ...args: A) => R>,
): void;
export function action<A extends unknown[], R>(fn: (...args: A) => PromiseLike<R>, options?: ActionOptions): Action<A, R>;
export function action<A extends unknown[], R>(fn: (...args: A) => R, options?: ActionOptions): Action<A, Awaited<R>>;
export function action<A extends unknown[], R>(name: string, fn: (...args: A) => PromiseLike<R>, options?: ActionOptions): Action<A, R>;
export function action<A extends unknown[], R>(name: string, fn: (...args: A) => R, options?: ActionOptions): Action<A, Awaited<R>>;
export function action<This>(
  options: ActionMethodOptions<This>,
): <A extends unknown[], R>(
  method: (this: This, ...args: A) => R,
  context: ClassMethodDecoratorContext<This, (this: This, ...args: A) => R>,
) => void;
export function action(...given: readonly unknown[]): unknown {
  return wrap('action', given, METHOD_OPTIONS, makeAction);
}

function makeAction(name: string, body: Body, options: ActionOptions | undefined): Action<unknown[], unknown> {
  const given = readOptions(`action "${name}"`, options, OPTIONS);
  const { serdes, concurrency, replace } = given;
  const { retry, timeoutMs, scheduleTimeoutMs, heartbeatTimeoutMs, execution } = attemptPolicy(`action "${name}"`, given);
  // Each call reads it: an object of the usual kind is read faster.
  const policy = { retry, timeoutMs, scheduleTimeoutMs, heartbeatTimeoutMs, execution };
  const definition: ActionDefinition = { kind: 'action', name, body, serdes, concurrency, policy };
  return callableAction(registry.addAction(definition, replace === true));
}

function callableAction(definition: ActionDefinition, options?: ActionCall): Action<unknown[], unknown> {
  const attempts = options && attemptPolicy(`action "${definition.name}".with()`, options);
  const call = { name: options?.name ?? definition.name, serdes: options?.serdes, attempts };
  return makeCallable<ActionCall, Action<unknown[], unknown>>({
    name: definition.name,
    startable: { definition, options: call },
    begin(args, entryPoint, plain) {
      const place = flowPlace(`action "${definition.name}"`);
      if (place === undefined) {
        throw new UsageError(
          'ACTION_OUTSIDE_FLOW',
          `action "${definition.name}" was called outside of any flow, where nothing would record it; call it in a function wrapped with flow()`,
        );
      }
      return place.run.start({ kind: 'action', definition, args, ...call }, place, entryPoint, plain);
    },
    withOptions(more) {
      refuseMore(`action "${definition.name}".with(options)`, arguments);
      const given = readOptions(`action "${definition.name}".with()`, more, CALL_OPTIONS);
      return callableAction(definition, mergedOptions(options ?? NO_OPTIONS, given));
    },
  });
}
