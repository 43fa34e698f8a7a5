import { readFile } from 'node:fs/promises';
import { type InfoRecord, parse } from 'csv-parse/sync';
import { action, actionContext, flow, map } from 'perdure';
import { findProblem } from './mail-service.js';

export interface Address {
  /** Where it stands in the file. */
  readonly line: number;
  readonly email: string;
}

export interface Report {
  /** Whether every address was validated: it is not when more failed than is tolerated. */
  readonly complete: boolean;
  readonly total: number;
  readonly valid: number;
  readonly invalid: number;
  /** Not validated, or not to the end. */
  readonly left: number;
  readonly failures: readonly (Address & { readonly problem: string })[];
}

/** A line of the file, by the names of its columns. */
interface Row {
  readonly record: { readonly email?: string };
  readonly info: InfoRecord;
}

export const TOLERATED_PERCENT = 5;

/** How many addresses the service is asked about at once. */
export const AT_ONCE = 20;

/** A file may have changed by the time of a replay: read in an action, its content is recorded with the run. */
const readAddresses = action('readAddresses', async (file: string): Promise<Address[]> => {
  const columns = (header: string[]): string[] => {
    if (!header.includes('email')) throw new Error(`${file} has no column "email"`);
    return header;
  };
  const rows = parse(await readFile(file), {
    bom: true,
    columns,
    info: true,
    relaxColumnCountLess: true,
    skipEmptyLines: true,
  }) as unknown as Row[];
  return rows.map(({ record, info }) => ({ line: info.lines, email: record.email ?? '' }));
});

export const validateAddress = action('validateAddress', async ({ email }: Address) => {
  const { log, signal } = actionContext();
  log.info('asking about an address', { email });
  const problem = await findProblem(email, signal);
  if (problem !== undefined) throw new Error(problem);
});

export const importEmails = flow('importEmails', async (file: string): Promise<Report> => {
  const addresses = await readAddresses(file);
  const result = await map(addresses, validateAddress, {
    maxConcurrency: AT_ONCE,
    itemNamer: ({ email, line }) => email || `line ${line}`,
    completionConfig: { toleratedFailurePercentage: TOLERATED_PERCENT },
  });
  return {
    complete: result.completionReason === 'ALL_COMPLETED',
    total: result.totalCount,
    valid: result.successCount,
    invalid: result.failureCount,
    left: result.startedCount + result.notStartedCount,
    failures: result.failed().map(({ index, error }) => ({ ...(addresses[index] as Address), problem: error.message })),
  };
});
