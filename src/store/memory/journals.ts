import { Slices } from '../../clock/slices.js';
import type { OperationRecord } from '../../model/records.js';
import { inJournalOrder } from '../journal-order.js';
import { lastOutcomeOf } from './stored-run.js';

/** The journals of all runs. An entry is never changed, but replaced: those that are there at one time are one picture. */
export class Journals {
  readonly #byRun = new Map<string, Map<string, OperationRecord>>();

  /** An entry without `seq` never takes the place of one with. */
  write(entry: OperationRecord): void {
    const journal = this.#byRun.get(entry.runId) ?? new Map<string, OperationRecord>();
    this.#byRun.set(entry.runId, journal);
    if (entry.seq === null && (journal.get(entry.id)?.seq ?? null) !== null) return;
    journal.set(entry.id, { ...entry });
  }

  drop(runId: string): void {
    this.#byRun.delete(runId);
  }

  of(runId: string): Iterable<OperationRecord> {
    return this.#byRun.get(runId)?.values() ?? [];
  }

  operation(runId: string, operationId: string): OperationRecord | undefined {
    const entry = this.#byRun.get(runId)?.get(operationId);
    return entry && { ...entry };
  }

  /** The highest `seq` in a journal. */
  lastOutcome(runId: string): number {
    return lastOutcomeOf(this.of(runId));
  }

  /** Copies of the journals as they are now, in their order. */
  async load(runIds: readonly string[]): Promise<Map<string, OperationRecord[]>> {
    const pictures = runIds.map((id) => [id, [...this.of(id)]] as const);
    const slices = new Slices();
    const journals = new Map<string, OperationRecord[]>();
    for (const [id, entries] of pictures) {
      const copied: OperationRecord[] = [];
      await slices.each(entries, (entry) => copied.push({ ...entry }));
      journals.set(id, await inJournalOrder(copied, slices));
    }
    return journals;
  }
}
