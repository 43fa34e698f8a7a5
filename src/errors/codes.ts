/**
 * Every code a `PerdureError` can carry, with one line on what it means. This table is their only home; each has a page in
 * `docs/reference/errors/`.
 */
export const ERROR_CODES = {
  // Misuse: fix the call.
  INVALID_ARGUMENT: 'an argument has the wrong type or value',
  INVALID_OPTION: 'an option is unknown or has the wrong type or value',
  INVALID_DURATION: 'a duration is neither milliseconds nor a text such as 150ms, 5s, 2h or 7d',
  NAME_REQUIRED: 'a flow or action has no name, and its function none to take it from',
  NAME_TAKEN: 'another function is registered under this name and version',
  INSTANCE_REQUIRED: 'a class with decorated methods was constructed again without `instance` to tell the objects apart',
  NOT_STARTABLE: 'the value is neither a flow nor an action',
  OPERATION_IN_ACTION: 'an action called a flow, an action or another durable operation',
  ACTION_OUTSIDE_FLOW: 'an action was called where no flow is running',
  NOT_IN_FLOW: 'a call that belongs inside a flow was made outside',
  NOT_IN_ACTION: 'a call that belongs inside an action was made outside',
  ENGINE_IN_FLOW: 'a flow called the engine, or waited for something that is not its own',
  FOREIGN_FUTURE: 'a future of another run or scope was waited for, cancelled or detached',
  RUN_ENDED: 'code of a run went on after the run had ended or left memory',
  NON_DURABLE_AWAIT: 'a flow awaited something that is not durable',
  INVALID_TOKEN: 'the text is not the token of a callback',
  CALLBACK_CLOSED: 'the callback has another answer, or takes none any more',
  RUN_FINISHED: 'the run has ended, so nothing can be sent to it',
  RUN_NOT_FOUND: 'no run has this id',
  RUN_ID_TAKEN: 'the id belongs to a run of another flow or with other arguments',
  RUN_NOT_BLOCKED: 'only a blocked run can be retried',
  ENGINE_CLOSED: 'the engine is closed',
  NO_CURRENT_ENGINE: 'a flow was called by itself, and the program opened no engine for such calls',
  VERSION_CONFLICT: 'two versions of perdure are used in one process',
  VALUE_NOT_SERIALIZABLE: 'a value cannot be stored and brought back as it is',
  VALUE_TOO_LARGE: 'an encoded value exceeds `maxValueBytes`',
  // What can happen to a run or an operation.
  EXECUTION_FAILED: 'an execution failed',
  WAIT_TIMEOUT: 'waiting took longer than its own limit; the operation goes on',
  ACTION_TIMEOUT: 'an action took longer than its limit',
  EVENT_TIMEOUT: 'no message came for an event in time',
  CALLBACK_TIMEOUT: 'nobody completed a callback in time',
  FLOW_TIMEOUT: 'a run took longer than its limit',
  CANCELLED: 'the operation or run was cancelled',
  INTERRUPTED: 'the process ended while the attempt was under way',
  LEAKED_FUTURES: 'a flow or branch ended without taking delivery of what it started',
  RECOVERY_LIMIT: 'the process has ended too often while the run was under way',
  NON_DETERMINISM: 'the flow asks for something else than its journal has recorded',
  VALUE_UNREADABLE: 'something that is stored cannot be read by this process',
  NON_RETRYABLE: 'the action asked not to be retried',
  FLOW_NOT_REGISTERED: 'no flow of this name and version is registered in this process',
  // Storage.
  STORE_FAILED: 'the store failed',
  STORE_DIRECTORY_MISSING: 'the directory of the store does not exist',
  STORE_READ_ONLY: 'the store cannot be written',
  STORE_NOT_A_DATABASE: 'the file is not a SQLite database',
  STORE_CORRUPT: 'the database is damaged',
  STORE_REPLACED: 'the file of an open store was deleted, replaced or written over, or its log was',
  STORE_TOO_NEW: 'the store was written by a newer version of perdure',
  STORE_BUSY: 'another process kept the store locked for too long',
  STORE_NO_DESCRIPTORS: 'the process has no file descriptors left to open the store with',
  STORE_CLOSED: 'the store is closed',
  SQLITE_DRIVER_MISSING: 'no SQLite driver is available',
  FENCED: 'this worker was marked dead, and its runs may belong to another',
} as const;

/** A code of the table. */
export type ErrorCode = keyof typeof ERROR_CODES;
