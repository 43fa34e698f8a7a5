import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import { CancelledError } from '../errors/errors.js';
import { GroupCommit } from '../journal/group-commit.js';
import { Journal, type ReplayMode } from '../journal/journal.js';
import type { Logger } from '../model/logger.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import { CallSitePolicy } from '../runtime/call-sites.js';
import type { Body, FlowDefinition, LeakPolicy } from '../runtime/definitions.js';
import { Delivery } from '../runtime/delivery.js';
import type { EventSink } from '../runtime/events.js';
import { holdRejections } from '../runtime/held-rejections.js';
import type { Blocking, EndOfRun, RunHost } from '../runtime/host.js';
import { Limiter } from '../runtime/limiter.js';
import { Run } from '../runtime/run.js';

/** What a flow did when it was replayed. */
export type Rehearsed =
  | ({ readonly kind: 'ended' } & EndOfRun)
  /** It asked for all that is recorded, and waits for what is not. */
  | { readonly kind: 'waits' }
  /** It begins anew. */
  | { readonly kind: 'continues' }
  /** It asked for something else than is recorded, or something recorded cannot be read; `reason` is an encoded error. */
  | { readonly kind: 'blocked'; readonly reason: string };

export interface RehearsalInit {
  readonly record: RunRecord;
  /** The run's journal, outcomes in `seq` order. */
  readonly journal: readonly OperationRecord[];
  readonly definition: FlowDefinition;
  readonly leaks: LeakPolicy;
  readonly clock: Clock;
  readonly codec: Codec;
}

const nothing = (): void => {};
const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const NO_EVENTS: EventSink = { wants: () => false, emit: nothing };
const never: Body = () => new Promise(nothing);

/** Replays a run against its journal: nothing is executed, nothing written and nobody told. */
export async function rehearse(init: RehearsalInit): Promise<Rehearsed> {
  const release = holdRejections();
  try {
    return await new Promise<Rehearsed>((resolve) => new Rehearsal(init, resolve).replay('short'));
  } finally {
    release();
  }
}

/** The host of a run that is replayed only. What the run asks for beyond its journal leads nowhere. */
class Rehearsal implements RunHost {
  readonly workerId = '';
  readonly events: EventSink = NO_EVENTS;
  readonly logger: Logger = SILENT;
  readonly nonDurableAwait = 'ignore';
  readonly callSites: CallSitePolicy = new CallSitePolicy();
  readonly retry = undefined;
  readonly limiter: Limiter = new Limiter(undefined);
  readonly clock: Clock;
  readonly codec: Codec;
  readonly leaks: LeakPolicy;
  readonly delivery: Delivery;
  /** Held for ever: it has no worker. */
  readonly group: GroupCommit;
  readonly #init: RehearsalInit;
  readonly #done: (rehearsed: Rehearsed) => void;
  #run: Run | undefined;
  #over = false;

  constructor(init: RehearsalInit, done: (rehearsed: Rehearsed) => void) {
    this.#init = init;
    this.#done = done;
    this.clock = init.clock;
    this.codec = init.codec;
    this.leaks = init.leaks;
    this.delivery = new Delivery(init.clock);
    this.group = new GroupCommit({ store: { commit: async () => [] }, clock: init.clock, onFailure: () => undefined, onRepeated: nothing });
  }

  replay(mode: ReplayMode): void {
    const { record, journal, definition } = this.#init;
    const outcomes = new Journal(record, journal, { mode, ended: isEnded(record.status) });
    this.#run = new Run({ record, definition, outcomes, recovered: true, host: this });
    this.delivery.wake(this.#run);
  }

  startOver(_record: RunRecord, mode: ReplayMode): void {
    if (!this.#over) this.replay(mode);
  }

  caughtUp(): void {
    this.#finish({ kind: 'waits' });
  }

  end(_runId: string, end: EndOfRun): void {
    this.#finish({ kind: 'ended', ...end });
  }

  continueAsNew(): void {
    this.#finish({ kind: 'continues' });
  }

  block(_runId: string, { reason }: Blocking): void {
    this.#finish({ kind: 'blocked', reason });
  }

  bodyOf({ kind, body }: Parameters<RunHost['bodyOf']>[0]): Body {
    return kind === 'flow' ? body : never;
  }

  newSeed(): string {
    return '';
  }

  setAlarm(): () => void {
    return nothing;
  }

  find(): void {}

  follow(): () => void {
    return nothing;
  }

  attemptBegun(): () => void {
    return nothing;
  }

  begin(): void {}

  adopt(): void {}

  attached(): void {}

  isResident(): boolean {
    return false;
  }

  send(): void {}

  #finish(rehearsed: Rehearsed): void {
    this.#over = true;
    this.#run?.leave(new CancelledError('the replay is over'));
    this.#done(rehearsed);
  }
}
