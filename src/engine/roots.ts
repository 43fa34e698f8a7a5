import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import type { RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import { runIdTaken } from '../runtime/run-id-taken.js';
import type { Gateway } from '../worker/gateway.js';
import type { Worker } from '../worker/worker.js';
import { RootFuture, type RootFutureHost } from './root-future.js';

interface RootsOptions {
  readonly clock: Clock;
  readonly gateway: Pick<Gateway, 'whenRoom' | 'followCommitted'>;
  readonly requestCancel: RootFutureHost['requestCancel'];
}

/** A start that is durable. */
export interface Creation {
  readonly root: RootFuture;
  readonly worker: Pick<Worker, 'begin'>;
  readonly record: RunRecord;
  /** The run that has had the id before. */
  readonly taken: RunRecord | undefined;
  readonly codec: Codec;
}

/**
 * The futures of runs, seen from outside of them.
 *
 * Owns: those that are pending. Does not own: the runs.
 */
export class Roots {
  readonly #gateway: RootsOptions['gateway'];
  readonly #host: RootFutureHost;
  readonly #pending = new Set<RootFuture>();

  constructor({ clock, gateway, requestCancel }: RootsOptions) {
    this.#gateway = gateway;
    this.#host = { clock, requestCancel, forget: (root) => this.#pending.delete(root) };
  }

  make(runId: string, name: string, codec: Codec): RootFuture {
    const root = new RootFuture({ runId, name, codec, host: this.#host });
    this.#pending.add(root);
    return root;
  }

  created({ root, worker, record, taken, codec }: Creation): void {
    const error = taken && runIdTaken(record, taken, codec);
    if (error !== undefined) {
      root.abandon(error);
      return;
    }
    if (taken === undefined) worker.begin(record);
    this.follow(root, taken ?? record);
  }

  follow(root: RootFuture, { id, status, outcome }: RunRecord): void {
    if (isEnded(status)) {
      root.ended({ status, outcome: outcome as string });
      return;
    }
    // Where runs come faster than they go, this holds up whoever starts them.
    this.#gateway.whenRoom(() => root.isRecorded());
    this.#gateway.followCommitted(id, (end) => root.hears(end));
  }

  /** Nothing more will be heard of the runs here. */
  abandonAll(abandon: (root: RootFuture) => void): void {
    for (const root of this.#pending) abandon(root);
  }
}
