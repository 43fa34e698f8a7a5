import type { Clock } from '../../clock/clock.js';
import type { OperationRecord } from '../../model/records.js';
import { journalOf } from '../../store/journal-of.js';
import type { Store } from '../../store/store.js';
import type { Gateway } from '../../worker/gateway.js';
import { type CheckReport, checkRuns } from '../check.js';
import type { StoreAccess } from '../store-access.js';
import { type OperationInfo, type OperationsSource, operationsTree } from './operations-tree.js';
import { type RunDetails, runDetails } from './run-details.js';
import { type ListFilter, type RunInfo, readListFilter, runInfo } from './run-info.js';

interface QueriesOptions {
  readonly clock: Clock;
  readonly access: StoreAccess;
  readonly gateway: Gateway;
  /** The store, as long as the engine is open: for what has many steps, so that closing does not wait for all of them. */
  readonly storeWhileOpen: (caller: string) => Store;
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
    return { store: access.store, codec: access.codec, nowMs: clock.now(), queued };
  }

  async details(runId: string): Promise<RunDetails> {
    const { access, gateway } = this.#options;
    const record = await access.recordOf(runId, 'engine.get(runId)');
    const awaitedBy = (id: string): readonly string[] | undefined => gateway.awaitedBy(id);
    return runDetails(record, { ...this.source, codec: access.codecOf(record), awaitedBy });
  }

  async operations(runId: string): Promise<OperationInfo[]> {
    const record = await this.#options.access.recordOf(runId, 'engine.operations(runId)');
    return operationsTree(this.source, record);
  }

  async list(filter: ListFilter): Promise<RunInfo[]> {
    const { access } = this.#options;
    const given = readListFilter(filter);
    await access.ready();
    return (await access.store.listRuns(given)).map((record) => runInfo(record, access.codecOf(record)));
  }

  /** Replays all runs of a flow against the code of this process. */
  async check(flow: string): Promise<CheckReport> {
    const { access, storeWhileOpen } = this.#options;
    await access.ready();
    const runs = await access.store.listRuns({ flow, limit: Number.MAX_SAFE_INTEGER });
    const loadJournal = (runId: string): Promise<OperationRecord[]> => journalOf(storeWhileOpen('engine.check()'), runId);
    return checkRuns({ runs, codec: access.codec, loadJournal });
  }
}
