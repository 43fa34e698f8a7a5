import { inCleanContext } from '../clock/clean-context.js';
import { thrownError } from '../codec/error-parts.js';
import { StorageError, UsageError } from '../errors/errors.js';
import type { Logger } from '../model/logger.js';
import { plainError } from '../runtime/notices/plain-value.js';
import { holdRejections } from '../runtime/scopes/held-rejections.js';
import type { StoreReader } from '../store/reader.js';
import type { Store } from '../store/store.js';
import type { Gateway } from '../worker/gateway.js';
import type { Calls } from './calls.js';
import { registry } from './registry.js';
import type { RootFuture } from './root-future.js';
import type { Roots } from './roots.js';
import { warnOfShortNames } from './short-names.js';

interface EngineLifeOptions {
  readonly store: Store;
  /** What reads beside the store, if anything was read. */
  readonly reader: Pick<StoreReader, 'close'>;
  readonly logger: Logger;
  readonly gateway: () => Gateway;
  readonly roots: () => Roots;
  readonly calls: Calls;
  /** From now on every call is refused with this error. */
  readonly onRefused: (error: Error) => void;
}

/**
 * The life of an engine: from opening its store to closing it, or to losing it.
 *
 * Owns: that the store is opened and closed once, why calls are refused, and what is given back at the end. Does not own: the worker's own life in the
 * store (the membership).
 *
 * States: opening → open → closing → closed; failed, when the store is lost.
 *
 *   EL1  After closing, or after the store is lost, every pending future is rejected and every call refused, with the first reason.
 *   EL2  What an engine holds in this process and in its store is given back once, however it ends.
 */
export class EngineLife {
  readonly #options: EngineLifeOptions;
  readonly #releases: (() => void)[] = [];
  #refusal: Error | undefined;
  #storeOpen = false;
  #opened: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #givingBack: Promise<void> | undefined;

  constructor(options: EngineLifeOptions) {
    this.#options = options;
  }

  /** Why calls are refused; `undefined` while they are not. */
  get refusal(): Error | undefined {
    return this.#refusal;
  }

  /** Opens the store and what is behind it. Idempotent. */
  open(): Promise<void> {
    if (this.#refusal !== undefined && this.#opened === undefined) return Promise.reject(this.#refusal);
    this.#opened ??= inCleanContext(() => this.#open());
    return this.#opened;
  }

  /** Idempotent. @param timeoutMs - For what is under way. */
  close(timeoutMs: number): Promise<void> {
    this.#closing ??= inCleanContext(() => this.#close(timeoutMs));
    return this.#closing;
  }

  /** The store is lost. */
  fail(error: unknown): void {
    if (this.#refusal !== undefined) return;
    const reason = thrownError(error);
    this.#refuse(reason);
    this.#releaseAll((root) => root.abandon(reason));
    this.#givingBack = this.#giveBack();
  }

  /** A call that was under way when the store was lost hears of that, and not of a store that is closed. */
  explained(error: unknown): unknown {
    const lost = this.#givingBack !== undefined && error instanceof StorageError && error.code === 'STORE_CLOSED';
    return lost ? this.#refusal : error;
  }

  async #open(): Promise<void> {
    const { store, logger } = this.#options;
    const gateway = this.#options.gateway();
    try {
      await store.open({ client: !gateway.executes });
      this.#storeOpen = true;
      this.#releases.push(holdRejections());
      await gateway.open();
      if (this.#closing !== undefined) return;
      if (this.#refusal !== undefined) throw this.#refusal;
      this.#releases.push(
        registry.onChange(() => void gateway.claim()),
        warnOfShortNames(logger),
      );
    } catch (error) {
      this.fail(error);
      await this.#givingBack;
      throw error;
    }
  }

  async #close(timeoutMs: number): Promise<void> {
    const failed = this.#refusal !== undefined;
    this.#refuse(new UsageError('ENGINE_CLOSED', 'the engine is closed; open() another'));
    await this.#opened?.catch(() => undefined);
    await this.#givingBack;
    try {
      if (!failed) await this.#options.gateway().stop(timeoutMs);
    } finally {
      await this.#options.calls.settled(timeoutMs);
      this.#releaseAll((root) => root.engineClosed());
      await this.#closeStore();
    }
  }

  /** The first reason stays. */
  #refuse(reason: Error): void {
    this.#refusal ??= reason;
    this.#options.onRefused(this.#refusal);
  }

  /** Others may share the store: what was opened once is closed once. */
  async #closeStore(): Promise<void> {
    if (!this.#storeOpen) return;
    this.#storeOpen = false;
    // The reader first: then the store is the last to have the file open, and leaves no log behind.
    await this.#options.reader.close().finally(() => this.#options.store.close());
  }

  /** Gives back what the store keeps for this engine: others go on with its runs at once, in this process as well. */
  async #giveBack(): Promise<void> {
    const { logger, gateway } = this.#options;
    await gateway().release();
    await this.#closeStore().catch((error: unknown) => logger.warn(`the store was not closed in good order: ${plainError(error).message}`));
  }

  #releaseAll(abandon: (root: RootFuture) => void): void {
    this.#options.roots().abandonAll(abandon);
    for (const release of this.#releases.splice(0)) release();
  }
}
