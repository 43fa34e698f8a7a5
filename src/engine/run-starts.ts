import type { Clock } from '../clock/clock.js';
import { isReservedId } from '../journal/numbering.js';
import type { Logger } from '../model/logger.js';
import type { RunCreation } from '../model/records.js';
import type { FlowDefinition } from '../runtime/definitions.js';
import { newRun, newRunId } from '../runtime/identity/new-run.js';
import { reservedId } from '../runtime/identity/run-id-errors.js';
import { unreadableJournal } from '../runtime/outcomes/unreadable-journal.js';
import type { RunServices } from '../runtime/run-ports.js';
import { journalOf } from '../store/journal-of.js';
import type { Gateway } from '../worker/gateway.js';
import type { Streak } from '../worker/store-failures.js';
import type { Calls } from './calls.js';
import { forkOf } from './fork.js';
import { flowNotRegistered, registry } from './registry.js';
import type { RootFuture } from './root-future.js';
import { RootRetry } from './root-retry.js';
import type { Roots } from './roots.js';
import type { FlowCallOptions } from './startables.js';
import type { StoreAccess } from './store-access.js';

interface RunStartsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newSeed: RunServices['newSeed'];
  readonly gateway: Gateway;
  readonly access: StoreAccess;
  readonly roots: Roots;
  readonly calls: Calls;
}

/** Starts runs from outside of flows, forks them, and looks for those that exist: each gives a root future at once. */
export class RunStarts {
  readonly #options: RunStartsOptions;
  readonly #retry: RootRetry;
  readonly #looking: Streak;

  constructor(options: RunStartsOptions) {
    this.#options = options;
    this.#retry = new RootRetry(options.logger);
    this.#looking = options.gateway.failures.streak('the look for a run');
  }

  /** Starts a run. @throws {UsageError} when its arguments cannot be stored. */
  start(definition: FlowDefinition, args: readonly unknown[], options: FlowCallOptions): RootFuture {
    const { clock, newSeed, access, roots } = this.#options;
    this.#retry.check(definition, options.retry);
    const id = options.id ?? newRunId(clock.now());
    const codec = access.codec.withSerdes(definition.serdes);
    const input = codec.encode(args, () => `the arguments of flow "${definition.name}" (run ${id})`, 'Pass');
    const { leaks, timeoutMs } = options;
    const made = { id, definition, input, digest: codec.digest(args, input), leaks, timeoutMs };
    const run = newRun({ workerId: null, clock, newSeed }, made);
    const root = roots.make(id, options.name ?? definition.name, codec);
    if (isReservedId(id)) this.#track(root, () => this.#join(root, { run }));
    else roots.start(root, { run });
    return root;
  }

  /** Starts a run that goes on where another was. */
  fork(runId: string, operationId: string): RootFuture {
    const { clock, access, roots } = this.#options;
    const root = roots.make(newRunId(clock.now()), '', access.codec);
    this.#track(root, () => this.#fork(root, runId, operationId));
    return root;
  }

  /** Looks for a run. */
  find(runId: string): RootFuture {
    const { access, roots } = this.#options;
    const root = roots.make(runId, '', access.codec);
    this.#track(root, () => this.#attach(root));
    return root;
  }

  async #fork(root: RootFuture, runId: string, operationId: string): Promise<void> {
    const { access, roots, clock } = this.#options;
    const run = await access.recordOf(runId, 'engine.fork()');
    if (registry.find(run.flow, run.version) === undefined) throw flowNotRegistered('engine.fork()', run.flow, run.version);
    const journal = await journalOf(access.store, runId);
    const unreadable = await unreadableJournal(run, journal);
    if (unreadable !== undefined) throw unreadable;
    const fork = forkOf({ run, journal, operationId, id: root.runId, nowMs: clock.now() });
    root.known(run.flow, access.codecOf(run));
    roots.start(root, fork);
  }

  /** An id that only the engine gives names a run that exists, or nothing. */
  async #join(root: RootFuture, { run }: RunCreation): Promise<void> {
    const { access, roots } = this.#options;
    await access.ready();
    const [taken] = await access.store.getRuns([run.id]);
    if (taken === undefined) throw reservedId(run.id, `flow "${run.flow}"`);
    roots.taken(root, run, taken);
  }

  async #attach(root: RootFuture): Promise<void> {
    const { access, roots, gateway } = this.#options;
    const record = await gateway.failures.insist(this.#looking, () => access.recordOf(root.runId, 'engine.future()'));
    root.known(record.flow, access.codecOf(record));
    roots.attached(root, record);
  }

  #track(root: RootFuture, call: () => Promise<void>): void {
    this.#options.calls.track(call).catch((error: unknown) => root.abandon(error as Error));
  }
}
