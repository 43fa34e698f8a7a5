import { OWN_COPY, otherCopyInUse } from '../realm/realm.js';
import { UsageError } from './errors.js';

/**
 * Stands where this copy of the library is used. Copies of one version share what they know; those of two versions cannot, and flows of the one would not
 * be there for the other.
 *
 * @throws {UsageError} `VERSION_CONFLICT` when this realm uses another version already.
 */
export function requireOneVersion(): void {
  const other = otherCopyInUse();
  if (other === undefined) return;
  throw new UsageError(
    'VERSION_CONFLICT',
    `perdure ${OWN_COPY.version} (${OWN_COPY.path}) cannot be used beside perdure ${other.version} (${other.path}), which this process uses already: they would share no flows and no engine. Install one version for all; \`npm ls perdure\` says who asks for which`,
  );
}
