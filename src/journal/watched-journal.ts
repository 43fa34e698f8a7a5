import { isOperation, type OperationRecord } from '../model/records.js';
import { Journal } from './journal.js';

/** A journal that tells when an operation has an outcome of this process, durably. What came in from outside is none of the run's doing. */
export class WatchedJournal extends Journal {
  readonly #onOutcome: () => void;

  constructor(onOutcome: () => void, ...journal: ConstructorParameters<typeof Journal>) {
    super(...journal);
    this.#onOutcome = onOutcome;
  }

  override append(record: OperationRecord): void {
    super.append(record);
    if (isOperation(record)) this.#onOutcome();
  }
}
