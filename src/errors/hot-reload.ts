import { UsageError } from './errors.js';

/** How messages name the switch. */
export const HOT_RELOAD_ADVICE = 'in development, where code is loaded again after an edit, run the process with PERDURE_HOT_RELOAD=1';

/**
 * Whether what is registered under a taken name takes the place of what was there, as `$PERDURE_HOT_RELOAD` says: for development, where a program is
 * evaluated again in the same process.
 *
 * @throws {UsageError} `INVALID_OPTION` when it is neither `1` nor left out.
 */
export function hotReload(): boolean {
  const given = process.env['PERDURE_HOT_RELOAD'];
  if (given === undefined || given === '') return false;
  if (given === '1') return true;
  throw new UsageError(
    'INVALID_OPTION',
    `PERDURE_HOT_RELOAD is ${JSON.stringify(given)}; set it to 1, or leave it out where code is loaded once`,
  );
}
