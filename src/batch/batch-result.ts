import { registerOwnClass } from '../codec/own-classes.js';
import { UsageError } from '../errors/errors.js';
import { type BatchItemStatus, COMPLETION_REASONS, type CompletionReason } from '../model/statuses.js';
import { recognisable } from '../realm/recognisable.js';
import {
  type BatchItem,
  type BatchItemJson,
  type FailedItem,
  isItemJson,
  itemJson,
  itemOf,
  type SucceededItem,
  type UnfinishedItem,
} from './batch-item.js';

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
  /** The branch of this key, or else the first of this name. */
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
  /** Of branches in an object, in index order, where some are named otherwise. */
  readonly keys?: readonly string[];
  /** @throws The error of the first branch, by index, that failed. */
  throwIfError(): void;
  /** Plain JSON, which `BatchResult.fromJSON` takes back exactly. */
  toJSON(): BatchResultJson;
}

/** A batch result whose items are addressed by the keys of the object of branches. */
export interface NamedBatchResult<R> extends BatchResult<R[keyof R]> {
  get<K extends keyof R & string>(name: K): BatchItem<R[K]>;
}

type CountName = 'totalCount' | 'successCount' | 'failureCount' | 'startedCount' | 'notStartedCount';

/** A batch result as plain JSON. */
export interface BatchResultJson extends Pick<BatchResult<unknown>, 'status' | 'completionReason' | 'summary' | 'keys' | CountName> {
  readonly all: readonly BatchItemJson[];
}

/** Restored instances are made without a constructor, so there is nothing private in it. */
class BatchItems implements BatchResult<unknown> {
  readonly all: BatchItem<unknown>[];
  readonly completionReason: CompletionReason;
  declare readonly summary?: string;
  declare readonly keys?: readonly string[];

  constructor({ all, completionReason, summary, keys }: BatchResultParts) {
    this.all = all;
    this.completionReason = completionReason;
    if (summary !== undefined) this.summary = summary;
    if (keys !== undefined) this.keys = keys;
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
      names = new Map(this.keys?.map((key, index) => [key, this.all[index] as BatchItem<unknown>]));
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
    const { status, completionReason, totalCount, successCount, failureCount, startedCount, notStartedCount } = this;
    const { summary, keys } = this;
    const counts = { totalCount, successCount, failureCount, startedCount, notStartedCount };
    const given = { ...(summary === undefined ? {} : { summary }), ...(keys === undefined ? {} : { keys }) };
    return { status, completionReason, ...counts, ...given, all: this.all.map(itemJson) };
  }
}

recognisable(BatchItems, 'BatchResult');

// What inspectors call it.
Object.defineProperty(BatchItems, 'name', { value: 'BatchResult' });

function count({ all }: BatchItems, status: BatchItemStatus): number {
  let found = 0;
  for (const item of all) if (item.status === status) found += 1;
  return found;
}

/** Made when somebody asks, and kept aside: what is stored and compared is the items alone. */
const itemsByName = new WeakMap<BatchItems, Map<string, BatchItem<unknown>>>();

registerOwnClass('BatchResult', BatchItems.prototype);

interface BatchResultParts {
  readonly all: BatchItem<unknown>[];
  readonly completionReason: CompletionReason;
  readonly summary?: string | undefined;
  readonly keys?: readonly string[] | undefined;
}

export function batchResult(parts: BatchResultParts): BatchResult<unknown> {
  return new BatchItems(parts);
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
  const { all, completionReason, summary, keys } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  // A copy, in which a hole is an item that is none.
  const items: unknown[] = Array.isArray(all) ? Array.from(all as unknown[]) : [undefined];
  if (!COMPLETION_REASONS.includes(completionReason as CompletionReason) || !items.every(isItemJson)) throw noResult();
  try {
    return batchResult({
      all: items.map(itemOf),
      completionReason: completionReason as CompletionReason,
      summary: typeof summary === 'string' ? summary : undefined,
      keys: isKeys(keys, items.length) ? keys : undefined,
    });
  } catch (cause) {
    throw noResult(cause);
  }
}

function isKeys(keys: unknown, total: number): keys is string[] {
  return Array.isArray(keys) && keys.length === total && keys.every((key) => typeof key === 'string');
}

function noResult(cause?: unknown): UsageError {
  return new UsageError('INVALID_ARGUMENT', 'this is no batch result: give what toJSON() of one made', { cause });
}
