import { currentPlace, type FlowRun } from './current-scope.js';
import { plainError } from './events.js';

/**
 * Promises of a flow that reject with nobody handling them: held until their scope, or the run, ends and reported as leaks there, since a replayed one must not kill
 * every process that recovers the run. All others keep Node's default.
 */
let holders = 0;
const held = new WeakMap<Promise<unknown>, FlowRun>();

/** Holds rejections until the returned function is called. */
export function holdRejections(): () => void {
  holders += 1;
  if (holders === 1) process.on('unhandledRejection', hold).on('rejectionHandled', release);
  return () => {
    holders -= 1;
    if (holders === 0) process.off('unhandledRejection', hold).off('rejectionHandled', release);
  };
}

function hold(reason: unknown, promise: Promise<unknown>): void {
  const place = currentPlace();
  if (place?.kind === 'flow') {
    held.set(promise, place.run);
    place.run.holdRejection(promise, reason, place.scope);
    return;
  }
  // Somebody else listens as well: theirs to decide, as it would be without us.
  if (process.listenerCount('unhandledRejection') > 1) return;
  const mode = /--unhandled-rejections[= ]([\w-]+)/.exec([...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' '))?.[1];
  if (mode === 'none' || mode === 'warn') return;
  if (mode === 'warn-with-error-codes') {
    process.emitWarning(`Unhandled promise rejection: ${plainError(reason).message}`, 'UnhandledPromiseRejectionWarning');
    process.exitCode = 1;
    return;
  }
  // What is thrown here becomes an uncaught exception: Node's own default for a rejection nobody handles.
  throw reason;
}

function release(promise: Promise<unknown>): void {
  held.get(promise)?.releaseRejection(promise);
}
