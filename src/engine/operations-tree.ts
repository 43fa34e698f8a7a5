import type { Codec } from '../codec/codec.js';
import type { Serdes } from '../codec/serdes.js';
import { type AttemptNotes, attemptRunOf, decodeAttempts, lastRunOf, restsUntil } from '../journal/attempt-notes.js';
import { splitBatchInput } from '../journal/batch-input.js';
import { operationId, ROOT_SCOPE, scopeOf } from '../journal/numbering.js';
import { defaultItemName } from '../model/item-name.js';
import { isOperation, type OperationRecord, type RunRecord } from '../model/records.js';
import { isBatch, isEnded, type OperationKind, type OperationStatus } from '../model/statuses.js';
import { type BatchDecision, decidedResult } from '../runtime/operations/batch-decision.js';
import { recordedPolicy } from '../runtime/operations/batch-policy.js';
import type { Store } from '../store/store.js';
import { registry } from './registry.js';
import { comparePaths, pendingOperations, type Surroundings } from './waiting.js';

/** An attempt of an action or a child run that failed. */
export interface FailedAttemptInfo {
  /** From 1. */
  readonly attempt: number;
  readonly error: Error;
  readonly startedAt: Date;
  readonly failedAt: Date;
  /** Of a child run: the run that made this attempt. */
  readonly childRunId?: string;
}

/** One operation of a run, as its journal has it. */
export interface OperationInfo {
  /** Scope path and ordinal, such as `3` or `4.0.2`. */
  readonly id: string;
  readonly kind: OperationKind;
  readonly name: string;
  /** `CANCELLED`: it was under way when it was cancelled, or its run, or its branch was left. */
  readonly status: OperationStatus;
  /** Attempts of an action or a child run, the one under way or the looks of a condition included; 0 for everything else. */
  readonly attempts: number;
  /** The last 50 attempts that failed, unless there was only one attempt; left out when there are none. */
  readonly failedAttempts?: readonly FailedAttemptInfo[];
  readonly startedAt: Date;
  /** Left out while it is not done. */
  readonly finishedAt?: Date;
  /** The arguments; of a `map` its items. */
  readonly input?: unknown;
  /** The value of one that succeeded. */
  readonly output?: unknown;
  /** The error of one that failed or was cancelled. */
  readonly error?: Error;
  /** Timers: when they are due. Events with a timeout: when that runs out. */
  readonly dueAt?: Date;
  /** The run of its last attempt, for a child run; the run that it has become, for a detached action. */
  readonly childRunId?: string;
  /** What it waits for while its run does: a text for people. */
  readonly waitsFor?: string;
  /** The branches of a batch, the operations of a branch and those of a child run. */
  readonly children: readonly OperationInfo[];
}

/** Where operations are read from, and what with. */
export interface OperationsSource extends Omit<Surroundings, 'runs'> {
  readonly store: Pick<Store, 'loadJournal' | 'getRuns'>;
  /** What the values of an action were written with, where that is known: it may have been called by another name. */
  readonly serdesOf?: (runId: string, operationId: string) => Serdes | undefined;
}

/** Reads the operations of a run and of its child runs, in the order in which their code asked for them. */
export async function operationsTree(source: OperationsSource, run: RunRecord): Promise<OperationInfo[]> {
  const family = await familyOf(source.store, run);
  return new Tree(source, family).operationsOf(run.id, []);
}

interface Relative {
  readonly run: RunRecord;
  readonly journal: readonly OperationRecord[];
}

/** Loads a run and all runs below it with their journals, one level at a time. */
async function familyOf(store: OperationsSource['store'], root: RunRecord): Promise<Map<string, Relative>> {
  const family = new Map<string, Relative>();
  let level: readonly RunRecord[] = [root];
  while (level.length > 0) {
    const journals = await Promise.all(level.map(({ id }) => store.loadJournal(id)));
    for (const [index, run] of level.entries()) family.set(run.id, { run, journal: journals[index] as OperationRecord[] });
    const below = new Set(journals.flat().flatMap((record) => lastRunOf(record) ?? []));
    const unknown = [...below].filter((id) => !family.has(id));
    level = unknown.length === 0 ? [] : await store.getRuns(unknown);
  }
  return family;
}

/** An operation that is being put into its place in the tree. */
interface Node extends OperationInfo {
  readonly children: OperationInfo[];
}

/** The entries of a run by their ids. */
type Journal = ReadonlyMap<string, OperationRecord>;

/** The operations of one run while they are put in place. */
interface Growing extends Relative {
  readonly byId: Journal;
  readonly nodes: Map<string, Node>;
}

class Tree {
  readonly #source: OperationsSource;
  readonly #family: ReadonlyMap<string, Relative>;
  readonly #surroundings: Surroundings;

  constructor(source: OperationsSource, family: ReadonlyMap<string, Relative>) {
    this.#source = source;
    this.#family = family;
    this.#surroundings = { ...source, runs: new Map([...family].map(([id, { run }]) => [id, run])) };
  }

