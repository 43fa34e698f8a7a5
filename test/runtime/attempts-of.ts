import { type AttemptNotes, decodeAttempts } from '../../src/journal/attempt-notes.js';
import type { RunReport } from '../../src/testing.js';

/** What the journal keeps of the attempts of the first operation of this name; `null` when nothing. */
export function notesOf({ journal: [, ...entries] }: RunReport<unknown>, name: string): AttemptNotes | null {
  const entry = entries.find((each) => each.name === name);
  if (entry === undefined) throw new Error(`nothing is recorded of "${name}"`);
  return entry.attempts === null ? null : decodeAttempts(entry.attempts);
}

/** The numbers of the failed attempts that the journal keeps. */
export function keptOf(report: RunReport<unknown>, name: string): number[] {
  return notesOf(report, name)?.kept.map(({ attempt }) => attempt) ?? [];
}
