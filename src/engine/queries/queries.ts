import type { Clock } from '../../clock/clock.js';
import type { OperationRecord } from '../../model/records.js';
import { mergedOptions } from '../../options/read-options.js';
import { recordPages } from '../../store/record-pages.js';
import { DEFAULT_LIMIT } from '../../store/run-query.js';
import type { Gateway } from '../../worker/gateway.js';
import { type CheckReport, checkRuns } from '../check.js';
import type { StoreAccess } from '../store-access.js';
import type { PendingSource } from './find-pending.js';
import { type CountFilter, type ListFilter, type PageFilter, type RunPage, readCountFilter, readListFilter } from './list-query.js';
import { type OperationInfo, type OperationsSource, operationsTree } from './operations-tree.js';
import { readSource } from './read-source.js';
import { type RunDetails, runDetails } from './run-details.js';
import { type RunInfo, runInfo } from './run-info.js';

interface QueriesOptions {
  readonly clock: Clock;
  readonly access: StoreAccess;
  readonly gateway: Gateway;
  /** Throws when the engine is not open any more: for what has many steps, so that closing does not wait for all of them. */
  readonly requireOpen: (caller: string) => void;
}

/** What an engine tells of runs: it reads the store, and asks this process what only that knows. */
export class Queries {
  readonly #options: QueriesOptions;

  constructor(options: QueriesOptions) {
    this.#options = options;
  }

  /** What operations are read from by now. */
  get source(): OperationsSource {
    const { access, clock, gateway } = this.#options;
    const queued: OperationsSource['queued'] = (runId, operationId) => gateway.isQueued(runId, operationId);
    return { store: readSource(access.reader), codec: access.codec, nowMs: clock.now(), queued };
  }

  async details(runId: string): Promise<RunDetails> {
    const { access, gateway } = this.#options;
    const record = await access.read(runId, 'engine.get(runId)');
    const awaitedBy = (id: string): readonly string[] | undefined => gateway.awaitedBy(id);
    const pendingOf: PendingSource['pendingOf'] = (id, limit) => gateway.pendingOf(id, limit);
    return runDetails(record, { ...this.source, reader: access.reader, codec: access.codecOf(record), awaitedBy, pendingOf });
  }

  async operations(runId: string): Promise<OperationInfo[]> {
    const record = await this.#options.access.read(runId, 'engine.operations(runId)');
    return operationsTree(this.source, record);
  }

  async list(filter: ListFilter | PageFilter): Promise<RunInfo[] | RunPage> {
    const { access } = this.#options;
    const { query, paged } = readListFilter(filter);
    await access.ready();
    const runs: RunInfo[] = [];
    let next: string | null = null;
    for await (const page of recordPages(access.reader, mergedOptions({ limit: DEFAULT_LIMIT }, query))) {
      for (const record of page.runs) runs.push(runInfo(record, access.codecOf(record)));
      next = page.next;
    }
    return paged ? { runs, next } : runs;
  }

  async count(filter: CountFilter): Promise<number> {
    const { access } = this.#options;
    const query = readCountFilter(filter);
    await access.ready();
    let all = 0;
    // By what an index has.
    const counts = await access.reader.counts(query.status === undefined ? 'flow' : 'status', query);
    for (const count of counts.values()) all += count;
    return all;
  }

  /** Replays all runs of a flow against the code of this process. */
  async check(flow: string): Promise<CheckReport> {
    const { access, requireOpen } = this.#options;
    await access.ready();
    const loadJournal = (runId: string): Promise<OperationRecord[]> => {
      requireOpen('engine.check()');
      return access.reader.journal(runId);
    };
    return checkRuns({ pages: recordPages(access.reader, { flow }), codec: access.codec, loadJournal });
  }
}
