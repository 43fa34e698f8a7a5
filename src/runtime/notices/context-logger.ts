import type { LogFields, Logger } from '../../model/logger.js';
import { unreadable } from './plain-value.js';

/** A logger whose lines carry these fields, whatever else they are given under the same names; silent while `silent` says so. */
export function contextLogger(logger: Logger, context: LogFields, silent?: () => boolean): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: LogFields): void => {
      if (silent?.() !== true) logger[level](message, { ...context, ...readFields(fields), ...context });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A copy of the fields. It never throws: what cannot be read is told of in its place. */
export function readFields(fields: LogFields | undefined): LogFields {
  try {
    return { ...fields };
  } catch {
    return readOneByOne(fields as LogFields);
  }
}

function readOneByOne(fields: LogFields): LogFields {
  try {
    return Object.fromEntries(Object.keys(fields).map((name) => [name, readField(fields, name)]));
  } catch (error) {
    return { fields: unreadable(error) };
  }
}

function readField(fields: LogFields, name: string): unknown {
  try {
    return fields[name];
  } catch (error) {
    return unreadable(error);
  }
}
