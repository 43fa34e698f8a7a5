/**
 * The table of batch cases, a flow that runs one of them, and what must come of it.
 *
 * Delays of the table are virtual: an action that has one waits on a schedule whose time goes on only when nothing else is going on in this process.
 * So the order of the table holds on a slow machine too, and nothing takes the time that it says.
 */
import { readFileSync } from 'node:fs';
import { action, BatchResult, CompletionConfig, type CompletionThresholds, flow, flowContext, map, parallel, UsageError } from 'perdure';
import { expect } from 'vitest';

export interface BranchCase {
  readonly ok?: true;
  readonly value?: unknown;
  readonly fail?: true;
  readonly message?: string;
  readonly delayMs?: number;
  readonly nested?: { readonly branches: readonly BranchCase[]; readonly config: ConfigCase; readonly rethrow?: boolean };
}

export interface ConfigCase extends CompletionThresholds {
  readonly maxConcurrency?: number;
  readonly preset?: 'allSuccessful' | 'firstSuccessful' | 'allCompleted';
  readonly completion?: Readonly<Record<string, never>>;
}

export interface ResultExpected {
  readonly throws?: undefined;
  readonly statuses: readonly string[];
  readonly completionReason: string;
  readonly successCount: number;
  readonly failureCount: number;
  readonly startedCount: number;
  readonly totalCount: number;
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly results?: readonly unknown[];
  readonly resultsLength?: number;
  readonly errors: readonly string[];
  readonly throwIfError: string | null;
  readonly startOrder?: readonly number[];
  readonly maxInFlight?: number;
}

export interface BatchCase {
  readonly id: string;
  readonly kind: 'parallel' | 'map';
  readonly branches: readonly BranchCase[];
  readonly config: ConfigCase;
  readonly expect: { readonly throws: 'USAGE' } | ResultExpected;
}

export const batchCases: readonly BatchCase[] = JSON.parse(readFileSync(new URL('./batch-cases.json', import.meta.url), 'utf8'));

/** What was seen of one run while it ran. */
export interface Observations {
  /** The outer branches, in the order in which their bodies began. */
  readonly startOrder: readonly number[];
  /** The most of them that ran at once. */
  readonly maxInFlight: number;
  /** How often the run was begun: a crash begins it once more, and what is done already does not begin again. */
  readonly generations: number;
}

interface Watch {
  startOrder: number[];
  inFlight: number;
  maxInFlight: number;
  generations: number;
}

const watches = new Map<string, Watch>();

/** What was seen of the run of `batchFlow` with this id, in its latest generation in this process. */
export function observationsOf(runId: string): Observations {
  return watchOf(runId);
}

function watchOf(runId: string): Watch {
  let watch = watches.get(runId);
  if (watch === undefined) {
    watch = { startOrder: [], inFlight: 0, maxInFlight: 0, generations: 0 };
    watches.set(runId, watch);
  }
  return watch;
}

/** A body that a crash left hanging goes on counting in the watch of its own generation. */
function beginGeneration(runId: string): Watch {
  const generations = watchOf(runId).generations + 1;
  const watch = { startOrder: [], inFlight: 0, maxInFlight: 0, generations };
  watches.set(runId, watch);
  return watch;
}

interface Alarm {
  readonly dueMs: number;
  readonly ring: () => void;
}

/** Macrotasks without a new alarm after which nothing else is going on: a commit, a delivery and a start take fewer. */
const QUIET_TURNS = 40;

const alarms: Alarm[] = [];
let nowMs = 0;
let turnsLeft = 0;
let ticking = false;

/** Waits on the virtual schedule. */
function virtualDelay(ms: number): Promise<void> {
  return new Promise((ring) => {
    alarms.push({ dueMs: nowMs + ms, ring });
    turnsLeft = QUIET_TURNS;
    if (!ticking) {
      ticking = true;
      setImmediate(tick);
    }
  });
}

function tick(): void {
  turnsLeft -= 1;
  if (turnsLeft <= 0) ringNext();
  ticking = alarms.length > 0;
  if (ticking) setImmediate(tick);
}

function ringNext(): void {
  // The first of those due earliest: among equals, the order of the starts.
  let next = 0;
  for (let index = 1; index < alarms.length; index += 1) if (alarms[index]!.dueMs < alarms[next]!.dueMs) next = index;
  const [alarm] = alarms.splice(next, 1);
  nowMs = Math.max(nowMs, alarm!.dueMs);
  turnsLeft = QUIET_TURNS;
  alarm!.ring();
}

