import type { Serdes } from '../codec/serdes.js';
import { currentEngine } from '../engine/current.js';
import { openImplicitEngine } from '../engine/implicit-engine.js';
import { registry } from '../engine/registry.js';
import type { FlowCallOptions } from '../engine/startables.js';
import type { DurableFuture } from '../futures/durable-future.js';
import type { Duration } from '../model/duration.js';
import { givenDuration } from '../options/durations.js';
import { refuseMore } from '../options/extra-arguments.js';
import {
  DURATION,
  isBoolean,
  isFunction,
  isPositiveInteger,
  mergedOptions,
  NO_OPTIONS,
  type OptionTable,
  POLICY,
  RETRY_OPTION,
  readOptions,
  SERDES_OPTION,
  TEXT,
} from '../options/read-options.js';
import type { RetryStrategy } from '../runtime/attempts/retry-strategy.js';
import type { FlowDefinition, LeakPolicy } from '../runtime/definitions.js';
import { makeCallable } from './callable.js';
import { flowPlace } from './place.js';
import { type Body, wrap } from './wrap.js';

/** A durable flow: call it, or start it in the background. */
export interface Flow<A extends readonly unknown[], R> {
  /** Starts the flow and waits for its result: a child run inside a flow, a run of the current engine outside. */
  (...args: A): Promise<R>;
  readonly name: string;
  /** Starts the flow in the background. */
  start(...args: A): DurableFuture<R>;
  /** The same flow with options for this call. */
  with(options: FlowCall): Flow<A, R>;
}

/** Options of one call of a flow. */
export interface FlowCall {
  /** The run's id: the same id is the same run. */
  readonly id?: string;
  /** What the operation is called in journals and logs. Default: the flow's name. */
  readonly name?: string;
  /** What happens to futures the run takes no delivery of. */
  readonly leaks?: LeakPolicy;
  /** How long the run may take; of a child that is retried, each attempt. After that it is cancelled, and has failed with a `TimeoutError`. */
  readonly timeout?: Duration;
  /** What becomes of a child run that fails: each attempt is a run of its own. Inside flows only. */
  readonly retry?: RetryStrategy;
}

/** Options of a flow. */
export interface FlowOptions {
  /** A whole number from 1: a run stays on the version it was started with. Default 1. */
  readonly version?: number;
  /** Take the place of a flow registered under the same name and version. For development there is `PERDURE_HOT_RELOAD=1` instead. */
  readonly replace?: boolean;
  /** What happens to futures a run takes no delivery of. Default: the engine's policy. */
  readonly leaks?: LeakPolicy;
  /** How this flow's arguments and result become text and come back. */
  readonly serdes?: Serdes;
  /** How long a run may take. After that it is cancelled, and has failed with a `TimeoutError`. Default: no limit. */
  readonly timeout?: Duration;
  /** What becomes of child runs that fail: each attempt is a run of its own. Default: no second attempt. */
  readonly retry?: RetryStrategy;
}

/** Options of a flow that is a method. */
export interface FlowMethodOptions<This = never> extends FlowOptions {
  /** Tells the objects of the class apart, by a text that is the same after a restart. */
  readonly instance?: (self: This) => string;
}

const OPTIONS: OptionTable = {
  version: [isPositiveInteger, 'a whole number from 1'],
  replace: [isBoolean, 'true or false'],
  leaks: POLICY,
  serdes: SERDES_OPTION,
  timeout: DURATION,
  retry: RETRY_OPTION,
};
const METHOD_OPTIONS: OptionTable = { ...OPTIONS, instance: [isFunction, 'a function of the object that returns a text'] };
const CALL_OPTIONS: OptionTable = {
  id: TEXT,
  name: TEXT,
  leaks: POLICY,
  timeout: DURATION,
  retry: RETRY_OPTION,
};

/**
 * Makes an async function durable: its steps are journaled, and a run that was interrupted goes on where it was.
 *
 * The function may be run again at any time, so it must be deterministic: input and output belong in actions. A function without a name needs one
 * here; beware that minifiers change the names of functions.
 *
 * @throws {UsageError} `NAME_REQUIRED`, `NAME_TAKEN`, `INVALID_ARGUMENT` or `INVALID_OPTION`.
 * @example
 * const greet = flow('greet', async (name: string) => `Hello, ${name}`);
 * const future = greet.start('Ada');
 */
export function flow<This, A extends unknown[], R>(
  method: (this: This, ...args: A) => R,
  context: ClassMethodDecoratorContext<This, (this: This, ...args: A) => R>,
): void;
export function flow<A extends unknown[], R>(fn: (...args: A) => PromiseLike<R>, options?: FlowOptions): Flow<A, R>;
export function flow<A extends unknown[], R>(fn: (...args: A) => R, options?: FlowOptions): Flow<A, Awaited<R>>;
export function flow<A extends unknown[], R>(name: string, fn: (...args: A) => PromiseLike<R>, options?: FlowOptions): Flow<A, R>;
export function flow<A extends unknown[], R>(name: string, fn: (...args: A) => R, options?: FlowOptions): Flow<A, Awaited<R>>;
export function flow<This>(
  options: FlowMethodOptions<This>,
): <A extends unknown[], R>(
  method: (this: This, ...args: A) => R,
  context: ClassMethodDecoratorContext<This, (this: This, ...args: A) => R>,
) => void;
export function flow(...given: readonly unknown[]): unknown {
  return wrap('flow', given, METHOD_OPTIONS, makeFlow);
}

function makeFlow(name: string, body: Body, options: FlowOptions | undefined): Flow<unknown[], unknown> {
  const { version, leaks, serdes, timeout, replace, retry } = readOptions(`flow "${name}"`, options, OPTIONS);
  const timeoutMs = givenDuration(timeout, `flow "${name}": timeout`);
  const definition: FlowDefinition = { kind: 'flow', name, version: version ?? 1, body, leaks, serdes, timeoutMs, retry };
  registry.addFlow(definition, replace === true);
  return callableFlow(definition, version !== undefined, NO_OPTIONS);
}

function callableFlow(definition: FlowDefinition, versionGiven: boolean, options: FlowCallOptions): Flow<unknown[], unknown> {
  return makeCallable<FlowCall, Flow<unknown[], unknown>>({
    name: definition.name,
    startable: { definition, versionGiven, options },
    begin(args, entryPoint, plain) {
      const current = registry.toStart({ definition, versionGiven });
      const place = flowPlace(`flow "${definition.name}"`);
      if (place === undefined) return currentEngine(openImplicitEngine).startRun(current, args, options);
      const { id, leaks, timeoutMs, retry, name = definition.name } = options;
      return place.run.start({ kind: 'flow', definition: current, name, args, id, leaks, timeoutMs, retry }, place, entryPoint, plain);
    },
    withOptions(more) {
      refuseMore(`flow "${definition.name}".with(options)`, arguments);
      const caller = `flow "${definition.name}".with()`;
      const { timeout, ...call } = readOptions(caller, more, CALL_OPTIONS);
      const timeoutMs = givenDuration(timeout, `${caller}: timeout`) ?? options.timeoutMs;
      return callableFlow(definition, versionGiven, mergedOptions(options, call, { timeoutMs }));
    },
  });
}