  /** @param above - The runs whose operations these are among: a run that waits for itself has no end. */
  operationsOf(runId: string, above: readonly string[]): OperationInfo[] {
    const relative = this.#family.get(runId);
    if (relative === undefined || above.includes(runId)) return [];
    const { run, journal } = relative;
    const records = journal.filter(isOperation).sort((a, b) => comparePaths(a.id, b.id));
    const growing: Growing = { run, journal, byId: new Map(records.map((record) => [record.id, record])), nodes: new Map() };
    const waits = new Map(pendingOperations(run, journal, this.#surroundings).map(({ id, waitsFor }) => [id, waitsFor]));
    const roots: OperationInfo[] = [];
    for (const record of records) {
      const childRunId = lastRunOf(record);
      const codec = this.#codecOf(record, this.#family.get(childRunId ?? '')?.run);
      const waitsFor = waits.get(record.id);
      const node: Node = {
        ...ownFields(record, codec, growing.byId),
        ...attemptFields(record, codec, this.#source.nowMs),
        ...(childRunId === undefined ? {} : { childRunId }),
        ...(waitsFor === undefined ? {} : { waitsFor }),
        children: childRunId === undefined ? [] : this.operationsOf(childRunId, [...above, runId]),
      };
      growing.nodes.set(record.id, node);
      const parentId = scopeOf(record.id);
      if (parentId === ROOT_SCOPE) roots.push(node);
      else parentOf(parentId, record, growing).children.push(node);
    }
    return roots;
  }

  /** What its values were written with, unless the call had a serdes of its own. */
  #codecOf({ runId, id, kind, name }: OperationRecord, child: RunRecord | undefined): Codec {
    const { codec, serdesOf } = this.#source;
    const known = serdesOf?.(runId, id);
    if (known !== undefined) return codec.withSerdes(known);
    if (kind === 'action') return codec.withSerdes(registry.findAction(name)?.serdes);
    return child === undefined ? codec : codec.withSerdes(registry.find(child.flow, child.version)?.serdes);
  }
}

/** The node of a branch that has no entry, since it has no outcome, is made from what it did. */
function parentOf(id: string, first: OperationRecord, growing: Growing): Node {
  const { byId, nodes } = growing;
  const known = nodes.get(id);
  if (known !== undefined) return known;
  const batchId = scopeOf(id);
  const batch = byId.get(batchId) as OperationRecord;
  const node: Node = {
    id,
    kind: 'branch',
    name: branchNames(batch, byId)(Number(id.slice(batchId.length + 1))),
    status: isLeft(batch, growing) ? 'CANCELLED' : 'STARTED',
    attempts: 0,
    startedAt: new Date(first.startedAt),
    children: [],
  };
  nodes.set(id, node);
  nodes.get(batchId)?.children.push(node);
  return node;
}

/** Whether branches of a batch that have no outcome will have none. */
function isLeft({ id, status, input }: OperationRecord, { run, nodes }: Growing): boolean {
  if (isEnded(run.status) || status === 'CANCELLED') return true;
  if (isEnded(status) && recordedPolicy(input as string).unfinished === 'cancel') return true;
  const around = nodes.get(scopeOf(id));
  return around !== undefined && isEnded(around.status);
}

/** What a batch calls its branches: one of a `map` that has not ended has not recorded what its `itemNamer` made. */
function branchNames({ id, kind, input }: OperationRecord, byId: Journal): (index: number) => string {
  const names = kind === 'parallel' ? (JSON.parse(splitBatchInput(input as string).content) as readonly string[]) : [];
  return (index) => byId.get(operationId(id, index))?.name ?? names[index] ?? defaultItemName('map', index);
}

function ownFields(record: OperationRecord, codec: Codec, byId: Journal): Omit<OperationInfo, 'attempts' | 'children'> {
  const { id, kind, name, status, startedAt, finishedAt, outcome, dueAt } = record;
  return {
    id,
    kind: kind as OperationKind,
    name,
    status,
    startedAt: new Date(startedAt),
    ...(finishedAt === null ? {} : { finishedAt: new Date(finishedAt) }),
    ...inputOf(record, codec),
    ...(status === 'SUCCEEDED' && outcome !== null ? { output: outputOf(record, codec, byId) } : {}),
    ...((status === 'FAILED' || status === 'CANCELLED') && outcome !== null ? { error: codec.decodeError(outcome) } : {}),
    ...(dueAt === null ? {} : { dueAt: new Date(dueAt) }),
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

function attemptFields(record: OperationRecord, codec: Codec, nowMs: number): Pick<OperationInfo, 'attempts' | 'failedAttempts'> {
  if (record.kind !== 'action' && record.kind !== 'flow') return { attempts: 0 };
  const notes = decodeAttempts(record.attempts);
  const failedAttempts = notes.kept.map(({ attempt, error, startedAt, failedAt }) => {
    const childRunId = attemptRunOf(record, attempt);
    return {
      attempt,
      error: codec.decodeError(error),
      startedAt: new Date(startedAt),
      failedAt: new Date(failedAt),
      ...(childRunId === undefined ? {} : { childRunId }),
    };
  });
  return { attempts: attemptsOf(record, notes, nowMs), ...(failedAttempts.length === 0 ? {} : { failedAttempts }) };
}

/** How many attempts there were, the one under way included. */
function attemptsOf(record: OperationRecord, notes: AttemptNotes, nowMs: number): number {
  const made = (notes.polls?.count ?? 0) + notes.failures;
  const over = record.status === 'FAILED' || restsUntil(notes, record, nowMs) !== undefined;
  return over ? Math.max(1, made) : made + 1;
}