const branchAction = action('batch-case-branch', async ({ delayMs, fail, message, value }: BranchCase): Promise<unknown> => {
  if (delayMs !== undefined) await virtualDelay(delayMs);
  if (fail) throw new Error(message);
  return value;
});

async function runBranch(branch: BranchCase): Promise<unknown> {
  const { nested } = branch;
  if (nested === undefined) return branchAction(branch);
  const inner = await parallel(
    nested.branches.map((innerBranch) => () => runBranch(innerBranch)),
    optionsOf(nested.config),
  );
  if (nested.rethrow) inner.throwIfError();
  return inner.getResults();
}

interface CaseOptions {
  readonly maxConcurrency?: number;
  readonly completionConfig?: CompletionThresholds;
}

function optionsOf({ maxConcurrency, preset, completion, ...limits }: ConfigCase): CaseOptions {
  const config = preset === undefined ? (completion ?? (Object.keys(limits).length > 0 ? limits : undefined)) : CompletionConfig[preset]();
  return { ...(maxConcurrency === undefined ? {} : { maxConcurrency }), ...(config === undefined ? {} : { completionConfig: config }) };
}

/** Runs a case and returns its result. */
export const batchFlow = flow('batch-case', async (batchCase: BatchCase): Promise<BatchResult<unknown>> => {
  const { kind, branches, config } = batchCase;
  const watch = beginGeneration(flowContext().runId);
  const watched = async (branch: BranchCase, index: number): Promise<unknown> => {
    watch.startOrder.push(index);
    watch.inFlight += 1;
    watch.maxInFlight = Math.max(watch.maxInFlight, watch.inFlight);
    try {
      return await runBranch(branch);
    } finally {
      watch.inFlight -= 1;
    }
  };
  return kind === 'map'
    ? map(branches, watched, optionsOf(config))
    : parallel(
        branches.map((branch, index) => () => watched(branch, index)),
        optionsOf(config),
      );
});

/** Checks what came of a case: the result of `batchFlow`, or the error that it threw. */
export function expectCase(batchCase: BatchCase, outcome: BatchResult<unknown> | Error, observations?: Observations): void {
  const expected = batchCase.expect;
  if (expected.throws !== undefined) {
    expect(outcome, batchCase.id).toBeInstanceOf(UsageError);
    expect(observations?.startOrder ?? [], 'nothing began').toStrictEqual([]);
    return;
  }
  if (outcome instanceof Error) throw outcome;
  expectResult(expected, outcome);
  if (observations !== undefined) expectObservations(expected, observations);
}

function expectResult(expected: ResultExpected, result: BatchResult<unknown>): void {
  const { completionReason, successCount, failureCount, startedCount, totalCount, status } = expected;
  expect({
    statuses: result.all.map((item) => item.status),
    completionReason: result.completionReason,
    successCount: result.successCount,
    failureCount: result.failureCount,
    startedCount: result.startedCount,
    totalCount: result.totalCount,
    status: result.status,
    errors: result.getErrors().map(({ message }) => message),
    throwIfError: thrownIfError(result),
  }).toStrictEqual({
    statuses: expected.statuses,
    completionReason,
    successCount,
    failureCount,
    startedCount,
    totalCount,
    status,
    errors: expected.errors,
    throwIfError: expected.throwIfError,
  });
  if (expected.results !== undefined) expect(result.getResults()).toStrictEqual(expected.results);
  if (expected.resultsLength !== undefined) expect(result.getResults()).toHaveLength(expected.resultsLength);
  expect(result.hasFailure).toBe(failureCount > 0);
  expect(result.notStartedCount).toBe(totalCount - successCount - failureCount - startedCount);
  expect(result.all.map(({ index }) => index)).toStrictEqual(expected.statuses.map((_status, index) => index));
  // Says the same after a way through text.
  expect(BatchResult.fromJSON(JSON.parse(JSON.stringify(result)))).toStrictEqual(result);
}

function thrownIfError(result: BatchResult<unknown>): string | null {
  try {
    result.throwIfError();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function expectObservations({ startOrder, maxInFlight, statuses }: ResultExpected, seen: Observations): void {
  const begun = startOrder ?? statuses.flatMap((status, index) => (status === 'NOT_STARTED' ? [] : [index]));
  if (seen.generations > 1) {
    // What was done before a crash did not begin again.
    expect(seen.startOrder).toStrictEqual(begun.filter((index) => seen.startOrder.includes(index)));
    if (maxInFlight !== undefined) expect(seen.maxInFlight).toBeLessThanOrEqual(maxInFlight);
    return;
  }
  expect(seen.startOrder).toStrictEqual(begun);
  if (maxInFlight !== undefined) expect(seen.maxInFlight).toBe(maxInFlight);
}
