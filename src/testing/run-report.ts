import { inspect } from 'node:util';
import type { BatchResult } from '../batch/batch-result.js';
import { type OperationInfo, type OperationsSource, operationsTree } from '../engine/queries/operations-tree.js';
import { registry } from '../engine/registry.js';
import { UsageError } from '../errors/errors.js';
import type { RunRecord } from '../model/records.js';
import { isBatch, type RunStatus } from '../model/statuses.js';
import { journalOf } from '../store/journal-of.js';
import { type RunJournal, runJournal } from './run-journal.js';

/** One operation of a run, as `engine.operations` tells of it. */
export type OperationReport = OperationInfo;

/** What became of a run. */
export interface RunReport<R> {
  readonly runId: string;
  readonly flow: string;
  readonly status: RunStatus;
  /** The value of a run that succeeded. */
  readonly result: R;
  /** The error of a run that failed, was cancelled or is blocked. */
  readonly error: Error | undefined;
  /** What the run asked for, in the order in which it did. */
  readonly operations: readonly OperationReport[];
  /** All that is recorded of the run, as plain JSON: for snapshots, and for `assertReplays`. */
  readonly journal: RunJournal;
  /** The first operation of this name, at any depth. @throws {UsageError} `INVALID_ARGUMENT` when there is none. */
  get(name: string): OperationReport;
  /** The result of the first `parallel` or `map` of this name. @throws {UsageError} `INVALID_ARGUMENT` when there is none, or it has none. */
  getBatch<T = unknown>(name: string): BatchResult<T>;
  /** The result of the first `map` of this name. @throws {UsageError} `INVALID_ARGUMENT` when there is none, or it has none. */
  getMap<T = unknown>(name: string): BatchResult<T>;
  /** The operations as a tree with times, statuses and outcomes: a text for people. */
  print(): string;
}

/** Reads what the store has of a run. */
export async function runReport<R>(source: OperationsSource, run: RunRecord): Promise<RunReport<R>> {
  const { store, codec } = source;
  const [journal, operations] = await Promise.all([journalOf(store, run.id), operationsTree(source, run)]);
  const { id: runId, flow, status, outcome } = run;
  const runCodec = codec.withSerdes(registry.find(flow, run.version)?.serdes);
  const failed = status === 'FAILED' || status === 'CANCELLED' || status === 'BLOCKED';
  const find = (what: string, fits: (operation: OperationReport) => boolean): OperationReport => {
    for (const operation of flat(operations)) if (fits(operation)) return operation;
    throw new UsageError('INVALID_ARGUMENT', `run ${runId} of flow "${flow}" has no ${what}; it has:\n${printed(operations, '')}`);
  };
  const batch = (what: string, fits: (operation: OperationReport) => boolean): BatchResult<unknown> => {
    const { status: ended, output } = find(what, fits);
    if (ended === 'SUCCEEDED') return output as BatchResult<unknown>;
    throw new UsageError('INVALID_ARGUMENT', `${what} of run ${runId} has no result: it is ${ended}`);
  };
  return {
    runId,
    flow,
    status,
    result: (status === 'SUCCEEDED' ? runCodec.decode(outcome as string) : undefined) as R,
    error: failed && outcome !== null ? runCodec.decodeError(outcome) : undefined,
    operations,
    journal: runJournal(run, journal),
    get: (name) => find(`operation "${name}"`, (operation) => operation.name === name),
    getBatch: <T>(name: string) =>
      batch(`batch "${name}"`, (operation) => operation.name === name && isBatch(operation.kind)) as unknown as BatchResult<T>,
    getMap: <T>(name: string) =>
      batch(`map "${name}"`, (operation) => operation.name === name && operation.kind === 'map') as unknown as BatchResult<T>,
    print: () => `flow "${flow}" (${runId}) ${status}\n${printed(operations, '  ')}`,
  };
}

function* flat(operations: readonly OperationReport[]): Generator<OperationReport> {
  for (const operation of operations) {
    yield operation;
    yield* flat(operation.children);
  }
}

/** Characters of a value that are shown. */
const SHOWN = 60;

function printed(operations: readonly OperationReport[], indent: string): string {
  return operations.map((operation) => `${indent}${line(operation)}\n${printed(operation.children, `${indent}  `)}`).join('');
}

function line({ id, kind, name, status, attempts, startedAt, finishedAt, output, error, waitsFor }: OperationReport): string {
  const tries = attempts > 1 ? ` ${attempts} attempts` : '';
  const took = finishedAt === undefined ? '' : ` ${finishedAt.getTime() - startedAt.getTime()} ms`;
  const outcome = error === undefined ? shown(output) : ` ${error.name}: ${error.message.split('\n')[0]}`;
  const waits = waitsFor === undefined ? '' : ` waits for ${waitsFor}`;
  return `${id} ${kind} "${name}" ${status}${tries}${took}${outcome}${waits}`;
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? inspect(value);
  } catch {
    return inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true });
  }
}

function shown(output: unknown): string {
  if (output === undefined) return '';
  const text = textOf(output);
  return ` ${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}`;
}
