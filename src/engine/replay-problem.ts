import { systemClock } from '../clock/system-clock.js';
import type { Codec } from '../codec/codec.js';
import { decodeDefault } from '../codec/default-encoding.js';
import { decodeErrorText } from '../codec/error-codec.js';
import { comparableText } from '../codec/same-value.js';
import { LeakedFuturesError } from '../errors/errors.js';
import type { OperationRecord, RunRecord } from '../model/records.js';
import { isEnded } from '../model/statuses.js';
import type { FlowDefinition } from '../runtime/definitions.js';
import { rehearse } from '../worker/rehearsal.js';

/** A run and its operations, as stores keep them. */
export interface RecordedRun {
  readonly run: RunRecord;
  readonly operations: readonly OperationRecord[];
}

/** How a replay differs from what is recorded. */
export interface ReplayProblem {
  readonly message: string;
  readonly expected?: string;
  readonly actual?: string;
}

/** Replays a run against its journal; tells how it differs, if it does. */
export async function replayProblem(
  { run, operations }: RecordedRun,
  definition: FlowDefinition,
  codec: Codec,
): Promise<ReplayProblem | undefined> {
  const own = codec.withSerdes(definition.serdes);
  const decode: Decode = (text) => own.decode(text);
  const expected = isEnded(run.status) ? endText(run, decode) : undefined;
  const rehearsed = await rehearse({
    record: run,
    journal: [...operations].sort((a, b) => (a.seq ?? Number.POSITIVE_INFINITY) - (b.seq ?? Number.POSITIVE_INFINITY)),
    definition,
    // Whether leaks made it fail is seen in how it ended.
    leaks: expected?.includes(': LeakedFuturesError: ') === true ? 'error' : 'ignore',
    clock: systemClock,
    codec,
  });
  if (rehearsed.kind === 'blocked') return { message: decodeErrorText(rehearsed.reason).message };
  if (expected === undefined) return undefined;
  const actual = rehearsed.kind === 'ended' ? endText(rehearsed, decode) : OTHER_ENDS[rehearsed.kind];
  return actual === expected ? undefined : otherEnd(`the replay of run ${run.id} came to another end`, expected, actual);
}

const OTHER_ENDS = { waits: 'it waits for what is not in its journal', continues: 'it continues as new' } as const;

/** That something ended in another way than it should. */
export function otherEnd(what: string, expected: string, actual: string): ReplayProblem {
  return { message: `${what}\n  expected: ${expected}\n  actual:   ${actual}`, expected, actual };
}

/** Brings a value back from its text. */
type Decode = (text: string) => unknown;

/** How a run ended, as a text that can be compared: its status, and its value or its error; without the stacks of errors, and whatever the order of keys. */
export function endText({ status, outcome }: Pick<RunRecord, 'status' | 'outcome'>, decode: Decode = decodeDefault): string {
  if (outcome === null) return `${status}: `;
  if (status === 'SUCCEEDED') return `${status}: ${valueText(outcome, decode)}`;
  const { name, message } = decodeErrorText(outcome);
  return `${status}: ${name}: ${name === LeakedFuturesError.name ? withoutCircumstances(message) : message}`;
}

/** The text of a value, the same for equal ones, however often it is encoded; where the value cannot be read, the text as it is. */
function valueText(text: string, decode: Decode): string {
  try {
    return comparableText(decode(text));
  } catch {
    return text;
  }
}

/** Leaks without their age and where they were started: a replay takes no time, and lines of code move. */
function withoutCircumstances(message: string): string {
  return message.replaceAll(/, -?\d+ ms old/g, '').replaceAll(/, started at .*?(?=, failed with |\)(?:; |$))/gm, '');
}
