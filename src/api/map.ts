import type { BatchResult } from '../batch/batch-result.js';
import { CompletionConfig } from '../batch/completion-policy.js';
import { findStartable } from '../engine/startables.js';
import type { EntryPoint } from '../errors/call-site.js';
import { UsageError } from '../errors/errors.js';
import { nameIsTakenFrom } from '../errors/short-names.js';
import type { DurableFuture } from '../futures/durable-future.js';
import { defaultItemName } from '../model/item-name.js';
import { refuseMore } from '../options/extra-arguments.js';
import { isText } from '../options/read-options.js';
import { type BatchOptions, batchSettings, nameItem, readBatchOptions } from './batch-options.js';
import { event } from './event.js';
import { requireFlowPlace } from './place.js';
import { sleep, sleepUntil } from './sleep.js';

/** What `map` does with each item: an action or a flow (called with the item alone), or a plain function, which may return a future. */
export type MapFunction<I, R> = (item: I, index: number, items: readonly I[]) => PromiseLike<R> | R;

/** Options of `map`. */
export type MapOptions<I = unknown, R = unknown> = BatchOptions<I, R>;

/** An action or a flow of an item; further arguments that it may have are not given. */
export interface ItemStartable<I, R> {
  (item: I): Promise<R>;
  start(item: I): DurableFuture<R>;
}

/** What is neither an action nor a flow: those get the item alone, so one that needs more does not pass for a plain function. */
interface PlainFunction<I, Returned> {
  (item: I, index: number, items: readonly I[]): Returned;
  readonly start?: never;
}

/** Does the same with every item of a list; `start` gives the batch as a future. */
export interface MapItems {
  <I, R>(items: Iterable<I>, fn: ItemStartable<I, R>, options?: MapOptions<I, R>): Promise<BatchResult<R>>;
  <I, R>(items: Iterable<I>, fn: PlainFunction<I, PromiseLike<R>>, options?: MapOptions<I, R>): Promise<BatchResult<R>>;
  <I, R>(items: Iterable<I>, fn: PlainFunction<I, R>, options?: MapOptions<I, Awaited<R>>): Promise<BatchResult<Awaited<R>>>;
  start<I, R>(items: Iterable<I>, fn: ItemStartable<I, R>, options?: MapOptions<I, R>): DurableFuture<BatchResult<R>>;
  start<I, R>(items: Iterable<I>, fn: PlainFunction<I, PromiseLike<R>>, options?: MapOptions<I, R>): DurableFuture<BatchResult<R>>;
  start<I, R>(items: Iterable<I>, fn: PlainFunction<I, R>, options?: MapOptions<I, Awaited<R>>): DurableFuture<BatchResult<Awaited<R>>>;
}

interface MapCall {
  readonly caller: string;
  readonly items: unknown;
  readonly fn: unknown;
  readonly options: MapOptions | undefined;
}

function startMap(
  { caller, items: given, fn, options: givenOptions }: MapCall,
  entryPoint: EntryPoint,
  plain: boolean,
): DurableFuture<unknown> {
  const place = requireFlowPlace(caller);
  place.scope.requireRoom(caller);
  const options = readBatchOptions(caller, givenOptions);
  const items = readItems(caller, given);
  if (typeof fn !== 'function') throw new UsageError('INVALID_ARGUMENT', `${caller} takes the items and a function, an action or a flow`);
  const settings = batchSettings(caller, options, items.length, CompletionConfig.allCompleted());
  const body = fn as (...args: readonly unknown[]) => unknown;
  const plainBody = findStartable(fn) === undefined;
  if (plainBody && options.name === undefined) nameIsTakenFrom(body.name, `map "${body.name}"`);
  const { name = isText(body.name) ? body.name : 'map', itemNamer } = options;
  const names = itemNamer === undefined ? undefined : items.map((item, index) => nameItem(caller, itemNamer, item, index));
  return place.run.start(
    {
      kind: 'map',
      name,
      items,
      itemName: (index) => names?.[index] ?? defaultItemName('map', index),
      call: takesItemAlone(fn) ? (item) => body(item) : body,
      settings,
    },
    place,
    entryPoint,
    plain,
  );
}

const OWN: ReadonlySet<unknown> = new Set([event, sleep, sleep.start, sleepUntil]);

/** Actions and flows do, and functions of perdure itself, which refuse what they do not take. */
function takesItemAlone(fn: unknown): boolean {
  return findStartable(fn) !== undefined || OWN.has(fn);
}

function readItems(caller: string, given: unknown): readonly unknown[] {
  if (given !== null && given !== undefined && typeof (given as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function') {
    return Array.from(given as Iterable<unknown>);
  }
  const asynchronous = typeof given === 'object' && given !== null && Symbol.asyncIterator in given;
  throw new UsageError(
    'INVALID_ARGUMENT',
    `${caller} takes an array or another iterable of items${asynchronous ? '; this one is asynchronous: collect its items in an action first' : ''}`,
  );
}

function start(items: unknown, fn: unknown, options?: MapOptions): DurableFuture<unknown> {
  refuseMore('map.start(items, fn, options)', arguments);
  return startMap({ caller: 'map.start()', items, fn, options }, start, false);
}

/**
 * Does the same with every item of a list, each in a scope of its own, and waits until the batch is complete. The list is recorded once, and the
 * function gets copies of the items. Each item that is done is recorded and not done again after a crash.
 *
 * It does not throw because an item failed: it goes on until every item is done, unless `completionConfig` says otherwise, and the result has what
 * became of each.
 *
 * @throws {UsageError} `INVALID_ARGUMENT`, `INVALID_OPTION`, `VALUE_NOT_SERIALIZABLE` or `VALUE_TOO_LARGE` before any item is begun, or `NOT_IN_FLOW`.
 * @throws {CancelledError} when the flow is cancelled.
 * @example
 * const result = await map(addresses, sendMail, { maxConcurrency: 10 });
 * console.log(result.successCount, result.getErrors());
 */
export const map: MapItems = Object.assign(
  async function (items: unknown, fn: unknown, options?: MapOptions): Promise<unknown> {
    refuseMore('map(items, fn, options)', arguments);
    return startMap({ caller: 'map()', items, fn, options }, map, true).result();
  },
  { start },
) as MapItems;
