import { decodeDefault, encodeDefault } from '../codec/default-encoding.js';
import { decodeErrorText, encodeErrorText } from '../codec/error-codec.js';
import { registerOwnClass } from '../codec/own-classes.js';
import { isPlainJson, isPlainPrimitive } from '../codec/plain-json.js';
import { UsageError } from '../errors/errors.js';
import { type BatchItemStatus, COMPLETION_REASONS, type CompletionReason } from '../model/statuses.js';

/** One branch of a batch, as it was when the batch was complete. */
export type BatchItem<T> = { readonly index: number; readonly name: string } & (
  | { readonly status: 'SUCCEEDED'; readonly result: T }
  | { readonly status: 'FAILED'; readonly error: Error }
  | { readonly status: 'STARTED' | 'NOT_STARTED' }
);

/** A branch that succeeded. */
export type SucceededItem<T> = Extract<BatchItem<T>, { status: 'SUCCEEDED' }>;
/** A branch that failed. */
export type FailedItem<T> = Extract<BatchItem<T>, { status: 'FAILED' }>;
/** A branch that was not done, or not even begun. */
export type UnfinishedItem<T> = Extract<BatchItem<T>, { status: 'STARTED' | 'NOT_STARTED' }>;

/**
 * What became of the branches of a `parallel` or the items of a `map`. It is the same after any crash and on every replay, and it can be stored: a
 * flow may return it.
 */
export interface BatchResult<T, All extends readonly BatchItem<unknown>[] = BatchItem<T>[]> {
  /** One for each branch, in index order, those that never started included. */
  readonly all: All;
  /** The same array. */
  readonly results: All;
  succeeded(): SucceededItem<T>[];
  failed(): FailedItem<T>[];
  started(): UnfinishedItem<T>[];
  notStarted(): UnfinishedItem<T>[];
  /** The first branch of this name. */
  get(name: string): All[number] | undefined;
  /** The values of those that succeeded, in index order; `undefined` and `null` are kept. */
  getResults(): T[];
  /** The errors of those that failed, in index order: the branches' own. */
  getErrors(): Error[];
  /** `FAILED` if any branch failed. */
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly completionReason: CompletionReason;
  readonly hasFailure: boolean;
  readonly totalCount: number;
  readonly successCount: number;
  readonly failureCount: number;
  readonly startedCount: number;
  readonly notStartedCount: number;
  /** What `summaryGenerator` made of a large result. */
  readonly summary?: string;
  /** @throws The error of the first branch, by index, that failed. */
  throwIfError(): void;
  /** Plain JSON, which `BatchResult.fromJSON` takes back exactly. */
  toJSON(): BatchResultJson;
}

/** A batch result whose items are addressed by the keys of the object of branches. */
export interface NamedBatchResult<R> extends BatchResult<R[keyof R]> {
  get<K extends keyof R & string>(name: K): BatchItem<R[K]>;
}

/** A batch result as plain JSON. */
export interface BatchResultJson {
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly completionReason: CompletionReason;
  readonly totalCount: number;
  readonly successCount: number;
  readonly failureCount: number;
  readonly startedCount: number;
  readonly notStartedCount: number;
  readonly summary?: string;
  readonly all: readonly BatchItemJson[];
}

/** One branch as plain JSON. */
export interface BatchItemJson {
  readonly index: number;
  readonly name: string;
  readonly status: BatchItemStatus;
  /** The value, where JSON holds it as it is. */
  readonly result?: unknown;
  /** What to read of the error. */
  readonly error?: { readonly name: string; readonly message: string; readonly stack?: string };
  /** The error, or a value that JSON alone would change, in perdure's own encoding. */
  readonly encoded?: string;
}

/** Restored instances are made without a constructor, so there is nothing private in it. */
class BatchItems implements BatchResult<unknown> {
  readonly all: BatchItem<unknown>[];
  readonly completionReason: CompletionReason;
  declare readonly summary?: string;

  constructor(all: BatchItem<unknown>[], completionReason: CompletionReason, summary: string | undefined) {
    this.all = all;
    this.completionReason = completionReason;
    if (summary !== undefined) this.summary = summary;
  }

  get results(): BatchItem<unknown>[] {
    return this.all;
  }

  succeeded(): SucceededItem<unknown>[] {
    return this.all.filter((item): item is SucceededItem<unknown> => item.status === 'SUCCEEDED');
  }

  failed(): FailedItem<unknown>[] {
    return this.all.filter((item): item is FailedItem<unknown> => item.status === 'FAILED');
  }

  started(): UnfinishedItem<unknown>[] {
    return this.all.filter((item): item is UnfinishedItem<unknown> => item.status === 'STARTED');
  }

  notStarted(): UnfinishedItem<unknown>[] {
    return this.all.filter((item): item is UnfinishedItem<unknown> => item.status === 'NOT_STARTED');
  }

  get(name: string): BatchItem<unknown> | undefined {
    let names = itemsByName.get(this);
    if (names === undefined) {
      names = new Map();
      for (const item of this.all) if (!names.has(item.name)) names.set(item.name, item);
      itemsByName.set(this, names);
    }
    return names.get(name);
  }

  getResults(): unknown[] {
    return this.succeeded().map(({ result }) => result);
  }

  getErrors(): Error[] {
    return this.failed().map(({ error }) => error);
  }

