import { UsageError } from '../errors/errors.js';

type Check = (value: unknown) => boolean;

/** What an option may be: how to tell, and what to say. */
export type OptionRule = readonly [check: Check, expected: string];

/** The rule of each option. */
export type OptionTable = Readonly<Record<string, OptionRule>>;

/**
 * The options that are given: those that are `undefined` count as left out. Each is read once, so what was checked is what is used. What an object
 * inherits counts like what it has, a getter of its class for one; but what it inherits may be unknown, as the methods of a class are. What some code
 * has put into `Object.prototype` is no option, neither here nor in what is returned, which inherits nothing.
 *
 * @throws {UsageError} `INVALID_OPTION` when one is unknown or of the wrong kind.
 */
export function readOptions<T extends object>(caller: string, options: T | undefined, table: OptionTable): Partial<T> {
  if (options === undefined) return NO_OPTIONS as Partial<T>;
  requireKnown(caller, options, table);
  const given = mergedOptions<Record<string, unknown>>();
  for (const [name, [check, expected]] of Object.entries(table)) {
    const value = optionOf(options, name);
    if (value === undefined) continue;
    if (!check(value)) throw new UsageError('INVALID_OPTION', `${caller}: the option "${name}" must be ${expected}`);
    given[name] = value;
  }
  return given as Partial<T>;
}

/** Options that were read, put together: those of later parts win. */
export function mergedOptions<T extends object>(...parts: readonly object[]): T {
  return Object.assign(Object.create(null), ...parts);
}

/** No option at all. */
export const NO_OPTIONS: Readonly<Record<never, never>> = Object.freeze(mergedOptions());

/** The value of an option, if the object has it, or inherits it from something else than `Object.prototype`. */
export function optionOf(options: object, name: string): unknown {
  if (name in Object.prototype && !isGiven(options, name)) return undefined;
  return (options as Readonly<Record<string, unknown>>)[name];
}

function isGiven(options: object, name: string): boolean {
  for (let each: object | null = options; each !== null && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    if (Object.hasOwn(each, name)) return true;
  }
  return false;
}

function requireKnown(caller: string, options: unknown, table: OptionTable): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new UsageError('INVALID_OPTION', `${caller}: the options must be an object`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(table, name)) continue;
    throw new UsageError('INVALID_OPTION', `${caller}: there is no option "${name}"; the options are ${Object.keys(table).join(', ')}`);
  }
}

export const isBoolean: Check = (value) => typeof value === 'boolean';
/** A text that is not empty and that every store keeps as it is: no NUL, no half of a surrogate pair. */
export const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '' && isStorable(value);

/** Whether a text survives its way through SQLite and UTF-8. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && (text as string & { isWellFormed(): boolean }).isWellFormed();
}
export const isPositiveInteger: Check = (value) => Number.isSafeInteger(value) && (value as number) > 0;
export const isFunction: Check = (value) => typeof value === 'function';

export function isOneOf(...values: readonly string[]): OptionRule {
  return [(value) => values.includes(value as string), `one of ${values.map((value) => `'${value}'`).join(', ')}`];
}

/** A name or an id. */
export const TEXT: OptionRule = [isText, 'a text that is not empty'];
/** What to do about something: a leak policy, for one. */
export const POLICY: OptionRule = isOneOf('warn', 'error', 'ignore');
/** Anything: the code that reads it as a duration says what is wrong with it. */
export const DURATION: OptionRule = [() => true, 'a duration'];

/** Whether an object has these methods. */
export function hasMethods(...names: readonly string[]): Check {
  return (value) =>
    typeof value === 'object' && value !== null && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

/** The rule of every option that is a serdes. */
export const SERDES_OPTION: OptionRule = [hasMethods('serialize', 'deserialize'), 'an object with the functions serialize and deserialize'];

/** The rule of every option that is a retry strategy. */
export const RETRY_OPTION: OptionRule = [
  isFunction,
  'a strategy: RetryPresets.default(), createRetryStrategy(…), or a function of the error and the attempt',
];

/** The rule of every option that is the largest encoded value. */
export const MAX_VALUE_BYTES_OPTION: OptionRule = [isPositiveInteger, 'a whole number of bytes above 0'];
