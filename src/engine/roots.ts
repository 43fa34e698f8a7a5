import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import type { Logger } from '../model/logger.js';
import type { RunCreation, RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import { runIdTaken } from '../runtime/identity/run-id-taken.js';
import type { Gateway } from '../worker/gateway.js';
import type { AwaitedRun, LeftAtExit } from './exit-notice.js';
import { RootFuture, type RootFutureHost } from './root-future.js';

interface RootsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gateway: Pick<Gateway, 'start' | 'follow' | 'waitsFor'>;
  readonly requestCancel: RootFutureHost['requestCancel'];
}

/** A run, with the futures of it that its start has not made. */
interface AttachedRun {
  readonly runId: string;
  readonly futures: Set<WeakRef<RootFuture>>;
  unfollow(): void;
}

/**
 * The futures of runs, seen from outside of them, from their making until they settle.
 *
 * Owns: which there are, and who follows their runs. Does not own: the runs.
 *
 *   RT1  A future is held while its run is being started or looked for, as the one that its start has made, and while anybody waits for it.
 *   RT2  Any other is the program's alone: it settles as long as that holds it, and costs nothing any more when it does not.
 *   RT3  However many futures a run has that its start has not made, it is followed once for them.
 */
export class Roots implements LeftAtExit {
  readonly logger: Logger;
  readonly #gateway: RootsOptions['gateway'];
  readonly #host: RootFutureHost;
  readonly #held = new Set<RootFuture>();
  readonly #attached = new Map<string, AttachedRun>();
  readonly #dropped = new FinalizationRegistry<readonly [AttachedRun, WeakRef<RootFuture>]>(([run, future]) => {
    run.futures.delete(future);
    if (run.futures.size > 0 || this.#attached.get(run.runId) !== run) return;
    this.#attached.delete(run.runId);
    run.unfollow();
  });

  constructor({ clock, logger, gateway, requestCancel }: RootsOptions) {
    this.logger = logger;
    this.#gateway = gateway;
    const [hold, letGo] = [(root: RootFuture) => this.#held.add(root), (root: RootFuture) => this.#held.delete(root)];
    this.#host = { clock, requestCancel, hold, letGo };
  }

  /** The future of a run that is about to be started or looked for. */
  make(runId: string, name: string, codec: Codec): RootFuture {
    const root = new RootFuture({ runId, name, codec, host: this.#host });
    this.#held.add(root);
    return root;
  }

  /** Starts a run for this future. */
  start(root: RootFuture, creation: RunCreation): void {
    this.#gateway.start(creation, {
      recorded: (taken) => (taken === undefined ? root.isRecorded() : this.taken(root, creation.run, taken)),
      ended: (end) => root.hears(end),
    });
  }

  /** The id belongs to a run that exists: it is that which was asked for, or another. */
  taken(root: RootFuture, run: RunRecord, taken: RunRecord): void {
    const error = runIdTaken(run, taken, root.codec);
    if (error === undefined) this.attached(root, taken);
    else root.abandon(error);
  }

  /** The run exists, started here or elsewhere. */
  attached(root: RootFuture, { id, status, outcome }: RunRecord): void {
    if (isEnded(status)) {
      root.ended({ status, outcome: outcome as string });
      return;
    }
    root.isRecorded();
    const run = this.#attached.get(id) ?? this.#attachTo(id);
    const future = new WeakRef(root);
    run.futures.add(future);
    this.#dropped.register(root, [run, future]);
    root.unpin();
  }

  /** The runs that code waits for. */
  get awaitedRuns(): AwaitedRun[] {
    const awaited = [...this.#held].filter((root) => root.awaited);
    return awaited.map(({ runId, future }) => ({ runId, flow: future.name, waitsFor: this.#gateway.waitsFor(runId) }));
  }

  /** Nothing more will be heard of the runs here. */
  abandonAll(abandon: (root: RootFuture) => void): void {
    const attached = [...this.#attached.values()];
    this.#attached.clear();
    for (const root of this.#held) abandon(root);
    for (const run of attached) each(run, abandon);
  }

  #attachTo(runId: string): AttachedRun {
    const futures = new Set<WeakRef<RootFuture>>();
    const unfollow = this.#gateway.follow(runId, (end) => {
      this.#attached.delete(runId);
      let awaited = false;
      each(run, (root) => {
        if (root.hears(end)) awaited = true;
      });
      return awaited;
    });
    const run: AttachedRun = { runId, futures, unfollow };
    this.#attached.set(runId, run);
    return run;
  }
}

function each({ futures }: AttachedRun, act: (root: RootFuture) => void): void {
  for (const future of futures) {
    const root = future.deref();
    if (root !== undefined) act(root);
  }
}
