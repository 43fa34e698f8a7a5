import type { Entry } from '../../journal/entry.js';
import type { JournalWriter, OutcomeOwner } from '../../journal/journal-writer.js';
import { isOperation } from '../../model/records.js';
import type { EndStatus } from '../../model/statuses.js';
import type { RunNotices } from '../notices/run-notices.js';
import type { RunServices } from '../run-ports.js';
import type { Delivery, TurnTaker } from '../turns/delivery.js';
import type { OutcomeSource } from './outcome-source.js';

interface OutcomeRecorderInit {
  readonly outcomes: OutcomeSource;
  readonly writer: JournalWriter;
  readonly gate: RunServices['gate'];
  readonly notices: Pick<RunNotices, 'operationFinished'>;
  readonly delivery: Delivery;
  /** The run: it has a turn when an outcome is durable. */
  readonly taker: TurnTaker;
}

/** An operation that has come to an outcome. */
interface Offering {
  readonly entry: Entry;
  /** Its outcome counts no more. */
  readonly stopped: boolean;
}

/**
 * Takes the outcomes of one run from where they arise to where they are durable.
 *
 * An outcome goes through five stations, and each has one verb: an operation **offers** it; the recorder **records** it, which gives it its place in the
 * order; the writer **commits** it; the run **delivers** it in a turn; the future **settles**. What comes from outside is recorded without being offered.
 *
 * Owns: how many outcomes are recorded and not yet committed. Does not own: the order (the outcome source), nor the delivery (the run).
 *
 *   RC1  An outcome gets its position in the order when it is recorded, and is delivered only after its commit.
 *   RC2  After `close`, nothing that is offered is recorded, and nothing that is committed is delivered.
 */
export class OutcomeRecorder implements OutcomeOwner {
  readonly #init: OutcomeRecorderInit;
  #inFlight = 0;
  #closed = false;

  constructor(init: OutcomeRecorderInit) {
    this.#init = init;
  }

  /** Whether all that is recorded is committed. */
  get idle(): boolean {
    return this.#inFlight === 0;
  }

  /** An operation has come to its outcome. */
  offer(operation: Offering, status: EndStatus, text: string): void {
    const { gate } = this.#init;
    if (gate === undefined) this.#recordOf(operation, status, text);
    else gate(operation.entry, () => this.#recordOf(operation, status, text));
  }

  #recordOf(operation: Offering, status: EndStatus, text: string): void {
    if (!this.#closed && !operation.stopped) this.record(operation.entry, status, text);
  }

  /** Gives an entry its outcome and the next position in the order. */
  record(entry: Entry, status: EndStatus, text: string): void {
    entry.status = status;
    entry.outcome = text;
    entry.seq = this.#init.outcomes.takeSeq();
    this.#inFlight += 1;
    this.#init.writer.outcome(entry, this);
  }

  outcomeCommitted(entry: Entry): void {
    this.#inFlight -= 1;
    const { outcomes, delivery, taker, notices } = this.#init;
    if (!this.#closed) {
      outcomes.append(entry);
      delivery.wake(taker);
    }
    if (isOperation(entry)) notices.operationFinished(entry);
  }

  /** The run is over in this process. */
  close(): void {
    this.#closed = true;
  }
}
