import { inspect } from 'node:util';
import type { Codec } from '../codec/codec.js';
import type { Serdes } from '../codec/serdes.js';
import { registry } from '../engine/registry.js';
import { UsageError } from '../errors/errors.js';
import type { BatchResult } from '../futures/batch-result.js';
import { splitBatchInput } from '../journal/batch-input.js';
import { operationId, ROOT_SCOPE, scopeOf } from '../journal/numbering.js';
import { defaultItemName } from '../model/item-name.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import { isBatch, type OperationKind, type OperationStatus, type RunStatus } from '../model/statuses.js';
import { type BatchDecision, decidedResult } from '../runtime/operations/batch-decision.js';
import type { Store } from '../store/store.js';
import { type RunJournal, runJournal } from './run-journal.js';

/** One operation of a run, as its journal has it. */
export interface OperationReport {
  /** Scope path and ordinal, such as `3` or `4.0.2`. */
  readonly id: string;
  readonly kind: OperationKind;
  readonly name: string;
  readonly status: OperationStatus;
  /** Tries of an action; 0 for everything else. */
  readonly attempts: number;
  readonly startedAt: Date;
  /** Left out while it is not done. */
  readonly finishedAt?: Date;
  /** The arguments; of a `map` its items. */
  readonly input?: unknown;
  /** The value of one that succeeded. */
  readonly output?: unknown;
  /** The error of one that failed or was cancelled. */
  readonly error?: Error;
  /** The branches of a batch, the operations of a branch and those of a child run. */
  readonly children: readonly OperationReport[];
}

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

interface ReportSource {
  readonly store: Store;
  readonly codec: Codec;
  /** What the values of an action were written with: it may have been called by another name. */
  serdesOf(runId: string, operationId: string): Serdes | undefined;
}

/** Reads what the store has of a run. */
export async function runReport<R>(source: ReportSource, run: RunRecord): Promise<RunReport<R>> {
  const { store, codec } = source;
  const journal = await store.loadJournal(run.id);
  const operations = await operationsOf(source, journal);
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

/** An operation that is being put into its place in the tree. */
interface Node extends OperationReport {
  readonly children: OperationReport[];
}

/** The entries of a run by their ids. */
type Journal = ReadonlyMap<string, OperationRecord>;

async function operationsOf(source: ReportSource, journal: readonly OperationRecord[]): Promise<OperationReport[]> {
  const records = journal.filter(({ kind }) => kind !== 'cancel' && kind !== 'message').sort((a, b) => comparePaths(a.id, b.id));
  const roots: OperationReport[] = [];
  const byId = new Map(records.map((record) => [record.id, record]));
  const childIds = records.flatMap(({ childRunId }) => (childRunId === null ? [] : [childRunId]));
  const children = new Map((await source.store.getRuns(childIds)).map((run) => [run.id, run]));
  const nodes = new Map<string, Node>();
  for (const record of records) {
    const child = children.get(record.childRunId ?? '');
    const node = nodeOf(record, source.codec.withSerdes(source.serdesOf(record.runId, record.id) ?? serdesOf(record, child)), byId);
    if (child !== undefined) node.children.push(...(await operationsOf(source, await source.store.loadJournal(child.id))));
    nodes.set(record.id, node);
    const parentId = scopeOf(record.id);
    if (parentId === ROOT_SCOPE) roots.push(node);
    else parentOf(parentId, nodes, { first: record, byId }).children.push(node);
  }
  return roots;
}

/** What its values were written with, unless the call had a serdes of its own. */
function serdesOf({ kind, name }: OperationRecord, child: RunRecord | undefined): Serdes | undefined {
  if (kind === 'action') return registry.findAction(name)?.serdes;
  return child === undefined ? undefined : registry.find(child.flow, child.version)?.serdes;
}

/** The node of a branch that has no entry, since it is not done, is made from what it did. */
function parentOf(
  id: string,
  nodes: Map<string, Node>,
  { first, byId }: { readonly first: OperationRecord; readonly byId: Journal },
): Node {
  const known = nodes.get(id);
  if (known !== undefined) return known;
  const batchId = scopeOf(id);
  const node: Node = {
    id,
    kind: 'branch',
    name: branchNames(byId.get(batchId) as OperationRecord, byId)(Number(id.slice(batchId.length + 1))),
    status: 'STARTED',
    attempts: 0,
    startedAt: new Date(first.startedAt),
    children: [],
  };
  nodes.set(id, node);
  nodes.get(batchId)?.children.push(node);
  return node;
}

/** What a batch calls its branches: one of a `map` that has not ended has not recorded what its `itemNamer` made. */
function branchNames({ id, kind, input }: OperationRecord, byId: Journal): (index: number) => string {
  const names = kind === 'parallel' ? (JSON.parse(splitBatchInput(input as string).content) as readonly string[]) : [];
  return (index) => byId.get(operationId(id, index))?.name ?? names[index] ?? defaultItemName('map', index);
}

function nodeOf(record: OperationRecord, codec: Codec, byId: Journal): Node {
  const { id, kind, name, status, startedAt, finishedAt, outcome } = record;
  return {
    id,
    kind: kind as OperationKind,
    name,
    status,
    attempts: kind === 'action' ? 1 : 0,
    startedAt: new Date(startedAt),
    ...(finishedAt === null ? {} : { finishedAt: new Date(finishedAt) }),
    ...inputOf(record, codec),
    ...(status === 'SUCCEEDED' && outcome !== null ? { output: outputOf(record, codec, byId) } : {}),
    ...((status === 'FAILED' || status === 'CANCELLED') && outcome !== null ? { error: codec.decodeError(outcome) } : {}),
    children: [],
  };
}

function inputOf({ kind, input }: OperationRecord, codec: Codec): { readonly input?: unknown } {
  if (input === null || kind === 'branch' || kind === 'event') return {};
  const text = isBatch(kind) ? splitBatchInput(input).content : input;
  return { input: kind === 'parallel' ? JSON.parse(text) : decoded(text, codec) };
}

function outputOf(record: OperationRecord, codec: Codec, byId: Journal): unknown {
  const { id, kind, outcome } = record;
  if (kind === 'timer') return undefined;
  if (!isBatch(kind)) return decoded(outcome as string, codec);
  return decidedResult(JSON.parse(outcome as string) as BatchDecision, {
    codec: { decode: (text) => decoded(text, codec), decodeError: (text) => codec.decodeError(text) },
    nameOf: branchNames(record, byId),
    outcomeOf: (index) => byId.get(operationId(id, index))?.outcome as string,
  });
}

/** The value of a text; the text itself where it was written with a serdes that only the call knows. */
function decoded(text: string, codec: Codec): unknown {
  try {
    return codec.decode(text);
  } catch {
    return text;
  }
}

function comparePaths(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const difference = (left[at] as number) - (right[at] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
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

function line({ id, kind, name, status, startedAt, finishedAt, output, error }: OperationReport): string {
  const took = finishedAt === undefined ? '' : ` ${finishedAt.getTime() - startedAt.getTime()} ms`;
  const outcome = error === undefined ? shown(output) : ` ${error.name}: ${error.message.split('\n')[0]}`;
  return `${id} ${kind} "${name}" ${status}${took}${outcome}`;
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
