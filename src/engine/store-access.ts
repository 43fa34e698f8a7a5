import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import { StorageError } from '../errors/errors.js';
import type { RunRecord } from '../model/records.js';
import type { StoreReader } from '../store/reader.js';
import type { Store } from '../store/store.js';
import type { Gateway } from '../worker/gateway.js';
import { requireRunId } from './call-checks.js';
import { runNotFound } from './queries/run-info.js';
import { registry } from './registry.js';

interface StoreAccessOptions {
  readonly store: Store;
  readonly reader: StoreReader;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly gateway: Gateway;
  /** Opens the engine, if it is not open. */
  readonly opened: () => Promise<void>;
  /** Throws when the calling code may not make a call. */
  readonly admit: (caller: string) => void;
}

/** How the calls of an engine come to its store: when it is open, and has what was started here before. */
export class StoreAccess {
  readonly store: Store;
  /** What is only looked at is read by it. */
  readonly reader: StoreReader;
  readonly codec: Codec;
  readonly #options: StoreAccessOptions;

  constructor(options: StoreAccessOptions) {
    this.store = options.store;
    this.reader = options.reader;
    this.codec = options.codec;
    this.#options = options;
  }

  /**
   * The store is open, and has what was started here before, unless the worker is registering again. It takes a macrotask, so that a loop of calls lets the
   * runs go on.
   */
  async ready(): Promise<void> {
    const { opened, clock, gateway } = this.#options;
    await opened();
    await new Promise<void>((resolve) => clock.macrotask(resolve));
    await gateway.flush();
  }

  /** @throws {StorageError} `STORE_READ_ONLY` */
  async readyToWrite(): Promise<void> {
    await this.ready();
    const { readOnly } = this.store;
    if (readOnly !== undefined) throw new StorageError('STORE_READ_ONLY', readOnly);
  }

  /** What the store has of a run, with what was started and asked for here before. @throws {UsageError} `RUN_NOT_FOUND` */
  async recordOf(runId: string, caller: string): Promise<RunRecord> {
    this.#options.admit(caller);
    requireRunId(runId, caller);
    await this.ready();
    const record = await this.#options.gateway.find(runId);
    if (record === undefined) throw runNotFound(runId);
    return record;
  }

  /** As `recordOf`, by the reader. @throws {UsageError} `RUN_NOT_FOUND` */
  async read(runId: string, caller: string): Promise<RunRecord> {
    this.#options.admit(caller);
    requireRunId(runId, caller);
    await this.ready();
    const look = async (): Promise<RunRecord | undefined> => (await this.reader.records({ ids: [runId] })).runs[0];
    const record = (await look()) ?? (await this.#options.gateway.settled().then(look));
    if (record === undefined) throw runNotFound(runId);
    return record;
  }

  /** What the values of a run are read with. */
  codecOf({ flow, version }: RunRecord): Codec {
    return this.codec.withSerdes(registry.find(flow, version)?.serdes);
  }
}
