import { decodeDefault, encodeDefault } from '../codec/default-encoding.js';
import { decodeErrorText, encodeErrorText } from '../codec/error-codec.js';
import { isPlainJson, isPlainPrimitive } from '../codec/plain-json.js';
import { BATCH_ITEM_STATUSES, type BatchItemStatus } from '../model/statuses.js';

/** One branch of a batch, as it was when the batch was complete. What a status has no use for is not there. */
export type BatchItem<T> = { readonly index: number; readonly name: string } & (
  | { readonly status: 'SUCCEEDED'; readonly result: T; readonly error?: undefined }
  | { readonly status: 'FAILED'; readonly error: Error; readonly result?: undefined }
  | { readonly status: 'STARTED' | 'NOT_STARTED'; readonly result?: undefined; readonly error?: undefined }
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

export function isItemJson(item: unknown, position: number): item is BatchItemJson {
  if (typeof item !== 'object' || item === null) return false;
  const { index, name, status, error, encoded } = item as Partial<BatchItemJson>;
  if (index !== position || typeof name !== 'string' || !BATCH_ITEM_STATUSES.includes(status as BatchItemStatus)) return false;
  if (encoded !== undefined && typeof encoded !== 'string') return false;
  return status !== 'FAILED' || encoded !== undefined || isErrorJson(error);
}

function isErrorJson(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { name, message, stack } = error as Readonly<Record<string, unknown>>;
  return typeof name === 'string' && typeof message === 'string' && (stack === undefined || typeof stack === 'string');
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
  const { name, message, stack } = json as NonNullable<BatchItemJson['error']>;
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
