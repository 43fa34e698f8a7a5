import { currentPlace, type FlowRun } from './current-place.js';

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;

/**
 * Promises of a flow that reject without a handler: held until their scope, or the run, ends and reported as leaks there, since a replayed one must not kill
 * every process that recovers the run. All others keep Node's default.
 *
 *   HR1  Nothing else is told of a flow's rejection: a listener of the program that ends the process would end it at every recovery.
 *   HR2  For all other rejections everything is as it would be without us: who is told, with what origin, and in what mode Node runs.
 *
 * No listener can do that: Node takes any for somebody who handles the rejection, and all of them are called. So the two events of a flow's promises are
 * taken out where Node emits them, and a listener of ours there is none.
 */
let holders = 0;
let letGo = (): void => {};
const held = new WeakMap<Promise<unknown>, FlowRun>();

/** Holds rejections until the returned function is called. */
export function holdRejections(): () => void {
  holders += 1;
  if (holders === 1) letGo = takeOutOfEmit();
  return () => {
    holders -= 1;
    if (holders === 0) letGo();
  };
}

/** Puts itself before `process.emit` until the returned function is called. */
function takeOutOfEmit(): () => void {
  const former = Object.getOwnPropertyDescriptor(process, 'emit');
  let holding = true;
  const emit: Emit = function (event, ...args) {
    if (holding && event === 'unhandledRejection' && hold(args[0], args[1] as Promise<unknown>)) return true;
    if (holding && event === 'rejectionHandled' && release(args[0] as Promise<unknown>)) return true;
    const passOn = (former?.value ?? (Object.getPrototypeOf(process) as { emit: Emit }).emit) as Emit;
    return passOn.call(this, event, ...args);
  };
  Object.defineProperty(process, 'emit', { value: emit, enumerable: former?.enumerable ?? false, writable: true, configurable: true });
  return () => {
    holding = false;
    // A handler that was put before ours since keeps calling ours: then everything passes.
    if (process.emit !== emit) return;
    if (former === undefined) Reflect.deleteProperty(process, 'emit');
    else Object.defineProperty(process, 'emit', former);
  };
}

/** Whether the promise is a flow's. */
function hold(reason: unknown, promise: Promise<unknown>): boolean {
  const place = currentPlace();
  if (place?.kind !== 'flow') return false;
  held.set(promise, place.run);
  place.run.holdRejection(promise, reason, place.scope);
  return true;
}

/** Whether the promise was held. */
function release(promise: Promise<unknown>): boolean {
  const run = held.get(promise);
  run?.releaseRejection(promise);
  return run !== undefined;
}
