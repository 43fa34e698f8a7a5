import { type BatchDecision, decidedResult } from '../../batch/batch-decision.js';
import { Slices } from '../../clock/slices.js';
import type { Codec } from '../../codec/codec.js';
import type { Serdes } from '../../codec/serdes.js';
import { type AttemptNotes, attemptRunOf, decodeAttempts, lastRunOf, nextAttemptAt } from '../../journal/attempt-notes.js';
import { operationId, ROOT_SCOPE } from '../../journal/numbering.js';
import { readBatch, readEntry } from '../../journal/read-entry.js';
import { defaultItemName } from '../../model/item-name.js';
import { isOperation, type OperationRecord, type RunRecord } from '../../model/records.js';
import { isBatch, isEnded, type OperationKind, type OperationStatus } from '../../model/statuses.js';
import { isReadable, unreadableEntry } from '../../runtime/outcomes/unreadable-journal.js';
import { journalOf } from '../../store/journal-of.js';
import type { Store } from '../../store/store.js';
import { registry } from '../registry.js';
import { PathOrder } from './path-order.js';
import { runsById } from './runs-by-id.js';
import { told, toldError, toldValue, toldWhenRead } from './told.js';
import { type Pending, pendingIn, type Surroundings, waitOf } from './waiting.js';

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
  readonly store: Pick<Store, 'loadJournals' | 'getRuns'>;
  /** What the values of an action were written with, where that is known: it may have been called by another name. */
  readonly serdesOf?: (runId: string, operationId: string) => Serdes | undefined;
}

/** Reads the operations of a run and of its child runs, in the order in which their code asked for them. In pieces: there may be very many. */
export async function operationsTree(source: OperationsSource, run: RunRecord): Promise<OperationInfo[]> {
  const slices = new Slices();
  const family = await familyOf(source.store, run, slices);
  return new Tree(source, family, slices).operationsOf(run.id, []);
}

interface Relative {
  readonly run: RunRecord;
  /** The entries by their ids. */
  readonly byId: Journal;
  /** What its operations wait for. */
  readonly pending: Pending;
  /** Entries that cannot be read. */
  readonly damaged: readonly OperationRecord[];
}

/** The entries of a run by their ids. */
type Journal = ReadonlyMap<string, OperationRecord>;

/** Loads a run and all runs below it with their journals, one level at a time. */
async function familyOf(store: OperationsSource['store'], root: RunRecord, slices: Slices): Promise<Map<string, Relative>> {
  const family = new Map<string, Relative>();
  let level: readonly RunRecord[] = [root];
  while (level.length > 0) {
    const below = new Set<string>();
    for (const run of level) {
      if (slices.over) await slices.next();
      const byId = new Map<string, OperationRecord>();
      const damaged: OperationRecord[] = [];
      await slices.each(await journalOf(store, run.id), (record) => {
        if (!isOperation(record)) return;
        if (!isReadable(record)) {
          damaged.push(record);
          return;
        }
        byId.set(record.id, record);
        const childRunId = lastRunOf(record);
        if (childRunId !== undefined) below.add(childRunId);
      });
      family.set(run.id, { run, byId, damaged, pending: await pendingIn(run, [...byId.values()], slices) });
    }
    const unknown = [...below].filter((id) => !family.has(id));
    level = [...(await runsById(store, unknown, slices)).values()];
  }
  return family;
}

/** The operations of one run while they are put in place. */
interface Growing extends Relative {
  /** The runs whose operations these are among. */
  readonly above: readonly string[];
  readonly order: PathOrder;
  readonly waiting: ReadonlySet<OperationRecord>;
}

interface AroundBatch {
  readonly record: OperationRecord;
  readonly nameOf: (index: number) => string;
}

/** What is known around an operation: the batch that its place is a branch of, and the branch that it lies in. */
interface Around {
  readonly batch?: AroundBatch | undefined;
  readonly branch?: OperationInfo | undefined;
}

/** An operation whose children are being found. */
interface Node extends OperationInfo {
  readonly children: OperationInfo[];
}

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };

class Tree {
  readonly #source: OperationsSource;
  readonly #family: ReadonlyMap<string, Relative>;
  readonly #slices: Slices;
  readonly #surroundings: Surroundings;

  constructor(source: OperationsSource, family: ReadonlyMap<string, Relative>, slices: Slices) {
    this.#source = source;
    this.#family = family;
    this.#slices = slices;
    this.#surroundings = { ...source, runs: new Map([...family].map(([id, { run }]) => [id, run])) };
  }

