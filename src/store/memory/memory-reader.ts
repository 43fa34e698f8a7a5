import { Slices } from '../../clock/slices.js';
import { StorageError } from '../../errors/errors.js';
import type { InboxMessage, OperationRecord, RunRecord } from '../../model/records.js';
import { outlineLine, placeIn, rangeOf, readOutlineRange } from '../outline.js';
import type { CountedBy, OperationLine, OutlineRange, Page, RunDetail, RunLine, RunQuery, StoreReader, WorkerLine } from '../reader.js';
import { runLine } from '../run-line.js';
import { cursorOf, readRunQuery, requireCountedBy, requireLimit, requireOverview, requireTexts } from '../run-query.js';
import type { Watcher } from '../watcher.js';
import type { MemoryData } from './memory-data.js';
import { matcherOf } from './run-match.js';

/**
 * The reader of a store in memory, which need not be open: its data is there all the same.
 *
 * States: closed → open, by `open` or the first call → closed.
 *
 * Invariants: RD1–RD3 of the port, by way of
 *   MR1  What is read is the reader's own: a copy.
 */
export class MemoryReader implements StoreReader {
  readonly name: string = 'memory';
  readonly #data: MemoryData;
  #closed = false;

  constructor(data: MemoryData) {
    this.#data = data;
  }

  async open(): Promise<void> {
    this.#closed = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  watch(watcher: Watcher): () => void {
    this.#checkOpen();
    return this.#data.watchers.add(watcher, { looks: true });
  }

  async page(query?: RunQuery): Promise<Page<RunLine>> {
    return this.#pageOf('reader.page()', query, (run) => runLine(run, null));
  }

  async records(query?: RunQuery): Promise<Page<RunRecord>> {
    return this.#pageOf('reader.records()', query, (run) => ({ ...run }));
  }

  async counts(by: CountedBy, query?: RunQuery): Promise<ReadonlyMap<string, number>> {
    this.#checkOpen();
    requireCountedBy('reader.counts()', by);
    const { conditions } = readRunQuery('reader.counts()', query);
    const counts = new Map<string, number>();
    if (by === 'queue') return counts;
    const matches = matcherOf(conditions);
    await new Slices().each(this.#data.order.from('oldest', undefined), ({ run }) => {
      if (matches(run)) counts.set(run[by], (counts.get(run[by]) ?? 0) + 1);
    });
    return counts;
  }

  async run(runId: string): Promise<RunDetail | undefined> {
    this.#checkOpen();
    requireTexts('reader.run()', { 'the id of the run': runId });
    const stored = this.#data.runs.get(runId);
    if (stored === undefined) return undefined;
    const detail = { ...stored.run, queue: null, inboxLength: this.#data.inbox.of((id) => id === runId).length };
    let childrenCount = 0;
    await new Slices().each(this.#data.order.from('oldest', stored.n), ({ run }) => {
      if (run.parentRunId === runId) childrenCount += 1;
    });
    return { ...detail, childrenCount };
  }

  async outline(runId: string, range: OutlineRange): Promise<OperationLine[]> {
    this.#checkOpen();
    requireTexts('reader.outline()', { 'the id of the run': runId });
    const { scope, status, after, limit } = readOutlineRange('reader.outline()', range);
    const lies = scope === undefined ? { from: after ?? '', end: undefined } : rangeOf(scope, after);
    /** Of each place what stands first in it. */
    let places = new Map<string, OperationRecord>();
    /** Behind this there are enough. */
    let last: string | undefined;
    await new Slices().each([...this.#data.journals.of(runId)], (entry) => {
      const { id } = entry;
      if (status !== undefined && entry.status !== status) return;
      if (id < lies.from || id === after || (lies.end !== undefined && id >= lies.end)) return;
      const place = scope === undefined ? id : placeIn(scope, id);
      if (last !== undefined && place > last) return;
      const known = places.get(place);
      if (known === undefined || id < known.id) places.set(place, entry);
      if (places.size <= 2 * limit + FEW) return;
      places = firstOf(places, limit);
      last = [...places.keys()].at(-1);
    });
    return [...firstOf(places, limit)].map(([place, entry]) => outlineLine(place, entry));
  }

  async operation(runId: string, operationId: string): Promise<OperationRecord | undefined> {
    this.#checkOpen();
    requireTexts('reader.operation()', { 'the id of the run': runId, 'the id of the operation': operationId });
    return this.#data.journals.operation(runId, operationId);
  }

  async operations(runId: string, operationIds: readonly string[]): Promise<OperationRecord[]> {
    this.#checkOpen();
    requireTexts('reader.operations()', { 'the id of the run': runId });
    return [...new Set(operationIds)].flatMap((id) => this.#data.journals.operation(runId, id) ?? []);
  }

  async journal(runId: string): Promise<OperationRecord[]> {
    this.#checkOpen();
    requireTexts('reader.journal()', { 'the id of the run': runId });
    return (await this.#data.journals.load([runId])).get(runId) ?? [];
  }

  async inbox(runId: string): Promise<InboxMessage[]> {
    this.#checkOpen();
    requireTexts('reader.inbox()', { 'the id of the run': runId });
    return this.#data.inbox.of((id) => id === runId);
  }

  async durations(flow: string, limit: number): Promise<number[]> {
    this.#checkOpen();
    requireTexts('reader.durations()', { 'the name of the flow': flow });
    requireLimit('reader.durations()', limit);
    const { conditions } = readRunQuery('reader.durations()', { flow, status: 'SUCCEEDED' });
    const matches = matcherOf(conditions);
    const found: number[] = [];
    const slices = new Slices();
    for (const { run } of this.#data.order.from('newest', undefined)) {
      if (slices.over) await slices.next();
      if (found.length === limit) break;
      if (matches(run)) found.push((run.finishedAt as number) - run.createdAt);
    }
    return found;
  }

  async overview(what: 'workers'): Promise<WorkerLine[]> {
    this.#checkOpen();
    requireOverview('reader.overview()', what);
    return this.#data.workers.lines();
  }

  async #pageOf<T>(caller: string, given: RunQuery | undefined, of: (run: RunRecord) => T): Promise<Page<T>> {
    this.#checkOpen();
    const { conditions, order, after, limit } = readRunQuery(caller, given);
    const matches = matcherOf(conditions);
    const runs: T[] = [];
    const slices = new Slices();
    let last = '';
    for (const { n, run } of this.#data.order.from(order, after === undefined ? undefined : Number(after))) {
      if (slices.over) await slices.next();
      if (!matches(run)) continue;
      if (runs.length === limit) return { runs, next: cursorOf(order, last) };
      runs.push(of(run));
      last = String(n);
    }
    return { runs, next: null };
  }

  #checkOpen(): void {
    if (this.#closed)
      throw new StorageError('STORE_CLOSED', 'the reader of the store in memory is closed. Open it again, or use it no more');
  }
}

/** Up to so many more than are asked for are kept until they are put in order. */
const FEW = 1_000;

function firstOf<T>(places: ReadonlyMap<string, T>, limit: number): Map<string, T> {
  return new Map([...places].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit));
}
