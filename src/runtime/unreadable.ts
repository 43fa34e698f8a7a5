import { ExecutionError } from '../errors/errors.js';

/**
 * Why a run is blocked of which something recorded cannot be read.
 *
 * @param what - Such as `the arguments of flow "order" (run o-1)`.
 * @param error - What reading it threw.
 */
export function valueUnreadable(runId: string, what: string, error: unknown): ExecutionError {
  const { message, cause = error } = error as Error;
  const why = message.endsWith('.') ? message : `${message}.`;
  return new ExecutionError(
    'VALUE_UNREADABLE',
    `${what}: ${why} Nothing is lost: run ${runId} is BLOCKED and goes on with the next process on this store that can read it, or once this one can, with engine.retry("${runId}").`,
    { cause },
  );
}

/** What `read` gives; `undefined` when that throws, which `owner` is told. */
export function readable<T extends object>(
  owner: { unreadable(what: string, error: unknown): void },
  what: string,
  read: () => T,
): T | undefined {
  try {
    return read();
  } catch (error) {
    owner.unreadable(what, error);
    return undefined;
  }
}