  /** @param above - The runs whose operations these are among: a run that waits for itself has no end. */
  async operationsOf(runId: string, above: readonly string[]): Promise<OperationInfo[]> {
    const relative = this.#family.get(runId);
    if (relative === undefined || above.includes(runId)) return [];
    const order = await PathOrder.of(relative.byId.values(), this.#slices);
    const waiting = new Set<OperationRecord>();
    await this.#slices.each(relative.pending.records, (record) => waiting.add(record));
    const growing: Growing = { ...relative, above: [...above, runId], order, waiting };
    const operations = await this.#within(ROOT_SCOPE, growing, {});
    return [...operations, ...relative.damaged.map(damagedOperation)];
  }

  /** The operations of a scope, or the branches of a batch. */
  async #within(path: string, growing: Growing, around: Around): Promise<OperationInfo[]> {
    const infos: OperationInfo[] = [];
    for (const { path: id, record } of await growing.order.in(path, this.#slices)) {
      if (this.#slices.over) await this.#slices.next();
      if (record !== undefined) {
        const node = this.#operation(record, growing);
        infos.push(node);
        // Nothing is awaited for the most: they have nothing below them.
        if (growing.order.has(id) || node.childRunId !== undefined) await this.#fill(node, record, growing, around);
      } else if (around.batch === undefined) infos.push(...(await this.#within(id, growing, around)));
      else infos.push(await this.#branch(id, growing, around.batch, around.branch));
    }
    return infos;
  }

  #operation(record: OperationRecord, { byId, pending, waiting }: Growing): Node {
    const childRunId = lastRunOf(record);
    const codec = this.#codecOf(record, this.#family.get(childRunId ?? '')?.run);
    const node: Mutable<Node> = ownFields(record, codec, byId);
    if (record.kind === 'action' || record.kind === 'flow') Object.assign(node, attemptFields(record, codec, this.#source.nowMs));
    if (childRunId !== undefined) node.childRunId = childRunId;
    if (waiting.has(record)) node.waitsFor = waitOf(record, { ...pending, surroundings: this.#surroundings }).waitsFor;
    return isBatch(record.kind) ? toldWhenRead(node) : told(node);
  }

  async #fill(node: Node, record: OperationRecord, growing: Growing, around: Around): Promise<void> {
    const { id, kind } = record;
    const branch = kind === 'branch' ? node : around.branch;
    const inside = isBatch(kind) ? { batch: { record, nameOf: branchNames(record, growing.byId) }, branch } : { branch };
    await this.#adopt(node.children, await this.#within(id, growing, inside));
    if (node.childRunId !== undefined) await this.#adopt(node.children, await this.operationsOf(node.childRunId, growing.above));
  }

  /** A branch that has no entry, since it has no outcome, is known by what it did. */
  async #branch(id: string, growing: Growing, { record, nameOf }: AroundBatch, branch: OperationInfo | undefined): Promise<OperationInfo> {
    const children: OperationInfo[] = [];
    const first = await this.#firstIn(id, growing);
    const info: OperationInfo = told({
      id,
      kind: 'branch',
      name: nameOf(Number(id.slice(record.id.length + 1))),
      status: isLeft(record, growing.run, branch) ? 'CANCELLED' : 'STARTED',
      attempts: 0,
      startedAt: new Date(first?.startedAt ?? record.startedAt),
      children,
    });
    await this.#adopt(children, await this.#within(id, growing, { branch: info }));
    return info;
  }

  async #firstIn(path: string, { order }: Growing): Promise<OperationRecord | undefined> {
    for (const { record } of await order.in(path, this.#slices)) if (record !== undefined) return record;
    return undefined;
  }

  /** Not by spreading: there may be more than a call takes arguments. */
  async #adopt(children: OperationInfo[], infos: readonly OperationInfo[]): Promise<void> {
    await this.#slices.each(infos, (info) => children.push(info));
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

/** What can be told of an operation whose entry cannot be read: why. */
function damagedOperation(record: OperationRecord): OperationInfo {
  const { id, kind, name, startedAt } = record;
  return told({
    id: String(id),
    kind: kind as OperationKind,
    name: String(name),
    status: 'STARTED',
    attempts: 0,
    startedAt: new Date(Number(startedAt)),
    error: toldError(() => unreadableEntry(record) as Error),
    children: [],
  });
}

/** Whether branches of a batch that have no outcome will have none. */
function isLeft(record: OperationRecord, run: RunRecord, around: OperationInfo | undefined): boolean {
  const { status } = record;
  if (isEnded(run.status) || status === 'CANCELLED') return true;
  if (isEnded(status) && readBatch(record).policy.unfinished === 'cancel') return true;
  return around !== undefined && isEnded(around.status);
}

/** What a batch calls its branches: one of a `map` that has not ended has not recorded what its `itemNamer` made. */
function branchNames(record: OperationRecord, byId: Journal): (index: number) => string {
  const { id } = record;
  const entry = readEntry(record);
  const names: unknown = entry.kind === 'parallel' ? decoded(entry.content, JSON_ONLY) : [];
  const given = Array.isArray(names) ? (names as readonly string[]) : [];
  return (index) => byId.get(operationId(id, index))?.name ?? given[index] ?? defaultItemName('map', index);
}

/** Field by field: there may be very many. */
function ownFields(record: OperationRecord, codec: Codec, byId: Journal): Node {
  const { id, kind, name, status, startedAt, finishedAt, outcome, dueAt } = record;
  const node: Mutable<Node> = {
    id,
    kind: kind as OperationKind,
    name,
    status,
    attempts: 0,
    startedAt: new Date(startedAt),
    children: [],
  };
  if (finishedAt !== null) node.finishedAt = new Date(finishedAt);
  const isLarge = isBatch(kind);
  if (isLarge) whenRead(node, 'input', () => inputOf(record, codec)?.value);
  else {
    const input = inputOf(record, codec);
    if (input !== undefined) node.input = input.value;
  }
  if (isLarge && status === 'SUCCEEDED' && outcome !== null) whenRead(node, 'output', () => outputOf(record, codec, byId));
  else if (status === 'SUCCEEDED' && outcome !== null) node.output = outputOf(record, codec, byId);
  else if (status !== 'STARTED' && outcome !== null) node.error = toldError(() => codec.decodeError(outcome));
  if (dueAt !== null) node.dueAt = new Date(dueAt);
  return node;
}

/** What a batch was given and has come to may be very large, and cannot be decoded in pieces: it is when it is first read. */
function whenRead(node: Node, name: 'input' | 'output', read: () => unknown): void {
  const define = (descriptor: PropertyDescriptor): void =>
    void Object.defineProperty(node, name, { ...descriptor, enumerable: true, configurable: true });
  define({
    get() {
      const value = read();
      define({ value, writable: true });
      return value;
    },
  });
}

function inputOf(record: OperationRecord, codec: Codec): { readonly value: unknown } | undefined {
  const entry = readEntry(record);
  switch (entry.kind) {
    case 'action':
    case 'flow':
      return { value: decoded(entry.input, codec) };
    case 'parallel':
      return { value: decoded(entry.content, JSON_ONLY) };
    case 'map':
      return { value: decoded(entry.content, codec) };
    default:
      return undefined;
  }
}

function outputOf(record: OperationRecord, codec: Codec, byId: Journal): unknown {
  const { id, kind, outcome } = record;
  if (kind === 'timer') return undefined;
  if (!isBatch(kind)) return decoded(outcome as string, codec);
  return decidedResult(JSON.parse(outcome as string) as BatchDecision, {
    codec: { decode: (text) => decoded(text, codec), decodeError: (text) => toldError(() => codec.decodeError(text)) },
    nameOf: branchNames(record, byId),
    outcomeOf: (index) => byId.get(operationId(id, index))?.outcome as string,
  });
}

/** The value of a text; the text itself where it was written with a serdes that only the call knows. */
function decoded(text: string, codec: Pick<Codec, 'decode'>): unknown {
  try {
    return toldValue(codec.decode(text));
  } catch {
    return text;
  }
}

const JSON_ONLY: Pick<Codec, 'decode'> = { decode: (text) => JSON.parse(text) as unknown };

function attemptFields(record: OperationRecord, codec: Codec, nowMs: number): Pick<OperationInfo, 'attempts' | 'failedAttempts'> {
  const notes = decodeAttempts(record.attempts);
  const failedAttempts = notes.kept.map(({ attempt, error, startedAt, failedAt }) => {
    const childRunId = attemptRunOf(record, attempt);
    return told({
      attempt,
      error: toldError(() => codec.decodeError(error)),
      startedAt: new Date(startedAt),
      failedAt: new Date(failedAt),
      ...(childRunId === undefined ? {} : { childRunId }),
    });
  });
  return { attempts: attemptsOf(record, notes, nowMs), ...(failedAttempts.length === 0 ? {} : { failedAttempts }) };
}

/** How many attempts there were, the one under way included. */
function attemptsOf(record: OperationRecord, notes: AttemptNotes, nowMs: number): number {
  const made = (notes.polls?.count ?? 0) + notes.failures;
  const over = record.status === 'FAILED' || nextAttemptAt(notes, record, nowMs) !== undefined;
  return over ? Math.max(1, made) : made + 1;
}
