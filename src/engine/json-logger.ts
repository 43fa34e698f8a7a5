import type { LogFields, Logger } from '../model/logger.js';
import { plainError } from '../runtime/events.js';

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
