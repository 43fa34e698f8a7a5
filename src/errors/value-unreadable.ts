import { ExecutionError } from './errors.js';

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
    `${what}: ${why} Nothing is lost: if run ${runId} is BLOCKED for it, it goes on with the next process on this store that can read it, or once this one can, with engine.retry("${runId}").`,
    { cause },
  );
}

/** What is wrong with a column of a row. */
export function columnUnreadable(column: string, value: unknown): TypeError {
  return new TypeError(`the column ${column} holds ${shown(value)}, which this version of perdure does not write`);
}

/** Characters of a value that are shown. */
const SHOWN = 100;

function shown(value: unknown): string {
  if (typeof value === 'string') return value.length <= SHOWN ? JSON.stringify(value) : `${JSON.stringify(value.slice(0, SHOWN))}…`;
  return value instanceof Uint8Array ? 'bytes' : String(value);
}
