import type { Clock } from '../clock/clock.js';
import type { Codec } from '../codec/codec.js';
import { CancelledError } from '../errors/errors.js';
import { Journal } from '../journal/journal.js';
import type { ReplayMode } from '../journal/journal-index.js';
import type { JournalWriter } from '../journal/journal-writer.js';
import type { Logger } from '../model/logger.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import { Limiter } from '../runtime/attempts/limiter.js';
import type { Body, FlowDefinition, LeakPolicy } from '../runtime/definitions.js';
import type { EventSink } from '../runtime/notices/engine-events.js';
import { Run } from '../runtime/run.js';
import type { Blocking, EndOfRun, OtherRuns, RunLife, RunPorts, RunServices, Turns } from '../runtime/run-ports.js';
import { CallSitePolicy } from '../runtime/scopes/call-sites.js';
import { holdRejections } from '../runtime/scopes/held-rejections.js';
import { Delivery } from '../runtime/turns/delivery.js';

/** What a flow did when it was replayed. */
export type Rehearsed =
  | ({ readonly kind: 'ended' } & EndOfRun)
  /** It asked for all that is recorded, and waits for what is not. */
  | { readonly kind: 'waits' }
  /** It begins again. */
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

/** What a run asks for beyond its journal leads to nothing. */
const WRITES_NOTHING: JournalWriter = { create: nothing, entry: nothing, outcome: nothing };
const NO_OTHERS: OtherRuns = {
  begin: nothing,
  find: nothing,
  follow: () => nothing,
  attached: nothing,
  send: nothing,
  adopt: nothing,
  isResident: () => false,
};

/** Replays a run against its journal: nothing is executed, and nothing is written, sent or announced. */
export async function rehearse(init: RehearsalInit): Promise<Rehearsed> {
  const release = holdRejections();
  try {
    return await new Promise<Rehearsed>((resolve) => new Rehearsal(init, resolve).replay('short'));
  } finally {
    release();
  }
}

/** The turns and the life of a run that is replayed only. */
class Rehearsal implements Turns, RunLife {
  readonly delivery: Delivery;
  readonly #init: RehearsalInit;
  readonly #ports: RunPorts;
  readonly #done: (rehearsed: Rehearsed) => void;
  #run: Run | undefined;
  #over = false;

  constructor(init: RehearsalInit, done: (rehearsed: Rehearsed) => void) {
    this.#init = init;
    this.#done = done;
    this.delivery = new Delivery(init.clock);
    this.#ports = { services: servicesOf(init), writer: WRITES_NOTHING, turns: this, life: this, others: NO_OTHERS };
  }

  replay(mode: ReplayMode): void {
    const { record, journal, definition } = this.#init;
    const outcomes = new Journal(record, journal, { mode, ended: isEnded(record.status) });
    this.#run = new Run({ record, definition, outcomes, recovered: true, ports: this.#ports });
    this.delivery.wake(this.#run);
  }

  setAlarm(): () => void {
    return nothing;
  }

  attemptBegun(): () => void {
    return nothing;
  }

  caughtUp(): void {
    this.#finish({ kind: 'waits' });
  }

  end(_runId: string, end: EndOfRun): void {
    this.#finish({ kind: 'ended', ...end });
  }

  block(_runId: string, { reason }: Blocking): void {
    this.#finish({ kind: 'blocked', reason });
  }

  continueAsNew(): void {
    this.#finish({ kind: 'continues' });
  }

  startOver(_record: RunRecord, mode: ReplayMode): void {
    if (!this.#over) this.replay(mode);
  }

  #finish(rehearsed: Rehearsed): void {
    this.#over = true;
    this.#run?.leave(new CancelledError('the replay is over'));
    this.#done(rehearsed);
  }
}

function servicesOf({ clock, codec, leaks }: RehearsalInit): RunServices {
  return {
    workerId: '',
    clock,
    codec,
    leaks,
    events: NO_EVENTS,
    logger: SILENT,
    nonDurableAwait: 'ignore',
    callSites: new CallSitePolicy(),
    limiter: new Limiter(undefined),
    retry: undefined,
    newSeed: () => '',
    bodyOf: ({ kind, body }) => (kind === 'flow' ? body : never),
  };
}
