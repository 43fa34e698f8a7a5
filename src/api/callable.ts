import { rememberStartable, type Startable } from '../engine/startables.js';
import type { EntryPoint } from '../errors/call-site.js';
import type { DurableFuture } from '../futures/durable-future.js';

/** What flows and actions have in common as functions. */
interface Callable<Options, Self> {
  (...args: unknown[]): Promise<unknown>;
  start(...args: unknown[]): DurableFuture<unknown>;
  with(options: Options): Self;
}

interface CallableInit<Options, Self> {
  readonly name: string;
  readonly startable: Startable;
  /**
   * @param entryPoint - What was called: a leak report shows where.
   * @param plain - It was the function itself, and not its `.start()`.
   */
  begin(args: readonly unknown[], entryPoint: EntryPoint, plain: boolean): DurableFuture<unknown>;
  withOptions(options: Options): Self;
}

/** Makes the function that stands for a flow or an action. Called directly, it rejects where `.start()` throws. */
export function makeCallable<Options, Self>(init: CallableInit<Options, Self>): Callable<Options, Self> {
  const call = (...args: unknown[]): Promise<unknown> => {
    try {
      return init.begin(args, call, true).result();
    } catch (error) {
      return Promise.reject(error);
    }
  };
  const start = (...args: unknown[]): DurableFuture<unknown> => init.begin(args, start, false);
  const callable = Object.assign(call, { start, with: init.withOptions });
  Object.defineProperty(callable, 'name', { value: init.name });
  rememberStartable(callable, init.startable);
  return callable;
}
