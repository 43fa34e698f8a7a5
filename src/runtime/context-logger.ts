import type { LogFields, Logger } from '../model/logger.js';

/** A logger whose lines carry these fields; silent while `silent` says so. */
export function contextLogger(logger: Logger, context: LogFields, silent?: () => boolean): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: LogFields): void => {
      if (silent?.() !== true) logger[level](message, { ...context, ...fields });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
