import type { Codec } from '../codec/codec.js';
import { isCancelledError } from '../errors/is-cancelled.js';
import { generationId } from '../journal/numbering.js';
import type { OperationRecord, RunRecord, RunRestart } from '../model/records.js';
import type { EndStatus } from '../model/statuses.js';
import { type BodyEnd, recordedEnd } from './body-end.js';
import { ContinueAsNew } from './continue-as-new.js';
import { encodeRunOptions, runOptions } from './identity/new-run.js';
import type { RunInbox } from './messages/run-inbox.js';
import type { RunNotices } from './notices/run-notices.js';
import type { RunPorts } from './run-ports.js';
import type { Scope } from './scopes/scope.js';

interface RunEndInit {
  readonly record: RunRecord;
  readonly ports: Pick<RunPorts, 'services' | 'life'>;
  readonly codec: Codec;
  readonly scope: Scope;
  readonly inbox: RunInbox;
  /** What has its position in the order and was not delivered. */
  readonly undelivered: readonly OperationRecord[];
  readonly bodyEnd: BodyEnd;
  /** The time as its code knows it, in milliseconds since the epoch. */
  readonly now: number;
  /** What the run fails with for what it left behind. */
  readonly leakFailure: Error | undefined;
  readonly notices: RunNotices;
}

/** What becomes of a run whose body has ended: its end, or a new beginning. */
type RunEnding =
  | { readonly kind: 'ended'; readonly status: EndStatus; readonly outcome: string; readonly error: unknown }
  | { readonly kind: 'continues'; readonly restart: RunRestart };

/** Ends a run whose body has ended, or begins its next generation. */
export function endRun(init: RunEndInit): void {
  const { record, notices } = init;
  const { life } = init.ports;
  const ending = endingOf(init);
  if (ending.kind === 'continues') {
    life.continueAsNew(record, ending.restart);
    return;
  }
  const { status, outcome, error } = ending;
  life.end(record.id, { status, outcome }, (awaited) => notices.finished(status, error, awaited));
}

/** Decides how a run ends: a body that returns has succeeded, one that throws a `CancelledError` was cancelled, all others have failed. */
function endingOf(init: RunEndInit): RunEnding {
  const { inbox, leakFailure, codec, scope } = init;
  let bodyEnd = inbox.endOf(init.bodyEnd);
  if (bodyEnd.ok && bodyEnd.value instanceof ContinueAsNew && leakFailure === undefined) {
    const next = nextGeneration(init, bodyEnd.value);
    if ('restart' in next) return { kind: 'continues', restart: next.restart };
    bodyEnd = inbox.endOf({ ok: false, error: next.error });
  }
  const { status, text, error } = recordedEnd(bodyEnd, leakFailure, codec, () => scope.what);
  const cancelled = !bodyEnd.ok && isCancelledError(bodyEnd.error);
  return { kind: 'ended', status: cancelled ? 'CANCELLED' : status, outcome: text, error };
}

/** How the run begins again, or why it cannot: it is to be cancelled, or its arguments cannot be stored. */
function nextGeneration(
  { record, ports, codec, scope, inbox, undelivered, now }: RunEndInit,
  { args }: ContinueAsNew,
): { readonly restart: RunRestart } | { readonly error: unknown } {
  if (inbox.cancelRequested) return { error: scope.cancelled ?? inbox.undeliveredCancellation(undelivered) };
  try {
    const options = runOptions(record);
    const number = (options.generation?.number ?? 1) + 1;
    const firstInput = options.generation?.firstInput ?? record.input;
    const generation = { number, beganAt: Math.max(now, ports.services.clock.now()), firstInput };
    return {
      restart: {
        runId: record.id,
        input: codec.encode(args, () => `the arguments of continueAsNew() in ${scope.what}`, 'Pass'),
        seed: ports.services.newSeed(generationId(record.id, number)),
        options: encodeRunOptions({ ...options, generation }),
        operations: inbox.unread(undelivered),
      },
    };
  } catch (error) {
    return { error };
  }
}
