import { isError } from '../model/value-kinds.js';
import type { RunReport } from './run-report.js';

/** What must hold however a run went: it throws, or returns `false`, when that is not so; a promise of that will do. */
export type Invariant<R> = (report: RunReport<R>) => unknown;

/** Why an invariant does not hold for a run; `undefined` when it does. */
export async function brokenBy<R>(invariant: Invariant<R> | undefined, report: RunReport<R>): Promise<Error | undefined> {
  try {
    if ((await invariant?.(report)) !== false) return undefined;
    return new Error(`the invariant does not hold for\n${report.print()}`);
  } catch (error) {
    return asError(error);
  }
}

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(String(thrown));
}
