import type { LogFields, Logger } from '../model/logger.js';
import { plainError } from '../runtime/events.js';

/** A logger of the user's, from which nothing that it throws comes out: a log line never disturbs a run. */
export function guarded(logger: Logger): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: LogFields): void => {
      try {
        logger[level](message, fields);
      } catch (error) {
        jsonLogger[level](message, { ...fields, loggerFailed: plainError(error) });
      }
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Keeps these first in a line, and the logger's own whatever the caller adds. */
const HEAD = { level: '', time: '', message: '' };

/** One JSON object a line, on standard error, so that a program's own output stays its own. */
export const jsonLogger: Logger = {
  debug: (message, fields) => write('debug', message, fields),
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
};

function write(level: keyof Logger, message: string, fields: LogFields | undefined): void {
  process.stderr.write(`${line({ ...HEAD, ...fields, level, time: new Date().toISOString(), message })}\n`);
}

/** A field that JSON cannot hold is shown as text: a log line never fails. */
function line(fields: LogFields): string {
  const ancestors: object[] = [];
  return JSON.stringify(fields, function (this: unknown, _key, value: unknown) {
    if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') return String(value);
    if (value instanceof Error) return plainError(value);
    if (typeof value !== 'object' || value === null) return value;
    while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop();
    if (ancestors.includes(value)) return '[circular]';
    ancestors.push(value);
    return value;
  });
}
