import { type Form, isCount, withFields } from '../model/forms.js';

/** How far a `parallel` or `map` has come. */
export interface BatchProgress {
  /** All branches. */
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Those that are under way: as many as may be, of those that have not ended. */
  readonly started: number;
}

export const isBatchProgress: Form = withFields({ total: isCount, succeeded: isCount, failed: isCount, started: isCount });

/** So many characters of a batch's input may be written again for each branch that ends. */
const WRITTEN_AGAIN = 4 * 1024;

/** How many branches have to end until the progress is noted again: the entry that has the note has the list of a `map` as well, which may be long. */
export function endsANote(inputLength: number): number {
  return Math.max(1, Math.ceil(inputLength / WRITTEN_AGAIN));
}

/** @param atOnce - How many branches may be under way. */
export function progressOf(total: number, atOnce: number, succeeded: number, failed: number): BatchProgress {
  const ended = succeeded + failed;
  return { total, succeeded, failed, started: Math.min(total - ended, atOnce) };
}
