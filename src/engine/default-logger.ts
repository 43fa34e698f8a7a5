import { inCleanContext } from '../clock/clean-context.js';
import { systemClock } from '../clock/system-clock.js';
import type { LogFields, Logger } from '../model/logger.js';
import { readFields } from '../runtime/notices/context-logger.js';
import { plainError } from '../runtime/notices/plain-value.js';
import { jsonLine, type LogEntry, terminalLine } from './log-line.js';
import { writeToStandardError } from './standard-error.js';

/** A logger of the user's, from which nothing comes out that it throws or that its promises reject with: a log line never disturbs a run. */
export function guarded(logger: Logger): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: LogFields): void => {
      const failed = (error: unknown): void => defaultLogger[level](message, { ...readFields(fields), loggerFailed: plainError(error) });
      try {
        const returned: unknown = inCleanContext(() => logger[level](message, fields));
        if (returned instanceof Promise) returned.catch(failed);
      } catch (error) {
        failed(error);
      }
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Writes to standard error, so that a program's own output stays its own: lines for people on a terminal, else one JSON object a line. */
export const defaultLogger: Logger = {
  debug: (message, fields) => write('debug', message, fields),
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
};

function write(level: keyof Logger, message: string, fields: LogFields | undefined): void {
  const entry: LogEntry = { level, timeMs: systemClock.now(), message, fields: readFields(fields) };
  // `hasColors` goes by NO_COLOR, FORCE_COLOR and TERM.
  writeToStandardError((stderr) => `${stderr.isTTY ? terminalLine(entry, stderr.hasColors()) : jsonLine(entry)}\n`);
}