  get status(): 'SUCCEEDED' | 'FAILED' {
    return this.hasFailure ? 'FAILED' : 'SUCCEEDED';
  }

  get hasFailure(): boolean {
    return this.all.some(({ status }) => status === 'FAILED');
  }

  get totalCount(): number {
    return this.all.length;
  }

  get successCount(): number {
    return count(this, 'SUCCEEDED');
  }

  get failureCount(): number {
    return count(this, 'FAILED');
  }

  get startedCount(): number {
    return count(this, 'STARTED');
  }

  get notStartedCount(): number {
    return count(this, 'NOT_STARTED');
  }

  throwIfError(): void {
    const [first] = this.failed();
    if (first !== undefined) throw first.error;
  }

  toJSON(): BatchResultJson {
    const { status, completionReason, totalCount, successCount, failureCount, startedCount, notStartedCount, summary } = this;
    const counts = { totalCount, successCount, failureCount, startedCount, notStartedCount };
    return { status, completionReason, ...counts, ...(summary === undefined ? {} : { summary }), all: this.all.map(itemJson) };
  }
}

// What inspectors call it.
Object.defineProperty(BatchItems, 'name', { value: 'BatchResult' });

function count({ all }: BatchItems, status: BatchItemStatus): number {
  let found = 0;
  for (const item of all) if (item.status === status) found += 1;
  return found;
}

/** Made when somebody asks, and kept aside: what is stored and compared is the items alone. */
const itemsByName = new WeakMap<BatchItems, Map<string, BatchItem<unknown>>>();

registerOwnClass<BatchItems>({
  name: 'BatchResult',
  prototype: BatchItems.prototype,
  takeApart: ({ all, completionReason, summary }) => ({ all, completionReason, ...(summary === undefined ? {} : { summary }) }),
  fill: (instance, parts) => {
    Object.assign(instance, parts);
  },
});

interface BatchResultParts {
  readonly all: BatchItem<unknown>[];
  readonly completionReason: CompletionReason;
  readonly summary?: string | undefined;
}

export function batchResult({ all, completionReason, summary }: BatchResultParts): BatchResult<unknown> {
  return new BatchItems(all, completionReason, summary);
}

export const BatchResult: {
  /**
   * The result of what its `toJSON` made, also after a way through text.
   *
   * @throws {UsageError} `INVALID_ARGUMENT` when it is something else.
   * @example
   * const again = BatchResult.fromJSON(JSON.parse(JSON.stringify(result)));
   */
  fromJSON<T = unknown>(json: unknown): BatchResult<T>;
} = {
  fromJSON<T = unknown>(json: unknown): BatchResult<T> {
    return readBatchResult(json) as unknown as BatchResult<T>;
  },
};

/** A batch result, or what its `toJSON` made. @throws {UsageError} `INVALID_ARGUMENT` when it is something else. */
export function readBatchResult(value: unknown): BatchResult<unknown> {
  if (value instanceof BatchItems) return value;
  const { all, completionReason, summary } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (!Array.isArray(all) || !COMPLETION_REASONS.includes(completionReason as CompletionReason) || !all.every(isItemJson)) {
    throw new UsageError('INVALID_ARGUMENT', 'this is no batch result: give what toJSON() of one made');
  }
  return batchResult({
    all: all.map(itemOf),
    completionReason: completionReason as CompletionReason,
    summary: typeof summary === 'string' ? summary : undefined,
  });
}

function isItemJson(item: unknown): item is BatchItemJson {
  if (typeof item !== 'object' || item === null) return false;
  const { index, name, status } = item as Partial<BatchItemJson>;
  return (
    typeof index === 'number' && typeof name === 'string' && ['SUCCEEDED', 'FAILED', 'STARTED', 'NOT_STARTED'].includes(status as string)
  );
}

function itemJson(item: BatchItem<unknown>): BatchItemJson {
  const { index, name, status } = item;
  switch (status) {
    case 'SUCCEEDED':
      return { index, name, status, ...valueJson(item.result) };
    case 'FAILED': {
      const { error } = item;
      const { stack } = error;
      return {
        index,
        name,
        status,
        error: { name: error.name, message: error.message, ...(stack === undefined ? {} : { stack }) },
        encoded: encodeErrorText(error, Number.POSITIVE_INFINITY),
      };
    }
    default:
      return { index, name, status };
  }
}

function valueJson(value: unknown): { readonly result?: unknown; readonly encoded?: string } {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null ? isPlainJson(value) : isPlainPrimitive(value)) return { result: value };
  try {
    return { encoded: encodeDefault(value) };
  } catch {
    // What a serdes of the program's own brought back, and only it can write.
    return { result: value };
  }
}

function itemOf({ index, name, status, result, error, encoded }: BatchItemJson): BatchItem<unknown> {
  switch (status) {
    case 'SUCCEEDED':
      return { index, name, status, result: encoded === undefined ? result : decodeDefault(encoded) };
    case 'FAILED':
      return { index, name, status, error: encoded === undefined ? errorOf(error) : decodeErrorText(encoded) };
    default:
      return { index, name, status };
  }
}

function errorOf(json: BatchItemJson['error']): Error {
  // A serdes that keeps errors has brought it back itself.
  if (json instanceof Error) return json;
  const error = new Error(json?.message ?? '');
  if (json?.name !== undefined) error.name = json.name;
  if (json?.stack !== undefined) error.stack = json.stack;
  return error;
}
