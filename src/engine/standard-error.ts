import { systemClock } from '../clock/system-clock.js';

type StandardError = typeof process.stderr;

/** The errors that our own writes have come to, and that the stream may not have emitted yet. */
const ownErrors = new Map<StandardError, Set<unknown>>();

/**
 * Writes to standard error what is there to be written, and what fails in that goes nowhere: a full disk or a reader that is gone must not end the process.
 *
 *   SE1  Nothing is thrown, and no `error` event of these writes reaches a stream without a listener, which would be an uncaught exception.
 *   SE2  Errors of what others write stay what they are.
 *   SE3  At most one listener is added, for one turn at a time.
 */
export function writeToStandardError(text: (stderr: StandardError) => string): void {
  try {
    const { stderr } = process;
    // After a write of the program that has failed and is about to be reported, this one fails as well, with the same error.
    const { errored } = stderr;
    stderr.write(text(stderr), (error) => {
      if (error instanceof Error && error !== errored) hold(stderr, error);
    });
  } catch {
    // Some versions of Node throw it, and so may what a program has put in its place.
  }
}

/** Node tells of an error in the callback, then emits it in the same turn. */
function hold(stderr: StandardError, error: Error): void {
  const held = ownErrors.get(stderr);
  if (held !== undefined) {
    held.add(error);
    return;
  }
  const own = new Set<unknown>([error]);
  const onError = (emitted: unknown): void => {
    // Without this listener it would be thrown as well.
    if (!own.has(emitted) && stderr.listenerCount('error') === 1) throw emitted;
  };
  ownErrors.set(stderr, own);
  stderr.on('error', onError);
  systemClock.macrotask(() => {
    stderr.off('error', onError);
    ownErrors.delete(stderr);
  });
}
