import { inCleanContext } from '../clock/clean-context.js';
import type { LogFields, Logger } from '../model/logger.js';
import { readFields } from '../runtime/context-logger.js';
import { plainError, unreadable } from '../runtime/events.js';

/** A logger of the user's, from which nothing comes out that it throws or that its promises reject with: a log line never disturbs a run. */
export function guarded(logger: Logger): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: LogFields): void => {
      const failed = (error: unknown): void => jsonLogger[level](message, { ...readFields(fields), loggerFailed: plainError(error) });
      try {
        const returned: unknown = inCleanContext(() => logger[level](message, fields));
        if (returned instanceof Promise) returned.catch(failed);
      } catch (error) {
        failed(error);
      }
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Keeps these first in a line, and the logger's own whatever the caller adds. */
const HEAD = { level: '', time: '', message: '' };

/** How deep a field is shown. */
const DEPTH = 100;

/** One JSON object a line, on standard error, so that a program's own output stays its own. */
export const jsonLogger: Logger = {
  debug: (message, fields) => write('debug', message, fields),
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
};

function write(level: keyof Logger, message: string, fields: LogFields | undefined): void {
  process.stderr.write(`${line({ ...HEAD, ...readFields(fields), level, time: new Date().toISOString(), message })}\n`);
}

/** Each field on its own, so that one that cannot be shown costs nothing but itself. */
function line(fields: LogFields): string {
  const shown: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const text = json(value);
    if (text !== undefined) shown.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${shown.join(',')}}`;
}

/** A field as JSON; what JSON cannot hold is shown as text, so that a log line never fails. `undefined` for a field to leave out. */
function json(field: unknown): string | undefined {
  const ancestors: object[] = [];
  const show = function (this: unknown, _key: string, value: unknown): unknown {
    if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') return String(value);
    if (typeof value !== 'object' || value === null) return value;
    while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop();
    if (ancestors.includes(value)) return '[circular]';
    if (ancestors.length === DEPTH) return '[nested too deeply]';
    const shown = value instanceof Error ? plainError(value) : value;
    ancestors.push(shown);
    return shown;
  };
  try {
    return JSON.stringify(field, show) as string | undefined;
  } catch (error) {
    return JSON.stringify(unreadable(error));
  }
}
