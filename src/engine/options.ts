import { inCleanContext } from '../clock/clean-context.js';
import { Codec } from '../codec/codec.js';
import type { Serdes } from '../codec/serdes.js';
import { UsageError } from '../errors/errors.js';
import type { Logger } from '../model/logger.js';
import {
  hasMethods,
  isBoolean,
  isPositiveInteger,
  isText,
  MAX_VALUE_BYTES_OPTION,
  mergedOptions,
  type OptionRule,
  type OptionTable,
  POLICY,
  RETRY_OPTION,
  readOptions,
  SERDES_OPTION,
} from '../options/read-options.js';
import type { Interceptor } from '../runtime/attempts/interceptor.js';
import type { RetryStrategy } from '../runtime/attempts/retry-strategy.js';
import type { LeakPolicy, NonDurableAwaitPolicy } from '../runtime/definitions.js';
import type { Store } from '../store/store.js';
import type { WorkerOptions } from '../worker/worker-options.js';
import { type Retention, readRetention } from './retention.js';

/** How an engine is opened. */
export interface EngineOptions {
  /** The path of a SQLite file, `':memory:'`, or a store. Default: `$PERDURE_STORE`, else `.perdure/journal.db`. */
  readonly store?: string | Store;
  /** Where log lines go. Default: one JSON object a line on standard error. */
  readonly logger?: Logger;
  /** What happens to futures that no code took delivery of. Default `'warn'`. */
  readonly leaks?: LeakPolicy;
  /** What happens when a flow goes on after awaiting something that is not durable. Default `'warn'`. */
  readonly nonDurableAwait?: NonDurableAwaitPolicy;
  /** What becomes of attempts that fail, where an action says nothing of it. Default: no second attempt. */
  readonly retry?: RetryStrategy;
  /** How many bodies of actions run at once in this engine. Default: any number. */
  readonly maxConcurrentActions?: number;
  /** Code that runs around the bodies of actions, the first outermost: for traces, or for the context of a library. */
  readonly interceptors?: readonly Interceptor[];
  /**
   * How many runs stay in memory. Beyond that, runs that only wait for what is far away leave it until that is due, and `recorded()` of new ones waits for
   * room. Default 10,000, of which at most 1,000 only wait.
   */
  readonly maxResidentRuns?: number;
  /** Which runs that have ended are deleted, now and then. Default: none. */
  readonly retention?: Retention;
  /** How values become text and come back. Default: superjson, with a check. */
  readonly serdes?: Serdes;
  /** The largest encoded value, in bytes. Default 4 MiB. */
  readonly maxValueBytes?: number;
  /** Milliseconds without a heartbeat after which others take this engine for dead, and a third of them between its heartbeats. Default 30,000. */
  readonly leaseMs?: number;
  /**
   * A run that has ended its process so many times, with nothing recorded in between, is not begun again: it is `BLOCKED` with `RECOVERY_LIMIT`, until
   * `engine.retry()`. From the second time on it is tried apart from others of its kind. Default 10.
   */
  readonly maxRecoveries?: number;
  /**
   * Whether this engine executes runs. With `false` it starts none and takes over none: it only asks, sends, cancels, checks and deletes. Default true.
   */
  readonly execute?: boolean;
  /** Whether flows called outside of any flow run on this engine, as long as no later one is opened. Default true. */
  readonly default?: boolean;
}

const STORE_METHODS = ['open', 'close', 'commit', 'loadJournals', 'claimRuns', 'registerWorker'];
/** Whether something is a store. */
export const isStore: OptionRule[0] = hasMethods(...STORE_METHODS);

const hasAround = hasMethods('around');

function areInterceptors(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => hasAround(each));
}

/** The rules of `EngineOptions`. */
export const ENGINE_OPTIONS: OptionTable = {
  store: [(value) => isText(value) || isStore(value), "a path, ':memory:' or a store"],
  logger: [hasMethods('debug', 'info', 'warn', 'error'), 'an object with the functions debug, info, warn and error, such as console'],
  leaks: POLICY,
  nonDurableAwait: POLICY,
  retry: RETRY_OPTION,
  retention: [(value) => typeof value === 'object' && value !== null, "an object such as { age: '30d', count: 10_000 }"],
  maxResidentRuns: [isPositiveInteger, 'a whole number above 0'],
  maxConcurrentActions: [isPositiveInteger, 'a whole number above 0'],
  interceptors: [areInterceptors, 'a list of objects with a function around(attempt, body)'],
  serdes: SERDES_OPTION,
  maxValueBytes: MAX_VALUE_BYTES_OPTION,
  leaseMs: [isPositiveInteger, 'a whole number of milliseconds above 0'],
  maxRecoveries: [isPositiveInteger, 'a whole number above 0'],
  execute: [isBoolean, 'true or false'],
  default: [isBoolean, 'true or false'],
};

/**
 * The options that are given, read once.
 *
 * @param table - The rules, where they are not those of `open()`.
 * @throws {UsageError} `INVALID_OPTION` when an option is unknown or of the wrong kind.
 */
export function readEngineOptions<T extends EngineOptions>(
  caller: string,
  options: T | undefined,
  table: OptionTable = ENGINE_OPTIONS,
): Partial<T> {
  refuseBareStore(caller, options, table);
  const given = readOptions(caller, options, table);
  if (given.retention === undefined) return given;
  return mergedOptions<Partial<T>>(given, { retention: readRetention(`${caller}: retention`, given.retention) } as Partial<T>);
}

/** A store in the place of the options is a likely slip. */
function refuseBareStore(caller: string, options: unknown, { store }: OptionTable): void {
  if (store?.[0](options) !== true) return;
  const isPath = typeof options === 'string';
  // An address may have a password in it.
  const shown = !isPath ? 'store' : options.includes('://') ? "store: '…'" : `store: '${options}'`;
  throw new UsageError(
    'INVALID_OPTION',
    `${caller}: the options must be an object, not ${isPath ? 'a path' : 'a store'}; write ${caller.replace('()', '')}({ ${shown} })`,
  );
}

/** How a worker of these options lives with others, and with what ends its process. */
export function workerLimits({
  leaseMs = 30_000,
  maxRecoveries = 10,
  maxResidentRuns,
}: EngineOptions): Pick<WorkerOptions, 'leaseMs' | 'maxRecoveries' | 'residents'> {
  const residents = { most: maxResidentRuns ?? 10_000, mostResting: maxResidentRuns ?? 1_000 };
  return { leaseMs, maxRecoveries, residents };
}

const DEFAULT_MAX_VALUE_BYTES = 4 * 1024 * 1024;

/** What an engine of these options writes and reads values with. */
export function engineCodec({ maxValueBytes = DEFAULT_MAX_VALUE_BYTES, serdes }: Pick<EngineOptions, 'maxValueBytes' | 'serdes'>): Codec {
  return new Codec({ maxValueBytes, serdes, callSerdes: inCleanContext });
}
