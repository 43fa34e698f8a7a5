import { onShortName } from '../errors/short-names.js';
import type { Logger } from '../model/logger.js';

/** Warns of names that a minifier may have made. Returns what ends it. */
export function warnOfShortNames(logger: Logger): () => void {
  return onShortName((what) =>
    logger.warn(
      `${what} has its name from its function or class, and a minifier seems to have made that name: the next build may make another, and what is recorded under this one is not found any more. Write the name out, or keep names in the build`,
    ),
  );
}
