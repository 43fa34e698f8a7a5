/** What a log line says beside its message: `runId`, `flow`, `operationId`, `attempt` and whatever the caller adds. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where log lines go. `console` is one, and so are most logging libraries behind a line of glue. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
