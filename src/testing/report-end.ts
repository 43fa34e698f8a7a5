import { comparableText } from '../codec/same-value.js';
import { endText } from '../engine/replay-problem.js';
import type { RunReport } from './run-report.js';

/** How the run of a report ended, as a text that is the same for equal ends. The value counts: its text may be another each time, where a serdes makes it. */
export function reportEnd({ status, result, journal: [run] }: RunReport<unknown>): string {
  return status === 'SUCCEEDED' ? `${status}: ${comparableText(result)}` : endText(run);
}
