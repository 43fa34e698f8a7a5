import { PerdureError } from './errors.js';

/** A public function that code has called: the frames above it are the user's. */
export type EntryPoint = (...args: never[]) => unknown;

/** Where it was called; turned into text only when that is asked for. */
export interface CallSite {
  readonly stack?: string;
}

/** Where the entry point was called from, if it is being called. */
export function callSiteOf(entryPoint: EntryPoint, frames = 1): CallSite {
  const site: CallSite = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = frames;
  Error.captureStackTrace(site, entryPoint);
  Error.stackTraceLimit = stackTraceLimit;
  return site;
}

/** Such as `main (orders.ts:12:5)`. */
export function callSiteText(site: CallSite | undefined): string | undefined {
  return framesOf(site)[0]?.replace(/^async /, '');
}

/** As an error's stack has them. */
function framesOf(site: CallSite | undefined): string[] {
  // A program may have given its errors stacks of another kind.
  const stack: unknown = site?.stack;
  const lines = typeof stack === 'string' ? stack.split('\n').slice(1) : [];
  return lines.map((line) => line.trim().replace(/^at /, ''));
}

/** How many frames of the code that waits are shown. */
const WAITING = 6;

/** Those whose stack goes on to the code that was the first to wait: others may wait for the same error. */
const led = new WeakSet<Error>();

/**
 * The same error; if it is one of perdure, its stack goes on to the code that waits for the caller. For code outside of flows: inside, an error reaches who
 * waits without a caller.
 */
export function ledHere(error: unknown): unknown {
  if (!(error instanceof PerdureError) || led.has(error)) return error;
  led.add(error);
  for (const frame of framesOf(callSiteOf(ledHere, WAITING))) leadTo(error, frame);
  return error;
}

/** Lets the stack of an error end at a place, if it does not go through it. */
export function leadTo(error: Error, place: string | undefined): void {
  const { stack } = error;
  if (place === undefined || typeof stack !== 'string' || stack.includes(place)) return;
  Object.defineProperty(error, 'stack', { value: `${stack}\n    at ${place}`, enumerable: false, writable: true, configurable: true });
}
