import { UsageError } from '../errors/errors.js';
import { type Duration, durationMs } from '../model/duration.js';
import { describeKind } from '../model/value-kinds.js';

/** The milliseconds of a duration. @throws {UsageError} `INVALID_DURATION` when it is none. */
export function requireDuration(duration: Duration, what: string): number {
  const ms = durationMs(duration);
  if (ms === undefined) {
    throw new UsageError(
      'INVALID_DURATION',
      `${what} is ${described(duration)}; give milliseconds (0 or more) or a text such as 150ms, 5s, 10m, 2h, 7d`,
    );
  }
  return ms;
}

function described(given: unknown): string {
  if (typeof given === 'string') return `"${given}"`;
  const isContainer = (typeof given === 'object' && given !== null) || typeof given === 'function';
  return isContainer ? describeKind(given) : String(given);
}

/** As `requireDuration`, of one that may be left out. */
export function givenDuration(duration: Duration | undefined, what: string): number | undefined {
  return duration === undefined ? undefined : requireDuration(duration, what);
}
