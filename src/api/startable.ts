import { findStartable } from '../engine/startables.js';
import { UsageError } from '../errors/errors.js';
import { requireOneVersion } from '../errors/one-version.js';
import type { DurableFuture } from '../futures/durable-future.js';
import { refuseMore } from '../options/extra-arguments.js';
import type { ActionCall } from './action.js';
import type { FlowCall } from './flow.js';

/** A decorated method, typed as the flow or action that it is. */
export interface Startable<A extends readonly unknown[], R> {
  (...args: A): Promise<R>;
  readonly name: string;
  start(...args: A): DurableFuture<R>;
  with(options: FlowCall & ActionCall): Startable<A, R>;
}

/**
 * The typed view of a decorated method, which TypeScript still takes for a plain one: `startable(this.charge).start(order)`.
 *
 * @throws {UsageError} `NOT_STARTABLE` when the method is not decorated with `@flow` or `@action`.
 */
export function startable<A extends unknown[], R>(method: (...args: A) => PromiseLike<R> | R): Startable<A, R> {
  requireOneVersion();
  refuseMore('startable(method)', arguments);
  if (findStartable(method) !== undefined) return method as unknown as Startable<A, R>;
  throw new UsageError(
    'NOT_STARTABLE',
    `startable() takes a method decorated with @flow or @action, read from its object (this.method); it was given ${typeof method === 'function' ? `the plain function "${method.name}"` : typeof method}`,
  );
}
