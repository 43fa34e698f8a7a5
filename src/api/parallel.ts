import type { BatchItem } from '../batch/batch-item.js';
import type { BatchResult, NamedBatchResult } from '../batch/batch-result.js';
import { CompletionConfig } from '../batch/completion-policy.js';
import type { EntryPoint } from '../errors/call-site.js';
import { UsageError } from '../errors/errors.js';
import type { DurableFuture } from '../futures/durable-future.js';
import { defaultItemName } from '../model/item-name.js';
import { refuseMore } from '../options/extra-arguments.js';
import { isText } from '../options/read-options.js';
import { type BatchOptions, batchSettings, nameItem, readBatchOptions } from './batch-options.js';
import { requireFlowPlace } from './place.js';

/** A branch with a name. */
export interface NamedBranch<T = unknown> {
  readonly name: string;
  readonly run: () => PromiseLike<T> | T;
}

/** What `parallel` runs: a function without arguments, with or without a name. */
export type Branch<T = unknown> = (() => PromiseLike<T> | T) | NamedBranch<T>;

/** What a branch comes to. */
export type BranchValue<B> = B extends () => infer R ? Awaited<R> : B extends { readonly run: () => infer R } ? Awaited<R> : never;

/** What each of several branches comes to: a tuple for a tuple, an object for an object. */
export type BranchValues<Bs> = { -readonly [K in keyof Bs]: BranchValue<Bs[K]> };

/** The result of branches in an array: a tuple of them gives a tuple of items. */
export type ParallelResult<Ts extends readonly unknown[]> = BatchResult<Ts[number], { [K in keyof Ts]: BatchItem<Ts[K]> }>;

/** Options of `parallel`. */
export type ParallelOptions<R = unknown> = BatchOptions<Branch, R>;

/** Runs branches next to each other; `start` gives the batch as a future. */
export interface Parallel {
  <const Bs extends readonly Branch[]>(
    branches: Bs,
    options?: ParallelOptions<BranchValue<Bs[number]>>,
  ): Promise<ParallelResult<BranchValues<Bs>>>;
  <B extends Branch>(branches: Iterable<B>, options?: ParallelOptions<BranchValue<B>>): Promise<BatchResult<BranchValue<B>>>;
  <Bs extends Readonly<Record<string, Branch>>>(
    branches: Bs,
    options?: ParallelOptions<BranchValue<Bs[keyof Bs]>>,
  ): Promise<NamedBatchResult<BranchValues<Bs>>>;
  start<const Bs extends readonly Branch[]>(
    branches: Bs,
    options?: ParallelOptions<BranchValue<Bs[number]>>,
  ): DurableFuture<ParallelResult<BranchValues<Bs>>>;
  start<B extends Branch>(branches: Iterable<B>, options?: ParallelOptions<BranchValue<B>>): DurableFuture<BatchResult<BranchValue<B>>>;
  start<Bs extends Readonly<Record<string, Branch>>>(
    branches: Bs,
    options?: ParallelOptions<BranchValue<Bs[keyof Bs]>>,
  ): DurableFuture<NamedBatchResult<BranchValues<Bs>>>;
}

function startParallel(
  caller: string,
  given: unknown,
  givenOptions: ParallelOptions | undefined,
  entryPoint: EntryPoint,
  plain: boolean,
): DurableFuture<unknown> {
  const place = requireFlowPlace(caller);
  place.scope.requireRoom(caller);
  const options = readBatchOptions(caller, givenOptions);
  const branches = readBranches(caller, given, options.itemNamer);
  const settings = batchSettings(caller, options, branches.length, CompletionConfig.allSuccessful());
  return place.run.start({ kind: 'parallel', name: options.name ?? 'parallel', branches, settings }, place, entryPoint, plain);
}

function readBranches(
  caller: string,
  given: unknown,
  itemNamer: ParallelOptions['itemNamer'],
): (NamedBranch & { readonly key?: string })[] {
  if (typeof given === 'object' && given !== null) {
    if (typeof (given as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function')
      return Array.from(given as Iterable<unknown>, (branch, index) => readBranch(caller, branch, index, itemNamer));
    const branches = Object.entries(given);
    // A promise of branches has none of its own: without this look at it, a forgotten `await` would be an empty batch.
    const plain = [Object.prototype, null].includes(Object.getPrototypeOf(given) as object | null);
    if (plain) {
      return branches.map(([key, branch], index) => {
        const named = typeof branch === 'function' ? { name: key, run: () => (branch as () => unknown)() } : branch;
        return { ...readBranch(caller, named, index, undefined, JSON.stringify(key)), key };
      });
    }
  }
  throw new UsageError(
    'INVALID_ARGUMENT',
    `${caller} takes branches, each a function or { name, run }: an array or another iterable of them, or an object whose values they are`,
  );
}

/** @param shown - What messages call it: its index, or its key. */
function readBranch(
  caller: string,
  given: unknown,
  index: number,
  itemNamer: ParallelOptions['itemNamer'],
  shown = String(index),
): NamedBranch {
  if (typeof given === 'function') {
    const run = given as () => unknown;
    return {
      name: itemNamer === undefined ? defaultItemName('parallel', index) : nameItem(caller, itemNamer, run, index),
      run: () => run(),
    };
  }
  const { name, run } = (typeof given === 'object' && given !== null ? given : {}) as Partial<NamedBranch>;
  if (typeof run === 'function' && isText(name)) return { name, run: () => run.call(given) };
  throw new UsageError(
    'INVALID_ARGUMENT',
    `${caller}: branch ${shown} must be a function, or { name, run } with a name that is not empty and a function; start nothing before: () => action(…), not action(…)`,
  );
}

function start(branches: unknown, options?: ParallelOptions): DurableFuture<unknown> {
  refuseMore('parallel.start(branches, options)', arguments);
  return startParallel('parallel.start()', branches, options, start, false);
}

/**
 * Runs branches next to each other, each in a scope of its own, and waits until the batch is complete. Inside a branch everything is allowed that is
 * allowed in a flow. Each branch that is done is recorded and not run again after a crash.
 *
 * It does not throw because a branch failed: the first failure ends the batch, unless `completionConfig` says otherwise, and the result has what became
 * of each branch.
 *
 * @throws {UsageError} `INVALID_ARGUMENT` or `INVALID_OPTION` before any branch begins, or `NOT_IN_FLOW`.
 * @throws {CancelledError} when the flow is cancelled.
 * @example
 * const result = await parallel({ inventory: () => reserve(order), payment: () => charge(order) });
 * result.throwIfError();
 */
export const parallel: Parallel = Object.assign(
  async function (branches: unknown, options?: ParallelOptions): Promise<unknown> {
    refuseMore('parallel(branches, options)', arguments);
    return startParallel('parallel()', branches, options, parallel, true).result();
  },
  { start },
) as Parallel;
