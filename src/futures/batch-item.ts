import { decodeDefault, encodeDefault } from '../codec/default-encoding.js';
import { decodeErrorText, encodeErrorText } from '../codec/error-codec.js';
import { isPlainJson, isPlainPrimitive } from '../codec/plain-json.js';
import type { BatchItemStatus } from '../model/statuses.js';

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

export function isItemJson(item: unknown): item is BatchItemJson {
  if (typeof item !== 'object' || item === null) return false;
  const { index, name, status } = item as Partial<BatchItemJson>;
  return (
    typeof index === 'number' && typeof name === 'string' && ['SUCCEEDED', 'FAILED', 'STARTED', 'NOT_STARTED'].includes(status as string)
  );
}

export function itemJson(item: BatchItem<unknown>): BatchItemJson {
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

export function itemOf({ index, name, status, result, error, encoded }: BatchItemJson): BatchItem<unknown> {
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
